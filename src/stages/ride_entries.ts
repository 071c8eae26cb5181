/**
 * Rides as entries of a snapshot: up to 256 of them side by side, column by column.
 *
 *   row, row, row … ─► ["rides", ids, riders, drivers, words, …] ─► JSON ─► rows in the same order
 *
 * What neighbours share is written once, or as a difference: a ride's times to its latest one, its latest to that of the
 * ride before, an event's offset to that of the event before. So a number has three digits where it had thirteen, which
 * is what reading a million rides back takes its time for. States, outcomes, cancellers and event types are indexes into
 * lists, which may only grow at their ends.
 */
import { asciiOf } from "../codec/scan.ts";
import { invariant } from "../invariant.ts";
import type { Refused } from "./intake.ts";
import * as at from "./ride_columns.ts";
import { type RideRows, seenStride } from "./ride_rows.ts";
import { noNode } from "./seen_events.ts";

export type RidesEntry = [
  ids: string[],
  riders: (string | null)[],
  drivers: (string | null)[],
  /** Every city and reason that these rides name, once. */
  words: (string | null)[],
  /** Of each ride: which of the words, as `wordInts` lists them. */
  named: number[],
  /** Of each ride: `statesPerRow` characters, "0" for the first state. */
  states: string,
  /** Of each ride: latest time less that of the ride before; which others it has, as bits; each of them less the latest. */
  times: number[],
  /** Of each ride, as `numberInts` lists them. */
  numbers: number[],
  /**
   * Of each ride: how many events it has seen; of each of them id hash high, id hash low, type, event time less the
   * ride's latest, record time less event time, offset less that of the event before, be it another ride's.
   */
  seen: number[],
  refused: [place: number, Refused][],
];

/** A ride as snapshots of format 1 have it; they are read, and no longer written. */
export type RideEntry = [
  id: string,
  rider: string | null,
  driver: string | null,
  words: (string | null)[],
  states: number[],
  times: number[],
  numbers: number[],
  seen: number[],
  refused: Refused | null,
];

/** An entry is put together, and taken back, in one go: a millisecond or two. */
const ridesMax = 256;
const eventsMax = 2_048;
const zero = 48;
const numberInts = [at.estimatedFare, at.fare, at.marks, at.attempts] as const;

/** In the order they came. */
export function* ridesEntries(rides: RideRows): Generator<RidesEntry> {
  let [rows, events] = [[] as number[], 0];
  for (const row of rides.inOrder()) {
    rows.push(row);
    events += rides.seenEvents(row);
    if (rows.length < ridesMax && events < eventsMax) continue;
    yield entryOf(rides, rows);
    [rows, events] = [[], 0];
  }
  if (rows.length > 0) yield entryOf(rides, rows);
}

function entryOf(rides: RideRows, rows: readonly number[]): RidesEntry {
  const { columns, texts, words, seen } = rides;
  const ids: string[] = [];
  const riders: (string | null)[] = [], drivers: (string | null)[] = [], named: (string | null)[] = [];
  const namedOf: number[] = [], times: number[] = [], numbers: number[] = [], events: number[] = [];
  const refused: [number, Refused][] = [];
  const states = new Uint8Array(rows.length * at.statesPerRow);
  const places = new Map<number, number>();
  let beforeMs = 0;
  let offset = 0;
  for (const [place, row] of rows.entries()) {
    const page = columns.page(row);
    const { ints } = page;
    const [i, s, t] = [columns.intsAt(row), columns.statesAt(row), columns.timesAt(row)];
    ids.push(texts.text(ints[i + at.idRef]!)!);
    riders.push(texts.text(ints[i + at.userRef]!));
    drivers.push(texts.text(ints[i + at.driverRef]!));
    for (const which of at.wordInts) {
      const index = ints[i + which]!;
      let known = places.get(index);
      if (known === undefined) {
        known = named.push(words.word(index)) - 1;
        places.set(index, known);
      }
      namedOf.push(known);
    }
    for (let n = 0; n < at.statesPerRow; n++) {
      states[place * at.statesPerRow + n] = zero + page.states[s + n]!;
    }

    const latestMs = page.times[t + at.latestMs]!;
    times.push(latestMs - beforeMs);
    beforeMs = latestMs;
    const bitsAt = times.push(0) - 1;
    for (let n = 0; n < at.latestMs; n++) {
      const ms = page.times[t + n]!;
      if (ms === at.timesOfNew[n]) continue;
      times[bitsAt]! |= 1 << n;
      times.push(ms - latestMs);
    }
    for (const which of numberInts) numbers.push(ints[i + which]!);

    events.push(ints[i + at.seenCount]!);
    for (let node = ints[i + at.firstSeen]!; node !== noNode; node = seen.next(node)) {
      offset = seen.pushTo(events, node, latestMs, offset);
    }
    const refusedLast = rides.refused(row);
    if (refusedLast !== null) refused.push([place, refusedLast]);
  }
  const statesText = asciiOf(states, 0, states.length);
  return [ids, riders, drivers, named, namedOf, statesText, times, numbers, events, refused];
}

/** Takes the rides of an entry back; returns their rows. */
export function restoreRides(
  rides: RideRows,
  [ids, riders, drivers, named, namedOf, states, times, numbers, events, refused]: RidesEntry,
): number[] {
  const words = rides.indexesOf(named);
  let latestMs = 0, offset = 0;
  // Where the next of each column stands.
  let w = 0, c = 0, m = 0, k = 0, e = 0;
  const refusedOf = new Map(refused);
  const rows: number[] = [];
  for (let place = 0; place < ids.length; place++) {
    const row = rides.addId(ids[place]!);
    const page = rides.columns.page(row);
    const { ints } = page;
    const [i, s, t] = [rides.columns.intsAt(row), rides.columns.statesAt(row), rides.columns.timesAt(row)];
    rides.putText(row, at.userRef, riders[place]!);
    rides.putText(row, at.driverRef, drivers[place]!);
    for (const which of at.wordInts) ints[i + which] = words[namedOf[w++]!]!;
    for (let n = 0; n < at.statesPerRow; n++) page.states[s + n] = states.charCodeAt(c++) - zero;

    latestMs += times[m++]!;
    page.times[t + at.latestMs] = latestMs;
    const bits = times[m++]!;
    for (let n = 0; n < at.latestMs; n++) {
      if ((bits & 1 << n) !== 0) page.times[t + n] = times[m++]! + latestMs;
    }
    for (const which of numberInts) ints[i + which] = numbers[k++]!;

    for (let left = events[e++]!; left > 0; left--) {
      const timeMs = latestMs + events[e + 3]!;
      const recordMs = timeMs + events[e + 4]!;
      offset += events[e + 5]!;
      rides.see(row, events[e]!, events[e + 1]!, events[e + 2]!, timeMs, recordMs, offset);
      e += seenStride;
    }
    const refusedLast = refusedOf.get(place);
    if (refusedLast !== undefined) rides.refuse(row, refusedLast);
    rides.enter(row);
    rows.push(row);
  }
  invariant(
    m === times.length && k === numbers.length && e === events.length && w === namedOf.length,
    "the columns of rides are as long as their rides need",
  );
  return rows;
}

/** The same of a ride as format 1 has it; returns its row. */
export function restoreRide(
  rides: RideRows,
  [id, rider, driver, named, states, times, numbers, seen, refused]: RideEntry,
): number {
  const row = rides.addId(id);
  const page = rides.columns.page(row);
  const i = rides.columns.intsAt(row);
  page.states.set(states, rides.columns.statesAt(row));
  page.times.set(times, rides.columns.timesAt(row));
  numberInts.forEach((which, n) => page.ints[i + which] = numbers[n]!);
  at.wordInts.forEach((which, n) => rides.setWord(row, which, named[n]!));
  rides.putText(row, at.userRef, rider);
  rides.putText(row, at.driverRef, driver);
  for (let n = 0; n < seen.length; n += seenStride) {
    rides.see(row, seen[n]!, seen[n + 1]!, seen[n + 2]!, seen[n + 3]!, seen[n + 4]!, seen[n + 5]!);
  }
  if (refused !== null) rides.refuse(row, refused);
  rides.enter(row);
  return row;
}
