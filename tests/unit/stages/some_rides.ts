/** Rides of any kind, and rows to put them into. */
import fc from "fast-check";
import type { Ride } from "../../../actors/ride.ts";
import { utf8 } from "../../../src/ids.ts";
import { type RideMemory, RideRows } from "../../../src/stages/ride_rows.ts";
import { minuteMs } from "../../../src/time.ts";

export const newRows = () =>
  new RideRows((latestMs, hasEnded) => latestMs + (hasEnded ? 10 : 240) * minuteMs);

const ms = fc.integer({ min: 0, max: 2 ** 41 });
const id = fc.oneof(
  fc.string({ minLength: 1, maxLength: 40 }),
  fc.string({ unit: "binary", minLength: 1 }),
  fc.constant("\ufeffid"),
);
const city = fc.option(fc.constantFrom("x", "y", "Zürich"));
export const someRide: fc.Arbitrary<Ride> = fc.record({
  id,
  state: fc.constantFrom("new", "requested", "accepted", "started", "completed", "cancelled"),
  city,
  userId: fc.option(id),
  driverId: fc.option(id),
  requestedMs: fc.option(ms),
  acceptedMs: fc.option(ms),
  acceptedCity: city,
  startedMs: fc.option(ms),
  endedMs: fc.option(ms),
  cancelledBy: fc.constantFrom(null, "rider", "driver", "system"),
  attempts: fc.nat(500),
  outcome: fc.constantFrom(null, "completed", "rider", "driver", "system"),
  outcomeCity: city,
  outcomeMs: ms,
  reason: fc.option(fc.string({ maxLength: 256 })),
  estimatedFareCents: fc.option(fc.nat(100_000_000)),
  fareCents: fc.option(fc.nat(100_000_000)),
  openCity: city,
  openUntilMs: ms,
  waitCounted: fc.boolean(),
  marks: fc.nat(1_023),
  latestMs: ms,
}, { noNullPrototype: true });
const uint = fc.integer({ min: 0, max: 0xffffffff });
export const someMemory: fc.Arbitrary<RideMemory> = fc.record({
  ride: someRide,
  seen: fc.array(fc.tuple(uint, uint, fc.nat(4), ms, ms, fc.nat()), { maxLength: 9 }).map((events) =>
    events.flat()
  ),
  refused: fc.option(fc.record({ code: fc.string(), offset: fc.nat(), atMs: ms }, { noNullPrototype: true })),
}, { noNullPrototype: true });

/** Puts the ride into a row as events would: written, with what it has seen. */
export function put(rows: RideRows, { ride, seen, refused }: RideMemory): void {
  const bytes = utf8(ride.id);
  const row = rows.add(bytes, 0, bytes.length);
  rows.write(row, ride);
  for (let i = 0; i < seen.length; i += 6) {
    rows.see(row, ...seen.slice(i, i + 6) as [number, number, number, number, number, number]);
  }
  if (refused !== null) rows.refuse(row, refused);
  rows.enter(row);
}

/** In the order they came. */
export const memories = (rows: RideRows): RideMemory[] => [...rows.inOrder()].map((row) => rows.memory(row));
