/**
 * Rules over the pipeline itself, pure: what a process sees of partitions, ledger and sink, judged in wall time.
 *
 * They are about processes and not about rides, so no replay repeats them; but their transitions are on `alerts` like
 * all others, with the topic or the sink in the place of the city, and go to whoever runs the pipeline. Whoever judges
 * takes the open alert from the log: a new owner neither opens it again nor forgets to resolve it.
 */
import type { AlertRuleWire } from "../../schemas/alert_rule.ts";
import { minuteMs } from "../time.ts";

/** What is seen of one topic over all nodes, or of the sink. Null: not known, which is neither breach nor recovery. */
export type PipelineReading = { value: number | null; says: string };

export type PipelineRule = Readonly<
  Pick<AlertRuleWire, "name" | "severity"> & {
    /** Breach above this. */
    threshold: number;
    /** Recovery at or below this. */
    clear: number;
    forMs: number;
    clearMs: number;
  }
>;

/** Records in the last five minutes below which a share of dead letters says nothing. */
export const deadLettersFloor = 100;

const rule = (
  name: string,
  severity: PipelineRule["severity"],
  terms: Omit<PipelineRule, "name" | "severity">,
) => ({
  name,
  severity,
  ...terms,
});
const oneMinute = { forMs: minuteMs, clearMs: minuteMs };

export const pipelineRules = {
  stopped: rule("partition_stopped", "critical", { threshold: 0, clear: 0, forMs: 0, clearMs: minuteMs }),
  lag: rule("partition_lag", "critical", {
    threshold: 60,
    clear: 30,
    forMs: 2 * minuteMs,
    clearMs: 2 * minuteMs,
  }),
  snapshot: rule("snapshot_old", "warning", { threshold: 600, clear: 300, ...oneMinute }),
  deadLetters: rule("dead_letters_high", "warning", { threshold: 0.05, clear: 0.02, ...oneMinute }),
  sink: rule("sink_stalled", "critical", { threshold: 60, clear: 30, ...oneMinute }),
} as const satisfies Record<string, PipelineRule>;

/** Since when the reading has been on that side without a break; null: it is not. */
export type PipelineMemory = { breachMs: number | null; clearMs: number | null };

export const unknown: PipelineMemory = { breachMs: null, clearMs: null };

/** What the reading at `nowMs` does, given whether the log has the alert open. */
export function judgePipeline(
  rule: PipelineRule,
  memory: PipelineMemory,
  { value, nowMs, isOpen }: { value: number | null; nowMs: number; isOpen: boolean },
): { memory: PipelineMemory; change: "firing" | "resolved" | null } {
  if (value === null) return { memory, change: null };
  const next: PipelineMemory = {
    breachMs: value > rule.threshold ? memory.breachMs ?? nowMs : null,
    clearMs: value <= rule.clear ? memory.clearMs ?? nowMs : null,
  };
  const lasts = (sinceMs: number | null, ms: number) => sinceMs !== null && nowMs - sinceMs >= ms;
  if (!isOpen && lasts(next.breachMs, rule.forMs)) return { memory: next, change: "firing" };
  if (isOpen && lasts(next.clearMs, rule.clearMs)) return { memory: next, change: "resolved" };
  return { memory: next, change: null };
}
