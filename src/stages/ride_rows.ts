/**
 * The rides of one partition as rows of flat pages: no object per ride, so that a million of them cost the garbage
 * collector nothing, and about 400 bytes each.
 *
 *   id ─► RowIndex ─► row ─► times (7 × 8 bytes) · ints (20 × 4) · states (4 × 1) ─┬─► TextArena   id, rider, driver
 *                      ▲                                                           ├─► WordTable   cities, reason
 *                      └── next · previous: the order they came in                 └─► SeenEvents  their events
 *
 * `Ride` of actors/ride.ts is the same as an object: `memory()` makes it, `write()` takes it back. When rides leave is
 * told by DueRows; their order is part of the state, as is who is there.
 */
import type { Ride } from "../../actors/ride.ts";
import { rideStates } from "../../actors/ride_table.ts";
import { DueRows } from "./due_rows.ts";
import type { Refused } from "./intake.ts";
import * as at from "./ride_columns.ts";
import { RideColumns } from "./ride_columns.ts";
import { hashOfId, RowIndex } from "./row_index.ts";
import { noNode, SeenEvents } from "./seen_events.ts";
import { TextArena } from "./text_arena.ts";
import { TextScratch } from "./text_scratch.ts";
import { WordTable } from "./word_table.ts";

/** A ride with the events it has seen: `seen` holds, per event, what `seenStride` numbers say. */
export type RideMemory = { ride: Ride; seen: number[]; refused: Refused | null };
/** id hash high, id hash low, event type, event time ms, record time ms, offset. */
export const seenStride = 6;

export const noRow = -1;

export class RideRows {
  readonly texts = new TextArena();
  readonly words = new WordTable();
  readonly seen = new SeenEvents();
  readonly #index = new RowIndex();
  readonly #due: DueRows;
  readonly columns = new RideColumns();
  readonly #free: number[] = [];
  readonly #refused = new Map<number, Refused>();
  #oldest = noRow;
  #newest = noRow;
  readonly #scratch = new TextScratch();
  /** The id that is looked for. */
  #bytes: Uint8Array = new Uint8Array(0);
  #from = 0;
  #to = 0;
  readonly #isWanted = (row: number): boolean =>
    this.texts.equals(this.columns.int(row, at.idRef), this.#bytes, this.#from, this.#to);

  /** `dueMs`: the watermark at which a ride may leave. */
  constructor(dueMs: (latestMs: number, hasEnded: boolean) => number) {
    this.#due = new DueRows({
      dueMs: (row) => dueMs(this.columns.time(row, at.latestMs), this.columns.time(row, at.endedMs) >= 0),
      lookMinute: (row) => this.columns.int(row, at.lookMinute),
      setLookMinute: (row, minute) => this.columns.setInt(row, at.lookMinute, minute),
      leave: (row) => this.#remove(row),
    });
  }

  get size(): number {
    return this.#index.size;
  }

  /** The row of the ride with this id, or `noRow`. */
  find(bytes: Uint8Array, from: number, to: number): number {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    return this.#index.find(hashOfId(bytes, from, to), this.#isWanted);
  }

  findId(id: string): number {
    if (!this.#scratch.fits(id)) return noRow;
    return this.find(this.#scratch.bytes, 0, this.#scratch.write(id));
  }

  /** The first city that the ride's events named; of `noRow` none. */
  city(row: number): string | null {
    return row === noRow ? null : this.words.word(this.columns.int(row, at.city));
  }

  /** The rider; of `noRow` none. */
  userId(row: number): string | null {
    return row === noRow ? null : this.texts.text(this.columns.int(row, at.userRef));
  }

  /** A row for a ride that is not there yet; it is one of the actors only after `enter()`. */
  add(bytes: Uint8Array, from: number, to: number): number {
    const row = this.#free.pop() ?? this.columns.take();
    this.columns.clear(row);
    const { ints } = this.columns.page(row);
    const i = this.columns.intsAt(row);
    ints[i + at.idRef] = this.texts.put(bytes, from, to);
    ints[i + at.firstSeen] = ints[i + at.lastSeen] = noNode;
    ints[i + at.hash] = hashOfId(bytes, from, to);
    this.#index.add(ints[i + at.hash]!, row);
    this.#append(row);
    return row;
  }

  addId(id: string): number {
    return this.add(this.#scratch.bytes, 0, this.#scratch.write(id));
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
    if ((this.columns.int(row, at.seenBits) & bitOf(low)) === 0) return false;
    return this.seen.has(this.columns.int(row, at.firstSeen), high, low);
  }

  seenEvents(row: number): number {
    return this.columns.int(row, at.seenCount);
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
    const { ints } = this.columns.page(row);
    const i = this.columns.intsAt(row);
    const node = this.seen.add(ints[i + at.lastSeen]!, high, low, type, timeMs, recordMs, offset);
    if (ints[i + at.firstSeen] === noNode) ints[i + at.firstSeen] = node;
    ints[i + at.lastSeen] = node;
    ints[i + at.seenCount]!++;
    ints[i + at.seenBits]! |= bitOf(low);
  }

  refuse(row: number, refused: Refused): void {
    this.#refused.set(row, refused);
  }

  /** Why the ride's last refused event was refused; null where none was. */
  refused(row: number): Refused | null {
    return this.#refused.get(row) ?? null;
  }

  memory(row: number): RideMemory {
    return {
      ride: this.ride(row),
      seen: this.seen.list(this.columns.int(row, at.firstSeen)),
      refused: this.refused(row),
    };
  }

  ride(row: number): Ride {
    const { times, ints, states } = this.columns.page(row);
    const [t, i, s] = [this.columns.timesAt(row), this.columns.intsAt(row), this.columns.statesAt(row)];
    const word = (which: number) => this.words.word(ints[i + which]!);
    const text = (which: number) => this.texts.text(ints[i + which]!);
    return {
      id: text(at.idRef)!,
      state: rideStates[states[s + at.state]!]!,
      city: word(at.city),
      userId: text(at.userRef),
      driverId: text(at.driverRef),
      requestedMs: orNull(times[t + at.requestedMs]!),
      acceptedMs: orNull(times[t + at.acceptedMs]!),
      acceptedCity: word(at.acceptedCity),
      startedMs: orNull(times[t + at.startedMs]!),
      endedMs: orNull(times[t + at.endedMs]!),
      cancelledBy: at.cancelledByOf[states[s + at.cancelledBy]!]!,
      attempts: ints[i + at.attempts]!,
      outcome: at.outcomes[states[s + at.outcome]!]!,
      outcomeCity: word(at.outcomeCity),
      outcomeMs: times[t + at.outcomeMs]!,
      reason: word(at.reason),
      estimatedFareCents: orNull(ints[i + at.estimatedFare]!),
      fareCents: orNull(ints[i + at.fare]!),
      openCity: word(at.openCity),
      openUntilMs: times[t + at.openUntilMs]!,
      waitCounted: states[s + at.waitCounted] === 1,
      marks: ints[i + at.marks]!,
      latestMs: times[t + at.latestMs]!,
    };
  }

  write(row: number, ride: Ride): void {
    const { times, ints, states } = this.columns.page(row);
    const [t, i, s] = [this.columns.timesAt(row), this.columns.intsAt(row), this.columns.statesAt(row)];
    states[s + at.state] = rideStates.indexOf(ride.state);
    states[s + at.outcome] = at.outcomes.indexOf(ride.outcome);
    states[s + at.cancelledBy] = at.cancelledByOf.indexOf(ride.cancelledBy);
    states[s + at.waitCounted] = ride.waitCounted ? 1 : 0;
    times[t + at.requestedMs] = ride.requestedMs ?? -1;
    times[t + at.acceptedMs] = ride.acceptedMs ?? -1;
    times[t + at.startedMs] = ride.startedMs ?? -1;
    times[t + at.endedMs] = ride.endedMs ?? -1;
    times[t + at.outcomeMs] = ride.outcomeMs;
    times[t + at.openUntilMs] = ride.openUntilMs;
    times[t + at.latestMs] = ride.latestMs;
    ints[i + at.estimatedFare] = ride.estimatedFareCents ?? -1;
    ints[i + at.fare] = ride.fareCents ?? -1;
    ints[i + at.marks] = ride.marks;
    ints[i + at.attempts] = ride.attempts;
    this.setWord(row, at.city, ride.city);
    this.setWord(row, at.acceptedCity, ride.acceptedCity);
    this.setWord(row, at.outcomeCity, ride.outcomeCity);
    this.setWord(row, at.openCity, ride.openCity);
    this.setWord(row, at.reason, ride.reason);
    this.putText(row, at.userRef, ride.userId);
    this.putText(row, at.driverRef, ride.driverId);
  }

  setWord(row: number, which: number, word: string | null): void {
    if (word !== null && this.words.isFull) this.#sweep();
    this.columns.setInt(row, which, this.words.index(word));
  }

  /** The indexes of some words. They have to be written to rows before `setWord()` or `write()` puts another. */
  indexesOf(words: readonly (string | null)[]): number[] {
    if (this.words.isFull) this.#sweep();
    return words.map((word) => this.words.index(word));
  }

  /** Puts a text that is not the one that is there already. */
  setText(row: number, which: number, bytes: Uint8Array, from: number, to: number): void {
    const held = this.columns.int(row, which);
    if (held !== 0 && this.texts.equals(held, bytes, from, to)) return;
    this.texts.free(held);
    this.columns.setInt(row, which, this.texts.put(bytes, from, to));
  }

  /** Puts a text, or none. */
  putText(row: number, which: number, text: string | null): void {
    if (text !== null) return this.setText(row, which, this.#scratch.bytes, 0, this.#scratch.write(text));
    this.texts.free(this.columns.int(row, which));
    this.columns.setInt(row, which, 0);
  }

  /** The rows in the order their rides came. None may come or leave between two of them. */
  *inOrder(): Generator<number> {
    for (let row = this.#oldest; row !== noRow; row = this.columns.int(row, at.next)) yield row;
  }

  /** In no order. Rides may come and leave between two of them: those may be missed, no other is. */
  *rows(): Generator<number> {
    for (let row = 0; row < this.columns.rows; row++) {
      if (this.columns.int(row, at.lookMinute) !== 0) yield row;
    }
  }

  /** Lets go of everyone due at the watermark. */
  evictDue(watermarkMs: number): void {
    this.#due.evict(watermarkMs);
  }

  /** Lets the one that came first go, to keep a bound. */
  evictOldest(): void {
    if (this.#oldest !== noRow) this.#remove(this.#oldest);
  }

  #append(row: number): void {
    this.columns.setInt(row, at.next, noRow);
    this.columns.setInt(row, at.previous, this.#newest);
    if (this.#newest === noRow) this.#oldest = row;
    else this.columns.setInt(this.#newest, at.next, row);
    this.#newest = row;
  }

  #remove(row: number): void {
    const { ints } = this.columns.page(row);
    const i = this.columns.intsAt(row);
    const [before, after] = [ints[i + at.previous]!, ints[i + at.next]!];
    if (before === noRow) this.#oldest = after;
    else this.columns.setInt(before, at.next, after);
    if (after === noRow) this.#newest = before;
    else this.columns.setInt(after, at.previous, before);
    this.#index.remove(ints[i + at.hash]!, row);
    for (const ref of [at.idRef, at.userRef, at.driverRef]) this.texts.free(ints[i + ref]!);
    this.seen.free(ints[i + at.firstSeen]!);
    this.#refused.delete(row);
    ints[i + at.lookMinute] = 0;
    this.#free.push(row);
  }

  #sweep(): void {
    const used = new Set<number>();
    for (const row of this.inOrder()) {
      for (const which of at.wordInts) used.add(this.columns.int(row, which));
    }
    this.words.sweep(used);
  }
}

/** One of 32 bits, by the id's hash: mostly it says of a new event that its ride's events need not be looked through. */
const bitOf = (low: number): number => 1 << (low & 31);

const orNull = (value: number): number | null => value < 0 ? null : value;
