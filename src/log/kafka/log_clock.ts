/**
 * The log's clock as one process can know it: the append time of the last record that the broker acknowledged, plus
 * the monotonic time since; before the first one, the wall clock.
 *
 * An acknowledgement is on its way for a while, so each puts the clock a little behind the broker's. A step back of
 * less than a second is that way and not the broker's clock, and is left out: the clock runs forward between steps.
 */
import type { Clock } from "../../time.ts";

export type LogClock = {
  nowMs(): number;
  /** A record was appended at this time of the broker. */
  acknowledged(appendedMs: number): void;
};

const wayMsMax = 1_000;

export function logClock(clock: Clock): LogClock {
  /** What to add to the monotonic time; null: follow the wall clock. */
  let aheadMs: number | null = null;
  return {
    nowMs: () => Math.floor(aheadMs === null ? clock.nowMs() : clock.monotonicMs() + aheadMs),
    acknowledged(appendedMs) {
      const known = appendedMs - clock.monotonicMs();
      if (aheadMs === null || known > aheadMs || known < aheadMs - wayMsMax) aheadMs = known;
    },
  };
}
