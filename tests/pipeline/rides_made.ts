/** Arbitrary ride traffic for properties: few rides and riders, many collisions, hours between events. */
import fc from "fast-check";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";

export const startMs = Date.UTC(2026, 0, 15, 18);
const types = ["requested", "accepted", "started", "completed", "cancelled"] as const;

type Made = {
  ride: number;
  type: (typeof types)[number];
  /** Record time after the one before. */
  gapMs: number;
  /** Event time before the record's. */
  behindMs: number;
  city: number | null;
  eventId: number | null;
  by: "rider" | "driver" | null;
};

const gap = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 40 * secondMs }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 6 * minuteMs }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 75 * minuteMs }) },
);
const behind = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 10 * secondMs }) },
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 11 * minuteMs }) },
);

const made: fc.Arbitrary<Made> = fc.record({
  ride: fc.integer({ min: 0, max: 11 }),
  type: fc.constantFrom(...types),
  gapMs: gap,
  behindMs: behind,
  city: fc.option(fc.integer({ min: 0, max: 2 }), { freq: 2 }),
  eventId: fc.option(fc.integer({ min: 0, max: 40 }), { freq: 2 }),
  by: fc.option(fc.constantFrom("rider" as const, "driver" as const)),
});

/** Items in sending order. */
export const rideItems = (length: number): fc.Arbitrary<SentItem[]> =>
  fc.array(made, { minLength: 1, maxLength: length, size: "max" }).map((all) => {
    let atMs = startMs;
    return all.map((m, i) => {
      atMs += m.gapMs;
      return itemOf(m, atMs, i);
    });
  });

function itemOf(m: Made, recordedAtMs: number, i: number): SentItem {
  const value = JSON.stringify({
    event_type: m.type,
    ride_id: `ride-${m.ride}`,
    timestamp: isoTime(recordedAtMs - m.behindMs),
    ...(m.city === null ? {} : { city: `city-${m.city}` }),
    ...(m.eventId === null ? {} : { event_id: `event-${m.eventId}` }),
    ...(m.by === null ? {} : { cancelled_by: m.by }),
    user_id: `rider-${m.ride % 5}`,
    driver_id: `driver-${i % 3}`,
    ...(m.type === "requested" ? { estimated_fare: 10.01 } : {}),
  });
  return { topic: "ride-events", key: `ride-${m.ride}`, value, recordedAtMs };
}
