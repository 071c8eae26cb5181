/**
 * The points that could come again, of all drivers in flat pages: of each the event time and what tells it from others
 * of the same time.
 *
 *   row ─► last chunk ─► first chunk ─► … ─► last chunk      a chunk: 4 × (event time, id) | next chunk
 *
 * A ring of chunks: whoever has one point pays for one chunk, and whoever has hundreds is read in few jumps. All chunks
 * but the last are full. Freed chunks are chained as well, so that a whole ring is freed at once.
 */
import * as at from "./driver_columns.ts";
import type { DriverColumns } from "./driver_columns.ts";

const chunkPoints = 4;
const nextAt = 2 * chunkPoints;
const numbersPerChunk = nextAt + 1;

const pageBits = 10;
const pageChunks = 1 << pageBits;
const pageMask = pageChunks - 1;

export class SeenPoints {
  readonly #columns: DriverColumns;
  readonly #pages: Float64Array[] = [];
  #taken = 0;
  #free = at.none;

  constructor(columns: DriverColumns) {
    this.#columns = columns;
  }

  add(row: number, timeMs: number, id: number): void {
    const { ints } = this.#columns.page(row);
    const i = this.#columns.intsAt(row);
    const place = ints[i + at.seenCount]! % chunkPoints;
    if (place === 0) ints[i + at.seenLast] = this.#after(ints[i + at.seenLast]!);
    const chunk = ints[i + at.seenLast]!;
    const page = this.#page(chunk);
    const from = startOf(chunk) + 2 * place;
    page[from] = timeMs;
    page[from + 1] = id;
    ints[i + at.seenCount]!++;
  }

  /** Two points of one driver are the same when both time and id are. */
  has(row: number, timeMs: number, id: number): boolean {
    let chunk = this.#columns.int(row, at.seenLast);
    for (let left = this.#columns.int(row, at.seenCount); left > 0; left -= chunkPoints) {
      chunk = this.#next(chunk);
      const page = this.#page(chunk);
      const from = startOf(chunk);
      const to = from + 2 * Math.min(left, chunkPoints);
      for (let p = from; p < to; p += 2) if (page[p] === timeMs && page[p + 1] === id) return true;
    }
    return false;
  }

  /** Lets go of all whose time is not accepted; the others move together, in their order. */
  keep(row: number, accepts: (timeMs: number) => boolean): void {
    const { ints } = this.#columns.page(row);
    const i = this.#columns.intsAt(row);
    const last = ints[i + at.seenLast]!;
    let [read, written, kept] = [last, last, 0];
    for (let n = 0; n < ints[i + at.seenCount]!; n++) {
      if (n % chunkPoints === 0) read = this.#next(read);
      const page = this.#page(read);
      const from = startOf(read) + 2 * (n % chunkPoints);
      if (!accepts(page[from]!)) continue;
      if (kept % chunkPoints === 0) written = this.#next(written);
      const into = this.#page(written);
      const to = startOf(written) + 2 * (kept++ % chunkPoints);
      into[to] = page[from]!;
      into[to + 1] = page[from + 1]!;
    }
    if (kept === 0) return this.clear(row);
    if (written !== last) {
      const first = this.#next(last);
      this.#release(this.#next(written), last);
      this.#setNext(written, first);
    }
    ints[i + at.seenLast] = written;
    ints[i + at.seenCount] = kept;
  }

  /** Event time and id of each, in the order they came. */
  list(row: number): number[] {
    const all: number[] = [];
    let chunk = this.#columns.int(row, at.seenLast);
    for (let left = this.#columns.int(row, at.seenCount); left > 0; left -= chunkPoints) {
      chunk = this.#next(chunk);
      const page = this.#page(chunk);
      const from = startOf(chunk);
      const to = from + 2 * Math.min(left, chunkPoints);
      for (let p = from; p < to; p++) all.push(page[p]!);
    }
    return all;
  }

  clear(row: number): void {
    const last = this.#columns.int(row, at.seenLast);
    if (last !== at.none) this.#release(this.#next(last), last);
    this.#columns.setInt(row, at.seenLast, at.none);
    this.#columns.setInt(row, at.seenCount, 0);
  }

  /** A chunk that is the new last of the ring. */
  #after(last: number): number {
    const chunk = this.#take();
    this.#setNext(chunk, last === at.none ? chunk : this.#next(last));
    if (last !== at.none) this.#setNext(last, chunk);
    return chunk;
  }

  #take(): number {
    if (this.#free !== at.none) {
      const chunk = this.#free;
      this.#free = this.#next(chunk);
      return chunk;
    }
    const chunk = this.#taken++;
    if (chunk >> pageBits >= this.#pages.length) {
      this.#pages.push(new Float64Array(pageChunks * numbersPerChunk));
    }
    return chunk;
  }

  /** Frees the chunks of a ring from one to another. */
  #release(first: number, last: number): void {
    this.#setNext(last, this.#free);
    this.#free = first;
  }

  #page(chunk: number): Float64Array {
    return this.#pages[chunk >> pageBits]!;
  }

  #next(chunk: number): number {
    return this.#page(chunk)[startOf(chunk) + nextAt]!;
  }

  #setNext(chunk: number, next: number): void {
    this.#page(chunk)[startOf(chunk) + nextAt] = next;
  }
}

const startOf = (chunk: number): number => (chunk & pageMask) * numbersPerChunk;
