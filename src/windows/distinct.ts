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
import { packHashes, unpackHashes } from "./packed_hashes.ts";

const slotsLeast = 16;
/** Of a slot: the hash's halves, its newest minute plus one, and the chain of those before it plus one; 0 for none. */
const at = { high: 0, low: 1, newest: 2, earlier: 3 } as const;
const slotBits = 2;
const slotWords = 1 << slotBits;
/** What an empty slot has as its newest minute. */
const none = -1;
const hourMinutes = 60;
/** After so many dropped minutes the table is made anew, if it did not grow before. */
const minutesBetweenRebuilds = 10;

export class RiderWindows {
  readonly #panesPerWindow: number;
  /** A slot's words stand side by side: looking one up is one way to memory, not three. */
  #slots = new Uint32Array(slotsLeast * slotWords);
  #chains = new MinuteChains();
  #size = 0;
  /** window start (minute number) → by how much its distinct riders are more than those of the start before it. */
  readonly #steps = new Map<number, Step>();
  /** Hour → the sum of its steps, so that a window of a day is not counted minute by minute. */
  readonly #hours = new Map<number, Step["hour"]>();
  /** The steps of the windows over the minute that was asked for last: mostly it is asked for again. */
  #last: { minute: number; first: Step; end: Step } | null = null;
  #droppedBelow = -Infinity;
  #rebuiltAt = -Infinity;

  constructor(windowMs: number) {
    this.#panesPerWindow = windowMs / paneMs;
  }

  /** Notes that the rider was seen in the pane; repeating is free. */
  add(high: number, low: number, paneStartMs: number): boolean {
    const minute = paneStartMs / paneMs;
    invariant(minute >= this.#droppedBelow, () => `minute ${minute} was dropped already`);
    if ((this.#size + 1) * 2 * slotWords > this.#slots.length) this.#rebuild();
    const slots = this.#slots;
    const slot = this.#slotOf(high, low);
    const newest = slots[slot + at.newest]! - 1;
    if (newest === minute) return false;
    const first = minute - this.#panesPerWindow + 1;
    if (newest === none) {
      slots[slot] = high;
      slots[slot + at.low] = low;
      slots[slot + at.newest] = minute + 1;
      this.#size++;
      this.#raiseAll(first, minute);
    } else if (minute > newest) {
      slots[slot + at.earlier] = newest < this.#droppedBelow
        ? 0
        : this.#chains.add(newest, slots[slot + at.earlier]! - 1) + 1;
      slots[slot + at.newest] = minute + 1;
      this.#raise(Math.max(first, newest + 1), minute);
    } else return this.#addEarlier(slot, minute, newest);
    return true;
  }

  /** Distinct riders of the window that starts at `startMs`. */
  count(startMs: number): number {
    const start = startMs / paneMs;
    if (start < this.#droppedBelow) return 0;
    const hour = Math.floor(start / hourMinutes);
    let riders = 0;
    for (const [at, { by }] of this.#hours) if (at < hour) riders += by;
    for (let at = hour * hourMinutes; at <= start; at++) riders += this.#steps.get(at)?.by ?? 0;
    return riders;
  }

  /** Forgets the panes before `paneStartMs`; windows that began before it can no longer be counted. */
  dropBefore(paneStartMs: number): void {
    const minute = paneStartMs / paneMs;
    if (minute <= this.#droppedBelow) return;
    this.#droppedBelow = minute;
    let riders = 0;
    for (const [at, step] of this.#steps) {
      if (at >= minute) continue;
      riders += step.by;
      change(step, -step.by);
      this.#steps.delete(at);
    }
    for (const at of this.#hours.keys()) if ((at + 1) * hourMinutes <= minute) this.#hours.delete(at);
    this.#last = null;
    if (riders !== 0) change(this.#step(minute), riders);
    if (minute - this.#rebuiltAt >= minutesBetweenRebuilds) this.#rebuild();
  }

  /** The set as (minute, packed hashes), for a snapshot; `restore` by adding them again. */
  panes(): [minute: number, hashes: string][] {
    const byMinute = new Map<number, number[]>();
    const note = (minute: number, slot: number) => {
      if (minute < this.#droppedBelow) return;
      let pairs = byMinute.get(minute);
      if (pairs === undefined) byMinute.set(minute, pairs = []);
      pairs.push(this.#slots[slot]!, this.#slots[slot + at.low]!);
    };
    const slots = this.#slots;
    for (let slot = 0; slot < slots.length; slot += slotWords) {
      if (slots[slot + at.newest] === 0) continue;
      note(slots[slot + at.newest]! - 1, slot);
      for (let link = slots[slot + at.earlier]! - 1; link !== noLink; link = this.#chains.before(link)) {
        note(this.#chains.minute(link), slot);
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

  /** Where the rider's slot begins, or the one where it belongs. */
  #slotOf(high: number, low: number): number {
    const slots = this.#slots;
    const mask = slots.length - slotWords;
    for (let slot = (low ^ Math.imul(high, 0x9e3779b1)) << slotBits & mask;; slot = slot + slotWords & mask) {
      if (slots[slot + at.newest] === 0) return slot;
      if (slots[slot] === high && slots[slot + at.low] === low) return slot;
    }
  }

  /** A minute before the rider's newest one. */
  #addEarlier(slot: number, minute: number, newest: number): boolean {
    let [after, link, before] = [newest, noLink, this.#slots[slot + at.earlier]! - 1];
    while (before !== noLink && this.#chains.minute(before) > minute) {
      after = this.#chains.minute(before);
      [link, before] = [before, this.#chains.before(before)];
    }
    const earlier = before === noLink ? -Infinity : this.#chains.minute(before);
    if (earlier === minute) return false;
    const added = this.#chains.add(minute, before);
    if (link === noLink) this.#slots[slot + at.earlier] = added + 1;
    else this.#chains.setBefore(link, added);
    const first = Math.max(minute - this.#panesPerWindow + 1, earlier + 1);
    this.#raise(first, Math.min(minute, after - this.#panesPerWindow));
    return true;
  }

  /** Moves what is not dropped into a table with room for as much again. */
  #rebuild(): void {
    const [from, chains, least] = [this.#slots, this.#chains, this.#droppedBelow];
    const isLeft = (slot: number) => from[slot + at.newest]! > Math.max(least, 0);
    let left = 0;
    for (let slot = 0; slot < from.length; slot += slotWords) if (isLeft(slot)) left++;
    let count = slotsLeast;
    while (count < (left + 1) * 3) count *= 2;
    const slots = this.#slots = new Uint32Array(count * slotWords);
    this.#chains = new MinuteChains();
    this.#size = left;
    for (let old = 0; old < from.length; old += slotWords) {
      if (!isLeft(old)) continue;
      const slot = this.#slotOf(from[old]!, from[old + at.low]!);
      slots[slot] = from[old]!;
      slots[slot + at.low] = from[old + at.low]!;
      slots[slot + at.newest] = from[old + at.newest]!;
      slots[slot + at.earlier] = this.#chains.copy(chains, from[old + at.earlier]! - 1, least) + 1;
    }
    this.#rebuiltAt = this.#droppedBelow;
  }

  /** All windows over the minute: the rider is new. */
  #raiseAll(first: number, minute: number): void {
    let last = this.#last;
    if (last?.minute !== minute) {
      const from = Math.max(first, this.#droppedBelow);
      this.#last = last = { minute, first: this.#step(from), end: this.#step(minute + 1) };
    }
    change(last!.first, 1);
    change(last!.end, -1);
  }

  #raise(from: number, to: number): void {
    const first = Math.max(from, this.#droppedBelow);
    if (first > to) return;
    change(this.#step(first), 1);
    change(this.#step(to + 1), -1);
  }

  #step(start: number): Step {
    let step = this.#steps.get(start);
    if (step === undefined) {
      const at = Math.floor(start / hourMinutes);
      let hour = this.#hours.get(at);
      if (hour === undefined) this.#hours.set(at, hour = { by: 0 });
      this.#steps.set(start, step = { by: 0, hour });
    }
    return step;
  }
}

/** With the sum of all steps of its hour. */
type Step = { by: number; hour: { by: number } };

function change(step: Step, by: number): void {
  step.by += by;
  step.hour.by += by;
}
