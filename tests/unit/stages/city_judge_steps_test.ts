import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { alertRuleSet } from "../../../schemas/alert_rule.ts";
import type { LogRecord, Output } from "../../../src/fold.ts";
import { CitiesFold } from "../../../src/stages/cities.ts";
import { encodeRules } from "../../../src/stages/rule_record.ts";
import type { ClosingEntry, PaneEntry } from "../../../src/windows/partial.ts";
import { foldAll, told } from "./partial_streams.ts";
import { json } from "./records.ts";
import { at, stageContext } from "./stage_context.ts";

const minute = (n: number) => at(60 * n);
const minutes = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const newFold = (cutMinute?: number) =>
  new CitiesFold(
    stageContext(cutMinute === undefined ? {} : { cut: { fromMs: minute(cutMinute), untilMs: null } }),
    0,
  );
const rule = (name: string, value: string, over: object = {}) => ({
  name,
  value,
  breach: "above",
  threshold: 0,
  for: "0m",
  ...over,
});
const rulesAt = (version: number, fromMinute: number, rules: unknown[]): LogRecord => ({
  ...told({}),
  value: encodeRules(alertRuleSet.parse({ version, rules }), minute(fromMinute), 1),
});
/** Ride source 0 at minute m: `events` in the window of x, all of them requests, and so many ended. */
const rides0 = (
  m: number,
  events = 0,
  { ended = [0, 0], asked = events }: { ended?: number[]; asked?: number } = {},
) => {
  const pane: PaneEntry = ["x", minute(m - 1), 1, m, [Math.max(1, asked)], ""];
  const closing: ClosingEntry = [
    "x",
    minute(m),
    m,
    [0, asked, events, events, 0, 0, 0, 0, 0, 0, ...ended],
    [],
  ];
  return told({
    next_offset: m,
    ...(events > 0 && { panes: [pane], closings: [closing] }),
    watermark_ms: minute(m),
  });
};
const rides1 = (m: number) => told({ partition: 1, next_offset: m, watermark_ms: minute(m) });
const gps = (m: number, available: number | null = null, city = "x") =>
  told({
    topic: "driver-locations",
    next_offset: m,
    watermark_ms: minute(m),
    closings: available === null ? [] : [[city, minute(m), m, [available, 0, 0], []] as ClosingEntry],
  });
const alerts = (outputs: Output[], name: string) =>
  outputs.filter((o) => o.topic === "alerts").map(json).filter((a) => a.rule === name)
    .map((a) => `${a.city} ${a.state} ${a.at.slice(11, 16)} since ${a.since.slice(11, 16)} = ${a.value}`)
    .sort();

describe("CityJudge: steps of the watermark, rules that change, cities that go", () => {
  it("silence that begins within a step is judged like silence in steps (built-in no_fresh_data)", () => {
    const a = minutes(1, 40).map((m) => rides0(m, 100)).concat(rides0(60));
    const stepped = a.flatMap((r, i) => [r, rides1(i < 40 ? i + 1 : 60)]);
    const jumped = [rides1(1), ...a, rides1(60)];
    assert.deepEqual(
      alerts(foldAll(newFold(), jumped), "no_fresh_data"),
      alerts(foldAll(newFold(), stepped), "no_fresh_data"),
    );
  });

  it("a set with a longer silence rule that comes into force within a step", () => {
    const rules = [
      rulesAt(1, 0, [rule("mute", "silence", { for: "5m" })]),
      rulesAt(2, 43, [rule("mute", "silence", { for: "8m" })]),
    ];
    const a = minutes(1, 40).flatMap((m) => [rides0(m, 100), rides1(m)]);
    const stepped = [...rules, ...a, ...minutes(41, 60).flatMap((m) => [rides0(m), rides1(m)])];
    const jumped = [...rules, ...a, rides0(60), rides1(60)];
    assert.deepEqual(alerts(foldAll(newFold(), jumped), "mute"), alerts(foldAll(newFold(), stepped), "mute"));
  });

  it("a city that has left is silent for a longer rule as one that has not left", () => {
    const rules = [
      rulesAt(1, 0, [rule("asked", "requests", { threshold: 1e6 })]),
      rulesAt(2, 100, [rule("mute", "silence", { for: "100m" })]),
    ];
    const busy = minutes(1, 10).flatMap((m) => [rides0(m, 100), rides1(m), gps(m)]);
    const rest = minutes(11, 130).map((m) => [rides0(m), rides1(m), gps(m)]);
    const level = [...rules, ...busy, ...rest.flat()];
    const gpsLags = [...rules, ...busy, ...rest.flatMap(([a, b]) => [a!, b!]), ...rest.map((r) => r[2]!)];
    assert.deepEqual(alerts(foldAll(newFold(), gpsLags), "mute"), alerts(foldAll(newFold(), level), "mute"));
  });

  it("a rule that moves from supply to rides begins anew and stays", () => {
    const rules = [rulesAt(1, 0, [rule("r", "available_drivers")]), rulesAt(2, 5, [rule("r", "requests")])];
    const all = minutes(1, 8).map((m) => [rides0(m, 10), rides1(m), gps(m, 50)]);
    assert.deepEqual(alerts(foldAll(newFold(), [...rules, ...all.flat()]), "r"), [
      "x firing 18:01 since 18:01 = 50",
      "x firing 18:06 since 18:06 = 10",
      "x resolved 18:06 since 18:01 = null",
    ]);
  });
  it("a rule that moves from supply to rides, positions behind", () => {
    const rules = [
      rulesAt(1, 0, [rule("r", "available_drivers")]),
      rulesAt(2, 5, [rule("r", "requests", { for: "2m" })]),
    ];
    const all = minutes(1, 9).map((m) => [rides0(m, 10), rides1(m), gps(m, m < 5 ? 50 : 0)]);
    const level = [...rules, ...all.flat()];
    const late = [...rules, ...all.flatMap(([a, b]) => [a!, b!]), ...all.map((r) => r[2]!)];
    assert.deepEqual(alerts(foldAll(newFold(), late), "r"), alerts(foldAll(newFold(), level), "r"));
  });

  it("a generation that takes over speaks of cities known by their drivers only", () => {
    const all = minutes(1, 60).flatMap((
      m,
    ) => [rides0(m, 10), rides1(m), gps(m, m <= 40 ? 100 : 30, "unknown")]);
    assert.deepEqual(alerts(foldAll(newFold(), all), "supply_drop"), [
      "unknown firing 18:44 since 18:41 = 0.3",
      "unknown pending 18:41 since 18:41 = 0.3",
    ]);
    assert.ok(
      alerts(foldAll(newFold(50), all), "supply_drop").some((a) =>
        a.startsWith("unknown firing 18:50 since 18:41")
      ),
    );
  });

  it("a silence rule that comes into force while a city is silent still gets to fire", () => {
    const r = [
      rulesAt(1, 0, [rule("asked", "requests")]),
      rulesAt(2, 43, [rule("mute", "silence", { for: "5m" })]),
    ];
    const log = [
      ...minutes(1, 40).flatMap((m) => [rides0(m, 100), rides1(m)]),
      ...minutes(41, 80).flatMap((m) => [rides0(m), rides1(m)]),
    ];
    assert.ok(alerts(foldAll(newFold(), [...r, ...log]), "mute").some((a) => a.includes("no_data")));
  });

  it("a city that breached once and is gone leaves memory, its alert ended", () => {
    const log = [
      rides0(1),
      rides1(1),
      gps(1),
      rides0(2, 20, { ended: [0, 20] }),
      rides1(2),
      gps(2),
      ...[10, 60, 300, 1500, 3000, 9000].flatMap((m) => [rides0(m), rides1(m), gps(m)]),
    ];
    const fold = newFold();
    const said = alerts(foldAll(fold, log), "cancellation_rate_high");
    assert.deepEqual([fold.status().actors.city, said.length], [0, 2], said.join("; "));
  });
});
