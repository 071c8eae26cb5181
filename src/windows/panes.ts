/**
 * The panes of one source partition: a register per (city, minute), with the riders first seen there.
 *
 * A register's position is the number of records that have changed it, so a rebuilt or repeated register can be
 * told from a newer one whatever the order they arrive in. Additions to the rider set travel in the same record.
 */
import { BlockSums } from "./block_sums.ts";
import { paneStart } from "./settings.ts";
import { packHashes, pairsOf, Table64, unpackHashes } from "./table64.ts";

export type Register = {
  city: string;
  paneStartMs: number;
  position: number;
  /** Offset of the last record that changed it. */
  offset: number;
  values: number[];
  /** Riders not published yet, packed; empty text when there are none. */
  riders: string;
};

/** A register as it grows. What it gets is added by `PaneTable`, or to the values of one that `touch` returned. */
export type Pane = {
  readonly city: string;
  readonly paneStartMs: number;
  position: number;
  offset: number;
  values: number[];
  riders: Table64;
  /** Those that are not published yet; null for none. */
  newRiders: number[] | null;
  changed: boolean;
};

/** One city, with the sums over its panes. */
type CityPanes = { panes: Map<number, Pane>; sums: BlockSums };

export class PaneTable {
  readonly #width: number;
  /** What a pane begins with: a copy of it is cheaper than an array that is filled. */
  readonly #zeros: readonly number[];
  #cities = new Map<string, CityPanes>();
  #size = 0;
  #changed: Pane[] = [];

  /** `usedWidth`: as many of the values are there from the beginning; those behind them when one of them is added to. */
  constructor(width: number, usedWidth = width) {
    this.#width = width;
    this.#zeros = new Array<number>(usedWidth).fill(0);
  }

  /** Panes held: cities times minutes. */
  get size(): number {
    return this.#size;
  }

  has(city: string, atMs: number): boolean {
    return this.#cities.get(city)?.panes.has(paneStart(atMs)) === true;
  }

  /** The changed registers waiting to be published. */
  get pending(): number {
    return this.#changed.length;
  }

  /** Adds to one value of the pane at that time. One record may change a pane several times: one position. */
  add(city: string, atMs: number, field: number, by: number, offset: number): void {
    addTo(this.touch(city, atMs, offset), field, by);
  }

  /** Notes a rider in the pane; true when it is the first time. */
  addRider(city: string, atMs: number, high: number, low: number, offset: number): boolean {
    return addRider(this.touch(city, atMs, offset), high, low);
  }

  /** The values of a city summed over the panes in [fromMs, untilMs); null when there is no pane. */
  sum(city: string, fromMs: number, untilMs: number): number[] | null {
    return this.#cities.get(city)?.sums.sum(fromMs, untilMs) ?? null;
  }

  cities(): Iterable<string> {
    return this.#cities.keys();
  }

  /** Takes the changed registers, in the order they were first changed. */
  takeChanged(): Register[] {
    const taken = this.#changed.map((pane) => {
      const { city, paneStartMs, position, offset } = pane;
      pane.changed = false;
      const riders = pane.newRiders === null ? "" : packHashes(pane.newRiders);
      pane.newRiders = null;
      return { city, paneStartMs, position, offset, values: pane.values.slice(), riders };
    });
    this.#changed = [];
    return taken;
  }

  /** Marks everything as to be published again, riders included: once, after a cold start. */
  markAll(): void {
    this.#changed = [];
    for (const { panes } of this.#cities.values()) {
      for (const pane of panes.values()) {
        pane.newRiders = pane.riders.size === 0 ? null : pairsOf(pane.riders);
        pane.changed = true;
        this.#changed.push(pane);
      }
    }
  }

  dropBefore(paneStartMs: number): void {
    for (const [city, { panes, sums }] of this.#cities) {
      for (const at of panes.keys()) if (at < paneStartMs && panes.delete(at)) this.#size--;
      if (panes.size === 0) this.#cities.delete(city);
      else sums.dropBefore(paneStartMs);
    }
  }

  /** Everything held, for a snapshot. Changes must have been taken before. */
  *entries(): Generator<Register> {
    for (const [city, { panes }] of this.#cities) {
      for (const [paneStartMs, pane] of panes) {
        const { position, offset } = pane;
        const values = this.#whole(pane.values);
        yield { city, paneStartMs, position, offset, values, riders: packHashes(pairsOf(pane.riders)) };
      }
    }
  }

  #whole(values: readonly number[]): number[] {
    return values.concat(new Array<number>(this.#width - values.length).fill(0));
  }

  restore(entry: Register): void {
    const riders = new Table64();
    const pairs = unpackHashes(entry.riders);
    for (let i = 0; i < pairs.length; i += 2) riders.add(pairs[i]!, pairs[i + 1]!);
    this.#size++;
    const { position, offset, values } = entry;
    const { city, paneStartMs } = entry;
    const pane = { city, paneStartMs, position, offset, values, riders, newRiders: null, changed: false };
    const { panes, sums } = this.#of(city);
    panes.set(paneStartMs, pane);
    sums.changed(paneStartMs);
  }

  #of(city: string): CityPanes {
    let held = this.#cities.get(city);
    if (held === undefined) {
      const panes = new Map<number, Pane>();
      held = { panes, sums: new BlockSums(this.#width, (at) => panes.get(at)?.values) };
      this.#cities.set(city, held);
    }
    return held;
  }

  /**
   * The pane at that time, as one that the record changes: one position, however often it is asked for. What is added
   * to its values before the next flush is published with it.
   */
  touch(city: string, atMs: number, offset: number): Pane {
    const { panes, sums } = this.#of(city);
    const paneStartMs = paneStart(atMs);
    sums.changed(paneStartMs);
    let pane = panes.get(paneStartMs);
    if (pane === undefined) {
      const values = this.#zeros.slice();
      const riders = new Table64();
      pane = { city, paneStartMs, position: 0, offset: -1, values, riders, newRiders: null, changed: false };
      panes.set(paneStartMs, pane);
      this.#size++;
    }
    if (pane.offset !== offset) {
      pane.position++;
      pane.offset = offset;
    }
    if (!pane.changed) {
      pane.changed = true;
      this.#changed.push(pane);
    }
    return pane;
  }
}

/** Adds to one of the pane's values, which may be one of those that are not there yet. */
export function addTo({ values }: Pane, field: number, by: number): void {
  while (values.length <= field) values.push(0);
  values[field]! += by;
}

/** Notes a rider in the pane; true when it is the first time. */
export function addRider(pane: Pane, high: number, low: number): boolean {
  if (!pane.riders.add(high, low)) return false;
  if (pane.newRiders === null) pane.newRiders = [high, low];
  else pane.newRiders.push(high, low);
  return true;
}
