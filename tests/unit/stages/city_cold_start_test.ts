/** A cold start of the cities goes on with the alerts that were told before it, however long ago they began. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { alertRuleSet } from "../../../schemas/alert_rule.ts";
import { rowMs } from "../../../src/alerts/judge.ts";
import { type LogRecord, Outbox, type Output } from "../../../src/fold.ts";
import { CitiesFold, citiesStage } from "../../../src/stages/cities.ts";
import type { StageContext } from "../../../src/stages/context.ts";
import { encodeRules } from "../../../src/stages/rule_record.ts";
import type { ClosingEntry, PaneEntry } from "../../../src/windows/partial.ts";
import { told } from "./partial_streams.ts";
import { minuteMs } from "../../../src/time.ts";
import { json } from "./records.ts";
import { usualMs } from "../../../src/windows/trailing.ts";
import { at, stageContext } from "./stage_context.ts";

const minute = (n: number) => at(60 * n);
const context = stageContext();

const rule = (name: string, value: string, over: object = {}) => ({
  ...{ name, value, breach: "above", threshold: 0, for: "0m" },
  ...over,
});
const rules = [
  rule("many", "requests", { threshold: 20, clear: 10, for: "3m" }),
  rule("rate", "cancellation_rate", { threshold: 0.3, floor: { field: "ended_rides", min: 10 } }),
  rule("often", "cancellation_rate", {
    ...{ threshold: 0.3, clear: 0.2, for: "4m", floor: { field: "ended_rides", min: 10 } },
  }),
  rule("drivers", "available_drivers", { breach: "below", threshold: 3, for: "2m" }),
  rule("mute", "silence", { for: "4m" }),
];
const rulesAt = (m: number): LogRecord => ({
  ...told({}),
  value: encodeRules(alertRuleSet.parse({ version: 1, rules }), minute(m), 1),
});

/** What all sources say of a minute of x. Without requests and drivers the city falls silent. */
type Minute = { asked: number; completed: number; cancelled: number; available: number | null };
const quiet: Minute = { asked: 0, completed: 0, cancelled: 0, available: null };

function recordsOf(minutes: Minute[]): LogRecord[][] {
  return minutes.map(({ asked, completed, cancelled, available }, i) => {
    const m = i + 1;
    const ended = completed + cancelled;
    const events = asked + ended;
    const pane: PaneEntry = ["x", minute(m - 1), m, m, [events], ""];
    const sums = [0, asked, events, asked, 0, 0, 0, 0, 0, 0, completed, cancelled];
    const gps: ClosingEntry[] = available === null ? [] : [["x", minute(m), m, [available, 0, 0], []]];
    return [
      told({
        next_offset: m,
        ...(events > 0 && { panes: [pane], closings: [["x", minute(m), m, sums, []]] }),
        watermark_ms: minute(m),
      }),
      told({ partition: 1, next_offset: m, watermark_ms: minute(m) }),
      told({ topic: "driver-locations", next_offset: m, closings: gps, watermark_ms: minute(m) }),
    ];
  });
}

function folded(fold: CitiesFold, records: LogRecord[]): Output[] {
  const outbox = new Outbox();
  for (const record of records) fold.fold(record, outbox);
  fold.flush(outbox);
  return outbox.take();
}

const transitions = (outputs: Output[]) => outputs.filter((o) => o.topic === "alerts");
const readable = (outputs: Output[]) =>
  transitions(outputs).map(json).map((a) =>
    `${a.rule} ${a.state} ${a.at.slice(11, 16)} since ${a.since.slice(11, 16)}`
  ).sort();

/** Folds to minute `until` and on; and the same again, cold, by one who warms up from minute `from`. */
function both(minutes: Minute[], { from, until }: { from: number; until: number }, given = context) {
  const records = recordsOf(minutes);
  const straight = new CitiesFold(given, 0);
  const before = folded(straight, [rulesAt(0), ...records.slice(0, until).flat()]);
  const after = folded(straight, records.slice(until).flat());

  const cold = new CitiesFold(given, 0);
  cold.since(1 + 3 * from);
  // An old owner that went on has told what is to come, too.
  for (const [offset, { key, value }] of transitions([...before, ...after]).entries()) {
    cold.recall({ offset, timestampMs: 0, key, value, headers: null });
  }
  folded(cold, [rulesAt(0), ...records.slice(from, until).flat()]);
  cold.markAll();
  folded(cold, []);
  return { straight: readable(after), cold: readable(folded(cold, records.slice(until).flat())) };
}

const busy: Minute = { asked: 30, completed: 2, cancelled: 10, available: 1 };
const calm: Minute = { asked: 5, completed: 12, cancelled: 0, available: 9 };
const times = (n: number, minute: Minute): Minute[] => Array.from({ length: n }, () => minute);

describe("a cold start of the cities", () => {
  it("resolves what has been open for longer than its warm-up", () => {
    const { straight, cold } = both([...times(5, calm), ...times(60, busy), ...times(9, calm)], {
      from: 50,
      until: 62,
    });
    assert.deepEqual(cold, straight);
    assert.equal(cold.filter((told) => told.includes("resolved")).length, 4);
  });

  it("ends a silence that began before its warm-up, under the incident's own name", () => {
    const minutes = [...times(5, calm), ...times(60, quiet), ...times(3, calm)];
    const { straight, cold } = both(minutes, { from: 40, until: 60 });
    assert.deepEqual(cold, straight);
    assert.deepEqual(cold.filter((told) => told.startsWith("mute")), [
      `mute resolved ${new Date(minute(66)).toISOString().slice(11, 16)} since ${
        new Date(minute(6)).toISOString().slice(11, 16)
      }`,
    ]);
  });

  it("says nothing of what was resolved within its warm-up, and nothing twice", () => {
    const minutes = [...times(20, busy), ...times(20, calm), ...times(5, calm)];
    assert.deepEqual(both(minutes, { from: 15, until: 40 }), { straight: [], cold: [] });
  });

  it("goes on like one that was never interrupted, whatever the minutes", () => {
    const made = fc.oneof(
      fc.constantFrom(busy, calm, quiet),
      fc.record({
        asked: fc.nat(30),
        completed: fc.nat(12),
        cancelled: fc.nat(6),
        available: fc.oneof(fc.constant(null), fc.nat(6)),
      }),
    );
    // Hours without a judgement, too: too few rides, or nobody.
    const length = fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: 1, max: 9 }) },
      { weight: 1, arbitrary: fc.integer({ min: 10, max: 200 }) },
    );
    const stretch = fc.tuple(made, length).map(([m, n]) => times(n, m));
    const run = fc.array(stretch, { minLength: 6, maxLength: 40 }).map((s) => s.flat());
    fc.assert(
      fc.property(run, fc.nat(1_000), fc.nat(100), (minutes, u, more) => {
        const until = 1 + Math.floor((minutes.length - 2) * u / 1_000);
        const from = Math.max(0, until - rowMs / minuteMs - more);
        const { straight, cold } = both(minutes, { from, until });
        assert.deepEqual(cold, straight);
      }),
      { numRuns: 300 },
    );
  });

  it("has the whole row of an alert that was watched for hours", () => {
    const few: Minute = { ...calm, completed: 1 };
    const minutes = [...times(5, calm), ...times(3, busy), ...times(170, few), ...times(3, busy), calm];
    const { straight, cold } = both(minutes, { from: 4, until: 179 });
    assert.deepEqual(cold, straight);
    assert.ok(cold.some((told) => told.startsWith("often firing")), cold.join());
  });

  it("reads back a row, the hour that its figures are compared with, and what a source may lag behind", () => {
    const { windowMs, latenessMs, holdMs } = context.windows;
    assert.ok(citiesStage(context).warmUpMs >= rowMs + usualMs + windowMs + latenessMs + holdMs);
  });

  it("leaves alone what another generation told, and cities of other partitions", () => {
    const minutes = [...times(5, calm), ...times(30, busy), ...times(9, calm)];
    const records = recordsOf(minutes);
    const alerts = transitions(folded(new CitiesFold(context, 0), [rulesAt(0), ...records.flat()]));
    const others: StageContext[] = [
      { ...context, generation: 2 },
      { ...context, partitionOf: (topic) => topic === "city-partials" ? 1 : 0 },
    ];
    for (const other of others) {
      const cold = new CitiesFold(other, 0);
      cold.since(1);
      for (const { key, value } of alerts) {
        cold.recall({ offset: 0, timestampMs: 0, key, value, headers: null });
      }
      folded(cold, recordsOf(times(12, quiet)).flat().slice(0, 3));
      cold.markAll();
      assert.equal(cold.status().actors.city, 0);
    }
  });
});

describe("alerts about drivers", () => {
  it("are ended when nobody has heard of the city's drivers for a day", () => {
    const gone: Minute = { ...calm, available: null };
    const minutes = [...times(5, { ...calm, available: 1 }), ...times(25 * 60, gone)];
    const told = readable(folded(new CitiesFold(context, 0), [rulesAt(0), ...recordsOf(minutes).flat()]));
    const ended = new Date(minute(5 + 24 * 60)).toISOString().slice(11, 16);
    assert.deepEqual(told.filter((t) => t.startsWith("drivers resolved")).map((t) => t.slice(0, 22)), [
      `drivers resolved ${ended}`,
    ]);
  });
});
