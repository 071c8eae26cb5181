/**
 * Rides of one city that end one after the other at equal distances, a stated share of them cancelled: what a window
 * holds follows by counting on fingers.
 */
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";

/** `cancelled` of each `of` rides in a row are cancelled, spread evenly, the last of them among them. */
export type Phase = { minutes: number; cancelled: number; of: number };

export type Ending = { atMs: number; cancelled: boolean };

export const firstEndMs = Date.UTC(2026, 0, 15, 18);

/** The n-th ride of a phase is cancelled when the count owed so far rises with it. */
export function endings(ridesPerMinute: number, phases: readonly Phase[]): Ending[] {
  let fromMs = firstEndMs;
  return phases.flatMap(({ minutes, cancelled, of }) => {
    const beganMs = fromMs;
    fromMs += minutes * minuteMs;
    const owed = (n: number) => Math.floor(n * cancelled / of);
    return Array.from({ length: minutes * ridesPerMinute }, (_, n) => ({
      atMs: beganMs + n * minuteMs / ridesPerMinute,
      cancelled: owed(n + 1) > owed(n),
    }));
  });
}

/** Requested two minutes before the end, accepted 20 s later, started a minute later; in sending order. */
export function ridesEnding(ends: readonly Ending[], city = "wien"): SentItem[] {
  return ends.flatMap(({ atMs, cancelled }, n): SentItem[] => {
    const ride_id = `ride-${city}-${n}`;
    const send = (event_type: string, timeMs: number, more: object = {}): SentItem => ({
      topic: "ride-events",
      key: ride_id,
      value: JSON.stringify({ event_type, ride_id, timestamp: isoTime(timeMs), city, ...more }),
      recordedAtMs: timeMs,
    });
    const driver = { driver_id: `driver-${n % 40}` };
    return [
      send("requested", atMs - 2 * minuteMs, { user_id: `rider-${n % 90}` }),
      send("accepted", atMs - 100 * secondMs, driver),
      ...(cancelled
        ? [send("cancelled", atMs, { ...driver, cancelled_by: "driver" })]
        : [send("started", atMs - minuteMs, driver), send("completed", atMs, { ...driver, fare: 9.5 })]),
    ];
  }).sort((a, b) => a.recordedAtMs! - b.recordedAtMs!);
}
