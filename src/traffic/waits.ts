/**
 * How long people wait: the figures behind simulated rides and behind the steps that recorded files lack.
 *
 * The times to cancel are measured (10,716 failed orders): before a driver is assigned median 88 s and p90
 * 220 s, after it 127 s and 584 s. Trips follow the New York file: median 626 s. The two waits of a ride
 * that goes well are chosen, not measured: most riders have a driver within a minute and see the car within
 * five. Everything is cut off, because an endless tail would need an endless look-ahead.
 */
import { minuteMs, secondMs } from "../time.ts";
import type { LogNormal, Random } from "./random.ts";

type Wait = { seconds: LogNormal; leastMs: number; mostMs: number };

export const waits = {
  accept: { seconds: { median: 28, p90: 75 }, leastMs: 3 * secondMs, mostMs: 4 * minuteMs },
  pickup: { seconds: { median: 240, p90: 480 }, leastMs: 30 * secondMs, mostMs: 16 * minuteMs },
  trip: { seconds: { median: 626, p90: 1_300 }, leastMs: 90 * secondMs, mostMs: 4_680 * secondMs },
  cancelBeforeDriver: { seconds: { median: 88, p90: 220 }, leastMs: 5 * secondMs, mostMs: 290 * secondMs },
  cancelAfterDriver: { seconds: { median: 127, p90: 584 }, leastMs: 5 * secondMs, mostMs: 30 * minuteMs },
} as const satisfies Record<string, Wait>;

/** Longest time from request to start that `drawWaitMs` can give. */
export const waitHorizonMs = waits.accept.mostMs + waits.pickup.mostMs;

export function drawWaitMs(random: Random, wait: Wait): number {
  const drawnMs = Math.round(random.logNormal(wait.seconds) * secondMs);
  return Math.min(Math.max(drawnMs, wait.leastMs), wait.mostMs);
}
