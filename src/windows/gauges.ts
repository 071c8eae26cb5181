/**
 * Gauges as of a minute boundary, kept per event: nothing is ever scanned when a boundary closes.
 *
 * IntervalGauge counts what is open: an interval [from, until) counts at boundary B when from < B ≤ until.
 * BoundaryGauge counts what speaks for one boundary only, such as a driver's last point before it.
 */
import { paneMs, paneStart } from "./settings.ts";

/** `base`: what is open by the changes that are closed; `minutes`: how many others have a change of the city. */
type CityIntervals = { base: number; minutes: number };

export type IntervalGaugeState = [city: string, base: number, deltas: [paneStartMs: number, by: number][]][];

export class IntervalGauge {
  #cities = new Map<string, CityIntervals>();
  /** Changes by minute and city: a table for each minute, since cities are many and minutes few. */
  #minutes = new Map<number, Map<string, number>>();
  /** Changes of panes before this one are in `base` already. */
  #closedMs = -Infinity;

  add(city: string, fromMs: number, untilMs: number, by: 1 | -1): void {
    if (untilMs <= fromMs) return;
    let intervals = this.#cities.get(city);
    if (intervals === undefined) this.#cities.set(city, intervals = { base: 0, minutes: 0 });
    this.#change(city, intervals, fromMs, by);
    this.#change(city, intervals, untilMs, -by);
  }

  /** Closes the boundary and returns the cities in which something is open at it. */
  close(boundaryMs: number): [city: string, open: number][] {
    for (const [paneStartMs, changes] of this.#minutes) {
      if (paneStartMs >= boundaryMs) continue;
      this.#minutes.delete(paneStartMs);
      for (const [city, by] of changes) {
        const intervals = this.#cities.get(city)!;
        intervals.base += by;
        intervals.minutes--;
      }
    }
    const open: [string, number][] = [];
    for (const [city, { base, minutes }] of this.#cities) {
      if (base !== 0) open.push([city, base]);
      else if (minutes === 0) this.#cities.delete(city);
    }
    this.#closedMs = Math.max(this.#closedMs, boundaryMs);
    return open;
  }

  /** What would be open at a boundary that is not closed yet; changes nothing. */
  peek(boundaryMs: number): [city: string, open: number][] {
    const sums = new Map([...this.#cities].map(([city, { base }]) => [city, base]));
    for (const [paneStartMs, changes] of this.#minutes) {
      if (paneStartMs >= boundaryMs) continue;
      for (const [city, by] of changes) sums.set(city, sums.get(city)! + by);
    }
    return [...sums].filter(([, open]) => open !== 0);
  }

  state(): { closedMs: number | null; cities: IntervalGaugeState } {
    const deltas = new Map<string, [number, number][]>();
    for (const paneStartMs of [...this.#minutes.keys()].sort((a, b) => a - b)) {
      for (const [city, by] of this.#minutes.get(paneStartMs)!) {
        const all = deltas.get(city);
        if (all === undefined) deltas.set(city, [[paneStartMs, by]]);
        else all.push([paneStartMs, by]);
      }
    }
    return {
      closedMs: Number.isFinite(this.#closedMs) ? this.#closedMs : null,
      cities: [...this.#cities].map(([city, { base }]) => [city, base, deltas.get(city) ?? []]),
    };
  }

  restore(state: { closedMs: number | null; cities: IntervalGaugeState }): void {
    this.#closedMs = state.closedMs ?? -Infinity;
    this.#cities = new Map();
    this.#minutes = new Map();
    for (const [city, base, deltas] of state.cities) {
      const intervals = { base, minutes: 0 };
      this.#cities.set(city, intervals);
      for (const [paneStartMs, by] of deltas) this.#put(city, intervals, paneStartMs, by);
    }
  }

  #change(city: string, intervals: CityIntervals, atMs: number, by: number): void {
    const pane = paneStart(atMs);
    if (pane + paneMs <= this.#closedMs) intervals.base += by;
    else this.#put(city, intervals, pane, by);
  }

  #put(city: string, intervals: CityIntervals, paneStartMs: number, by: number): void {
    let changes = this.#minutes.get(paneStartMs);
    if (changes === undefined) this.#minutes.set(paneStartMs, changes = new Map());
    const before = changes.get(city);
    const sum = (before ?? 0) + by;
    if (before === undefined) intervals.minutes++;
    if (sum !== 0) changes.set(city, sum);
    else {
      changes.delete(city);
      intervals.minutes--;
      if (changes.size === 0) this.#minutes.delete(paneStartMs);
    }
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
