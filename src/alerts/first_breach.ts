/**
 * When a breach really began: recounted event by event, without panes, windows or watermarks. Pure.
 *
 *   events of a city by event time ─► after each: the rule over the last window's length ─► breach, or none
 *   the first event of the run of breaches that goes on until the alert fired
 *
 * A boundary sees a breach only when it comes by, and an alert only after several of them; this is what its delay is
 * measured from. Only what can be counted from ride events alone is recounted: not supply, not waits, not the usual.
 */
import type { RuleField } from "../../schemas/alert_rule.ts";
import type { AlertRule, Figures } from "./rule.ts";

/** What one event adds to the counts of its city. */
export const added = {
  requested: ["total_events", "requests"],
  accepted: ["total_events", "acceptances"],
  started: ["total_events", "starts"],
  completed: ["total_events", "completions"],
  cancelled: ["total_events", "cancellations"],
  /** A ride's outcome, at the event that decided it. */
  ended_completed: ["ended_rides", "rides_completed"],
  ended_by_rider: ["ended_rides", "rides_cancelled_by_rider"],
  ended_by_driver: ["ended_rides", "rides_cancelled_by_driver"],
  ended_by_system: ["ended_rides", "rides_cancelled_by_system"],
} as const satisfies Record<string, readonly RuleField[]>;

export type Counted = { timeMs: number; kind: keyof typeof added };

type CountField = (typeof added)[keyof typeof added][number];

const countable = new Set<RuleField>([
  ...Object.values(added).flat(),
  "completion_rate",
  "cancellation_rate",
]);

/** Whether everything that the rule reads can be recounted. */
export const isRecountable = ({ fields }: Pick<AlertRule, "fields">): boolean =>
  fields.length > 0 && fields.every((field) => countable.has(field));

/**
 * For each boundary at which the rule fired: event time of the first event of the run of breaches that led to it, or
 * null when the last event before it left no breach. `events` and `firedMs` in order of time.
 */
export function firstBreaches(
  rule: AlertRule,
  events: readonly Counted[],
  firedMs: readonly number[],
  windowMs: number,
): (number | null)[] {
  const counts = new Map<CountField, number>();
  const count = (kind: Counted["kind"], by: 1 | -1) => {
    for (const field of added[kind]) counts.set(field, (counts.get(field) ?? 0) + by);
  };
  const begun: (number | null)[] = [];
  let sinceMs: number | null = null;
  let oldest = 0;
  for (const { timeMs, kind } of events) {
    while (begun.length < firedMs.length && firedMs[begun.length]! <= timeMs) begun.push(sinceMs);
    if (begun.length === firedMs.length) break;
    count(kind, 1);
    for (; events[oldest]!.timeMs <= timeMs - windowMs; oldest++) count(events[oldest]!.kind, -1);
    sinceMs = isBreach(rule, counts) ? sinceMs ?? timeMs : null;
  }
  while (begun.length < firedMs.length) begun.push(sinceMs);
  return begun;
}

function isBreach(rule: AlertRule, counts: ReadonlyMap<CountField, number>): boolean {
  const at = (field: CountField) => counts.get(field) ?? 0;
  const share = (part: number) => at("ended_rides") === 0 ? null : part / at("ended_rides");
  const figures: Figures = {
    ...Object.fromEntries(Object.values(added).flat().map((field) => [field, at(field)])),
    completion_rate: share(at("rides_completed")),
    cancellation_rate: share(at("ended_rides") - at("rides_completed")),
  };
  const value = rule.read(figures);
  if (value === null || !rule.isEnough(figures)) return false;
  return rule.wire.breach === "above" ? value > rule.wire.threshold : value < rule.wire.threshold;
}
