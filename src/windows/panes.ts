/**
 * The panes of one source partition: a register per (city, minute), with the riders first seen there.
 *
 *   city ─► index ─┐
 *                  ├─► MinutePanes ─► row
 *   minute ────────┘
 *
 * A register's position is the number of records that have changed it, so a rebuilt or repeated register can be
 * told from a newer one whatever the order they arrive in. Additions to the rider set travel in the same record.
 */
import { BlockSums, tenMs } from "./block_sums.ts";
import { MinutePanes, noPane, type PaneWidths, type Register } from "./minute_panes.ts";
import { paneMs, paneStart } from "./settings.ts";

export type { Register };

/** A city that has panes, and how many. */
type City = {
  readonly name: string;
  readonly index: number;
  panes: number;
  /** Of long windows; null while none was asked for. */
  sums: BlockSums | null;
};

export class PaneTable {
  readonly #widths: PaneWidths;
  /** Where a sum begins: a copy of it is cheaper than an array that is filled. */
  readonly #zeros: readonly number[];
  readonly #cities = new Map<string, City>();
  /** By index; a place that is free is empty. */
  readonly #indexes: (City | undefined)[] = [];
  readonly #free: number[] = [];
  readonly #minutes = new Map<number, MinutePanes>();
  /** The minute that came last. */
  #newest: MinutePanes | undefined;
  #size = 0;
  /** The changed ones, each by its city, its minute and its row. */
  #changed: { city: string; minute: MinutePanes; row: number }[] = [];

  /** `usualWidth`: as many of the values every pane has; those behind them are counts that few panes have. */
  constructor(width: number, usualWidth = width) {
    this.#widths = { all: width, usual: usualWidth };
    this.#zeros = new Array<number>(width).fill(0);
  }

  /** Panes held: cities times minutes. */
  get size(): number {
    return this.#size;
  }

  has(city: string, atMs: number): boolean {
    return this.#find(city, paneStart(atMs)) !== noPane;
  }

  /** The changed registers waiting to be published. */
  get pending(): number {
    return this.#changed.length;
  }

  /** Adds to one value of the pane at that time. One record may change a pane several times: one position. */
  add(city: string, atMs: number, field: number, by: number, offset: number): void {
    this.touch(city, atMs, offset).add(field, by);
  }

  /** Notes a rider in the pane; true when it is the first time. */
  addRider(city: string, atMs: number, high: number, low: number, offset: number): boolean {
    return this.touch(city, atMs, offset).addRider(high, low);
  }

  /** The values of a city summed over the panes in [fromMs, untilMs); null when there is no pane. */
  sum(city: string, fromMs: number, untilMs: number): number[] | null {
    const held = this.#cities.get(city);
    if (held === undefined) return null;
    if (untilMs - fromMs >= tenMs) {
      held.sums ??= new BlockSums(this.#widths.all, (at, sums) => this.#addTo(sums, held, at));
      return held.sums.sum(fromMs, untilMs);
    }
    const sums = this.#zeros.slice();
    let isAny = false;
    for (let at = fromMs; at < untilMs; at += paneMs) if (this.#addTo(sums, held, at)) isAny = true;
    return isAny ? sums : null;
  }

  /** One value of a pane; zero when there is none. */
  value(city: string, paneStartMs: number, field: number): number {
    const row = this.#find(city, paneStartMs);
    return row === noPane ? 0 : this.#minutes.get(paneStartMs)!.value(row, field);
  }

  cities(): Iterable<string> {
    return this.#cities.keys();
  }

  /** Takes the changed registers, in the order they were first changed. */
  takeChanged(): Register[] {
    const taken = this.#changed.map(({ city, minute, row }) => {
      const register = minute.register(row, city, "new");
      minute.published(row);
      return register;
    });
    this.#changed = [];
    return taken;
  }

  /** Marks everything as to be published again, riders included: once, after a cold start. */
  markAll(): void {
    this.#changed = [];
    for (const [city, minute, row] of this.#panes()) {
      minute.mark(row);
      this.#changed.push({ city: city.name, minute, row });
    }
  }

  dropBefore(paneStartMs: number): void {
    for (const [at, minute] of this.#minutes) {
      if (at >= paneStartMs) continue;
      this.#minutes.delete(at);
      this.#size -= minute.rows;
      for (let row = 0; row < minute.rows; row++) this.#leave(this.#indexes[minute.cityOf(row)]!);
    }
    for (const { sums } of this.#cities.values()) sums?.dropBefore(paneStartMs);
  }

  /** A pane of the city has left. */
  #leave(city: City): void {
    if (--city.panes > 0) return;
    this.#cities.delete(city.name);
    this.#indexes[city.index] = undefined;
    this.#free.push(city.index);
  }

  /** Everything held, for a snapshot. Changes must have been taken before. */
  *entries(): Generator<Register> {
    for (const [city, minute, row] of this.#panes()) {
      const register = minute.register(row, city.name, "all");
      while (register.values.length < this.#widths.all) register.values.push(0);
      yield register;
    }
  }

  /** By city and minute: a table that was restored has the same order. */
  *#panes(): Generator<[City, MinutePanes, number]> {
    const minutes = [...this.#minutes.values()].sort((a, b) => a.paneStartMs - b.paneStartMs);
    for (const city of this.#cities.values()) {
      for (const minute of minutes) {
        const row = minute.find(city.index);
        if (row !== noPane) yield [city, minute, row];
      }
    }
  }

  restore(entry: Register): void {
    this.#create(this.#cityOf(entry.city), entry.paneStartMs).restore(entry);
  }

  /**
   * The minute of the pane at that time, with the pane in hand: as one that the record changes, by one position,
   * however often it is asked for. What is added to it before the next flush is published with it.
   */
  touch(name: string, atMs: number, offset: number): MinutePanes {
    const city = this.#cityOf(name);
    const paneStartMs = paneStart(atMs);
    let minute = this.#minutes.get(paneStartMs);
    let row = minute?.find(city.index) ?? noPane;
    if (row === noPane) {
      minute = this.#create(city, paneStartMs);
      row = minute.row;
    }
    city.sums?.changed(paneStartMs);
    if (minute!.touch(row, offset)) this.#changed.push({ city: name, minute: minute!, row });
    return minute!;
  }

  #create(city: City, paneStartMs: number): MinutePanes {
    let minute = this.#minutes.get(paneStartMs);
    if (minute === undefined) {
      minute = this.#newest = new MinutePanes(paneStartMs, this.#widths, this.#newest);
      this.#minutes.set(paneStartMs, minute);
    }
    minute.create(city.index);
    city.sums?.changed(paneStartMs);
    city.panes++;
    this.#size++;
    return minute;
  }

  #cityOf(name: string): City {
    let city = this.#cities.get(name);
    if (city === undefined) {
      const index = this.#free.pop() ?? this.#indexes.length;
      city = this.#indexes[index] = { name, index, panes: 0, sums: null };
      this.#cities.set(name, city);
    }
    return city;
  }

  #find(name: string, paneStartMs: number): number {
    const city = this.#cities.get(name);
    return city === undefined ? noPane : this.#minutes.get(paneStartMs)?.find(city.index) ?? noPane;
  }

  #addTo(sums: number[], city: City, paneStartMs: number): boolean {
    const minute = this.#minutes.get(paneStartMs);
    const row = minute?.find(city.index) ?? noPane;
    if (row === noPane) return false;
    minute!.addTo(sums, row);
    return true;
  }
}
