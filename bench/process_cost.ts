/** What a process has cost so far, as the kernel counts it. Linux. */
import { readdirSync, readFileSync } from "node:fs";

/** The process, and all that it has started and they; none when it has ended. */
export function processTree(pid: number): number[] {
  const threads = unlessEnded(() => readdirSync(`/proc/${pid}/task`), null);
  if (threads === null) return [];
  const children = threads.flatMap((thread) =>
    unlessEnded(() => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8"), "")
      .split(" ").filter((child) => child !== "")
  );
  return [pid, ...children.flatMap((child) => processTree(Number(child)))];
}

/** Of the whole tree. */
export function treeCost(pid: number): { cpuSeconds: number; peakMb: number } {
  const sum = (cost: (pid: number) => number) =>
    processTree(pid).reduce((total, pid) => total + unlessEnded(() => cost(pid), 0), 0);
  return { cpuSeconds: sum(cpuSeconds), peakMb: sum(peakMb) };
}

/** A process, or a thread, that was listed may have ended before it is looked at. */
function unlessEnded<T>(look: () => T, ended: T): T {
  try {
    return look();
  } catch {
    return ended;
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

/** How long a process's main thread has waited for a core while it could have run, in all. */
export const coreWaitMs = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]) / 1e6;
