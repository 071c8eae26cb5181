/**
 * The rides of one partition as rows of flat pages: no object per ride, so that a million of them cost the garbage
 * collector nothing, and about 400 bytes each.
 *
 *   id ─► RowIndex ─► row ─► times (7 × 8 bytes) · ints (19 × 4) · states (4 × 1) ─┬─► TextArena   id, rider, driver
 *                      ▲                                                           ├─► WordTable   cities, reason
 *                      └── next · previous: the order they came in                 └─► SeenEvents  their events
 *
 * `Ride` of actors/ride.ts is the same as an object: `memory()` makes it, `write()` takes it back. When rides leave is
 * told by DueRows; their order is part of the state, as is who is there.
 */
import type { Outcome, Ride } from "../../actors/ride.ts";
import { rideStates } from "../../actors/ride_table.ts";
import { type Canceller, cancellers } from "../../schemas/ride_event.ts";
import { utf8 } from "../ids.ts";
import { DueRows } from "./due_rows.ts";
import type { Refused } from "./intake.ts";
import { RowIndex } from "./row_index.ts";
import { noNode, SeenEvents } from "./seen_events.ts";
import { TextArena } from "./text_arena.ts";
import { WordTable } from "./word_table.ts";

/** A ride with the events it has seen: `seen` holds, per event, what `seenStride` numbers say. */
export type RideMemory = { ride: Ride; seen: number[]; refused: Refused | null };
/** id hash high, id hash low, event type, event time ms, record time ms, offset. */
export const seenStride = 6;

/** Times of a row, -1 for null: where they stand behind `timesAt`. */
export const requestedMs = 0,
  acceptedMs = 1,
  startedMs = 2,
  endedMs = 3,
  outcomeMs = 4,
  openUntilMs = 5,
  latestMs = 6;
const timesPerRow = 7;

/** Ints of a row: refs of texts, indexes of words, cents (-1 for null), and how it hangs together with others. */
export const idRef = 0,
  userRef = 1,
  driverRef = 2,
  city = 3,
  acceptedCity = 4,
  outcomeCity = 5,
  openCity = 6,
  reason = 7,
  estimatedFare = 8,
  fare = 9,
  marks = 10,
  attempts = 11;
const hash = 12,
  firstSeen = 13,
  lastSeen = 14,
  seenCount = 15,
  next = 16,
  previous = 17,
  lookMinute = 18;
const intsPerRow = 19;
const words = [city, acceptedCity, outcomeCity, openCity, reason];

/** States of a row: an index into `rideStates`; outcome and canceller with 0 for null; whether the wait was counted. */
export const state = 0,
  outcome = 1,
  cancelledBy = 2,
  waitCounted = 3;
const statesPerRow = 4;

export const outcomes: readonly (Outcome | null)[] = [null, "completed", ...cancellers];
const cancelled: readonly (Canceller | null)[] = [null, ...cancellers];

const pageBits = 10;
const pageRows = 1 << pageBits;
const pageMask = pageRows - 1;
export const noRow = -1;

/** Pages are never copied, so that growing holds nothing up. */
export type RidePage = { times: Float64Array; ints: Int32Array; states: Uint8Array };

export class RideRows {
  readonly texts = new TextArena();
  readonly words = new WordTable();
  readonly #seen = new SeenEvents();
  readonly #index = new RowIndex();
  readonly #due: DueRows;
  readonly #pages: RidePage[] = [];
  readonly #free: number[] = [];
  readonly #refused = new Map<number, Refused>();
  #rows = 0;
  #oldest = noRow;
  #newest = noRow;
  /** The id that is looked for. */
  #bytes: Uint8Array = new Uint8Array(0);
  #from = 0;
  #to = 0;
  readonly #isWanted = (row: number): boolean =>
    this.texts.equals(this.int(row, idRef), this.#bytes, this.#from, this.#to);

  /** `dueMs`: the watermark at which a ride may leave. */
  constructor(dueMs: (latestMs: number, hasEnded: boolean) => number) {
    this.#due = new DueRows({
      dueMs: (row) => dueMs(this.time(row, latestMs), this.time(row, endedMs) >= 0),
      lookMinute: (row) => this.int(row, lookMinute),
      setLookMinute: (row, minute) => this.setInt(row, lookMinute, minute),
      leave: (row) => this.#remove(row),
    });
  }

  get size(): number {
    return this.#index.size;
  }

  page(row: number): RidePage {
    return this.#pages[row >> pageBits]!;
  }

  timesAt(row: number): number {
    return (row & pageMask) * timesPerRow;
  }

  intsAt(row: number): number {
    return (row & pageMask) * intsPerRow;
  }

  statesAt(row: number): number {
    return (row & pageMask) * statesPerRow;
  }

  time(row: number, which: number): number {
    return this.page(row).times[this.timesAt(row) + which]!;
  }

  int(row: number, which: number): number {
    return this.page(row).ints[this.intsAt(row) + which]!;
  }

  setInt(row: number, which: number, value: number): void {
    this.page(row).ints[this.intsAt(row) + which] = value;
  }

  /** The row of the ride with this id, or `noRow`. */
  find(bytes: Uint8Array, from: number, to: number): number {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    return this.#index.find(hashOf(bytes, from, to), this.#isWanted);
  }

  findId(id: string): number {
    const bytes = utf8(id);
    return this.find(bytes, 0, bytes.length);
  }

  /** The first city that the ride's events named; of `noRow` none. */
  city(row: number): string | null {
    return row === noRow ? null : this.words.word(this.int(row, city));
  }

  /** The rider; of `noRow` none. */
  userId(row: number): string | null {
    return row === noRow ? null : this.texts.text(this.int(row, userRef));
  }

  /** A row for a ride that is not there yet; it is one of the actors only after `enter()`. */
  add(bytes: Uint8Array, from: number, to: number): number {
    const row = this.#free.pop() ?? this.#take();
    const { times, ints, states } = this.page(row);
    times.fill(-1, this.timesAt(row), this.timesAt(row) + timesPerRow);
    ints.fill(0, this.intsAt(row), this.intsAt(row) + intsPerRow);
    states.fill(0, this.statesAt(row), this.statesAt(row) + statesPerRow);
    for (const which of [outcomeMs, openUntilMs, latestMs]) times[this.timesAt(row) + which] = 0;
    const at = this.intsAt(row);
    ints[at + idRef] = this.texts.put(bytes, from, to);
    ints[at + estimatedFare] = ints[at + fare] = -1;
    ints[at + firstSeen] = ints[at + lastSeen] = noNode;
    ints[at + hash] = hashOf(bytes, from, to);
    this.#index.add(ints[at + hash]!, row);
    this.#append(row);
    return row;
  }

  /** To be called when the facts of a new row are written: from now on it is due at some time. */
  enter(row: number): void {
    this.#due.add(row);
  }

  /** To be called when a ride has ended: it may be due earlier than it was. */
  hasten(row: number): void {
    this.#due.hasten(row);
  }

  hasSeen(row: number, high: number, low: number): boolean {
    return this.#seen.has(this.int(row, firstSeen), high, low);
  }

  seenEvents(row: number): number {
    return this.int(row, seenCount);
  }

  see(
    row: number,
    high: number,
    low: number,
    type: number,
    timeMs: number,
    recordMs: number,
    offset: number,
  ) {
    const { ints } = this.page(row);
    const at = this.intsAt(row);
    const node = this.#seen.add(ints[at + lastSeen]!, high, low, type, timeMs, recordMs, offset);
    if (ints[at + firstSeen] === noNode) ints[at + firstSeen] = node;
    ints[at + lastSeen] = node;
    ints[at + seenCount]!++;
  }

  refuse(row: number, refused: Refused): void {
    this.#refused.set(row, refused);
  }

  memory(row: number): RideMemory {
    return {
      ride: this.ride(row),
      seen: this.#seen.list(this.int(row, firstSeen)),
      refused: this.#refused.get(row) ?? null,
    };
  }

  ride(row: number): Ride {
    const { times, ints, states } = this.page(row);
    const [t, i, s] = [this.timesAt(row), this.intsAt(row), this.statesAt(row)];
    const word = (which: number) => this.words.word(ints[i + which]!);
    const text = (which: number) => this.texts.text(ints[i + which]!);
    return {
      id: text(idRef)!,
      state: rideStates[states[s + state]!]!,
      city: word(city),
      userId: text(userRef),
      driverId: text(driverRef),
      requestedMs: orNull(times[t + requestedMs]!),
      acceptedMs: orNull(times[t + acceptedMs]!),
      acceptedCity: word(acceptedCity),
      startedMs: orNull(times[t + startedMs]!),
      endedMs: orNull(times[t + endedMs]!),
      cancelledBy: cancelled[states[s + cancelledBy]!]!,
      attempts: ints[i + attempts]!,
      outcome: outcomes[states[s + outcome]!]!,
      outcomeCity: word(outcomeCity),
      outcomeMs: times[t + outcomeMs]!,
      reason: word(reason),
      estimatedFareCents: orNull(ints[i + estimatedFare]!),
      fareCents: orNull(ints[i + fare]!),
      openCity: word(openCity),
      openUntilMs: times[t + openUntilMs]!,
      waitCounted: states[s + waitCounted] === 1,
      marks: ints[i + marks]!,
      latestMs: times[t + latestMs]!,
    };
  }

  write(row: number, ride: Ride): void {
    const { times, ints, states } = this.page(row);
    const [t, i, s] = [this.timesAt(row), this.intsAt(row), this.statesAt(row)];
    states[s + state] = rideStates.indexOf(ride.state);
    states[s + outcome] = outcomes.indexOf(ride.outcome);
    states[s + cancelledBy] = cancelled.indexOf(ride.cancelledBy);
    states[s + waitCounted] = ride.waitCounted ? 1 : 0;
    times[t + requestedMs] = ride.requestedMs ?? -1;
    times[t + acceptedMs] = ride.acceptedMs ?? -1;
    times[t + startedMs] = ride.startedMs ?? -1;
    times[t + endedMs] = ride.endedMs ?? -1;
    times[t + outcomeMs] = ride.outcomeMs;
    times[t + openUntilMs] = ride.openUntilMs;
    times[t + latestMs] = ride.latestMs;
    ints[i + estimatedFare] = ride.estimatedFareCents ?? -1;
    ints[i + fare] = ride.fareCents ?? -1;
    ints[i + marks] = ride.marks;
    ints[i + attempts] = ride.attempts;
    this.setWord(row, city, ride.city);
    this.setWord(row, acceptedCity, ride.acceptedCity);
    this.setWord(row, outcomeCity, ride.outcomeCity);
    this.setWord(row, openCity, ride.openCity);
    this.setWord(row, reason, ride.reason);
    this.#setText(row, userRef, ride.userId);
    this.#setText(row, driverRef, ride.driverId);
  }

  setWord(row: number, which: number, word: string | null): void {
    if (word !== null && this.words.isFull) this.#sweep();
    this.setInt(row, which, this.words.index(word));
  }

  /** Puts a text that is not the one that is there already. */
  setText(row: number, which: number, bytes: Uint8Array, from: number, to: number): void {
    const held = this.int(row, which);
    if (held !== 0 && this.texts.equals(held, bytes, from, to)) return;
    this.texts.free(held);
    this.setInt(row, which, this.texts.put(bytes, from, to));
  }

  /** In the order they came. */
  *entries(): Generator<RideMemory> {
    for (let row = this.#oldest; row !== noRow; row = this.int(row, next)) yield this.memory(row);
  }

  /** In no order. Rides may come and leave between two of them: those may be missed, no other is. */
  *rows(): Generator<number> {
    for (let row = 0; row < this.#rows; row++) if (this.int(row, lookMinute) !== 0) yield row;
  }

  restore({ ride, seen, refused }: RideMemory): void {
    const id = utf8(ride.id);
    const row = this.add(id, 0, id.length);
    this.write(row, ride);
    for (let i = 0; i < seen.length; i += seenStride) {
      this.see(row, seen[i]!, seen[i + 1]!, seen[i + 2]!, seen[i + 3]!, seen[i + 4]!, seen[i + 5]!);
    }
    if (refused !== null) this.#refused.set(row, refused);
    this.enter(row);
  }

  /** Lets go of everyone due at the watermark. */
  evictDue(watermarkMs: number): void {
    this.#due.evict(watermarkMs);
  }

  /** Lets the one that came first go, to keep a bound. */
  evictOldest(): void {
    if (this.#oldest !== noRow) this.#remove(this.#oldest);
  }

  #setText(row: number, which: number, text: string | null): void {
    if (text === null) {
      this.texts.free(this.int(row, which));
      this.setInt(row, which, 0);
    } else {
      const bytes = utf8(text);
      this.setText(row, which, bytes, 0, bytes.length);
    }
  }

  #take(): number {
    const row = this.#rows++;
    if (row >> pageBits >= this.#pages.length) {
      this.#pages.push({
        times: new Float64Array(pageRows * timesPerRow),
        ints: new Int32Array(pageRows * intsPerRow),
        states: new Uint8Array(pageRows * statesPerRow),
      });
    }
    return row;
  }

  #append(row: number): void {
    this.setInt(row, next, noRow);
    this.setInt(row, previous, this.#newest);
    if (this.#newest === noRow) this.#oldest = row;
    else this.setInt(this.#newest, next, row);
    this.#newest = row;
  }

  #remove(row: number): void {
    const { ints } = this.page(row);
    const at = this.intsAt(row);
    const [before, after] = [ints[at + previous]!, ints[at + next]!];
    if (before === noRow) this.#oldest = after;
    else this.setInt(before, next, after);
    if (after === noRow) this.#newest = before;
    else this.setInt(after, previous, before);
    this.#index.remove(ints[at + hash]!, row);
    for (const ref of [idRef, userRef, driverRef]) this.texts.free(ints[at + ref]!);
    this.#seen.free(ints[at + firstSeen]!);
    this.#refused.delete(row);
    ints[at + lookMinute] = 0;
    this.#free.push(row);
  }

  #sweep(): void {
    const used = new Set<number>();
    for (let row = this.#oldest; row !== noRow; row = this.int(row, next)) {
      for (const which of words) used.add(this.int(row, which));
    }
    this.words.sweep(used);
  }
}

const orNull = (value: number): number | null => value < 0 ? null : value;

/** Of an id's bytes, to find its row by. */
function hashOf(bytes: Uint8Array, from: number, to: number): number {
  let mixed = 0x9e3779b1 ^ (to - from);
  for (let i = from; i < to; i++) mixed = Math.imul(mixed ^ bytes[i]!, 0x01000193);
  mixed = Math.imul(mixed ^ mixed >>> 16, 0x85ebca6b);
  return mixed ^ mixed >>> 13;
}
