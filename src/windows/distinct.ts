/**
 * Exact distinct riders per sliding window, kept up to date per (rider, minute).
 *
 * Each rider has the sorted list of minutes it was seen in. A new (rider, minute m) raises the count of exactly
 * those windows around m that held none of the rider's minutes so far: the windows after the rider's minute
 * before m and before its minute after m. No union of sets is ever computed.
 *
 *   minutes of the rider     ·  p  ·  ·  m  ·  n  ·
 *   windows (5 long) raised by m: starts from max(m−4, p+1) to min(m, n−5)
 */
import { invariant } from "../invariant.ts";
import { paneMs } from "./settings.ts";
import { packHashes, unpackHashes } from "./table64.ts";

export class RiderWindows {
  readonly #panesPerWindow: number;
  /** rider → minutes seen, ascending. The key joins both halves of the hash. */
  #riders = new Map<bigint, number[]>();
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
    const key = (BigInt(high) << 32n) | BigInt(low);
    const minutes = this.#riders.get(key);
    if (minutes === undefined) {
      this.#riders.set(key, [minute]);
      this.#raise(minute - this.#panesPerWindow + 1, minute);
      return true;
    }
    let at = minutes.length;
    while (at > 0 && minutes[at - 1]! > minute) at--;
    const before = minutes[at - 1];
    if (before === minute) return false;
    const after = minutes[at];
    minutes.splice(at, 0, minute);
    const from = Math.max(minute - this.#panesPerWindow + 1, before === undefined ? -Infinity : before + 1);
    this.#raise(from, Math.min(minute, after === undefined ? Infinity : after - this.#panesPerWindow));
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
    for (const [rider, minutes] of this.#riders) {
      if (minutes[0]! >= minute) continue;
      const kept = minutes.filter((m) => m >= minute);
      if (kept.length === 0) this.#riders.delete(rider);
      else this.#riders.set(rider, kept);
    }
    for (const start of this.#counts.keys()) if (start < minute) this.#counts.delete(start);
  }

  get riders(): number {
    return this.#riders.size;
  }

  /** The set as (minute, packed hashes), for a snapshot; `restore` by adding them again. */
  panes(): [minute: number, hashes: string][] {
    const byMinute = new Map<number, number[]>();
    for (const [key, minutes] of this.#riders) {
      for (const minute of minutes) {
        let pairs = byMinute.get(minute);
        if (pairs === undefined) byMinute.set(minute, pairs = []);
        pairs.push(Number(key >> 32n), Number(key & 0xffffffffn));
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

  #raise(from: number, to: number): void {
    for (let start = Math.max(from, this.#droppedBelow); start <= to; start++) {
      this.#counts.set(start, (this.#counts.get(start) ?? 0) + 1);
    }
  }
}
