/**
 * A set of alert rules as a record of `city-partials`: rules are an input of the cities, so they are in their log.
 *
 * Every partition has the same sets. They are said again every hour, so that a fold that begins anywhere in the log
 * meets the set in force before its warm-up is over.
 */
import { alertRuleSet, type AlertRuleSetWire } from "../../schemas/alert_rule.ts";
import type { RuleSetAt } from "../alerts/rule_book.ts";
import { fromUtf8, utf8 } from "../ids.ts";

/** The byte format written; a release reads its own and the previous one. */
export const ruleRecordFormat = 1;

export type RuleRecord = { generation: number; set: RuleSetAt };

export function encodeRules(set: AlertRuleSetWire, fromMs: number, generation: number): Uint8Array {
  const { version, rules } = set;
  return utf8(
    JSON.stringify({ format: ruleRecordFormat, kind: "rules", generation, from_ms: fromMs, version, rules }),
  );
}

/** The key of the record: nobody reads it, people see it. */
export const ruleRecordKey = utf8("rules");

/** The set, or null when it is not one of ours in a format this release reads. */
export function decodeRules(value: Uint8Array): RuleRecord | null {
  try {
    const read = JSON.parse(fromUtf8(value)) as Record<string, unknown> | null;
    if (read === null || read.kind !== "rules" || read.format !== ruleRecordFormat) return null;
    const { from_ms: fromMs, generation, version, rules } = read;
    if (typeof fromMs !== "number" || typeof generation !== "number") return null;
    return { generation, set: { ...alertRuleSet.parse({ version, rules }), fromMs } };
  } catch {
    return null;
  }
}
