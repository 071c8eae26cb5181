/** Traffic with everything in it, small enough to be folded in milliseconds: two cities, one with a wave of cancels. */
import { hash64 } from "../../src/ids.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { randomFrom } from "../../src/traffic/random.ts";

export const stormStartMs = Date.UTC(2026, 0, 15, 18);
const cities = ["alder", "birch"] as const;
const calmRides = 7;

/** Forty minutes; in alder four rides of five are cancelled from minute 10 to 24. In sending order. */
export function storm(seed: number): SentItem[] {
  const random = randomFrom(seed, "storm");
  const items: SentItem[] = [];
  const send = (item: Omit<SentItem, "value" | "recordedAtMs">, atMs: number, fields: object) => {
    const heldMs = random.chance(0.06) ? random.below(9 * minuteMs) : random.below(8 * secondMs);
    const value = JSON.stringify({ timestamp: isoTime(atMs), ...fields });
    items.push({ ...item, value, recordedAtMs: atMs + heldMs });
    if (random.chance(0.04)) {
      items.push({ ...item, value, recordedAtMs: atMs + heldMs + random.below(4 * minuteMs) });
    }
  };
  for (let minute = 0; minute < 40; minute++) {
    for (const city of cities) {
      for (let n = 0; n < calmRides; n++) {
        const ride_id = `${city}-${minute}-${n}`;
        const ride = { topic: "ride-events" as const, key: ride_id };
        const atMs = stormStartMs + minute * minuteMs + random.below(minuteMs);
        const storming = city === "alder" && minute >= 10 && minute < 25;
        const cancelled = random.chance(storming ? 0.8 : 0.1);
        send(ride, atMs, {
          ...{ event_type: "requested", ride_id, city, user_id: `rider-${random.below(40)}` },
          estimated_fare: 8 + random.below(900) / 100,
        });
        const acceptedMs = atMs + random.below(minuteMs);
        send(ride, acceptedMs, { event_type: "accepted", ride_id, driver_id: `driver-${n}` });
        const ended = cancelled
          ? { event_type: "cancelled", cancelled_by: "rider" }
          : { event_type: "completed", fare: 9.5 };
        send(ride, acceptedMs + random.below(3 * minuteMs), { ...ended, ride_id });
      }
    }
  }
  for (let driver = 0; driver < 12; driver++) {
    const city = cities[driver % 2]!;
    const driver_id = `driver-${hash64(`${driver}`).low % 1_000}`;
    for (let atMs = stormStartMs; atMs < stormStartMs + 40 * minuteMs; atMs += 25 * secondMs) {
      const status = ["available", "en_route", "on_trip", "offline"][random.below(4)];
      send({ topic: "driver-locations", key: driver_id }, atMs, {
        ...{ driver_id, city, status, lat: 48.1, lng: 17.1 },
        event_id: `${atMs}`,
      });
    }
  }
  return items.sort((a, b) => a.recordedAtMs! - b.recordedAtMs!);
}
