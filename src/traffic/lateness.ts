/** How far behind their intended times items were sent: to the millisecond, in a table of fixed size. */

export type Lateness = {
  add(lateMs: number): void;
  /** Zero when nothing was sent. */
  maxMs(): number;
  /** The time that 99 of 100 items did not exceed; at most `beyondMs`. */
  p99Ms(): number;
};

/** Later than this is all one to the percentile; the greatest is kept exactly. */
const beyondMs = 60_000;

export function newLateness(): Lateness {
  const counts = new Float64Array(beyondMs + 1);
  let total = 0;
  let max = 0;
  return {
    add(lateMs) {
      const ms = Math.max(0, Math.ceil(lateMs));
      counts[Math.min(ms, beyondMs)]!++;
      total++;
      max = Math.max(max, ms);
    },
    maxMs: () => max,
    p99Ms() {
      let left = Math.ceil(total * 0.99);
      for (let ms = 0; ms <= beyondMs; ms++) {
        left -= counts[ms]!;
        if (left <= 0) return total === 0 ? 0 : ms;
      }
      return beyondMs;
    },
  };
}
