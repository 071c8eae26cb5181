/**
 * Gauges as of a minute boundary, kept per event: nothing is ever scanned when a boundary closes.
 *
 * IntervalGauge counts what is open: an interval [from, until) counts at boundary B when from < B ≤ until.
 * BoundaryGauge counts what speaks for one boundary only, such as a driver's last point before it.
 */
import { paneMs, paneStart } from "./settings.ts";

type CityIntervals = { base: number; deltas: Map<number, number> };

export type IntervalGaugeState = [city: string, base: number, deltas: [paneStartMs: number, by: number][]][];

export class IntervalGauge {
  #cities = new Map<string, CityIntervals>();
  /** Changes of panes before this one are in `base` already. */
  #closedMs = -Infinity;

  add(city: string, fromMs: number, untilMs: number, by: 1 | -1): void {
    if (untilMs <= fromMs) return;
    let intervals = this.#cities.get(city);
    if (intervals === undefined) this.#cities.set(city, intervals = { base: 0, deltas: new Map() });
    this.#change(intervals, fromMs, by);
    this.#change(intervals, untilMs, -by);
  }

  /** Closes the boundary and returns the cities in which something is open at it. */
  close(boundaryMs: number): [city: string, open: number][] {
    const open: [string, number][] = [];
    for (const [city, intervals] of this.#cities) {
      for (const [paneStartMs, by] of intervals.deltas) {
        if (paneStartMs >= boundaryMs) continue;
        intervals.base += by;
        intervals.deltas.delete(paneStartMs);
      }
      if (intervals.base !== 0) open.push([city, intervals.base]);
      else if (intervals.deltas.size === 0) this.#cities.delete(city);
    }
    this.#closedMs = Math.max(this.#closedMs, boundaryMs);
    return open;
  }

  /** What would be open at a boundary that is not closed yet; changes nothing. */
  peek(boundaryMs: number): [city: string, open: number][] {
    const open: [string, number][] = [];
    for (const [city, intervals] of this.#cities) {
      let sum = intervals.base;
      for (const [paneStartMs, by] of intervals.deltas) if (paneStartMs < boundaryMs) sum += by;
      if (sum !== 0) open.push([city, sum]);
    }
    return open;
  }

  state(): { closedMs: number | null; cities: IntervalGaugeState } {
    return {
      closedMs: Number.isFinite(this.#closedMs) ? this.#closedMs : null,
      cities: [...this.#cities].map(([city, { base, deltas }]) => [city, base, [...deltas]]),
    };
  }

  restore(state: { closedMs: number | null; cities: IntervalGaugeState }): void {
    this.#closedMs = state.closedMs ?? -Infinity;
    this.#cities = new Map(
      state.cities.map(([city, base, deltas]) => [city, { base, deltas: new Map(deltas) }]),
    );
  }

  #change(intervals: CityIntervals, atMs: number, by: number): void {
    const pane = paneStart(atMs);
    if (pane + paneMs <= this.#closedMs) {
      intervals.base += by;
      return;
    }
    const sum = (intervals.deltas.get(pane) ?? 0) + by;
    if (sum === 0) intervals.deltas.delete(pane);
    else intervals.deltas.set(pane, sum);
  }
}

export type BoundaryGaugeState = [boundaryMs: number, cities: [city: string, values: number[]][]][];

export class BoundaryGauge {
  readonly #width: number;
  #boundaries = new Map<number, Map<string, number[]>>();
  #size = 0;

  constructor(width: number) {
    this.#width = width;
  }

  add(city: string, boundaryMs: number, field: number, by: 1 | -1): void {
    let cities = this.#boundaries.get(boundaryMs);
    if (cities === undefined) this.#boundaries.set(boundaryMs, cities = new Map());
    let values = cities.get(city);
    if (values === undefined) {
      cities.set(city, values = new Array<number>(this.#width).fill(0));
      this.#size++;
    }
    values[field]! += by;
  }

  /** Entries held: boundaries times cities. */
  get size(): number {
    return this.#size;
  }

  /** The cities with something other than zero at the boundary. */
  peek(boundaryMs: number): [city: string, values: number[]][] {
    return [...this.#boundaries.get(boundaryMs) ?? []].filter(([, values]) => values.some((v) => v !== 0));
  }

  /** Closes the boundary: the same as `peek`, and everything up to it is forgotten. */
  close(boundaryMs: number): [city: string, values: number[]][] {
    const cities = this.peek(boundaryMs);
    for (const [held, { size }] of this.#boundaries) {
      if (held > boundaryMs) continue;
      this.#boundaries.delete(held);
      this.#size -= size;
    }
    return cities;
  }

  state(): BoundaryGaugeState {
    return [...this.#boundaries].map(([boundaryMs, cities]) => [boundaryMs, [...cities]]);
  }

  restore(state: BoundaryGaugeState): void {
    this.#boundaries = new Map(state.map(([boundaryMs, cities]) => [boundaryMs, new Map(cities)]));
    this.#size = state.reduce((sum, [, cities]) => sum + cities.length, 0);
  }
}
