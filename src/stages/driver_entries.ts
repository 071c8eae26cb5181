/**
 * Drivers as entries of a snapshot: up to 256 of them side by side, column by column, as rides are in ride_entries.ts.
 *
 * Most of a driver are points, a few seconds apart: of each the time is written as the difference to the point before.
 * A status is an index into `driverStatuses`, which may only grow at its end.
 */
import { invariant } from "../invariant.ts";
import type { Refused } from "./intake.ts";
import * as at from "./driver_columns.ts";
import type { DriverRows } from "./driver_rows.ts";
import { trailStride } from "./trail_points.ts";

export type DriversEntry = [
  ids: string[],
  /** The ride that each is on. */
  rides: (string | null)[],
  /** Every city, and every cell, that these drivers name, once. */
  cities: (string | null)[],
  cells: (string | null)[],
  /** Of each driver: lat, lng, speed and heading, −1 where not known. */
  numbers: number[],
  /** Of each driver: latest time less that of the driver before, place of its city, status as in its row, jumps. */
  facts: number[],
  /**
   * Of each driver: at how many boundaries it counts; of each of them less the latest time, the point's time less the
   * boundary, status, places of city and cell.
   */
  supply: number[],
  /**
   * Of each driver: how many points could come again; 1 if one of them has an id, else 0; of each point event time less
   * that of the one before, of the first less the latest; if one has an id, then the ids of all.
   */
  seen: number[],
  /**
   * Of each driver: how many points its trail has; of each event time less that of the one before, of the first less the
   * latest, record time less event time, offset less that of the point before, be it another driver's, status.
   */
  trail: number[],
  /** Of each point of these trails: lat, lng. */
  places: number[],
  refused: [place: number, Refused][],
];

/** An entry is put together, and taken back, in one go: a millisecond or two. */
const driversMax = 256;
const pointsMax = 2_048;

/** In the order they came. */
export function* driversEntries(drivers: DriverRows): Generator<DriversEntry> {
  let [rows, points] = [[] as number[], 0];
  for (const row of drivers.inOrder()) {
    rows.push(row);
    points += drivers.columns.int(row, at.seenCount);
    if (rows.length < driversMax && points < pointsMax) continue;
    yield entryOf(drivers, rows);
    [rows, points] = [[], 0];
  }
  if (rows.length > 0) yield entryOf(drivers, rows);
}

function entryOf(drivers: DriverRows, rows: readonly number[]): DriversEntry {
  const { columns, supply, words } = drivers;
  const ids: string[] = [], rides: (string | null)[] = [];
  const cities = new Places(), cells = new Places();
  const numbers: number[] = [], facts: number[] = [], boundaries: number[] = [];
  const seen: number[] = [], trail: number[] = [], places: number[] = [];
  const refused: [number, Refused][] = [];
  let beforeMs = 0, offset = 0;
  for (const [place, row] of rows.entries()) {
    const page = columns.page(row);
    const n = columns.numbersAt(row), i = columns.intsAt(row);
    const latestMs = page.numbers[n + at.latestMs]!;
    ids.push(drivers.id(row));
    rides.push(drivers.rideId(row));
    for (const which of numberColumns) numbers.push(page.numbers[n + which]!);
    facts.push(latestMs - beforeMs, cities.of(words.word(page.ints[i + at.city]!)));
    facts.push(page.ints[i + at.status]!, page.ints[i + at.jumps]!);
    beforeMs = latestMs;

    const countAt = boundaries.push(0) - 1;
    for (let node = supply.first(row); node !== at.none; node = supply.next(node)) {
      boundaries[countAt]!++;
      boundaries.push(supply.boundaryMs(node) - latestMs, supply.atMs(node) - supply.boundaryMs(node));
      boundaries.push(supply.status(node), cities.of(words.word(supply.city(node))));
      boundaries.push(cells.of(supply.cell(node)));
    }
    pushSeen(seen, drivers.seen.list(row), latestMs);
    offset = pushTrail(trail, places, drivers.trail.list(row), latestMs, offset);
    const refusedLast = drivers.refused(row);
    if (refusedLast !== null) refused.push([place, refusedLast]);
  }
  return [ids, rides, cities.all, cells.all, numbers, facts, boundaries, seen, trail, places, refused];
}

function pushSeen(into: number[], points: readonly number[], latestMs: number): void {
  const count = points.length / 2;
  let hasIds = 0;
  for (let p = 1; p < points.length; p += 2) if (points[p] !== 0) hasIds = 1;
  into.push(count, hasIds);
  let beforeMs = latestMs;
  for (let p = 0; p < points.length; p += 2) {
    into.push(points[p]! - beforeMs);
    beforeMs = points[p]!;
  }
  for (let p = 1; hasIds === 1 && p < points.length; p += 2) into.push(points[p]!);
}

/** Returns the offset of the last point. */
function pushTrail(
  into: number[],
  places: number[],
  points: readonly number[],
  latestMs: number,
  fromOffset: number,
): number {
  into.push(points.length / trailStride);
  let beforeMs = latestMs, offset = fromOffset;
  for (let p = 0; p < points.length; p += trailStride) {
    const timeMs = points[p]!;
    into.push(timeMs - beforeMs, points[p + 1]! - timeMs, points[p + 2]! - offset, points[p + 5]!);
    places.push(points[p + 3]!, points[p + 4]!);
    beforeMs = timeMs;
    offset = points[p + 2]!;
  }
  return offset;
}

/** Takes the drivers of an entry back. */
export function restoreDrivers(
  drivers: DriverRows,
  [ids, rides, cityNames, cells, numbers, facts, boundaries, seen, trail, places, refused]: DriversEntry,
): void {
  const cities = drivers.indexesOf(cityNames);
  const refusedOf = new Map(refused);
  let latestMs = 0, offset = 0;
  // Where the next of each column stands.
  let n = 0, f = 0, b = 0, s = 0, t = 0, p = 0;
  for (let place = 0; place < ids.length; place++) {
    const row = drivers.addId(ids[place]!);
    const page = drivers.columns.page(row);
    const toNumbers = drivers.columns.numbersAt(row), toInts = drivers.columns.intsAt(row);
    drivers.putRide(row, rides[place]!);
    for (const which of numberColumns) page.numbers[toNumbers + which] = numbers[n++]!;
    latestMs += facts[f++]!;
    page.numbers[toNumbers + at.latestMs] = latestMs;
    page.ints[toInts + at.city] = cities[facts[f++]!]!;
    page.ints[toInts + at.status] = facts[f++]!;
    page.ints[toInts + at.jumps] = facts[f++]!;

    for (let left = boundaries[b++]!; left > 0; left--, b += 5) {
      const boundaryMs = latestMs + boundaries[b]!;
      const node = drivers.supply.insert(row, boundaryMs);
      drivers.supply.setAt(node, boundaryMs + boundaries[b + 1]!);
      drivers.supply.set(node, boundaries[b + 2]!, cities[boundaries[b + 3]!]!, cells[boundaries[b + 4]!]!);
    }

    const count = seen[s++]!, hasIds = seen[s++]!;
    let timeMs = latestMs;
    for (let k = 0; k < count; k++, s++) {
      timeMs += seen[s]!;
      drivers.seen.add(row, timeMs, hasIds === 1 ? seen[s + count]! : 0);
    }
    s += hasIds * count;

    timeMs = latestMs;
    for (let left = trail[t++]!; left > 0; left--, t += 4, p += 2) {
      timeMs += trail[t]!;
      offset += trail[t + 2]!;
      const recordMs = timeMs + trail[t + 1]!;
      drivers.trail.add(row, timeMs, recordMs, offset, places[p]!, places[p + 1]!, trail[t + 3]!);
    }
    const refusedLast = refusedOf.get(place);
    if (refusedLast !== undefined) drivers.refuse(row, refusedLast);
    drivers.enter(row);
  }
  invariant(
    n === numbers.length && f === facts.length && b === boundaries.length && s === seen.length &&
      t === trail.length && p === places.length,
    "the columns of drivers are as long as their drivers need",
  );
}

const numberColumns = [at.lat, at.lng, at.speedKmh, at.heading] as const;

/** Words, each once; named by their place. */
class Places {
  readonly all: (string | null)[] = [];
  readonly #known = new Map<string | null, number>();

  of(word: string | null): number {
    let place = this.#known.get(word);
    if (place === undefined) {
      place = this.all.push(word) - 1;
      this.#known.set(word, place);
    }
    return place;
  }
}
