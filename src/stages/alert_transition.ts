/** A change of an alert's state in its published form. */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { AlertRule } from "../alerts/rules.ts";
import { isoTime } from "../time.ts";

export type TransitionFacts = {
  rule: AlertRule;
  city: string;
  state: "pending" | "firing" | "resolved";
  sinceMs: number;
  boundaryMs: number;
  counts: { completed: number; cancelled: number };
  windowMs: number;
  rev: string;
};

export function alertTransitionOf(facts: TransitionFacts): AlertTransition {
  const { rule, city, counts } = facts;
  const ended = counts.completed + counts.cancelled;
  const value = ended === 0 ? null : Math.round((counts.cancelled / ended) * 10_000) / 10_000;
  const share = value === null
    ? "no ride ended"
    : `${(value * 100).toFixed(1)} % of ${ended} ended rides were cancelled`;
  return {
    alert_id: `${rule.name}/${city}/${isoTime(facts.sinceMs)}`,
    rule: rule.name,
    city,
    state: facts.state,
    since: isoTime(facts.sinceMs),
    at: isoTime(facts.boundaryMs),
    value,
    threshold: rule.threshold,
    window_start: isoTime(facts.boundaryMs - facts.windowMs),
    window_end: isoTime(facts.boundaryMs),
    rev: facts.rev,
    counts,
    summary: `${city}: ${share} (limit ${rule.threshold * 100} %), ${facts.state}`,
    dedup_key: `waymark:${rule.name}:${city}`,
  };
}
