/** How long the cities stage keeps panes. Pure. */
import { dayMs } from "../time.ts";
import { paneMs, paneStart, type WindowSettings } from "../windows/settings.ts";

/** How long, in event time, closed rides wait for their supply: bounds the panes held for a stuck location source. */
const supplyWaitMs = dayMs;

/** Watermarks: of the ride sources by their own records alone, of the ride sources, of all sources. */
export type Passed = { realMs: number | null; rideMs: number; allMs: number | null };

/**
 * Panes before this one can go: no source's own records can still change a window over them, at latest holdMs after
 * closing. A window is closed when its supply is: location sources that fell behind find the panes they close.
 */
export function droppableBelow(
  { realMs, rideMs, allMs }: Passed,
  { windowMs, latenessMs, holdMs }: WindowSettings,
): number {
  const byRecords = realMs === null ? -Infinity : realMs - windowMs - latenessMs - paneMs;
  const closedMs = Math.max(allMs ?? -Infinity, rideMs - supplyWaitMs);
  const byHold = closedMs - 2 * windowMs - Math.max(holdMs, latenessMs);
  return paneStart(Math.max(byRecords, byHold)) + paneMs;
}
