/**
 * How long a partition waits for its next snapshot: pure.
 *
 * At least as long as is set, and so long that the snapshots of all partitions of a host take no more than their share of
 * the time: a million rides are snapshotted less often than a thousand, and replayed a little longer after a crash.
 *
 *   every partition once: Σ busy ─► interval ≥ Σ busy ÷ share
 */
import { limits } from "../limits.ts";

/**
 * `busyMs`: CPU time that the last snapshot of each partition took. Not what passed meanwhile: on a machine that is full,
 * snapshots would become rare just where a process has most to catch up with.
 */
export function snapshotPauseMs(wantedMs: number, busyMs: Iterable<number>): number {
  let sum = 0;
  for (const ms of busyMs) sum += ms;
  return Math.max(wantedMs, sum * 100 / limits.snapshotSharePercentMax);
}
