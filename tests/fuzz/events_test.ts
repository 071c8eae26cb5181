/** What comes in from outside: events and positions, and the two ways of reading them. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decodeDriverLocation, parseDriverLocation } from "../../src/codec/driver_location.ts";
import { decodeRideEvent, parseRideEvent } from "../../src/codec/ride_event.ts";
import { limits } from "../../src/limits.ts";
import { readJsonl } from "../../src/traffic/jsonl.ts";
import { corpusOf, fuzz } from "./mutants.ts";

const isId = (id: string) => id.length >= 1 && id.length <= limits.idCharsMax && id.isWellFormed();
const isCents = (cents: number | null) => cents === null || (Number.isSafeInteger(cents) && cents >= 0);
const isPlace = (place: { lat: number; lng: number } | null) =>
  place === null || (Math.abs(place.lat) <= 90 && Math.abs(place.lng) <= 180);

describe("ride events", () => {
  it("are the same by the scanner and by the plain way, and within what the contract allows", () =>
    fuzz({
      name: "ride events",
      corpus: corpusOf("ride_events.txt"),
      mutants: 15_000,
      judge(input) {
        const decoded = decodeRideEvent(input);
        assert.deepEqual(decoded, parseRideEvent(input));
        if (!decoded.ok) return;
        const { rideId, userId, driverId, timeMs, estimatedFareCents, fareCents, pickup, dropoff } =
          decoded.event;
        for (const id of [rideId, userId, driverId]) assert.ok(id === null || isId(id));
        assert.ok(Number.isSafeInteger(timeMs) && isCents(estimatedFareCents) && isCents(fareCents));
        assert.ok(isPlace(pickup) && isPlace(dropoff));
      },
    }));
});

describe("driver locations", () => {
  it("are the same by the scanner and by the plain way, and within what the contract allows", () =>
    fuzz({
      name: "driver locations",
      corpus: corpusOf("driver_locations.txt"),
      mutants: 15_000,
      judge(input) {
        const decoded = decodeDriverLocation(input);
        assert.deepEqual(decoded, parseDriverLocation(input));
        if (!decoded.ok) return;
        assert.ok(
          isId(decoded.event.driverId) && isPlace(decoded.event) &&
            Number.isSafeInteger(decoded.event.timeMs),
        );
      },
    }));
});

describe("a recorded file", () => {
  it("loses no line, whatever stands in it", () =>
    fuzz({
      name: "jsonl",
      corpus: [...corpusOf("ride_events.txt"), ...corpusOf("driver_locations.txt")],
      mutants: 3_000,
      async judge(input) {
        const items = await Array.fromAsync(readJsonl(once([input])));
        const [item, ...more] = items.flat();
        assert.equal(more.length, 0);
        const isBlank = input.length === 0 || (input.length === 1 && input[0] === 13);
        assert.deepEqual(item?.value, isBlank ? undefined : input);
        assert.ok(item === undefined || item.key !== "");
      },
    }));
});

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value;
}
