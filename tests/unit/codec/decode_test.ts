import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeDriverLocation } from "../../../src/codec/driver_location.ts";
import { decodeRideEvent } from "../../../src/codec/ride_event.ts";
import type { Decoded } from "../../../src/codec/rejection.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const example =
  `{"event_type":"requested","ride_id":"ride-abc-123","timestamp":"2026-01-15T18:03:11.123456","user_id":"user-456",` +
  `"pickup":{"lat":48.1486,"lng":17.1077},"dropoff":{"lat":48.1586,"lng":17.1177},"estimated_fare":8.50,"city":"bratislava"}`;
const required = `"event_type":"requested","ride_id":"r","timestamp":"2026-01-15T18:03:11Z"`;
const withField = (field: string) => bytes(`{${required},${field}}`);

/** Code and field of the rejection; `ok` when there is none. */
function verdict(decoded: Decoded<unknown>): string {
  return decoded.ok ? "ok" : [decoded.code, decoded.field].filter((part) => part !== null).join(" ");
}

describe("decodeRideEvent", () => {
  it("decodes what the ride service already sends", () => {
    assert.deepEqual(decodeRideEvent(bytes(example)), {
      ok: true,
      event: {
        type: "requested",
        rideId: "ride-abc-123",
        timeMs: 1_768_500_191_123,
        eventId: "ride-abc-123|requested|1768500191123|",
        city: "bratislava",
        userId: "user-456",
        driverId: null,
        pickup: { lat: 48.1486, lng: 17.1077 },
        dropoff: { lat: 48.1586, lng: 17.1177 },
        estimatedFareCents: 850,
        fareCents: null,
        cancelledBy: null,
        reason: null,
      },
    });
  });

  it("an absent field and null are the same, an event_id that is given stands", () => {
    const nulls =
      `"event_id":null,"city":null,"user_id":null,"driver_id":null,"pickup":null,"dropoff":null,` +
      `"estimated_fare":null,"fare":null,"cancelled_by":null,"reason":null`;
    assert.deepEqual(decodeRideEvent(withField(nulls)), decodeRideEvent(bytes(`{${required}}`)));
    const given = decodeRideEvent(withField(`"event_id":"e-1"`));
    assert.equal(given.ok && given.event.eventId, "e-1");
  });

  const poison: [name: string, value: Uint8Array, verdict: string][] = [
    ["nothing", bytes(""), "value_missing"],
    ["half an object", bytes(`{"event_type":`), "json_invalid"],
    ["text", bytes("hello"), "json_invalid"],
    ["an unclosed string", bytes(`{"ride_id":"`), "json_invalid"],
    ["an unclosed escape", bytes(`{"ride_id":"\\`), "json_invalid"],
    ["two objects", bytes(`{${required}}{${required}}`), "json_invalid"],
    ["closing brackets only", bytes("]]]]}}}}"), "json_invalid"],
    ["bytes that are no UTF-8", new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]), "not_utf8"],
    ["a surrogate written as UTF-8", new Uint8Array([0x22, 0xed, 0xa0, 0x80, 0x22]), "not_utf8"],
    ["UTF-16", new Uint8Array([0xff, 0xfe, 0x7b, 0, 0x7d, 0]), "not_utf8"],
    ["null", bytes("null"), "not_an_object"],
    ["a number", bytes("42"), "not_an_object"],
    ["a text in quotes", bytes(`"x"`), "not_an_object"],
    ["an array of events", bytes(`[{${required}}]`), "not_an_object"],
    ["an empty object", bytes("{}"), "field_missing event_type"],
    ["depth 1,000,000 of arrays", bytes("[".repeat(60_000)), "json_too_deep"],
    ["depth 1,000,000, too large besides", bytes("[".repeat(1_000_000)), "record_too_large"],
    ["depth 17 of objects", bytes(`{"a":`.repeat(17) + "1" + "}".repeat(17)), "json_too_deep"],
    ["depth 16", withField(`"a":${"[".repeat(15)}${"]".repeat(15)}`), "ok"],
    ["brackets within a text", withField(`"a":"${"[{".repeat(500)}"`), "ok"],
    ["brackets after an escaped quote within a text", withField(`"a":"\\"${"[{".repeat(500)}"`), "ok"],
    ["257 keys", bytes(`{${Array.from({ length: 257 }, (_, i) => `"k${i}":1`)}}`), "json_too_many_keys"],
    ["colons within a text", withField(`"a":"${":".repeat(500)}"`), "ok"],
    ["10 MB", bytes(`{"a":"${"x".repeat(10_000_000)}"}`), "record_too_large"],
    ["65,536 bytes", padded(65_536), "ok"],
    ["65,537 bytes", padded(65_537), "record_too_large"],
    ["a byte order mark", new Uint8Array([0xef, 0xbb, 0xbf, ...bytes(example)]), "ok"],
    ["white space around", bytes(`\n\t ${example} \r\n`), "ok"],
    ["an unknown field", withField(`"weather":{"rain":true}`), "ok"],
    ["__proto__ with the required fields", bytes(`{"__proto__":{${required}}}`), "field_missing event_type"],
    ["__proto__ besides", withField(`"__proto__":{"city":5,"polluted":true}`), "ok"],
    ["constructor besides", withField(`"constructor":{"prototype":{"polluted":true}}`), "ok"],
    ["NaN", withField(`"fare":NaN`), "json_invalid"],
    ["Infinity", withField(`"fare":Infinity`), "json_invalid"],
    ["1e400", withField(`"fare":1e400`), "field_invalid fare"],
    ["-1e400 as a latitude", withField(`"pickup":{"lat":-1e400,"lng":0}`), "field_invalid pickup.lat"],
    ["a negative fare", withField(`"fare":-0.01`), "field_invalid fare"],
    ["a fare of a tenth of a cent", withField(`"fare":0.001`), "field_invalid fare"],
    ["an estimate with three decimals", withField(`"estimated_fare":8.505`), "field_invalid estimated_fare"],
    ["a fare over a million", withField(`"fare":1000000.01`), "field_invalid fare"],
    ["a fare in quotes", withField(`"fare":"8.50"`), "field_invalid fare"],
    ["another event type", withField(`"event_type":"paid"`), "field_invalid event_type"],
    ["a ride_id that is a number", withField(`"ride_id":7`), "field_invalid ride_id"],
    ["an empty ride_id", withField(`"ride_id":""`), "field_invalid ride_id"],
    ["a ride_id of 129 characters", withField(`"ride_id":"${"r".repeat(129)}"`), "field_invalid ride_id"],
    ["a city of 65 characters", withField(`"city":"${"c".repeat(65)}"`), "field_invalid city"],
    ["a reason of 257 characters", withField(`"reason":"${"c".repeat(257)}"`), "field_invalid reason"],
    ["a latitude of 91", withField(`"pickup":{"lat":91,"lng":0}`), "field_invalid pickup.lat"],
    ["half a place", withField(`"dropoff":{"lat":1}`), "field_missing dropoff.lng"],
    ["an unknown canceller", withField(`"cancelled_by":"weather"`), "field_invalid cancelled_by"],
    ["the 31st of February", withField(`"timestamp":"2026-02-31T00:00:00Z"`), "field_invalid timestamp"],
    ["a time that is a number", withField(`"timestamp":1768500191`), "field_invalid timestamp"],
    ["a lone surrogate in ride_id", withField(`"ride_id":"a\\ud800"`), "field_invalid ride_id"],
    ["a lone surrogate in user_id", withField(`"user_id":"\\udc00"`), "field_invalid user_id"],
    ["a lone surrogate in reason", withField(`"reason":"\\ud800x"`), "field_invalid reason"],
    ["a surrogate pair", withField(`"user_id":"\\ud83d\\ude97"`), "ok"],
    ["a lone surrogate in an unknown field", withField(`"other":"\\ud800"`), "ok"],
    ["a zero character in an id", withField(`"user_id":"a\\u0000b"`), "ok"],
  ];
  for (const [name, value, expected] of poison) {
    it(`${name}: ${expected}`, () => assert.equal(verdict(decodeRideEvent(value)), expected));
  }

  it("of a key that stands twice the last value counts", () => {
    const decoded = decodeRideEvent(withField(`"city":"first","city":"last"`));
    assert.equal(decoded.ok && decoded.event.city, "last");
  });

  it("__proto__ in a record pollutes nothing", () => {
    const decoded = decodeRideEvent(withField(`"__proto__":{"city":"x","polluted":true}`));
    assert.equal(decoded.ok && decoded.event.city, null);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
  });

  it("messages name the field, the value cut short, and what is allowed", () => {
    const message = (value: Uint8Array) => (decodeRideEvent(value) as { message: string }).message;
    assert.equal(
      message(withField(`"fare":8.505`)),
      "fare is 8.505; allowed: 0 to 1000000 with at most two decimals",
    );
    assert.equal(message(bytes("[]")), "the value is an array; allowed: a JSON object");
    assert.match(message(withField(`"city":"${"c".repeat(5_000)}"`)), /^city is "c{76}\.\.\.: .{1,100}$/);
  });
});

/** A valid event of so many bytes. */
function padded(length: number): Uint8Array {
  const frame = `{${required},"a":""}`.length;
  return withField(`"a":"${"x".repeat(length - frame)}"`);
}

describe("decodeDriverLocation", () => {
  const minimal = `"driver_id":"d","timestamp":"2026-01-15T18:03:11Z","lat":48.1,"lng":17.1`;

  it("decodes a point with the required fields alone", () => {
    assert.deepEqual(decodeDriverLocation(bytes(`{${minimal}}`)), {
      ok: true,
      event: {
        driverId: "d",
        timeMs: 1_768_500_191_000,
        eventId: null,
        lat: 48.1,
        lng: 17.1,
        city: null,
        status: null,
        speedKmh: null,
        heading: null,
        accuracyM: null,
        rideId: null,
      },
    });
  });

  const cases: [name: string, field: string, verdict: string][] = [
    [
      "every field",
      `"city":"x","status":"on_trip","speed_kmh":0,"heading":360,"accuracy_m":5,"ride_id":"r"`,
      "ok",
    ],
    ["a latitude of -90.1", `"lat":-90.1`, "field_invalid lat"],
    ["no longitude", `"lng":null`, "field_invalid lng"],
    ["an unknown status", `"status":"asleep"`, "field_invalid status"],
    ["a negative speed", `"speed_kmh":-1`, "field_invalid speed_kmh"],
    ["a heading of 361", `"heading":361`, "field_invalid heading"],
    ["a lone surrogate in driver_id", `"driver_id":"\\ud800"`, "field_invalid driver_id"],
  ];
  for (const [name, field, expected] of cases) {
    it(`${name}: ${expected}`, () => {
      assert.equal(verdict(decodeDriverLocation(bytes(`{${minimal},${field}}`))), expected);
    });
  }
});

describe("the decoders", () => {
  const damaged = fc.tuple(fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }), fc.nat(400)).map(
    ([changes, length]) => {
      const value = bytes(example).slice(0, length);
      for (const [at, byte] of changes) if (at < value.length) value[at] = byte;
      return value;
    },
  );
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    damaged,
    fc.json().map(bytes),
    fc.string({ unit: "binary" }).map(bytes),
  );

  it("answer any bytes with an event or a rejection, and never throw", () => {
    fc.assert(
      fc.property(value, (input) => {
        for (const decoded of [decodeRideEvent(input), decodeDriverLocation(input)]) {
          assert.ok(decoded.ok || (decoded.code.length > 0 && decoded.message.length < 400));
        }
      }),
      { numRuns: 3_000 },
    );
  });
});
