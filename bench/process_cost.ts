/** What a process has cost so far, as the kernel counts it. Linux. */
import { readdirSync, readFileSync } from "node:fs";

/** The process, and all that it has started and they; none when it has ended. */
export function processTree(pid: number): number[] {
  try {
    const children = readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8").split(" ").filter((child) => child !== "")
    );
    return [pid, ...children.flatMap((child) => processTree(Number(child)))];
  } catch {
    return [];
  }
}

/** Of the whole tree. */
export function treeCost(pid: number): { cpuSeconds: number; peakMb: number } {
  const sum = (cost: (pid: number) => number) =>
    processTree(pid).reduce((total, pid) => total + unlessEnded(() => cost(pid)), 0);
  return { cpuSeconds: sum(cpuSeconds), peakMb: sum(peakMb) };
}

/** One that was listed may have ended before it is looked at. */
function unlessEnded(cost: () => number): number {
  try {
    return cost();
  } catch {
    return 0;
  }
}

/** User and system time of all its threads, in seconds: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms. */
export function cpuSeconds(pid: number): number {
  return secondsIn(`/proc/${pid}/stat`);
}

/** The most memory it has had, resident, in megabytes. */
export function peakMb(pid: number): number {
  const kilobytes = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 1_024);
}

/** Of its main thread alone. */
export function threadSeconds(pid: number): number {
  return secondsIn(`/proc/${pid}/task/${pid}/stat`);
}

function secondsIn(path: string): number {
  const fields = readFileSync(path, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
