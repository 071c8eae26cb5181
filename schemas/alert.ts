/** An alert transition: value on `alerts` (key `rule|city`), row in ClickHouse, object over HTTP. */
import { z } from "zod";
import { alertOwners, severities } from "./alert_rule.ts";
import { cityName, isoUtc } from "./fields.ts";

export const alertStates = ["pending", "firing", "resolved", "no_data"] as const;

export const alertTransition = z.object({
  /** Stable while one incident lasts: rule, city and the end of the window that began it. */
  alert_id: z.string(),
  rule: z.string(),
  city: cityName,
  state: z.enum(alertStates),
  severity: z.enum(severities),
  /** Who is told. */
  owner: z.enum(alertOwners),
  /** Event time of the first breaching window's end. */
  since: isoUtc,
  /** Event time of this transition: the end of the window that caused it. */
  at: isoUtc,
  value: z.number().nullable(),
  threshold: z.number(),
  window_start: isoUtc,
  window_end: isoUtc,
  rev: z.string().regex(/^\d{19}$/),
  counts: z.record(z.string(), z.number()),
  summary: z.string().max(1024),
  /** The same for every incident of one rule in one city: `<environment>:<rule>:<city>`. */
  dedup_key: z.string().max(255),
  /** What to do about it; null when the rule names nothing. */
  runbook: z.string().nullable(),
}).meta({ title: "Alert transition", description: "A change of state of one rule in one city." });

export type AlertTransition = z.infer<typeof alertTransition>;
