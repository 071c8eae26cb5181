/**
 * The trails of all drivers in flat pages: of each the points that came last, at most `limits.driverTrailMax`.
 *
 *   row ─► last ─► first ─► … ─► last      a node: event time, record time, offset, lat, lng | next node, status
 *
 * A ring: where it is full, the point that comes takes the place of the first one.
 */
import { limits } from "../limits.ts";
import * as at from "./driver_columns.ts";
import type { DriverColumns } from "./driver_columns.ts";

/** event time ms, record time ms, offset, lat, lng, index of the status (−1 unknown). */
export const trailStride = 6;

const numbersPerNode = 5;
const intsPerNode = 2;
const pageBits = 10;
const pageNodes = 1 << pageBits;
const pageMask = pageNodes - 1;

type Page = { numbers: Float64Array; ints: Int32Array };

export class TrailPoints {
  readonly #columns: DriverColumns;
  readonly #pages: Page[] = [];
  #taken = 0;
  #free = at.none;

  constructor(columns: DriverColumns) {
    this.#columns = columns;
  }

  add(
    row: number,
    timeMs: number,
    recordMs: number,
    offset: number,
    lat: number,
    lng: number,
    status: number,
  ): void {
    const node = this.#place(row);
    const { numbers, ints } = this.#pages[node >> pageBits]!;
    const n = (node & pageMask) * numbersPerNode;
    numbers[n] = timeMs;
    numbers[n + 1] = recordMs;
    numbers[n + 2] = offset;
    numbers[n + 3] = lat;
    numbers[n + 4] = lng;
    ints[(node & pageMask) * intsPerNode + 1] = status;
  }

  /** Of each point, in the order they came, what `trailStride` says. */
  list(row: number): number[] {
    const all: number[] = [];
    let node = this.#columns.int(row, at.trailLast);
    for (let left = this.#columns.int(row, at.trailCount); left > 0; left--) {
      node = this.#next(node);
      const { numbers, ints } = this.#pages[node >> pageBits]!;
      const n = (node & pageMask) * numbersPerNode;
      all.push(numbers[n]!, numbers[n + 1]!, numbers[n + 2]!, numbers[n + 3]!, numbers[n + 4]!);
      all.push(ints[(node & pageMask) * intsPerNode + 1]!);
    }
    return all;
  }

  clear(row: number): void {
    const last = this.#columns.int(row, at.trailLast);
    if (last === at.none) return;
    const first = this.#next(last);
    this.#setNext(last, this.#free);
    this.#free = first;
    this.#columns.setInt(row, at.trailLast, at.none);
    this.#columns.setInt(row, at.trailCount, 0);
  }

  /** The node of the point that comes now, which is the last one from now on. */
  #place(row: number): number {
    const { ints } = this.#columns.page(row);
    const i = this.#columns.intsAt(row);
    const last = ints[i + at.trailLast]!;
    if (ints[i + at.trailCount]! >= limits.driverTrailMax) return ints[i + at.trailLast] = this.#next(last);
    const node = this.#take();
    this.#setNext(node, last === at.none ? node : this.#next(last));
    if (last !== at.none) this.#setNext(last, node);
    ints[i + at.trailCount]!++;
    return ints[i + at.trailLast] = node;
  }

  #take(): number {
    if (this.#free !== at.none) {
      const node = this.#free;
      this.#free = this.#next(node);
      return node;
    }
    const node = this.#taken++;
    if (node >> pageBits >= this.#pages.length) {
      this.#pages.push({
        numbers: new Float64Array(pageNodes * numbersPerNode),
        ints: new Int32Array(pageNodes * intsPerNode),
      });
    }
    return node;
  }

  #next(node: number): number {
    return this.#pages[node >> pageBits]!.ints[(node & pageMask) * intsPerNode]!;
  }

  #setNext(node: number, next: number): void {
    this.#pages[node >> pageBits]!.ints[(node & pageMask) * intsPerNode] = next;
  }
}
