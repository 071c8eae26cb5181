/**
 * The layout of a ride as a row of flat pages, field by field: what RideRows keeps and UsualSteps works on.
 *
 * A page is never copied, so that growing holds nothing up.
 */
import type { Outcome } from "../../actors/ride.ts";
import { type Canceller, cancellers } from "../../schemas/ride_event.ts";

/** Times of a row, -1 for null: where they stand behind `timesAt`. */
export const requestedMs = 0,
  acceptedMs = 1,
  startedMs = 2,
  endedMs = 3,
  outcomeMs = 4,
  openUntilMs = 5,
  latestMs = 6;
export const timesPerRow = 7;
/** What they are in the row of a ride of which nothing is known. */
export const timesOfNew = Float64Array.of(-1, -1, -1, -1, 0, 0, 0);

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
export const hash = 12,
  firstSeen = 13,
  lastSeen = 14,
  seenCount = 15,
  next = 16,
  previous = 17,
  lookMinute = 18,
  seenBits = 19;
export const intsPerRow = 20;
/** Those of them that are indexes of words. */
export const wordInts = [city, acceptedCity, outcomeCity, openCity, reason] as const;

/** States of a row: an index into `rideStates`; outcome and canceller with 0 for null; whether the wait was counted. */
export const state = 0,
  outcome = 1,
  cancelledBy = 2,
  waitCounted = 3;
export const statesPerRow = 4;

export const outcomes: readonly (Outcome | null)[] = [null, "completed", ...cancellers];
export const cancelledByOf: readonly (Canceller | null)[] = [null, ...cancellers];

/** Typed arrays of one page; a row has its part of each. */
export type RidePage = { times: Float64Array; ints: Int32Array; states: Uint8Array };

const pageBits = 10;
const pageRows = 1 << pageBits;
const pageMask = pageRows - 1;

export class RideColumns {
  readonly #pages: RidePage[] = [];
  #rows = 0;

  /** Rows that were ever taken; they are numbered from 0. */
  get rows(): number {
    return this.#rows;
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

  /** A row that was never taken before. */
  take(): number {
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

  /** Makes the row that of a ride of which nothing is known. */
  clear(row: number): void {
    const { times, ints, states } = this.page(row);
    const [t, i, s] = [this.timesAt(row), this.intsAt(row), this.statesAt(row)];
    times.set(timesOfNew, t);
    ints.fill(0, i, i + intsPerRow);
    ints[i + estimatedFare] = ints[i + fare] = -1;
    states.fill(0, s, s + statesPerRow);
  }
}
