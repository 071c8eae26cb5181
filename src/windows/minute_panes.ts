/**
 * The panes of one minute, a row for each city, in flat arrays: no object per pane, so that a million of them cost the
 * garbage collector nothing. They leave with their minute, all at once.
 *
 *   city ─► slots ─► row ─► numbers   position · offset · the values that most panes have
 *                        └─► ints     city · riders · whether it waits to be published ─► MinuteRiders
 *                                     tail ─► the values behind, of the panes that have one of them
 *
 * One pane at a time is in hand: what is added goes to that.
 */
import { MinuteRiders, noRider } from "./minute_riders.ts";
import { packHashes, unpackHashes } from "./packed_hashes.ts";

/** Numbers of a row before its values. */
const position = 0,
  offset = 1,
  valuesFrom = 2;
/** Ints of a row: `tail` plus one, 0 for none. */
const city = 0,
  newestRider = 1,
  riderCount = 2,
  newRiderCount = 3,
  tail = 4,
  isChanged = 5;
const intsPerRow = 6;
const rowsLeast = 8;

export type Register = {
  city: string;
  paneStartMs: number;
  position: number;
  /** Offset of the last record that changed it. */
  offset: number;
  values: number[];
  /** Riders not published yet, packed; empty text when there are none. */
  riders: string;
};

export type PaneWidths = {
  /** Values of a pane. */
  all: number;
  /** As many of them every pane has; those behind are counts below 2³¹, and few panes have one. */
  usual: number;
};

export const noPane = -1;

export class MinutePanes {
  readonly paneStartMs: number;
  readonly riders: MinuteRiders;
  readonly #widths: PaneWidths;
  readonly #numbersPerRow: number;
  #numbers: Float64Array;
  #ints: Int32Array;
  #tails: Int32Array = new Int32Array(0);
  #tailsUsed = 0;
  /** Row plus one, by city; 0 is an empty slot. Twice as many as there is room for rows. */
  #slots: Int32Array;
  #rows = 0;
  /** The row in hand. */
  #row = noPane;

  /** `like`: a minute that this one is expected to be as large as. */
  constructor(paneStartMs: number, widths: PaneWidths, like?: MinutePanes) {
    this.paneStartMs = paneStartMs;
    this.#widths = widths;
    this.#numbersPerRow = valuesFrom + widths.usual;
    let rows = rowsLeast;
    while (rows < (like?.rows ?? 0)) rows *= 2;
    this.riders = new MinuteRiders(like?.riders.size ?? 0);
    this.#numbers = new Float64Array(rows * this.#numbersPerRow);
    this.#ints = new Int32Array(rows * intsPerRow);
    this.#slots = new Int32Array(rows * 2);
  }

  /** Panes that are there: rows from 0. */
  get rows(): number {
    return this.#rows;
  }

  cityOf(row: number): number {
    return this.#ints[row * intsPerRow + city]!;
  }

  /** The row of a city's pane, or `noPane`. */
  find(index: number): number {
    const mask = this.#slots.length - 1;
    for (let slot = index & mask;; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]! - 1;
      if (row === noPane || this.cityOf(row) === index) return row;
    }
  }

  /** Takes the pane of a city that has none yet in hand, with nothing in it. */
  create(index: number): void {
    if (this.#rows * 2 === this.#slots.length) this.#grow();
    const row = this.#rows++;
    this.#numbers[row * this.#numbersPerRow + offset] = -1;
    this.#ints[row * intsPerRow + city] = index;
    this.#ints[row * intsPerRow + newestRider] = noRider;
    this.#enter(row);
    this.#row = row;
  }

  /** Takes the pane in hand as one that the record changes; true when it did not wait to be published before. */
  touch(row: number, recordOffset: number): boolean {
    this.#row = row;
    const at = row * this.#numbersPerRow;
    if (this.#numbers[at + offset] !== recordOffset) {
      this.#numbers[at + position]!++;
      this.#numbers[at + offset] = recordOffset;
    }
    if (this.#ints[row * intsPerRow + isChanged] === 1) return false;
    this.#ints[row * intsPerRow + isChanged] = 1;
    return true;
  }

  get row(): number {
    return this.#row;
  }

  /** Adds to a value of the pane in hand. */
  add(field: number, by: number): void {
    const { usual } = this.#widths;
    if (field < usual) {
      this.#numbers[this.#row * this.#numbersPerRow + valuesFrom + field]! += by;
    } else if (by !== 0) {
      // First the tail: it may move all of them.
      const at = this.#tailOf(this.#row) + field - usual;
      this.#tails[at]! += by;
    }
  }

  /** Notes a rider in the pane in hand; true when it is the first time. */
  addRider(high: number, low: number): boolean {
    const at = this.#row * intsPerRow;
    const node = this.riders.add(this.#row, high, low, this.#ints[at + newestRider]!);
    if (node === noRider) return false;
    this.#ints[at + newestRider] = node;
    this.#ints[at + riderCount]!++;
    this.#ints[at + newRiderCount]!++;
    return true;
  }

  value(row: number, field: number): number {
    const { usual } = this.#widths;
    if (field < usual) return this.#numbers[row * this.#numbersPerRow + valuesFrom + field]!;
    const at = this.#ints[row * intsPerRow + tail]! - 1;
    return at < 0 ? 0 : this.#tails[at + field - usual]!;
  }

  /** Adds the values of a pane to sums. */
  addTo(sums: number[], row: number): void {
    const { usual, all } = this.#widths;
    const from = row * this.#numbersPerRow + valuesFrom;
    for (let i = 0; i < usual; i++) sums[i]! += this.#numbers[from + i]!;
    const at = this.#ints[row * intsPerRow + tail]! - 1;
    if (at >= 0) { for (let i = usual; i < all; i++) sums[i]! += this.#tails[at + i - usual]!; }
  }

  /** As it is told: with the riders that were not published yet, or with all. */
  register(row: number, name: string, riders: "new" | "all"): Register {
    const at = row * this.#numbersPerRow;
    const count = this.#ints[row * intsPerRow + (riders === "new" ? newRiderCount : riderCount)]!;
    const newest = this.#ints[row * intsPerRow + newestRider]!;
    return {
      city: name,
      paneStartMs: this.paneStartMs,
      position: this.#numbers[at + position]!,
      offset: this.#numbers[at + offset]!,
      values: this.#valuesOf(row),
      riders: count === 0 ? "" : packHashes(this.riders.pairs(newest, count)),
    };
  }

  /** The pane and its riders are published. */
  published(row: number): void {
    this.#ints[row * intsPerRow + isChanged] = 0;
    this.#ints[row * intsPerRow + newRiderCount] = 0;
  }

  /** The pane and all its riders are to be published. */
  mark(row: number): void {
    const at = row * intsPerRow;
    this.#ints[at + isChanged] = 1;
    this.#ints[at + newRiderCount] = this.#ints[at + riderCount]!;
  }

  /** Puts back into the pane in hand what a register says. */
  restore({ position: held, offset: last, values, riders }: Register): void {
    const at = this.#row * this.#numbersPerRow;
    this.#numbers[at + position] = held;
    this.#numbers[at + offset] = last;
    for (let i = 0; i < values.length; i++) this.add(i, values[i]!);
    const pairs = unpackHashes(riders);
    for (let i = 0; i < pairs.length; i += 2) this.addRider(pairs[i]!, pairs[i + 1]!);
    this.published(this.#row);
  }

  #valuesOf(row: number): number[] {
    const { usual, all } = this.#widths;
    const from = row * this.#numbersPerRow + valuesFrom;
    const values: number[] = [];
    for (let i = 0; i < usual; i++) values.push(this.#numbers[from + i]!);
    const at = this.#ints[row * intsPerRow + tail]! - 1;
    if (at >= 0) { for (let i = usual; i < all; i++) values.push(this.#tails[at + i - usual]!); }
    return values;
  }

  /** Where the pane's tail begins; made when there is none. */
  #tailOf(row: number): number {
    const known = this.#ints[row * intsPerRow + tail]!;
    if (known > 0) return known - 1;
    const length = this.#widths.all - this.#widths.usual;
    const at = this.#tailsUsed;
    this.#tailsUsed += length;
    if (this.#tailsUsed > this.#tails.length) {
      this.#tails = grown(this.#tails, Math.max(rowsLeast * length, this.#tails.length * 2));
    }
    this.#ints[row * intsPerRow + tail] = at + 1;
    return at;
  }

  #enter(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.cityOf(row) & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
  }

  #grow(): void {
    const numbers = new Float64Array(this.#numbers.length * 2);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    this.#ints = grown(this.#ints, this.#ints.length * 2);
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let row = 0; row < this.#rows; row++) this.#enter(row);
  }
}

function grown(before: Int32Array, length: number): Int32Array {
  const after = new Int32Array(length);
  after.set(before);
  return after;
}
