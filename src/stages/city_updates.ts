/**
 * Which open windows of a city a flush tells of: pure.
 *
 * An event changes all windows over its minute, and those of a day are 1,440. What people look at is the one that ends
 * next after the newest event: it goes out with every flush. Of those that end before it (of late events, or when a
 * clock is fast) one goes out in turn. Each is told once when its first minute begins, so that everybody knows where now
 * is; after that, while it is hardly begun, not before it ends next. In a city that has fallen silent that is when the
 * one before closes, which is said by the fold.
 */
import { paneMs } from "../windows/settings.ts";

/** Windows that end so much before the one that ends next: a clock may be five minutes fast, the watermark as much behind. */
const nearMs = 12 * paneMs;

export class CityUpdates {
  /** Panes that changed since the last flush. */
  readonly #changed = new Set<number>();
  /** Panes that have come since the last flush. */
  readonly #opened = new Set<number>();
  /** Ends of windows that changed and were not told since. */
  readonly #due = new Set<number>();
  /** Ends of windows that a cold start owes, open or closed. */
  readonly #owed = new Set<number>();
  #toldMs = -Infinity;

  owe(endMs: number): void {
    this.#owed.add(endMs);
  }

  changed(paneStartMs: number): void {
    this.#changed.add(paneStartMs);
  }

  /** The pane has come: nothing was in it before. What ends between the newest pane up to now and this one ended next unseen. */
  opened(paneStartMs: number, newestMs: number, closedMs: number): void {
    this.#opened.add(paneStartMs);
    const from = Math.max(newestMs + 2 * paneMs, paneStartMs + paneMs - nearMs, closedMs + paneMs);
    for (let end = from; end <= paneStartMs; end += paneMs) this.#due.add(end);
  }

  /**
   * Windows up to the boundary are closed, and told by that. Returns the end of the one that ends next, where no newer
   * event tells of it.
   */
  close(boundaryMs: number, newestPaneMs: number): number | null {
    for (const end of this.#due) if (end <= boundaryMs) this.#due.delete(end);
    this.#rest();
    return newestPaneMs < boundaryMs ? boundaryMs + paneMs : null;
  }

  /** Whether there is nothing to tell. */
  get calm(): boolean {
    return this.#changed.size === 0 && this.#opened.size === 0 && this.#due.size === 0 &&
      this.#owed.size === 0;
  }

  /** The ends of the windows to tell now: what is owed, what begins, and at most two. Those up to `closedMs` are closed. */
  take(newestPaneMs: number, windowMs: number, closedMs: number): number[] {
    const nextMs = Math.max(newestPaneMs, closedMs) + paneMs;
    this.#mark(nextMs, windowMs, closedMs);
    const told = this.#takeOwed();
    if (this.#due.delete(nextMs)) told.push(nextMs);
    for (const pane of this.#opened) {
      const end = pane + windowMs;
      if (end > closedMs && !told.includes(end)) told.push(end);
      this.#due.delete(end);
    }
    emptied(this.#opened);
    const other = this.#inTurn();
    if (other !== null) {
      this.#due.delete(other);
      this.#toldMs = other;
      told.push(other);
    }
    this.#rest();
    return told;
  }

  /** A city that is calm has no turn: after a restart it is the same. */
  #rest(): void {
    if (this.#due.size === 0) this.#toldMs = -Infinity;
  }

  #mark(nextMs: number, windowMs: number, closedMs: number): void {
    for (const pane of this.#changed) {
      const from = Math.max(pane + paneMs, nextMs - nearMs, closedMs + paneMs);
      const until = Math.min(pane + windowMs, nextMs);
      for (let end = from; end <= until; end += paneMs) this.#due.add(end);
    }
    emptied(this.#changed);
  }

  #takeOwed(): number[] {
    if (this.#owed.size === 0) return [];
    const owed = [...this.#owed].sort((a, b) => a - b);
    this.#owed.clear();
    return owed;
  }

  /** The first after the one told last, else the first. */
  #inTurn(): number | null {
    let [next, first] = [Infinity, Infinity];
    for (const end of this.#due) {
      if (end > this.#toldMs) next = Math.min(next, end);
      first = Math.min(first, end);
    }
    return Number.isFinite(next) ? next : Number.isFinite(first) ? first : null;
  }
}

/** To empty a set makes a new table, even for one that is empty. */
function emptied(set: Set<number>): void {
  if (set.size > 0) set.clear();
}
