/**
 * Records that must end as dead letters: each kind breaks one rule of the wire contract, and nothing else
 * in it matters. None contains a line break, so that each fits on a line of a file.
 *
 * Kinds that are not JSON go to `ride-events`, where a reader of a file puts what it cannot read.
 */
import { utf8 } from "../ids.ts";
import { limits } from "../limits.ts";
import type { SentItem, TrafficTopic } from "./item.ts";

type PoisonKind = { topic: TrafficTopic; value(from: PoisonFrom): Uint8Array | string };
type PoisonFrom = { id: string; stamp: string };

const ride = (value: PoisonKind["value"]): PoisonKind => ({ topic: "ride-events", value });
const location = (value: PoisonKind["value"]): PoisonKind => ({ topic: "driver-locations", value });

/** A requested ride with one thing wrong: `extra` is JSON members. */
const requested = ({ id, stamp }: PoisonFrom, extra: string) =>
  `{"event_type":"requested","ride_id":"${id}","timestamp":"${stamp}",${extra}}`;

const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);

export const poisonKinds = {
  broken_json: ride(({ id }) => `{"event_type":"requested","ride_id":"${id}","timestamp":`),
  not_json: ride(({ id }) => `<ride id="${id}"/>`),
  bad_utf8: ride(({ id }) => {
    const bytes = utf8(`{"event_type":"requested",!"ride_id":"${id}"}`);
    bytes[bytes.indexOf(0x21)] = 0xff;
    return bytes;
  }),
  not_a_number: ride((from) => requested(from, `"estimated_fare":NaN`)),
  no_object: ride(() => "[1,2,3]"),
  only_null: ride(() => "null"),
  no_ride_id: ride(({ stamp }) => `{"event_type":"requested","timestamp":"${stamp}"}`),
  no_timestamp: ride(({ id }) => `{"event_type":"accepted","ride_id":"${id}"}`),
  wrong_types: ride(() => `{"event_type":7,"ride_id":{"id":1},"timestamp":[]}`),
  unknown_type: ride(({ id, stamp }) =>
    `{"event_type":"teleported","ride_id":"${id}","timestamp":"${stamp}"}`
  ),
  no_such_time: ride(({ id }) =>
    `{"event_type":"requested","ride_id":"${id}","timestamp":"yesterday evening"}`
  ),
  no_such_date: ride(({ id }) =>
    `{"event_type":"requested","ride_id":"${id}","timestamp":"2026-13-45T29:71:00Z"}`
  ),
  prototype: ride(({ id, stamp }) =>
    `{"__proto__":{"ride_id":"${id}"},"event_type":"requested","timestamp":"${stamp}"}`
  ),
  infinite_fare: ride((from) => requested(from, `"estimated_fare":1e400`)),
  negative_fare: ride((from) => requested(from, `"estimated_fare":-5`)),
  lone_surrogate: ride(({ stamp }) =>
    String.raw`{"event_type":"requested","ride_id":"ride-\ud800","timestamp":"${stamp}"}`
  ),
  long_id: ride(({ id, stamp }) =>
    `{"event_type":"requested","ride_id":"${id.padEnd(limits.idCharsMax + 1, "x")}","timestamp":"${stamp}"}`
  ),
  deep: ride((from) => requested(from, `"extra":${nested(1_000)}`)),
  very_deep: ride((from) => requested(from, `"extra":${nested(30_000)}`)),
  many_keys: ride((from) =>
    requested(from, Array.from({ length: limits.jsonKeysMax + 1 }, (_, i) => `"k${i}":0`).join(","))
  ),
  too_large: ride((from) => requested(from, `"reason":"${"x".repeat(limits.recordBytesMax + 1_000)}"`)),
  off_the_globe: location(({ id, stamp }) =>
    `{"driver_id":"${id}","timestamp":"${stamp}","lat":91.5,"lng":17.1}`
  ),
  infinite_place: location(({ id, stamp }) =>
    `{"driver_id":"${id}","timestamp":"${stamp}","lat":1e400,"lng":17.1}`
  ),
  no_longitude: location(({ id, stamp }) => `{"driver_id":"${id}","timestamp":"${stamp}","lat":48.1}`),
  place_in_words: location(({ id, stamp }) =>
    `{"driver_id":"${id}","timestamp":"${stamp}","lat":"north","lng":"east"}`
  ),
  unknown_status: location(({ id, stamp }) =>
    `{"driver_id":"${id}","timestamp":"${stamp}","lat":48.1,"lng":17.1,"status":"asleep"}`
  ),
} as const satisfies Record<string, PoisonKind>;

export type PoisonName = keyof typeof poisonKinds;

export const poisonNames = Object.keys(poisonKinds) as PoisonName[];

export function poisonItem(
  kind: PoisonName,
  from: PoisonFrom & { recordedAtMs: number },
): SentItem {
  const { topic, value } = poisonKinds[kind];
  return { topic, key: from.id, value: value(from), recordedAtMs: from.recordedAtMs };
}
