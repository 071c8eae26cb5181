/**
 * The memory of an alert from what was told of it: for a cold start, which has not seen how it began. Pure.
 *
 * What was told says how the alert stands and since when. How many boundaries in a row have breached or recovered is
 * told nowhere: it is counted while the start warms up, which is longer than any rule waits. Only a row with hours of
 * silence in it may have begun before that; it is counted short, and its alert comes or goes that much later.
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import { minuteMs } from "../time.ts";
import { type AlertMemory, flappingMs, isBreach, isRecovery } from "./judge.ts";
import type { AlertRule, Figures } from "./rule.ts";

/** A transition as a reader of `alerts` has it. */
export type Told = { state: AlertTransition["state"]; sinceMs: number; boundaryMs: number };

/** Boundaries in a row, up to now; those that were neither do not end a row. */
export type Rows = { breaching: number; recovering: number };

export const noRows: Rows = { breaching: 0, recovering: 0 };

export function rowsAfter(rule: AlertRule, rows: Rows, figures: Figures): Rows {
  const value = rule.read(figures);
  if (value === null || !rule.isEnough(figures)) return rows;
  return {
    breaching: isBreach(rule, value) ? rows.breaching + 1 : 0,
    recovering: isRecovery(rule, value) ? rows.recovering + 1 : 0,
  };
}

/** As whoever told it had it at the boundary. `told`: up to the boundary, in order; `rows`: counted up to it. */
export function recalledMemory(
  rule: AlertRule,
  told: readonly Told[],
  rows: Rows,
  boundaryMs: number,
): AlertMemory {
  const newest = told.at(-1);
  const isFiring = ({ state }: Told) => state === "firing" || state === "no_data";
  const hourBefore = (ms: number) =>
    told.filter((t) => isFiring(t) && ms - t.boundaryMs < flappingMs).map((t) => t.boundaryMs);
  if (newest === undefined || newest.state === "resolved") {
    return { state: "ok", sinceMs: 0, streak: 0, fired: hourBefore(boundaryMs) };
  }
  const { sinceMs } = newest;
  const boundariesSince = (ms: number) => Math.floor((boundaryMs - ms) / minuteMs);
  if (newest.state === "pending") {
    // Silence breaches at every boundary while it lasts, and may have begun before the warm-up.
    const most = boundariesSince(sinceMs) + 1;
    const streak = rule.isSilence ? most : Math.min(most, Math.max(1, rows.breaching));
    return { state: "pending", sinceMs, streak, fired: hourBefore(boundaryMs) };
  }
  const streak = rule.isSilence ? 0 : Math.min(rows.recovering, boundariesSince(newest.boundaryMs));
  return { state: "firing", sinceMs, streak, fired: hourBefore(newest.boundaryMs) };
}
