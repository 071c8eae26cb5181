/** Ride events of about 300 bytes as producers send them: JSON whose ids and places do not repeat. */
import { utf8 } from "../src/ids.ts";
import { type Random, randomFrom } from "../src/traffic/random.ts";

export type KeyedBytes = { key: Uint8Array; value: Uint8Array };

export function rideEventBytes(count: number, seed = "bench"): KeyedBytes[] {
  const random = randomFrom(seed);
  return Array.from({ length: count }, (_, i) => rideEvent(random, 1_750_000_000_000 + i * 40));
}

function rideEvent(random: Random, timeMs: number): KeyedBytes {
  const rideId = hex(random, 24);
  const value = utf8(JSON.stringify({
    event_type: "requested",
    ride_id: rideId,
    timestamp: new Date(timeMs).toISOString(),
    event_id: hex(random, 24),
    city: "Berlin",
    user_id: hex(random, 16),
    pickup: place(random),
    dropoff: place(random),
    estimated_fare: 5 + random.below(4_000) / 100,
  }));
  return { key: utf8(rideId), value };
}

const place = (random: Random) => ({ lat: 52 + random.uniform(), lng: 13 + random.uniform() });

function hex(random: Random, digits: number): string {
  let text = "";
  while (text.length < digits) text += random.below(0x10000).toString(16).padStart(4, "0");
  return text;
}
