/**
 * The scanners against the decoders that read all of JSON: equal verdicts and equal events on whatever comes.
 *
 * `SCAN_CASES=1000000 deno test -A tests/unit/codec/scan_test.ts` runs longer.
 */
import assert from "node:assert/strict";
import { env } from "node:process";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decodeDriverLocation, parseDriverLocation } from "../../../src/codec/driver_location.ts";
import type { Decoded } from "../../../src/codec/rejection.ts";
import { decodeRideEvent, parseRideEvent } from "../../../src/codec/ride_event.ts";
import { JsonCursor, Words } from "../../../src/codec/scan.ts";
import { DriverLocationScan } from "../../../src/codec/scan_driver_location.ts";
import { RideEventScan } from "../../../src/codec/scan_ride_event.ts";
import { parseTimestamp } from "../../../src/codec/timestamp.ts";
import { disturbedTraffic } from "../../pipeline/disturbed.ts";

const cases = Number(env["SCAN_CASES"] ?? 20_000);
const bytes = (text: string) => new TextEncoder().encode(text);

type Decoder = {
  decode: (value: Uint8Array) => Decoded<unknown>;
  parse: (value: Uint8Array) => Decoded<unknown>;
  scans: (value: Uint8Array) => boolean;
};
const [rideScan, locationScan] = [new RideEventScan(), new DriverLocationScan()];
const rides: Decoder = {
  decode: decodeRideEvent,
  parse: parseRideEvent,
  scans: (value) => rideScan.scan(value),
};
const locations: Decoder = {
  decode: decodeDriverLocation,
  parse: parseDriverLocation,
  scans: (value) => locationScan.scan(value),
};

function assertSame({ decode, parse }: Decoder, value: Uint8Array): void {
  assert.deepEqual(decode(value), parse(value), new TextDecoder().decode(value));
}

const real = [...disturbedTraffic({ seed: 7, ratePerMinute: 200 }).items];
const linesOf = (topic: string) =>
  real.filter((item) => item.topic === topic).map(({ value }) =>
    typeof value === "string" ? bytes(value) : value
  );
const [rideLines, locationLines] = [linesOf("ride-events"), linesOf("driver-locations")];

describe("the scanners on what is usual", () => {
  const usual: [name: string, decoder: Decoder, line: string][] = [
    [
      "what the ride service sends",
      rides,
      `{"event_type":"requested","ride_id":"ride-abc-123","timestamp":"2026-01-15T18:03:11.123456","user_id":"user-456",` +
      `"pickup":{"lat":48.1486,"lng":17.1077},"dropoff":{"lat":48.1586,"lng":17.1177},"estimated_fare":8.50,"city":"bratislava"}`,
    ],
    [
      "spaces after commas and colons, as Python writes them",
      rides,
      `{"event_type": "completed", "ride_id": "r", "timestamp": "2026-01-15T18:03:11+00:00", "fare": 12, ` +
      `"pickup": {"lat": 48.1486, "lng": 17.1077}, "driver_id": "d"}`,
    ],
    [
      "spaces before commas and braces",
      rides,
      ` { "event_type" : "requested" , "ride_id" : "r" , "timestamp" : "2026-01-15T18:03:11Z" , ` +
      `"pickup" : { "lat" : 1 , "lng" : 2 } } `,
    ],
    [
      "nulls, other fields, and a city that is not ASCII",
      rides,
      `{"event_type":"cancelled","ride_id":"r","timestamp":"2026-01-15 18:03:11Z","city":"Zürich","user_id":null,` +
      `"cancelled_by":"rider","reason":"","app":"ios","version":3,"beta":true,"coupon":null}`,
    ],
    [
      "coordinates of 17 digits",
      rides,
      `{"event_type":"requested","ride_id":"r","timestamp":"2026-01-15T18:03:11Z",` +
      `"pickup":{"lng":-0.12345678901234567,"lat":89.99999999999999999}}`,
    ],
    [
      "every field of a location",
      locations,
      `{"driver_id":"d","timestamp":"2026-01-15T18:03:11.5Z","lat":-90,"lng":180.0,"city":"x","status":"on_trip",` +
      `"speed_kmh":31.5,"heading":360,"accuracy_m":0,"ride_id":"r","event_id":"e"}`,
    ],
  ];
  for (const [name, decoder, line] of usual) {
    it(`scan ${name}`, () => {
      assert.ok(decoder.scans(bytes(line)));
      assert.ok(decoder.parse(bytes(line)).ok);
      assertSame(decoder, bytes(line));
    });
  }

  it("scan all valid events of the traffic, and give the same", () => {
    for (const [decoder, lines] of [[rides, rideLines], [locations, locationLines]] as const) {
      const valid = lines.filter((line) => decoder.parse(line).ok);
      assert.ok(valid.length > 1_000);
      assert.equal(valid.filter((line) => !decoder.scans(line)).length, 0);
      for (const line of lines) assertSame(decoder, line);
    }
  });
});

/** Values around every limit of a field, as JSON text: what is between a scanner and a schema. */
const odd = fc.oneof(
  fc.constantFrom(
    ...[
      "null",
      "true",
      "{}",
      "[]",
      `""`,
      `" "`,
      `"x"`,
      `"null"`,
      `"\\u0041"`,
      `"\\""`,
      `"\\ud800"`,
      `"\\\\"`,
    ],
    ...[
      `"ü"`,
      `"\u2028"`,
      `"🚗"`,
      `"\u007f"`,
      `"\t"`,
      `"\ufeffx"`,
      `"\ud83d\ude97"`,
      `"requested"`,
      `"rider"`,
    ],
    ...["available", "on_trip", "driver", "cancelled"].map((word) => `"${word}"`),
    ...[63, 64, 65, 128, 129, 256, 257].map((length) => `"${"a".repeat(length)}"`),
    ...[32, 33, 64, 65].map((length) => `"${"ü".repeat(length)}"`),
    ...[
      "0",
      "-0",
      "-0.0",
      "00",
      "01",
      "-",
      "+1",
      ".5",
      "1.",
      "1.0",
      "-1",
      "1e2",
      "1E2",
      "1e-2",
      "1e400",
      "NaN",
    ],
    ...["90", "90.0", "-90", "90.00000000000001", "90.000000000000001", "89.9999999999999999", "-90.1", "91"],
    ...[
      "180",
      "-180.0000000000000001",
      "360",
      "360.1",
      "1000",
      "1000.0001",
      "100000",
      "1000000",
      "1000000.01",
    ],
    ...["8.5", "8.50", "8.505", "0.1", "0.30000000000000004", "123456789012345", "1234567890123456", "0.015"],
    ...[
      "4.35",
      "9007199254740993",
      "0.1234567890123456789",
      "1" + "0".repeat(30),
      "0." + "0".repeat(45) + "1",
    ],
    ...[
      `{"lat":1,"lng":2}`,
      `{"lng":1,"lat":2}`,
      `{"lat":1}`,
      `{"lat":1,"lat":2}`,
      `{"lat":1,"lng":2,"x":3}`,
    ],
    ...[`{"lat":null,"lng":2}`, `{ "lat" : 1 , "lng" : -0 }`, `{"lat":1,"lng":2,}`, `{"lat":1e1,"lng":"2"}`],
  ),
  fc.double({ noNaN: true }).map((value) => JSON.stringify(value)),
  fc.double({ noNaN: true, min: -200, max: 400 }).map((value) => JSON.stringify(value)),
  fc.integer({ min: -10_000, max: 200_000_000 }).map((value) => (value / 100).toFixed(2)),
  fc.string({ unit: "binary", maxLength: 70 }).map((text) => JSON.stringify(text)),
  fc.json(),
);

const two = fc.nat(99).map((n) => String(n).padStart(2, "0"));
const fewDigits = fc.nat(30).map((n) => String(n).padStart(2, "0"));
const time = fc.tuple(
  fc.oneof(fc.constantFrom("1969", "1970", "2024", "2026", "9999", "20x6"), fc.nat(9999).map(String)),
  fc.oneof(fewDigits, two),
  fc.oneof(fewDigits, two),
  fc.constantFrom("T", " ", "t", "_"),
  fc.oneof(fewDigits, two),
  two,
  fc.oneof(two.map((s) => `:${s}`), fc.constant("")),
  fc.constantFrom("", ".", ".1", ".12", ".123", ".1239", ".123456", ".123456789", ".1234567890", ",5", ".x"),
  fc.constantFrom(
    "",
    "Z",
    "z",
    "+00:00",
    "-00:30",
    "+0100",
    "+23:59",
    "-24:00",
    "+1:00",
    " ",
    "ZZ",
    "+01:0a",
  ),
).map(([year, month, day, separator, hour, minute, second, fraction, zone]) =>
  `${year}-${month}-${day}${separator}${hour}:${minute}${second}${fraction}${zone}`
);

const rideKeys =
  "event_type ride_id timestamp event_id city user_id driver_id pickup dropoff estimated_fare fare cancelled_by reason";
const locationKeys = "driver_id timestamp lat lng city status speed_kmh heading accuracy_m ride_id event_id";

/** An event with some fields replaced, taken away, added, doubled, in any order and with white space. */
function eventText(required: Record<string, string>, keys: string): fc.Arbitrary<string> {
  const key = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...keys.split(" ")) },
    {
      weight: 1,
      arbitrary: fc.constantFrom("__proto__", "", "ride_ix", "fare ", "citÿ", "a\\u0062", "pickup.lat"),
    },
  );
  const value = fc.oneof({ weight: 4, arbitrary: odd }, {
    weight: 1,
    arbitrary: time.map((text) => `"${text}"`),
  });
  const space = fc.constantFrom("", "", "", " ", "\n\t", "\u00a0", "\ufeff");
  return fc.record({
    left: fc.subarray(Object.keys(required), { minLength: Object.keys(required).length - 1 }),
    more: fc.array(fc.tuple(key, value), { maxLength: 4 }),
    order: fc.array(fc.nat(99), { minLength: 10, maxLength: 10 }),
    spaces: fc.array(space, { minLength: 4, maxLength: 4 }),
    plainSpaces: fc.integer({ min: 0, max: 5 }),
    tail: fc.constantFrom("", "", "", "", " ", "\n", "x", "}", ","),
  }).map(({ left, more, order, spaces, plainSpaces, tail }) => {
    const members = [...left.map((name) => [name, required[name]!] as const), ...more]
      .map(([name, text], i) => ({ name, text, order: order[i % 10]! })).sort((a, b) => a.order - b.order);
    const [a, b, c, d] = plainSpaces < 5 ? ["", "", plainSpaces < 2 ? " " : "", ""] : spaces;
    const all = members.map(({ name, text }) => `"${name}"${a}:${b}${text}`).join(`${d},${c}`);
    return `${d}{${all}${a}}${tail}`;
  });
}

const rideText = eventText(
  { event_type: `"completed"`, ride_id: `"r-1"`, timestamp: `"2026-01-15T18:03:11.5"`, fare: "8.50" },
  rideKeys,
);
const locationText = eventText(
  { driver_id: `"d-1"`, timestamp: `"2026-01-15T18:03:11Z"`, lat: "48.14", lng: "17.1" },
  locationKeys,
);

/** A line of the traffic with bytes replaced, cut out, doubled, or two lines cut together. */
const damaged = (lines: Uint8Array[]) =>
  fc.record({
    line: fc.nat(lines.length - 1),
    other: fc.nat(lines.length - 1),
    changes: fc.array(
      fc.tuple(fc.nat(320), fc.oneof(fc.nat(255), fc.constantFrom(...bytes(`{}[]":,\\0-eE.ü null`)))),
      {
        maxLength: 3,
      },
    ),
    cut: fc.option(fc.tuple(fc.nat(320), fc.nat(320))),
  }).map(({ line, other, changes, cut }) => {
    const value = lines[line]!.slice();
    for (const [at, byte] of changes) if (at < value.length) value[at] = byte;
    return cut === null
      ? value
      : new Uint8Array([...value.subarray(0, cut[0]), ...lines[other]!.subarray(cut[1])]);
  });

describe("the scanners on anything", () => {
  const inputs: [name: string, decoder: Decoder, input: fc.Arbitrary<Uint8Array>][] = [
    ["ride events of odd fields", rides, rideText.map(bytes)],
    ["locations of odd fields", locations, locationText.map(bytes)],
    ["damaged ride events", rides, damaged(rideLines)],
    ["damaged locations", locations, damaged(locationLines)],
  ];
  for (const [name, decoder, input] of inputs) {
    it(`${name}: the same verdict and the same event`, () => {
      let scanned = 0;
      fc.assert(
        fc.property(input, (value) => {
          assertSame(decoder, value);
          if (decoder.scans(value)) scanned++;
        }),
        { numRuns: cases },
      );
      // Otherwise the property would compare the decoder with itself.
      assert.ok(scanned > cases / 20, `${scanned} of ${cases} were plain`);
    });
  }
});

describe("JsonCursor", () => {
  const cursorOn = (text: string) => {
    const cursor = new JsonCursor();
    cursor.begin(bytes(text));
    return cursor;
  };

  it("number: what JSON.parse makes of it, bit for bit", () => {
    const text = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }).map(String).filter((t) => !t.includes("e")),
      fc.tuple(fc.bigInt({ min: 0n, max: 10n ** 18n }), fc.nat(17)).map(([n, decimals]) => {
        const digits = n.toString().padStart(decimals + 1, "0");
        return decimals === 0 ? digits : `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
      }),
    );
    fc.assert(
      fc.property(text, fc.boolean(), (unsigned, negative) => {
        const signed = negative && !unsigned.startsWith("-") ? `-${unsigned}` : unsigned;
        if (signed.length <= 40) {
          assert.ok(Object.is(cursorOn(`${signed},`).number(), JSON.parse(signed)), signed);
        }
      }),
      { numRuns: cases },
    );
  });

  it("numberWithin: whether the number is within, without making it", () => {
    fc.assert(
      fc.property(odd, fc.constantFrom(90, 180), (text, most) => {
        const within = cursorOn(text).numberWithin(most);
        const exact = cursorOn(text).number();
        assert.equal(within, exact >= -most && exact <= most, text);
      }),
      { numRuns: cases },
    );
  });

  it("timestamp: the time that parseTimestamp finds, or none", () => {
    let found = 0;
    fc.assert(
      fc.property(time, (text) => {
        const ms = cursorOn(`"${text}"`).timestamp();
        if (Number.isNaN(ms)) return;
        found++;
        assert.equal(ms, parseTimestamp(text), text);
      }),
      { numRuns: cases },
    );
    assert.ok(found > cases / 4_000, `${found} of ${cases} were times`);
  });
});

describe("Words", () => {
  it("finds its words and no other", () => {
    const words = rideKeys.split(" ");
    const table = new Words(words);
    words.forEach((word, i) => assert.equal(table.find(bytes(word), 0, word.length), i));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.constantFrom(...words).map((w) => w.slice(1))), (text) => {
        const value = bytes(text);
        assert.equal(table.find(value, 0, value.length), words.indexOf(text));
      }),
    );
  });
});
