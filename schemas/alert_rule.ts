/** Alert rules: the file that WAYMARK_RULES names, and the same set as a record of `city-partials`. */
import { z } from "zod";
import { cityName } from "./fields.ts";

/** Known when the rides of a window are: sums of the ride sources' closing registers, and what follows from them. */
export const rideRuleFields = [
  "total_events",
  "requests",
  "acceptances",
  "starts",
  "completions",
  "cancellations",
  "rides_completed",
  "rides_cancelled_by_rider",
  "rides_cancelled_by_driver",
  "rides_cancelled_by_system",
  "ended_rides",
  "completion_rate",
  "cancellation_rate",
  "avg_fare",
  "revenue",
  "anomalies",
  "request_to_accept_p50_s",
  "request_to_accept_p90_s",
  "open_requests",
  "demand_vs_usual",
  "usual_requests",
  "usual_events",
] as const;

/** Known when the positions are, too. */
export const supplyRuleFields = [
  "available_drivers",
  "busy_drivers",
  "utilisation",
  "surge",
  "supply_vs_usual",
  "usual_available_drivers",
] as const;

export const ruleFields = [...rideRuleFields, ...supplyRuleFields] as const;
export type RuleField = (typeof ruleFields)[number];

/** The value of a rule that breaches while a city which usually has events has none. */
export const silence = "silence";

export const severities = ["critical", "error", "warning", "info"] as const;
export const alertOwners = ["operations", "pipeline"] as const;

const allowedValue = `silence, a field or "field / field"; fields: ${ruleFields.join(", ")}`;

const isField = (text: string): text is RuleField => (ruleFields as readonly string[]).includes(text);

const value = z.string().max(128).refine(
  (text) => text === silence || (text.split(" / ").length <= 2 && text.split(" / ").every(isField)),
  { message: `allowed: ${allowedValue}` },
);

const number = z.number().min(-1e9, "allowed: -1e9 to 1e9").max(1e9, "allowed: -1e9 to 1e9");

/** How long a breach must last before the alert fires, and a recovery before it resolves. */
const minutes = z.string().regex(/^(0|[1-9]\d?|1[01]\d|120)m$/, "allowed: whole minutes from 0m to 120m");

const cityPattern = z.string().max(65).refine(
  (text) => text === "*" || cityName.safeParse(text.replace(/^!/, "")).success,
  { message: 'allowed: a city, "!city" to leave one out, or "*"' },
);

export const alertRule = z.strictObject({
  /** Part of the alert's id: a rule with another name is another rule. */
  name: z.string().regex(/^[a-z][a-z0-9_]{0,63}$/, "allowed: 1 to 64 of a to z, 0 to 9 and _"),
  value,
  breach: z.enum(["above", "below"], "allowed: above or below"),
  threshold: number,
  /** Recovery is on the other side of this; default: the threshold. */
  clear: number.optional(),
  for: minutes.default("5m"),
  /** With less than `min` of the field a window is neither breach nor recovery. */
  floor: z.strictObject({
    field: z.enum(ruleFields, `allowed: ${ruleFields.join(", ")}`),
    min: number,
  }).optional(),
  severity: z.enum(severities, `allowed: ${severities.join(", ")}`).default("warning"),
  /** Who is told: operations of the cities, or whoever runs the pipeline. */
  owner: z.enum(alertOwners, `allowed: ${alertOwners.join(", ")}`).default("operations"),
  cities: z.array(cityPattern).min(1).max(1_000).default(["*"]),
  runbook: z.url("allowed: an http(s) address").max(512).optional(),
}).refine(
  ({ breach, threshold, clear }) =>
    clear === undefined || (breach === "above" ? clear <= threshold : clear >= threshold),
  { message: "allowed: on the side of the threshold where there is no breach", path: ["clear"] },
);

/** Rules in one set. */
export const rulesMax = 100;

export const alertRuleSet = z.strictObject({
  /** Of two sets the one with the greater version is in force. The built-in one is 0. */
  version: z.number("allowed: a whole number from 1").int("allowed: a whole number from 1").min(
    1,
    "allowed: a whole number from 1",
  ).max(1e9, "allowed: at most 1000000000"),
  rules: z.array(alertRule).max(rulesMax).refine(
    (rules) => new Set(rules.map((r) => r.name)).size === rules.length,
    { message: "allowed: every name once" },
  ),
}).meta({ title: "Alert rules", description: "What is judged on every closed window of every city." });

export type AlertRuleWire = z.infer<typeof alertRule>;
export type AlertRuleSetWire = z.infer<typeof alertRuleSet>;
