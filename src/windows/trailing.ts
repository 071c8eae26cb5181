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
  /** Oldest first. */
  #points: TrailingState = [];

  add(atMs: number, value: number): void {
    this.#points.push([atMs, value]);
    while (this.#points.length > 0 && this.#points[0]![0] <= atMs - usualMs) this.#points.shift();
  }

  /** The mean over (atMs − 60 min, atMs − 10 min]; null with fewer than 20 points there. */
  mean(atMs: number): number | null {
    let sum = 0;
    let count = 0;
    for (const [ms, value] of this.#points) {
      if (ms <= atMs - usualMs || ms > atMs - gapMs) continue;
      sum += value;
      count++;
    }
    return count < pointsMin ? null : sum / count;
  }

  /** Whether no boundary after this one can be compared with anything held. */
  isPast(boundaryMs: number): boolean {
    const newest = this.#points.at(-1);
    return newest === undefined || newest[0] <= boundaryMs - usualMs;
  }

  state(): TrailingState {
    return this.#points;
  }

  restore(state: TrailingState): void {
    this.#points = state;
  }
}
