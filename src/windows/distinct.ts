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
 * Riders are slots of a flat table with open addressing, the newest minute of each in it; the few that were seen in
 * several minutes have the earlier ones in a list of their own. No object and no 64-bit integer is made per rider.
 */
import { invariant } from "../invariant.ts";
import { paneMs } from "./settings.ts";
import { packHashes, unpackHashes } from "./table64.ts";

/** In the place of a newest minute: no rider is in the slot. */
const empty = -1;
const slotsLeast = 16;

export class RiderWindows {
  readonly #panesPerWindow: number;
  #highs = new Uint32Array(slotsLeast);
  #lows = new Uint32Array(slotsLeast);
  #newest = new Int32Array(slotsLeast).fill(empty);
  /** slot → the rider's minutes before its newest one, ascending. */
  #earlier = new Map<number, number[]>();
  #size = 0;
  /** window start (minute number) → distinct riders. */
  #counts = new Map<number, number>();
  #droppedBelow = -Infinity;

  constructor(windowMs: number) {
    this.#panesPerWindow = windowMs / paneMs;
  }

  /** Notes that the rider was seen in the pane; repeating is free. */
  add(high: number, low: number, paneStartMs: number): boolean {
    const minute = paneStartMs / paneMs;
    invariant(minute >= this.#droppedBelow, () => `minute ${minute} was dropped already`);
    if ((this.#size + 1) * 2 > this.#newest.length) this.#rebuild(2 * this.#newest.length);
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
      this.#keepEarlier(slot, newest);
      this.#newest[slot] = minute;
      this.#raise(Math.max(first, newest + 1), minute);
    } else return this.#addEarlier(slot, minute, newest);
    return true;
  }

  /** Distinct riders of the window that starts at `startMs`. */
  count(startMs: number): number {
    return this.#counts.get(startMs / paneMs) ?? 0;
  }

  /** Forgets the panes before `paneStartMs`; windows that began before it can no longer be counted. */
  dropBefore(paneStartMs: number): void {
    const minute = paneStartMs / paneMs;
    if (minute <= this.#droppedBelow) return;
    this.#droppedBelow = minute;
    for (const start of this.#counts.keys()) if (start < minute) this.#counts.delete(start);
    let left = 0;
    for (const newest of this.#newest) if (newest >= minute) left++;
    let slots = slotsLeast;
    while (slots < left * 3) slots *= 2;
    this.#rebuild(slots);
  }

  get riders(): number {
    return this.#size;
  }

  /** The set as (minute, packed hashes), for a snapshot; `restore` by adding them again. */
  panes(): [minute: number, hashes: string][] {
    const byMinute = new Map<number, number[]>();
    const note = (minute: number, slot: number) => {
      let pairs = byMinute.get(minute);
      if (pairs === undefined) byMinute.set(minute, pairs = []);
      pairs.push(this.#highs[slot]!, this.#lows[slot]!);
    };
    for (let slot = 0; slot < this.#newest.length; slot++) {
      if (this.#newest[slot] !== empty) note(this.#newest[slot]!, slot);
    }
    for (const [slot, minutes] of this.#earlier) for (const minute of minutes) note(minute, slot);
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

  #keepEarlier(slot: number, minute: number): void {
    const minutes = this.#earlier.get(slot);
    if (minutes === undefined) this.#earlier.set(slot, [minute]);
    else minutes.push(minute);
  }

  /** A minute before the rider's newest one. */
  #addEarlier(slot: number, minute: number, newest: number): boolean {
    const minutes = this.#earlier.get(slot) ?? [];
    let at = minutes.length;
    while (at > 0 && minutes[at - 1]! > minute) at--;
    const before = minutes[at - 1];
    if (before === minute) return false;
    const after = minutes[at] ?? newest;
    minutes.splice(at, 0, minute);
    this.#earlier.set(slot, minutes);
    const first = Math.max(minute - this.#panesPerWindow + 1, before === undefined ? -Infinity : before + 1);
    this.#raise(first, Math.min(minute, after - this.#panesPerWindow));
    return true;
  }

  /** Moves what is not dropped into a table of so many slots. */
  #rebuild(slots: number): void {
    const [highs, lows, newest, earlier] = [this.#highs, this.#lows, this.#newest, this.#earlier];
    this.#highs = new Uint32Array(slots);
    this.#lows = new Uint32Array(slots);
    this.#newest = new Int32Array(slots).fill(empty);
    this.#earlier = new Map();
    this.#size = 0;
    for (let from = 0; from < newest.length; from++) {
      if (newest[from] === empty || newest[from]! < this.#droppedBelow) continue;
      const slot = this.#slotOf(highs[from]!, lows[from]!);
      this.#highs[slot] = highs[from]!;
      this.#lows[slot] = lows[from]!;
      this.#newest[slot] = newest[from]!;
      this.#size++;
      const kept = earlier.get(from)?.filter((minute) => minute >= this.#droppedBelow) ?? [];
      if (kept.length > 0) this.#earlier.set(slot, kept);
    }
  }

  #raise(from: number, to: number): void {
    for (let start = Math.max(from, this.#droppedBelow); start <= to; start++) {
      this.#counts.set(start, (this.#counts.get(start) ?? 0) + 1);
    }
  }
}
