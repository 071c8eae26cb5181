import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AlertTransition } from "../../../schemas/alert.ts";
import { incidentsOf } from "../../../src/alerts/incidents.ts";

const at = (minute: number) => `2026-01-15T18:${String(minute).padStart(2, "0")}:00.000Z`;
const told = (
  rule: string,
  state: AlertTransition["state"],
  minute: number,
  { since = minute, value = minute / 100 }: { since?: number; value?: number | null } = {},
): AlertTransition => ({
  ...{ alert_id: `${rule}/wien/${at(since)}`, rule, city: "wien", state, severity: "critical" },
  ...{ owner: "operations", since: at(since), at: at(minute), value, threshold: 0.3, window_start: at(0) },
  ...{ window_end: at(minute), rev: "0001000000000000001", counts: { completed: minute }, summary: "" },
  ...{ dedup_key: "", runbook: null },
});

describe("incidentsOf", () => {
  const all = [
    told("a", "pending", 8),
    told("a", "firing", 13, { since: 8 }),
    told("a", "resolved", 23, { since: 8 }),
    told("a", "pending", 30),
    told("a", "resolved", 31, { since: 30 }),
    told("silent", "pending", 8, { value: null }),
    told("silent", "no_data", 13, { since: 8, value: null }),
  ];
  const minute = (n: number) => Date.parse(at(n));

  it("puts together what belongs to one incident, with the counts of its firing", () => {
    const made = incidentsOf(all).map((
      i,
    ) => [i.rule, i.sinceMs, i.firedMs, i.resolvedMs, i.values, i.counts]);
    assert.deepEqual(made, [
      ["a", minute(8), minute(13), minute(23), [0.08, 0.13, 0.23], { completed: 13 }],
      ["silent", minute(8), minute(13), null, [], { completed: 13 }],
      ["a", minute(30), null, minute(31), [0.3, 0.31], { completed: 30 }],
    ]);
  });

  it("is the same in whatever order they come, however often", () => {
    const values = (from: AlertTransition[]) => incidentsOf(from).map(({ values: _, ...rest }) => rest);
    assert.deepEqual(values([...all].reverse()), values(all));
    assert.deepEqual(values([...all, ...all]), values(all));
  });
});
