/** The tables at the end of a chaos run. Times depend on what else the machine does: they are told, not judged. */
import { type Loss, percentile, type Recovery } from "./recoveries.ts";
import type { Told } from "./rounds.ts";
import { kindNames } from "./schedule.ts";

const lostBy: Record<Loss, string> = {
  killed: "killed processes",
  stopped: "stopped processes",
  wiped: "killed with Redis just wiped",
  drained: "drained processes",
};

/** How often each kind struck, and the seconds from its healing until everything was caught up. */
export function disasterTable({ alive, notRun }: Told): string {
  const lines = kindNames.flatMap((kind) => {
    const why = notRun.get(kind);
    if (why !== undefined) return [line(kind, [`not run: ${why}`])];
    const seconds = alive.get(kind);
    return seconds === undefined
      ? []
      : [line(kind, [String(seconds.length).padStart(5), ...spread(seconds)])];
  });
  return [line("disaster", ["times", ...headings("caught up")]), ...lines].join("\n");
}

/** How long partitions went unserved, by how they were lost. */
export function recoveryTable(all: readonly Recovery[], sessionMs: number): string {
  const lines = (Object.keys(lostBy) as Loss[]).map((how) => {
    const seconds = all.filter((r) => r.how === how).map((r) => r.seconds);
    return line(lostBy[how], [String(seconds.length).padStart(5), ...spread(seconds)]);
  });
  const seconds = all.filter((r) => r.how === "killed").map((r) => r.seconds);
  const goal = sessionMs / 1_000 + 5;
  const goalLine = seconds.length === 0
    ? "no process was killed while it had partitions"
    : `p95 of killed ${percentile(seconds, 0.95).toFixed(1)} s, goal below ${goal} s`;
  return [line("partitions of", ["times", ...headings("served")]), ...lines, goalLine].join("\n");
}

const line = (name: string, cells: string[]) => `${name.padEnd(30)} ${cells.join("  ")}`;
const headings = (what: string) =>
  [`${what} p50`, "p95", "max"].map((text, i) => text.padStart(i === 0 ? 14 : 8));

function spread(seconds: readonly number[]): string[] {
  return [0.5, 0.95, 1].map((share, i) => {
    const text = seconds.length === 0 ? "-" : `${percentile(seconds, share).toFixed(1)} s`;
    return text.padStart(i === 0 ? 14 : 8);
  });
}
