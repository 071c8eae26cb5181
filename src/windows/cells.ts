/**
 * Counts per (minute, city, cell): where in a city something is. Bounded, pure.
 *
 * Kept per minute and never scanned by actor. Places come from outside, so the cells of one (minute, city) are
 * bounded: what falls into a further one is counted in the city and in no cell.
 */

/** Sorted by cell, so that equal counts are equal bytes. */
export type CellCounts = [cell: string, count: number][];
export type CellTableState = [minuteMs: number, cities: [city: string, cells: CellCounts][]][];

export class CellTable {
  readonly #cellsMax: number;
  #minutes = new Map<number, Map<string, Map<string, number>>>();

  constructor(cellsMax: number) {
    this.#cellsMax = cellsMax;
  }

  add(minuteMs: number, city: string, cell: string, by: 1 | -1): void {
    let cities = this.#minutes.get(minuteMs);
    if (cities === undefined) this.#minutes.set(minuteMs, cities = new Map());
    let cells = cities.get(city);
    if (cells === undefined) cities.set(city, cells = new Map());
    const held = cells.get(cell);
    if (held === undefined && (by < 0 || cells.size >= this.#cellsMax)) return;
    const count = (held ?? 0) + by;
    if (count === 0) cells.delete(cell);
    else cells.set(cell, count);
  }

  /** The sums of the minutes in [fromMs, untilMs), per city. */
  sums(fromMs: number, untilMs: number): Map<string, CellCounts> {
    const sums = new Map<string, Map<string, number>>();
    for (const [minuteMs, cities] of this.#minutes) {
      if (minuteMs < fromMs || minuteMs >= untilMs) continue;
      for (const [city, cells] of cities) {
        let sum = sums.get(city);
        if (sum === undefined) sums.set(city, sum = new Map());
        for (const [cell, count] of cells) sum.set(cell, (sum.get(cell) ?? 0) + count);
      }
    }
    return new Map([...sums].map(([city, cells]) => [city, sorted(cells)]));
  }

  dropBefore(minuteMs: number): void {
    for (const held of this.#minutes.keys()) if (held < minuteMs) this.#minutes.delete(held);
  }

  state(): CellTableState {
    return [...this.#minutes].map(([minuteMs, cities]) => [
      minuteMs,
      [...cities].map(([city, cells]) => [city, [...cells]]),
    ]);
  }

  restore(state: CellTableState): void {
    this.#minutes = new Map(
      state.map(([minuteMs, cities]) => [
        minuteMs,
        new Map(cities.map(([city, cells]) => [city, new Map(cells)])),
      ]),
    );
  }
}

export const sorted = (cells: ReadonlyMap<string, number>): CellCounts =>
  [...cells].sort(([a], [b]) => (a < b ? -1 : 1));
