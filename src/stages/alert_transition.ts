/** A change of an alert's state in its published form. */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { AlertRule } from "../alerts/rule.ts";
import type { Output } from "../fold.ts";
import { utf8 } from "../ids.ts";
import { isoTime } from "../time.ts";
import { formatRev } from "../windows/rev.ts";
import { paneMs } from "../windows/settings.ts";
import type { StageContext } from "./context.ts";

export type TransitionFacts = {
  rule: AlertRule;
  city: string;
  state: AlertTransition["state"];
  sinceMs: number;
  boundaryMs: number;
  /** What the rule read at the boundary. */
  value: number | null;
  counts: Record<string, number>;
};

export function alertTransitionOf(facts: TransitionFacts, context: StageContext): AlertTransition {
  const { rule, city, boundaryMs } = facts;
  const { wire } = rule;
  const value = facts.value === null ? null : Math.round(facts.value * 10_000) / 10_000;
  return {
    alert_id: `${rule.name}/${city}/${isoTime(facts.sinceMs)}`,
    rule: rule.name,
    city,
    state: facts.state,
    severity: wire.severity,
    owner: wire.owner,
    since: isoTime(facts.sinceMs),
    at: isoTime(boundaryMs),
    value,
    threshold: wire.threshold,
    window_start: isoTime(boundaryMs - context.windows.windowMs),
    window_end: isoTime(boundaryMs),
    rev: formatRev(context.generation, boundaryMs / paneMs, 1),
    counts: facts.counts,
    summary: summaryOf(facts, value),
    dedup_key: `${context.environment}:${rule.name}:${city}`,
    runbook: wire.runbook ?? null,
  };
}

/** On `alerts`, where those of one city keep their order. */
export function alertOutput(transition: AlertTransition, context: StageContext): Output {
  const { rule, city } = transition;
  return {
    topic: "alerts",
    key: utf8(`${rule}|${city}`),
    value: utf8(JSON.stringify(transition)),
    partition: context.partitionOf("alerts", utf8(city)),
  };
}

function summaryOf({ rule, city, state, counts }: TransitionFacts, value: number | null): string {
  const { isSilence, wire } = rule;
  if (isSilence) {
    return `${city}: ${state === "resolved" ? "events again" : "no event in the window"}, ${state}`;
  }
  const isRate = wire.value === "cancellation_rate" || wire.value === "completion_rate";
  const shown = (number: number) => isRate ? percent(number) : `${number}`;
  const limit = `limit ${isRate ? percent(wire.threshold, 2) : wire.threshold}`;
  if (value === null) {
    return `${city}: ${isRate ? "no ride ended" : `${wire.value} is not known`} (${limit}), ${state}`;
  }
  const ended = (counts.completed ?? 0) + (counts.cancelled ?? 0);
  const said = isRate
    ? `${shown(value)} of ${ended} ended rides were ${
      wire.value === "cancellation_rate" ? "cancelled" : "completed"
    }`
    : `${wire.value} is ${shown(value)}`;
  return `${city}: ${said} (${limit}), ${state}`;
}

const percent = (share: number, digitsMax?: number): string =>
  `${digitsMax === undefined ? (share * 100).toFixed(1) : Number((share * 100).toFixed(digitsMax))} %`;
