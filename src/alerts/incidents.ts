/** Transitions put together into incidents, pure: one row from the first breaching window to the recovery. */
import type { AlertTransition } from "../../schemas/alert.ts";

/** Times are ends of windows, ms; null: not so far. */
export type Incident = {
  id: string;
  rule: string;
  city: string;
  severity: AlertTransition["severity"];
  owner: AlertTransition["owner"];
  /** End of the first breaching window. */
  sinceMs: number;
  /** When it fired; a silent city's `no_data` is its firing. */
  firedMs: number | null;
  resolvedMs: number | null;
  threshold: number;
  /** What the rule read at its transitions. */
  values: number[];
  /** When it fired; of one that never did, when it began. */
  counts: Record<string, number>;
};

/** In order of their beginning; transitions in any order, each as often as one likes. */
export function incidentsOf(transitions: Iterable<AlertTransition>): Incident[] {
  const incidents = new Map<string, Incident>();
  const inOrder = [...transitions].sort((a, b) => compare(a.at, b.at) || compare(a.rev, b.rev));
  for (const told of inOrder) {
    const { alert_id: id, rule, city, severity, owner, threshold, counts } = told;
    const incident = incidents.get(id) ??
      {
        ...{ id, rule, city, severity, owner, threshold, counts, values: [] },
        ...{ sinceMs: Date.parse(told.since), firedMs: null, resolvedMs: null },
      };
    incidents.set(id, incident);
    if (told.value !== null) incident.values.push(told.value);
    const atMs = Date.parse(told.at);
    if (told.state === "resolved") incident.resolvedMs ??= atMs;
    else if (told.state !== "pending" && incident.firedMs === null) {
      incident.firedMs = atMs;
      incident.counts = counts;
    }
  }
  return [...incidents.values()].sort((a, b) =>
    a.sinceMs - b.sinceMs || compare(a.rule, b.rule) || compare(a.city, b.city)
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
