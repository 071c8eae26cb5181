/**
 * What drivers count as at boundaries that are open, of all drivers in flat pages: of each a chain, oldest first.
 *
 *   row ─► first ─► … ─► none      a node: boundary, at | next node, cell (two halves, 0 for none), city, status
 *
 * Nearly always there is one node, or none.
 */
import * as at from "./driver_columns.ts";
import type { DriverColumns } from "./driver_columns.ts";

const boundaryMs = 0,
  atMs = 1;
const numbersPerNode = 2;
const next = 0,
  cellHigh = 1,
  cellLow = 2,
  city = 3,
  status = 4;
const intsPerNode = 5;

const pageBits = 10;
const pageNodes = 1 << pageBits;
const pageMask = pageNodes - 1;

type Page = { numbers: Float64Array; ints: Int32Array };

export class SupplyPoints {
  readonly #columns: DriverColumns;
  readonly #pages: Page[] = [];
  #taken = 0;
  #free = at.none;

  constructor(columns: DriverColumns) {
    this.#columns = columns;
  }

  first(row: number): number {
    return this.#columns.int(row, at.supplyFirst);
  }

  next(node: number): number {
    return this.#int(node, next);
  }

  boundaryMs(node: number): number {
    return this.#number(node, boundaryMs);
  }

  atMs(node: number): number {
    return this.#number(node, atMs);
  }

  /** The index of the word. */
  city(node: number): number {
    return this.#int(node, city);
  }

  /** The index of the status. */
  status(node: number): number {
    return this.#int(node, status);
  }

  cell(node: number): string | null {
    const [high, low] = [this.#int(node, cellHigh), this.#int(node, cellLow)];
    if (high === 0 && low === 0) return null;
    return (high >>> 0).toString(16) + (low >>> 0).toString(16).padStart(8, "0");
  }

  isIn(node: number, cell: string | null): boolean {
    return this.#int(node, cellHigh) === highOf(cell) && this.#int(node, cellLow) === lowOf(cell);
  }

  setAt(node: number, timeMs: number): void {
    this.#pages[node >> pageBits]!.numbers[(node & pageMask) * numbersPerNode + atMs] = timeMs;
  }

  set(node: number, statusIndex: number, cityIndex: number, cell: string | null): void {
    const { ints } = this.#pages[node >> pageBits]!;
    const i = (node & pageMask) * intsPerNode;
    ints[i + cellHigh] = highOf(cell);
    ints[i + cellLow] = lowOf(cell);
    ints[i + city] = cityIndex;
    ints[i + status] = statusIndex;
  }

  /** What the driver counts as at this boundary, or `none`. */
  find(row: number, boundary: number): number {
    let node = this.first(row);
    while (node !== at.none && this.boundaryMs(node) < boundary) node = this.next(node);
    return node !== at.none && this.boundaryMs(node) === boundary ? node : at.none;
  }

  /** A node for a boundary that has none, at its place. */
  insert(row: number, boundary: number): number {
    let before = at.none;
    let after = this.first(row);
    while (after !== at.none && this.boundaryMs(after) < boundary) {
      before = after;
      after = this.next(after);
    }
    const node = this.#take();
    const { numbers, ints } = this.#pages[node >> pageBits]!;
    numbers[(node & pageMask) * numbersPerNode + boundaryMs] = boundary;
    const i = (node & pageMask) * intsPerNode;
    ints.fill(0, i, i + intsPerNode);
    ints[i + next] = after;
    if (before === at.none) this.#columns.setInt(row, at.supplyFirst, node);
    else this.#setNext(before, node);
    return node;
  }

  /** Lets go of the boundaries up to this one. */
  dropUntil(row: number, closedMs: number): void {
    for (let node = this.first(row); node !== at.none && this.boundaryMs(node) <= closedMs;) {
      const after = this.next(node);
      this.#columns.setInt(row, at.supplyFirst, after);
      this.#setNext(node, this.#free);
      this.#free = node;
      node = after;
    }
  }

  #take(): number {
    if (this.#free !== at.none) {
      const node = this.#free;
      this.#free = this.next(node);
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

  #number(node: number, which: number): number {
    return this.#pages[node >> pageBits]!.numbers[(node & pageMask) * numbersPerNode + which]!;
  }

  #int(node: number, which: number): number {
    return this.#pages[node >> pageBits]!.ints[(node & pageMask) * intsPerNode + which]!;
  }

  #setNext(node: number, value: number): void {
    this.#pages[node >> pageBits]!.ints[(node & pageMask) * intsPerNode + next] = value;
  }
}

/** A cell is the hexadecimal digits of 64 bits without leading zeros, of which there are always more than eight. */
const highOf = (cell: string | null): number => cell === null ? 0 : hexadecimal(cell, 0, cell.length - 8);
const lowOf = (cell: string | null): number =>
  cell === null ? 0 : hexadecimal(cell, cell.length - 8, cell.length);

/** As 32 bits. parseInt() would need a text of its own for each half. */
function hexadecimal(text: string, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i);
    value = value << 4 | (unit < 0x61 ? unit - 0x30 : unit - 0x57);
  }
  return value;
}
