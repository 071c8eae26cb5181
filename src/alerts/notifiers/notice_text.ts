/** What a notice says to people: the same facts for every receiver. Pure. */
import type { AlertTransition } from "../../../schemas/alert.ts";
import { isFiring } from "../due.ts";
import type { Notice } from "./receiver.ts";

/** Transitions of earlier releases, which the log still has, name neither severity nor owner nor runbook. */
type Marked = Partial<Pick<AlertTransition, "severity" | "owner" | "runbook">>;

export const severityOf = (alert: Marked): AlertTransition["severity"] => alert.severity ?? "critical";
export const ownerOf = (alert: Marked): AlertTransition["owner"] => alert.owner ?? "operations";
export const runbookOf = (alert: Marked): string | null => alert.runbook ?? null;

export function headline({ kind, alert, test }: Pick<Notice, "kind" | "alert" | "test">): string {
  const mark = test ? "[TEST] " : "";
  // A later incident of the same rule may be what ended the wait for this one: its figures would mislead.
  if (kind === "resolve" && isFiring(alert)) return `${mark}${alert.city}: ${alert.rule} is over`;
  return `${mark}${alert.summary}`.slice(0, 1_024);
}

/** Where the city can be looked at; null when nobody said under which address people reach Waymark. */
export function cityLink(publicUrl: string, city: string): string | null {
  return publicUrl === "" ? null : `${publicUrl.replace(/\/+$/, "")}/cities/${encodeURIComponent(city)}`;
}

/** The facts of an alert by name, for receivers that show a table. */
export function detailsOf({ alert, alertId }: Pick<Notice, "alert" | "alertId">): Record<string, unknown> {
  return {
    rule: alert.rule,
    city: alert.city,
    state: alert.state,
    since: alert.since,
    at: alert.at,
    value: alert.value,
    threshold: alert.threshold,
    window_start: alert.window_start,
    window_end: alert.window_end,
    counts: alert.counts,
    alert_id: alertId,
    runbook: runbookOf(alert),
  };
}
