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
 * `expectedMs`: CPU time that the next snapshot of each partition will take; null where none was taken yet, which counts
 * as the mean of the others. Not what passes meanwhile: on a machine that is full, snapshots would become rare just where
 * a process has most to catch up with.
 */
export function snapshotPauseMs(wantedMs: number, expectedMs: readonly (number | null)[]): number {
  let [sum, known] = [0, 0];
  for (const ms of expectedMs) {
    if (ms === null) continue;
    sum += ms;
    known++;
  }
  if (known === 0) return wantedMs;
  const allMs = sum * expectedMs.length / known;
  return Math.max(wantedMs, allMs * 100 / limits.snapshotSharePercentMax);
}
