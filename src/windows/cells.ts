/**
 * Counts per (minute, city, cell): where in a city something is. Bounded, pure.
 *
 * Kept per minute and never scanned by actor. A minute is told once, when it is closed; what comes for a closed one is
 * counted in the first that is open, so that it is told, too. Places come from outside, so the cells of one (minute,
 * city) are bounded: what falls into a further one is counted in the city and in no cell.
 */

/** Sorted by cell, so that equal counts are equal bytes. */
export type CellCounts = [cell: string, count: number][];
export type CellTableState = {
  closedMs: number | null;
  minutes: [minuteMs: number, cities: [city: string, cells: CellCounts][]][];
};

export class CellTable {
  readonly #cellsMax: number;
  readonly #stepMs: number;
  #minutes = new Map<number, Map<string, Map<string, number>>>();
  /** Minutes before this one are closed. */
  #closedMs = -Infinity;

  /** `stepMs`: from one minute to the next. */
  constructor(cellsMax: number, stepMs: number) {
    this.#cellsMax = cellsMax;
    this.#stepMs = stepMs;
  }

  add(minuteMs: number, city: string, cell: string, by: 1 | -1): void {
    const atMs = Math.max(minuteMs, this.#closedMs);
    let cities = this.#minutes.get(atMs);
    if (cities === undefined) this.#minutes.set(atMs, cities = new Map());
    let cells = cities.get(city);
    if (cells === undefined) cities.set(city, cells = new Map());
    const held = cells.get(cell);
    if (held === undefined && (by < 0 || cells.size >= this.#cellsMax)) return;
    const count = (held ?? 0) + by;
    if (count === 0) cells.delete(cell);
    else cells.set(cell, count);
  }

  /** The counts of the minute, per city. */
  peek(minuteMs: number): Map<string, CellCounts> {
    const counts = new Map<string, CellCounts>();
    for (const [city, cells] of this.#minutes.get(minuteMs) ?? []) {
      if (cells.size > 0) counts.set(city, sorted(cells));
    }
    return counts;
  }

  /** The same; the minute and all before it are closed and forgotten. */
  close(minuteMs: number): Map<string, CellCounts> {
    const counts = this.peek(minuteMs);
    this.#closedMs = Math.max(this.#closedMs, minuteMs + this.#stepMs);
    for (const held of this.#minutes.keys()) if (held <= minuteMs) this.#minutes.delete(held);
    return counts;
  }

  state(): CellTableState {
    return {
      closedMs: Number.isFinite(this.#closedMs) ? this.#closedMs : null,
      minutes: [...this.#minutes].map(([minuteMs, cities]) => [
        minuteMs,
        [...cities].map(([city, cells]) => [city, [...cells]]),
      ]),
    };
  }

  restore({ closedMs, minutes }: CellTableState): void {
    this.#closedMs = closedMs ?? -Infinity;
    this.#minutes = new Map(
      minutes.map(([minuteMs, cities]) => [
        minuteMs,
        new Map(cities.map(([city, cells]) => [city, new Map(cells)])),
      ]),
    );
  }
}

/** Without a function to compare with: names are sorted several times as fast as pairs. */
const sorted = (cells: ReadonlyMap<string, number>): CellCounts =>
  [...cells.keys()].sort().map((cell) => [cell, cells.get(cell)!]);
