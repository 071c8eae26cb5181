/**
 * Where in a city the requests of the window were made, as of one boundary after the other: pure.
 *
 * Each boundary brings the cells of its last minute, as each source said them. The sums over the window are kept by
 * adding what comes and taking away what leaves, so that a boundary costs its own cells, however long the window is.
 */
import type { CellCounts } from "../windows/cells.ts";

/** Of one boundary, from each source that has any. */
export type AskedCells = readonly CellCounts[];
export type AskedState = [boundaryMs: number, cells: AskedCells][];

export class AskedWindow {
  readonly #windowMs: number;
  #minutes: [boundaryMs: number, cells: AskedCells][] = [];
  readonly #sums = new Map<string, number>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** The sums over the boundaries in (boundaryMs − windowMs, boundaryMs]; boundaries come in order. */
  advance(boundaryMs: number, cells: AskedCells): ReadonlyMap<string, number> {
    this.#enter(boundaryMs, cells);
    let left = 0;
    while (left < this.#minutes.length && this.#minutes[left]![0] <= boundaryMs - this.#windowMs) {
      this.#count(this.#minutes[left++]![1], -1);
    }
    if (left > 0) this.#minutes.splice(0, left);
    return this.#sums;
  }

  /** Whether nothing that is held is in a window that ends after the boundary. */
  isPast(boundaryMs: number): boolean {
    return (this.#minutes.at(-1)?.[0] ?? -Infinity) <= boundaryMs - this.#windowMs;
  }

  state(): AskedState {
    return this.#minutes;
  }

  restore(minutes: AskedState): void {
    for (const [boundaryMs, cells] of minutes) this.#enter(boundaryMs, cells);
  }

  #enter(boundaryMs: number, cells: AskedCells): void {
    if (cells.length === 0) return;
    this.#minutes.push([boundaryMs, cells]);
    this.#count(cells, 1);
  }

  #count(cells: AskedCells, by: 1 | -1): void {
    for (const source of cells) {
      for (const [cell, count] of source) {
        const sum = (this.#sums.get(cell) ?? 0) + by * count;
        if (sum === 0) this.#sums.delete(cell);
        else this.#sums.set(cell, sum);
      }
    }
  }
}
