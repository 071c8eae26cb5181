/**
 * Exact distinct riders per sliding window, kept up to date per (rider, minute).
 *
 * Each rider has the minutes it was seen in. A new (rider, minute m) raises the count of exactly those windows around m
 * that held none of the rider's minutes so far: the windows after the rider's minute before m and before its minute
 * after m. No union of sets is ever computed.
 *
 *   minutes of the rider     ·  p  ·  ·  m  ·  n  ·
 *   windows (5 long) raised by m: starts from max(m−4, p+1) to min(m, n−5)
 *
 * Counts are kept as differences from one start to the next, so that raising a range of starts costs the same whatever
 * the length of a window. Riders are slots of a flat table with open addressing, the newest minute of each in it; the
 * few that were seen in several minutes have the earlier ones in a chain. No object and no 64-bit integer is made per
 * rider. Minutes that were dropped stay until the table is made anew, and count for nothing.
 */
import { invariant } from "../invariant.ts";
import { MinuteChains, noLink } from "./minute_chains.ts";
import { paneMs } from "./settings.ts";
import { packHashes, unpackHashes } from "./table64.ts";

/** In the place of a newest minute: no rider is in the slot. */
const empty = -1;
const slotsLeast = 16;
/** After so many dropped minutes the table is made anew, if it did not grow before. */
const minutesBetweenRebuilds = 10;

export class RiderWindows {
  readonly #panesPerWindow: number;
  #highs = new Uint32Array(slotsLeast);
  #lows = new Uint32Array(slotsLeast);
  #newest = new Int32Array(slotsLeast).fill(empty);
  /** Of each slot the chain of the minutes before its newest one. */
  #earlier = new Int32Array(slotsLeast).fill(noLink);
  #chains = new MinuteChains();
  #size = 0;
  /** window start (minute number) → by how much its distinct riders are more than those of the start before it. */
  readonly #steps = new Map<number, number>();
  #droppedBelow = -Infinity;
  #rebuiltAt = -Infinity;

  constructor(windowMs: number) {
    this.#panesPerWindow = windowMs / paneMs;
  }

  /** Notes that the rider was seen in the pane; repeating is free. */
  add(high: number, low: number, paneStartMs: number): boolean {
    const minute = paneStartMs / paneMs;
    invariant(minute >= this.#droppedBelow, () => `minute ${minute} was dropped already`);
    if ((this.#size + 1) * 2 > this.#newest.length) this.#rebuild();
    const slot = this.#slotOf(high, low);
    const newest = this.#newest[slot]!;
    if (newest === minute) return false;
    const first = minute - this.#panesPerWindow + 1;
    if (newest === empty) {
      this.#highs[slot] = high;
      this.#lows[slot] = low;
      this.#newest[slot] = minute;
      this.#size++;
      this.#raise(first, minute);
    } else if (minute > newest) {
      this.#earlier[slot] = newest < this.#droppedBelow
        ? noLink
        : this.#chains.add(newest, this.#earlier[slot]!);
      this.#newest[slot] = minute;
      this.#raise(Math.max(first, newest + 1), minute);
    } else return this.#addEarlier(slot, minute, newest);
    return true;
  }

  /** Distinct riders of the window that starts at `startMs`. */
  count(startMs: number): number {
    const start = startMs / paneMs;
    if (start < this.#droppedBelow) return 0;
    let riders = 0;
    for (const [at, step] of this.#steps) if (at <= start) riders += step;
    return riders;
  }

  /** Forgets the panes before `paneStartMs`; windows that began before it can no longer be counted. */
  dropBefore(paneStartMs: number): void {
    const minute = paneStartMs / paneMs;
    if (minute <= this.#droppedBelow) return;
    this.#droppedBelow = minute;
    let riders = 0;
    for (const [at, step] of this.#steps) if (at < minute && this.#steps.delete(at)) riders += step;
    if (riders !== 0) this.#step(minute, riders);
    if (minute - this.#rebuiltAt >= minutesBetweenRebuilds) this.#rebuild();
  }

  /** The set as (minute, packed hashes), for a snapshot; `restore` by adding them again. */
  panes(): [minute: number, hashes: string][] {
    const byMinute = new Map<number, number[]>();
    const note = (minute: number, slot: number) => {
      if (minute < this.#droppedBelow) return;
      let pairs = byMinute.get(minute);
      if (pairs === undefined) byMinute.set(minute, pairs = []);
      pairs.push(this.#highs[slot]!, this.#lows[slot]!);
    };
    for (let slot = 0; slot < this.#newest.length; slot++) {
      if (this.#newest[slot] === empty) continue;
      note(this.#newest[slot]!, slot);
      for (let at = this.#earlier[slot]!; at !== noLink; at = this.#chains.before(at)) {
        note(this.#chains.minute(at), slot);
      }
    }
    return [...byMinute].sort(([a], [b]) => a - b).map(([minute, pairs]) => [minute, packHashes(pairs)]);
  }

  restore(panes: readonly [minute: number, hashes: string][]): void {
    for (const [minute, packed] of panes) {
      const pairs = unpackHashes(packed);
      for (let i = 0; i < pairs.length; i += 2) this.add(pairs[i]!, pairs[i + 1]!, minute * paneMs);
    }
  }

  /** The rider's slot, or the one where it belongs. */
  #slotOf(high: number, low: number): number {
    const mask = this.#newest.length - 1;
    for (let slot = (low ^ Math.imul(high, 0x9e3779b1)) & mask;; slot = (slot + 1) & mask) {
      if (this.#newest[slot] === empty) return slot;
      if (this.#highs[slot] === high && this.#lows[slot] === low) return slot;
    }
  }

  /** A minute before the rider's newest one. */
  #addEarlier(slot: number, minute: number, newest: number): boolean {
    let [after, link, before] = [newest, noLink, this.#earlier[slot]!];
    while (before !== noLink && this.#chains.minute(before) > minute) {
      after = this.#chains.minute(before);
      [link, before] = [before, this.#chains.before(before)];
    }
    const earlier = before === noLink ? -Infinity : this.#chains.minute(before);
    if (earlier === minute) return false;
    const added = this.#chains.add(minute, before);
    if (link === noLink) this.#earlier[slot] = added;
    else this.#chains.setBefore(link, added);
    const first = Math.max(minute - this.#panesPerWindow + 1, earlier + 1);
    this.#raise(first, Math.min(minute, after - this.#panesPerWindow));
    return true;
  }

  /** Moves what is not dropped into a table with room for as much again. */
  #rebuild(): void {
    const [highs, lows, newest] = [this.#highs, this.#lows, this.#newest];
    const [earlier, chains] = [this.#earlier, this.#chains];
    let left = 0;
    for (const minute of newest) if (minute !== empty && minute >= this.#droppedBelow) left++;
    let slots = slotsLeast;
    while (slots < (left + 1) * 3) slots *= 2;
    this.#highs = new Uint32Array(slots);
    this.#lows = new Uint32Array(slots);
    this.#newest = new Int32Array(slots).fill(empty);
    this.#earlier = new Int32Array(slots).fill(noLink);
    this.#chains = new MinuteChains();
    this.#size = 0;
    for (let from = 0; from < newest.length; from++) {
      if (newest[from] === empty || newest[from]! < this.#droppedBelow) continue;
      const slot = this.#slotOf(highs[from]!, lows[from]!);
      this.#highs[slot] = highs[from]!;
      this.#lows[slot] = lows[from]!;
      this.#newest[slot] = newest[from]!;
      if (earlier[from] !== noLink) {
        this.#earlier[slot] = this.#chains.copy(chains, earlier[from]!, this.#droppedBelow);
      }
      this.#size++;
    }
    this.#rebuiltAt = this.#droppedBelow;
  }

  #raise(from: number, to: number): void {
    const first = Math.max(from, this.#droppedBelow);
    if (first > to) return;
    this.#step(first, 1);
    this.#step(to + 1, -1);
  }

  #step(start: number, by: number): void {
    const step = (this.#steps.get(start) ?? 0) + by;
    if (step === 0) this.#steps.delete(start);
    else this.#steps.set(start, step);
  }
}
