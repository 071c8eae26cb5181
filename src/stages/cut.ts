/**
 * The cut between two generations: which of what a fold finds out it also publishes. Pure.
 *
 *   old generation   … ──────────────● untilMs          windows and alerts by their end,
 *   new generation            (silent)● fromMs ───── …   facts by the time of the record that caused them
 *
 * Two generations that are cut at the same boundary publish everything between them, and nothing twice. What they
 * find out is the same with and without a cut, so it is no part of the fold version.
 */

/** After `fromMs`, up to and with `untilMs`; null: no bound on that side. */
export type Cut = { fromMs: number | null; untilMs: number | null };

/** Whether what ends, or was recorded, at that time is on this generation's side. */
export function isPublished({ fromMs, untilMs }: Cut, atMs: number): boolean {
  return (fromMs === null || atMs > fromMs) && (untilMs === null || atMs <= untilMs);
}
