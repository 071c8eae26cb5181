/**
 * What is usual: the mean of a figure over the hour before, less its last ten minutes. Pure.
 *
 * The last minutes stay out so that what begins now is compared with what was before it. Boundaries at which nothing
 * was said have no point: they are unknown, not zero.
 */
import { hourMs, minuteMs } from "../time.ts";

/** Points older than this are forgotten. */
export const usualMs = hourMs;
const gapMs = 10 * minuteMs;
/** With fewer points nothing is usual yet. */
export const pointsMin = 20;

export type TrailingState = [atMs: number, value: number][];

export class Trailing {
  /** Oldest first: times, and the figures beside them. */
  #times: number[] = [];
  #figures: number[] = [];

  add(atMs: number, value: number): void {
    this.#times.push(atMs);
    this.#figures.push(value);
    while (this.#times.length > 0 && this.#times[0]! <= atMs - usualMs) {
      this.#times.shift();
      this.#figures.shift();
    }
  }

  /** The mean over (atMs − 60 min, atMs − 10 min]; null with fewer than 20 points there. */
  mean(atMs: number): number | null {
    let sum = 0;
    let count = 0;
    for (let i = 0; i < this.#times.length; i++) {
      const ms = this.#times[i]!;
      if (ms <= atMs - usualMs || ms > atMs - gapMs) continue;
      sum += this.#figures[i]!;
      count++;
    }
    return count < pointsMin ? null : sum / count;
  }

  /** Whether no boundary after this one can be compared with anything held. */
  isPast(boundaryMs: number): boolean {
    const newest = this.#times.at(-1);
    return newest === undefined || newest <= boundaryMs - usualMs;
  }

  state(): TrailingState {
    return this.#times.map((ms, i) => [ms, this.#figures[i]!]);
  }

  restore(state: TrailingState): void {
    this.#times = state.map(([ms]) => ms);
    this.#figures = state.map(([, figure]) => figure);
  }
}
