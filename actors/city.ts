/** The formulas of a city: what operations read off the counts of a window. Pure, and null where there is nothing to say. */

/** Share of the ended rides that were completed; null below one ride. Four decimals. */
export function completionRate(completed: number, cancelled: number): number | null {
  return ratio(completed, completed + cancelled);
}

/** Share of the ended rides that were cancelled; null below one ride. Four decimals. */
export function cancellationRate(completed: number, cancelled: number): number | null {
  return ratio(cancelled, completed + cancelled);
}

/** Share of the drivers on duty that serve a ride; null without drivers. Four decimals. */
export function utilisation(busy: number, available: number): number | null {
  return ratio(busy, busy + available);
}

function ratio(part: number, whole: number): number | null {
  return whole === 0 ? null : Math.round((part / whole) * 10_000) / 10_000;
}
