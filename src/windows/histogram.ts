/** A histogram with fixed bounds: counts add up across partitions, percentiles are bucket bounds. */

/** Upper bounds of the waits from request to accept, seconds; the last bucket has no upper bound. */
export const waitBoundsS: readonly number[] = [
  1,
  2,
  3,
  5,
  7,
  10,
  15,
  20,
  25,
  30,
  40,
  50,
  60,
  75,
  90,
  105,
  120,
  150,
  180,
  240,
  300,
  420,
  600,
  900,
  1_800,
  3_600,
];

export const waitBuckets = waitBoundsS.length + 1;

/** The bucket of a value: the first whose bound is not below it. */
export function bucketOf(seconds: number): number {
  let low = 0;
  let high = waitBoundsS.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (seconds <= waitBoundsS[middle]!) high = middle;
    else low = middle + 1;
  }
  return low;
}

/**
 * The bound under which at least the share `q` of the values lies; null when there are none.
 * Values beyond the last bound answer with the last bound: read it as "3,600 s or more".
 */
export function percentile(counts: ArrayLike<number>, from: number, q: number): number | null {
  let total = 0;
  for (let i = 0; i < waitBuckets; i++) total += counts[from + i] ?? 0;
  if (total === 0) return null;
  const wanted = Math.ceil(q * total);
  let seen = 0;
  for (let i = 0; i < waitBoundsS.length; i++) {
    seen += counts[from + i] ?? 0;
    if (seen >= wanted) return waitBoundsS[i]!;
  }
  return waitBoundsS[waitBoundsS.length - 1]!;
}
