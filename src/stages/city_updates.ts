/**
 * Which open windows of a city a flush tells of: pure.
 *
 * An event changes all windows over its minute, and those of a day are 1,440. What people look at is the one that ends
 * next after the newest event: it goes out with every flush. Of those that end before it (of late events, or when a
 * clock is fast) one goes out in turn. The newest is told once, when its first minute begins, so that everybody knows
 * where now is. The rest, which is hardly begun, is told when it ends next, or closes.
 */
import { paneMs } from "../windows/settings.ts";

/** Windows that end so much before the one that ends next: a clock may be five minutes fast, and closing takes two. */
const nearMs = 8 * paneMs;

export class CityUpdates {
  /** Panes that changed since the last flush. */
  readonly #changed = new Set<number>();
  /** The newest pane, when it has come since the last flush. */
  #openedMs: number | null = null;
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

  /** A pane has come that is newer than all before it. */
  opened(paneStartMs: number): void {
    this.#openedMs = paneStartMs;
  }

  /** Windows up to the boundary are closed, and told by that. */
  close(boundaryMs: number): void {
    for (const end of this.#due) if (end <= boundaryMs) this.#due.delete(end);
    this.#rest();
  }

  /** Whether there is nothing to tell. */
  get calm(): boolean {
    return this.#changed.size === 0 && this.#due.size === 0 && this.#owed.size === 0;
  }

  /** The ends of the windows to tell now: what is owed, and at most two. Those up to `closedMs` are closed. */
  take(newestPaneMs: number, windowMs: number, closedMs: number): number[] {
    const nextMs = newestPaneMs + paneMs;
    this.#mark(newestPaneMs, windowMs, closedMs);
    const told = [...this.#owed].sort((a, b) => a - b);
    this.#owed.clear();
    if (this.#due.delete(nextMs)) told.push(nextMs);
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

  #mark(newestPaneMs: number, windowMs: number, closedMs: number): void {
    const nextMs = newestPaneMs + paneMs;
    for (const pane of this.#changed) {
      const from = Math.max(pane + paneMs, nextMs - nearMs, closedMs + paneMs);
      const until = Math.min(pane + windowMs, nextMs);
      for (let end = from; end <= until; end += paneMs) this.#due.add(end);
    }
    this.#changed.clear();
    const newestMs = (this.#openedMs ?? -Infinity) + windowMs;
    if (newestMs > closedMs) this.#due.add(newestMs);
    this.#openedMs = null;
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
