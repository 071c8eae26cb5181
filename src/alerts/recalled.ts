/**
 * The memory of an alert from what was told of it: for a cold start, which has not seen how it began. Pure.
 *
 * What was told says how the alert stands and since when. Which boundaries in a row have breached or recovered is told
 * nowhere: that is seen while the start warms up, which is longer than a row.
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import { minuteMs } from "../time.ts";
import { type AlertMemory, flappingMs, isBreach, isRecovery, rowMs, within } from "./judge.ts";
import type { AlertRule, Figures } from "./rule.ts";

/** A transition as a reader of `alerts` has it. */
export type Told = { state: AlertTransition["state"]; sinceMs: number; boundaryMs: number };

/** Boundaries in a row, up to now; those that were neither do not end a row. */
export type Rows = { breaching: readonly number[]; recovering: readonly number[] };

export const noRows: Rows = { breaching: [], recovering: [] };

export function rowsAfter(rule: AlertRule, rows: Rows, boundaryMs: number, figures: Figures): Rows {
  const value = rule.read(figures);
  if (value === null || !rule.isEnough(figures)) return rows;
  const longer = (row: readonly number[]) => [...within(row, boundaryMs), boundaryMs];
  return {
    breaching: isBreach(rule, value) ? longer(rows.breaching) : [],
    recovering: isRecovery(rule, value) ? longer(rows.recovering) : [],
  };
}

/** As whoever told it had it at the boundary. `told`: up to the boundary, in order; `rows`: those up to it. */
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
    return { state: "ok", sinceMs: 0, row: [], fired: hourBefore(boundaryMs) };
  }
  const { sinceMs } = newest;
  if (newest.state === "pending") {
    const row = rule.isSilence
      ? everyMinute(sinceMs, boundaryMs)
      : rows.breaching.filter((ms) => ms >= sinceMs);
    return { state: "pending", sinceMs, row, fired: hourBefore(boundaryMs) };
  }
  const row = rule.isSilence ? [] : rows.recovering.filter((ms) => ms > newest.boundaryMs);
  return { state: "firing", sinceMs, row, fired: hourBefore(newest.boundaryMs) };
}

/** Silence breaches at every boundary while it lasts. */
function everyMinute(sinceMs: number, untilMs: number): number[] {
  const fromMs = Math.max(sinceMs, untilMs - rowMs);
  return Array.from(
    { length: Math.floor((untilMs - fromMs) / minuteMs) + 1 },
    (_, i) => fromMs + i * minuteMs,
  );
}
