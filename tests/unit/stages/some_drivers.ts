/** Drivers of any kind, and rows to put them into. */
import fc from "fast-check";
import type { Driver } from "../../../actors/driver.ts";
import { driverStatuses } from "../../../schemas/driver_location.ts";
import { type DriverMemory, DriverRows } from "../../../src/stages/driver_rows.ts";
import { minuteMs as minute } from "../../../src/time.ts";

export const newRows = () => new DriverRows((latestMs) => latestMs + 10 * minute);

const ms = fc.integer({ min: 0, max: 2 ** 41 });
const id = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40 }),
  fc.string({ unit: "binary", minLength: 1 }),
  fc.constant("\ufeffid"),
);
const city = fc.constantFrom("x", "y", "Zürich", "unknown");
const status = fc.constantFrom(...driverStatuses);
const coordinate = fc.double({ min: -180, max: 180, noNaN: true });
const cell = fc.constantFrom(
  null,
  "881e02c29bfffff",
  "8001fffffffffff",
  "8f754e64992d6d8",
  "8affff00000ffff",
);
export const someDriver: fc.Arbitrary<Driver> = fc.record({
  id,
  city: fc.option(city),
  status: fc.option(status),
  lat: coordinate,
  lng: coordinate,
  speedKmh: fc.option(fc.double({ min: 0, max: 1_000, noNaN: true })),
  heading: fc.option(fc.double({ min: 0, max: 360, noNaN: true })),
  rideId: fc.option(id),
  latestMs: ms,
  jumps: fc.nat(1_000),
  supply: fc.uniqueArray(
    fc.record({ boundaryMs: fc.nat(9).map((n) => n * minute), atMs: ms, status, city, cell }, {
      noNullPrototype: true,
    }),
    { selector: ({ boundaryMs }) => boundaryMs, maxLength: 5 },
  ).map((points) => points.sort((a, b) => a.boundaryMs - b.boundaryMs)),
}, { noNullPrototype: true });
const someMemory: fc.Arbitrary<DriverMemory> = fc.record({
  driver: someDriver,
  seen: fc.array(fc.tuple(ms, fc.maxSafeNat()), { maxLength: 40 }).map((points) => points.flat()),
  trail: fc.array(
    fc.tuple(ms, ms, fc.maxSafeNat(), coordinate, coordinate, fc.integer({ min: -1, max: 3 })),
    { maxLength: 24 },
  ).map((points) => points.flat()),
  refused: fc.option(fc.record({ code: fc.string(), offset: fc.nat(), atMs: ms }, { noNullPrototype: true })),
}, { noNullPrototype: true });
export const someMemories = fc.uniqueArray(someMemory, {
  selector: ({ driver }) => driver.id,
  maxLength: 20,
});

/** In the order they came. */
export const memories = (rows: DriverRows): DriverMemory[] =>
  [...rows.inOrder()].map((row) => rows.memory(row));
