/** A backtest of alert rules as a table for people and as JSON for programs. */
import type { Backtested } from "../node/backtest.ts";
import { isoTime, secondMs } from "../time.ts";

export type Told = {
  incidents: readonly Backtested[];
  /** Version 0: the built-in ones. */
  rules: { version: number; count: number };
  items: number;
  seconds: number;
};

const headings = ["rule", "city", "pending", "firing", "resolved", "worst", "fired after", "counts"];

export function backtestText(told: Told): string {
  const rows = [headings, ...told.incidents.map(rowOf)];
  const widths = headings.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd());
  const byWindow = told.incidents.some((i) => i.firedAfterMs !== null && i.firstBreach.by === "window");
  return [
    ...(told.incidents.length > 0 ? lines : []),
    ...(byWindow ? ["* counted from the end of the first breaching window, not from an event"] : []),
    summaryOf(told),
  ].join("\n");
}

function rowOf(incident: Backtested): string[] {
  const { rule, city, sinceMs, firedMs, resolvedMs, worst, firedAfterMs, firstBreach, counts } = incident;
  return [
    rule,
    city,
    minuteText(sinceMs),
    firedMs === null ? "–" : minuteText(firedMs),
    resolvedMs === null ? "open" : minuteText(resolvedMs),
    worst === null ? "–" : String(Math.round(worst * 10_000) / 10_000),
    firedAfterMs === null ? "–" : spanText(firedAfterMs) + (firstBreach.by === "window" ? "*" : ""),
    Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(", "),
  ];
}

function summaryOf({ incidents, rules, items, seconds }: Told): string {
  const n = (value: number) => value.toLocaleString("en");
  const fired = incidents.filter((i) => i.firedMs !== null);
  const open = fired.filter((i) => i.resolvedMs === null).length;
  const delays = fired.map((i) => i.firedAfterMs!).sort((a, b) => a - b);
  const which = rules.version === 0 ? "the built-in rules" : `rules version ${rules.version}`;
  const cities = new Set(fired.map((i) => i.city)).size;
  return `${n(items)} records in ${
    seconds.toFixed(1)
  } s, ${which}: ${fired.length} fired (${open} still open) in ` +
    `${cities} ${cities === 1 ? "city" : "cities"}, ${incidents.length - fired.length} pending only` +
    (delays.length === 0
      ? ""
      : `; fired after ${spanText(median(delays))} (median), ${spanText(delays.at(-1)!)} (most)`);
}

const median = (sorted: readonly number[]): number => sorted[Math.floor((sorted.length - 1) / 2)]!;

export function backtestJson({ incidents, rules, items, seconds }: Told): string {
  const time = (ms: number | null) => ms === null ? null : isoTime(ms);
  return JSON.stringify(
    {
      rules_version: rules.version,
      records: items,
      seconds: Math.round(seconds * 10) / 10,
      incidents: incidents.map((incident) => ({
        alert_id: incident.id,
        ...{ rule: incident.rule, city: incident.city, severity: incident.severity, owner: incident.owner },
        pending_at: time(incident.sinceMs),
        firing_at: time(incident.firedMs),
        resolved_at: time(incident.resolvedMs),
        ...{ threshold: incident.threshold, worst_value: incident.worst, counts: incident.counts },
        first_breach_at: time(incident.firstBreach.atMs),
        first_breach_by: incident.firstBreach.by,
        fired_after_s: incident.firedAfterMs === null ? null : incident.firedAfterMs / secondMs,
      })),
    },
    null,
    2,
  );
}

/** `2026-01-15 18:08` */
const minuteText = (ms: number): string => isoTime(ms).slice(0, 16).replace("T", " ");

/** `6 min 41 s` */
function spanText(ms: number): string {
  const seconds = Math.round(ms / secondMs);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
