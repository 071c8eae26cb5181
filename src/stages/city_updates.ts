/**
 * Which open windows of a city a flush tells of: pure.
 *
 * An event changes all windows over its minute, and those of a day are 1,440. What people look at is the one that ends
 * next after the newest event: it goes out with every flush. Of its neighbours, and the newest, one goes out in turn;
 * the rest is told when it closes.
 */
import { paneMs } from "../windows/settings.ts";

/** Windows that end so much before and after the one that ends next. */
const nearBeforeMs = 3 * paneMs;
const nearAfterMs = 4 * paneMs;

export class CityUpdates {
  /** Panes that changed since the last flush. */
  readonly #changed = new Set<number>();
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
      const from = Math.max(pane + paneMs, nextMs - nearBeforeMs, closedMs + paneMs);
      const until = Math.min(pane + windowMs, nextMs + nearAfterMs);
      for (let end = from; end <= until; end += paneMs) this.#due.add(end);
      if (pane === newestPaneMs && pane + windowMs > closedMs) this.#due.add(pane + windowMs);
    }
    this.#changed.clear();
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
