/** Transitions and journal facts for tests of what receivers are told. */
import type { AlertTransition } from "../../../schemas/alert.ts";
import type { Delivery } from "../../../schemas/alert_journal.ts";
import { isoTime, minuteMs } from "../../../src/time.ts";
import { formatRev } from "../../../src/windows/rev.ts";

export const startMs = Date.UTC(2026, 0, 15, 18);

/** The transition at the nth minute. */
export function transition(
  state: AlertTransition["state"],
  { minute, incident = "a", city = "wien", rule = "cancellation_rate_high", ...more }:
    & { minute: number; incident?: string; city?: string; rule?: string }
    & Partial<AlertTransition>,
): AlertTransition {
  const at = isoTime(startMs + minute * minuteMs);
  return {
    alert_id: `${rule}/${city}/${incident}`,
    rule,
    city,
    state,
    since: isoTime(startMs),
    at,
    value: 0.41,
    threshold: 0.3,
    window_start: isoTime(startMs + (minute - 5) * minuteMs),
    window_end: at,
    rev: formatRev(1, minute, 1),
    counts: { completed: 59, cancelled: 41 },
    summary: `${city}: 41.0 % of 100 ended rides were cancelled (limit 30 %), ${state}`,
    dedup_key: `test:${rule}:${city}`,
    ...more,
  } as AlertTransition;
}

/** A delivery of that transition. */
export function deliveryOf(
  alert: AlertTransition,
  more: Partial<Delivery> & { atMs?: number } = {},
): Delivery {
  const { atMs = startMs, ...given } = more;
  return {
    kind: "delivery",
    id: "node/1",
    receiver: "pagerduty",
    dedup_key: alert.dedup_key,
    rule: alert.rule,
    city: alert.city,
    alert_id: alert.alert_id,
    window_end: alert.window_end,
    rev: alert.rev,
    state: alert.state === "pending" ? "resolved" : alert.state,
    outcome: "accepted",
    detail: "",
    at: isoTime(atMs),
    by: "node",
    ...given,
  };
}
