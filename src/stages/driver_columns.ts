/**
 * The layout of a driver as a row of flat pages, field by field: what DriverRows keeps and UsualPoints works on.
 *
 * A page is never copied, so that growing holds nothing up.
 */

/** Numbers of a row: where they stand behind `numbersAt`. Speed and heading are -1 for null. */
export const lat = 0,
  lng = 1,
  speedKmh = 2,
  heading = 3,
  latestMs = 4;
export const numbersPerRow = 5;

/**
 * Ints of a row: refs of texts, index of a word, status (its index + 1, 0 for null); the first of its open boundaries;
 * of the points it has seen and of its trail the last and how many; and how it hangs together with others.
 */
export const idRef = 0,
  rideRef = 1,
  city = 2,
  status = 3,
  jumps = 4,
  supplyFirst = 5,
  seenLast = 6,
  seenCount = 7,
  trailLast = 8,
  trailCount = 9,
  hash = 10,
  next = 11,
  previous = 12,
  lookMinute = 13;
export const intsPerRow = 14;

/** Where a row has no open boundary, no point that it has seen, or no trail. */
export const none = -1;

/** Typed arrays of one page; a row has its part of each. */
export type DriverPage = { numbers: Float64Array; ints: Int32Array };

const pageBits = 10;
const pageRows = 1 << pageBits;
const pageMask = pageRows - 1;

export class DriverColumns {
  readonly #pages: DriverPage[] = [];
  #rows = 0;

  /** Rows that were ever taken; they are numbered from 0. */
  get rows(): number {
    return this.#rows;
  }

  page(row: number): DriverPage {
    return this.#pages[row >> pageBits]!;
  }

  numbersAt(row: number): number {
    return (row & pageMask) * numbersPerRow;
  }

  intsAt(row: number): number {
    return (row & pageMask) * intsPerRow;
  }

  number(row: number, which: number): number {
    return this.page(row).numbers[this.numbersAt(row) + which]!;
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
        numbers: new Float64Array(pageRows * numbersPerRow),
        ints: new Int32Array(pageRows * intsPerRow),
      });
    }
    return row;
  }

  /** Makes the row that of a driver of whom nothing is known, as newDriver() does. */
  clear(row: number): void {
    const { numbers, ints } = this.page(row);
    const [n, i] = [this.numbersAt(row), this.intsAt(row)];
    numbers[n + lat] = numbers[n + lng] = 0;
    numbers[n + speedKmh] = numbers[n + heading] = numbers[n + latestMs] = -1;
    ints.fill(0, i, i + intsPerRow);
    ints[i + supplyFirst] = ints[i + seenLast] = ints[i + trailLast] = none;
  }
}
