import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { z } from "zod";
import { driverLocationWire } from "../../../schemas/driver_location.ts";
import { rideEventWire } from "../../../schemas/ride_event.ts";
import { compileCheck } from "../../../src/codec/check.ts";

const rideEvent = {
  event_type: "requested",
  ride_id: "ride-1",
  timestamp: "2026-01-15T18:03:11.123456",
  event_id: "e",
  city: "bratislava",
  user_id: "u",
  driver_id: "d",
  pickup: { lat: 48.1, lng: 17.1 },
  dropoff: null,
  estimated_fare: 8.5,
  fare: 0,
  cancelled_by: "driver",
  reason: "",
};
const driverLocation = {
  driver_id: "d",
  timestamp: "2026-01-15 18:03",
  lat: -90,
  lng: 180,
  city: "x",
  status: "on_trip",
  speed_kmh: 30,
  heading: 360,
  accuracy_m: 5.5,
  ride_id: null,
  event_id: "e",
};

/** Values around every limit, of every kind. Texts are ASCII: how longer alphabets are counted is told below. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    undefined,
    true,
    "",
    "requested",
    "available",
    "2026-01-15T18:03:11Z",
    "2026-01-15T18:03:11+0100",
    "2026-13-99T99:99",
    "2026-01-15T18:03:11.1234567890Z",
    "a".repeat(64),
    "a".repeat(65),
    "a".repeat(128),
    "a".repeat(129),
    "a".repeat(256),
    "a".repeat(257),
    "\ud83d",
    -0,
    -1,
    0,
    90,
    90.0001,
    180.5,
    360,
    1_000,
    1_001,
    1_000_000,
    1_000_000.01,
    1e308,
    Infinity,
    NaN,
    [],
    {},
    { lat: 1 },
    { lat: 1, lng: 2, alt: 3 },
    { lat: "1", lng: 2 },
    [1, 2],
  ),
  fc.string({ maxLength: 140 }),
  fc.double(),
  fc.jsonValue({ maxDepth: 2 }),
);

function mutated(example: Record<string, unknown>): fc.Arbitrary<Record<string, unknown>> {
  const names = [...Object.keys(example), "__proto__", "constructor", "other"];
  const change = fc.tuple(fc.constantFrom(...names), odd, fc.boolean());
  return fc.array(change, { maxLength: 3 }).map((changes) => {
    const value: Record<string, unknown> = { ...example };
    for (const [name, instead, remove] of changes) {
      if (remove) delete value[name];
      else {
        Object.defineProperty(value, name, {
          value: instead,
          enumerable: true,
          configurable: true,
          writable: true,
        });
      }
    }
    return value;
  });
}

/** What zod says less its refinements, which the decoders make up for. */
function shaped(schema: z.ZodType, value: unknown): boolean {
  const issues = schema.safeParse(value).error?.issues ?? [];
  return issues.every((issue) => issue.code === "custom");
}

const schemas: [name: string, schema: z.ZodType, example: Record<string, unknown>][] = [
  ["rideEventWire", rideEventWire, rideEvent],
  ["driverLocationWire", driverLocationWire, driverLocation],
];

for (const [name, schema, example] of schemas) {
  describe(`compileCheck(${name})`, () => {
    const check = compileCheck(schema);

    it("fits what zod accepts: the example, and with any of its fields changed", () => {
      assert.equal(check.fits(example), true);
      fc.assert(
        fc.property(mutated(example), (value) => {
          assert.equal(check.fits(value), shaped(schema, value));
        }),
        { numRuns: 3_000 },
      );
    });

    it("fits what zod accepts: any value at all", () => {
      fc.assert(fc.property(fc.anything(), (value) => {
        assert.equal(check.fits(value), shaped(schema, value));
      }));
    });

    it("explains what does not fit by a field and a message", () => {
      fc.assert(fc.property(mutated(example), (value) => {
        if (check.fits(value)) return;
        const { code, field, message } = check.explain(value);
        assert.match(code, /^field_(missing|invalid)$/);
        assert.ok(field !== null && message.startsWith(field), message);
      }));
    });
  });
}

describe("compileCheck: characters", () => {
  const check = compileCheck(rideEventWire);
  const cases: [name: string, id: string, fits: boolean][] = [
    ["128 letters", "a".repeat(128), true],
    ["129 letters", "a".repeat(129), false],
    ["128 characters outside the basic plane", "\u{1F697}".repeat(128), true],
    ["129 characters outside the basic plane", "\u{1F697}".repeat(129), false],
    ["a letter under 128 accents", "a" + "\u0301".repeat(128), false],
  ];
  for (const [name, id, fits] of cases) {
    it(`an id of ${name} ${fits ? "fits" : "does not fit"}`, () => {
      assert.equal(check.fits({ ...rideEvent, ride_id: id }), fits);
    });
  }
});
