import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { alertRuleSet } from "../../../schemas/alert_rule.ts";
import type { CityCells } from "../../../schemas/city_cells.ts";
import type { LogRecord } from "../../../src/fold.ts";
import { CitiesFold } from "../../../src/stages/cities.ts";
import { encodeRules } from "../../../src/stages/rule_record.ts";
import type { ClosingEntry, PaneEntry } from "../../../src/windows/partial.ts";
import { json } from "./records.ts";
import { foldAll, told, windowsIn } from "./partial_streams.ts";
import { at, stageContext } from "./stage_context.ts";

const newFold = () => new CitiesFold(stageContext(), 0);
const minute = (n: number) => at(60 * n);
const minutes = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const cell = "881e02c29bfffff";
const neighbour = "881e02c291fffff";

type Boundary = { requests?: number; asked?: number; available?: number | null; cells?: boolean };

/** Everything the sources say of city x at a minute: rides of two partitions, and positions. */
function boundary(
  m: number,
  { requests = 100, asked = 20, available = 200, cells = false }: Boundary,
): LogRecord[] {
  // The closing has the sums of the window, and the cells of its last minute.
  const rides: ClosingEntry = [
    "x",
    minute(m),
    m,
    [1, asked, requests, requests],
    cells ? [[cell, requests]] : [],
  ];
  const asking: PaneEntry = ["x", minute(m - 1), 1, m, [asked, asked], ""];
  const supply: ClosingEntry[] = available === null
    ? []
    : [["x", minute(m), m, [available, 10, 20], cells ? [[neighbour, available]] : []]];
  return [
    told({ next_offset: m, panes: [asking], closings: [rides], watermark_ms: minute(m) }),
    told({ partition: 1, next_offset: m, watermark_ms: minute(m) }),
    told({ topic: "driver-locations", next_offset: m, closings: supply, watermark_ms: minute(m) }),
  ];
}

const alertsOf = (fold: CitiesFold, records: LogRecord[], rule: string) =>
  foldAll(fold, records).filter((o) => o.topic === "alerts").map(json).filter((a) => a.rule === rule)
    .map((a) => [a.state, a.at.slice(11, 16), a.value]);

const rulesAt = (version: number, fromMinute: number, rules: unknown[]): LogRecord => ({
  ...told({}),
  value: encodeRules(alertRuleSet.parse({ version, rules }), minute(fromMinute), 1),
});

describe("CityJudge: supply and demand", () => {
  it("supply at half of what was usual is a drop: pending at once, firing at the 4th boundary, then resolved", () => {
    const records = [
      ...minutes(1, 40).flatMap((m) => boundary(m, {})),
      ...minutes(41, 45).flatMap((m) => boundary(m, { available: 100 })),
      ...minutes(46, 50).flatMap((m) => boundary(m, { available: 180 })),
    ];
    assert.deepEqual(alertsOf(newFold(), records, "supply_drop"), [
      ["pending", "18:41", 0.5],
      ["firing", "18:44", 0.5],
      ["resolved", "18:49", 0.9],
    ]);
  });

  it("drivers of whom none speaks are missing positions and no drop", () => {
    const records = [
      ...minutes(1, 40).flatMap((m) => boundary(m, {})),
      ...minutes(41, 50).flatMap((m) => boundary(m, { available: null })),
    ];
    assert.deepEqual(alertsOf(newFold(), records, "supply_drop"), []);
  });

  it("doubled requests are a surge of demand, and the hour before is not blurred by it", () => {
    const records = [
      ...minutes(1, 40).flatMap((m) => boundary(m, {})),
      ...minutes(41, 50).flatMap((m) => boundary(m, { requests: 200 })),
    ];
    assert.deepEqual(alertsOf(newFold(), records, "demand_surge"), [
      ["pending", "18:41", 2],
      ["firing", "18:44", 2],
    ]);
  });

  it("prices the city in the window's row, and its cells with their neighbours", () => {
    const outputs = foldAll(newFold(), [
      ...boundary(1, { available: 1, cells: true }),
      ...boundary(2, { available: 50, cells: true }),
      ...boundary(3, { requests: 60, asked: 15, available: 50, cells: true }),
    ]);
    const closed = windowsIn(outputs).filter((w) => w.surge !== null);
    // Of the first boundary with drivers few may be known. Pressure 0.4, then 0.3: smoothed 0.35, which is worth 2.25,
    // and 2.5 stays but for a step.
    assert.deepEqual(closed.map((w) => [w.window_end.slice(11, 16), w.surge]), [
      ["18:01", 1],
      ["18:02", 2.5],
      ["18:03", 2.3],
    ]);
    const cells = outputs.filter((o) => o.topic === "city-cells").map(json) as unknown as CityCells[];
    assert.deepEqual(cells.map(({ at: atIso, cells }) => [atIso.slice(11, 16), cells]), [
      ["18:01", [[neighbour, 0, 1, 1], [cell, 100, 0, 1]].sort()],
      // 200 requests in five minutes for 50 drivers next door: 40 a minute, of which the cap is worth 0.5.
      ["18:02", [[neighbour, 0, 50, 3], [cell, 200, 0, 3]].sort()],
      ["18:03", [[neighbour, 0, 50, 3], [cell, 260, 0, 3]].sort()],
    ]);
  });

  it("cells follow what is asked in them", () => {
    const outputs = foldAll(newFold(), [
      ...boundary(1, { requests: 0, cells: true }),
      ...boundary(2, { requests: 100, available: 50, cells: true }),
      ...boundary(3, { requests: 60, available: 50, cells: true }),
    ]);
    const cells = outputs.filter((o) => o.topic === "city-cells").map(json) as unknown as CityCells[];
    // 20 a minute for 50 drivers: 0.4. 60 more: 0.64, of which the cap is worth 0.5; smoothed 0.48, it rises at once.
    assert.deepEqual(cells.slice(1).map(({ cells }) => cells.map(([, , , surge]) => surge)), [
      [2.5, 2.5],
      [2.9, 2.9],
    ]);
  });

  it("guesses at the surge of a running minute on updates alone", () => {
    const fold = newFold();
    foldAll(fold, [...boundary(0, { asked: 5, available: 50 }), ...boundary(1, { asked: 5, available: 50 })]);
    const running = (offset: number, requests: number, second: number) => [
      told({ partition: 1, next_offset: offset, watermark_ms: at(second - 30) }),
      told({
        next_offset: offset,
        panes: [["x", minute(1), offset, offset, [requests, requests], ""]],
        watermark_ms: at(second - 30),
      }),
    ];
    const guess = (records: LogRecord[]) =>
      windowsIn(foldAll(fold, records)).filter((w) => w.window_end.slice(11, 16) === "18:02")
        .map((w) => [w.kind, w.surge, w.surge_provisional]);
    // Five asked before for 50 drivers: 0.1. Now 10 in the first half of the minute, and half of the minute before.
    assert.deepEqual(guess(running(2, 10, 90)).at(-1), ["update", null, 1.6]);
    assert.deepEqual(guess(running(3, 25, 119)).at(-1), ["update", null, 2.6]);
  });
});

describe("CityJudge: silence", () => {
  const busy = minutes(1, 40).flatMap((m) => boundary(m, {}));
  const passing = (m: number) => [
    told({ next_offset: m, watermark_ms: minute(m) }),
    told({ partition: 1, next_offset: m, watermark_ms: minute(m) }),
    told({ topic: "driver-locations", next_offset: m, watermark_ms: minute(m) }),
  ];

  it("a busy city without events is no_data at the 6th boundary, and resolved by the next event", () => {
    const records = [...busy, ...minutes(41, 60).flatMap(passing), ...boundary(61, {})];
    assert.deepEqual(alertsOf(newFold(), records, "no_fresh_data"), [
      ["pending", "18:41", 1],
      ["no_data", "18:46", 1],
      ["resolved", "19:01", 0],
    ]);
  });

  it("says the same when the watermark passes all of it at once, and after snapshots", () => {
    const atOnce = alertsOf(newFold(), [...busy, ...passing(60), ...boundary(61, {})], "no_fresh_data");
    let fold = newFold();
    const stepped = [...busy, ...passing(43), ...passing(60), ...boundary(61, {})].flatMap((record) => {
      const said = alertsOf(fold, [record], "no_fresh_data");
      const entries = [...fold.entries()].map((entry) => JSON.parse(JSON.stringify(entry)));
      fold = newFold();
      for (const entry of entries) fold.restore(entry);
      return said;
    });
    assert.deepEqual(stepped, atOnce);
    assert.equal(atOnce.length, 3);
  });

  it("is given up after a day, and is no news of a city that has little", () => {
    const day = [...busy, ...passing(60), ...passing(40 + 24 * 60), ...passing(40 + 30 * 60)];
    assert.deepEqual(alertsOf(newFold(), day, "no_fresh_data").at(-1), ["resolved", "18:40", 1]);
    const quiet = [...minutes(1, 40).flatMap((m) => boundary(m, { requests: 3 })), ...passing(60)];
    assert.deepEqual(alertsOf(newFold(), quiet, "no_fresh_data"), []);
  });

  it("the end of a replay is no silence", () => {
    const ended = [0, 1].map((partition) =>
      told({ partition, next_offset: 99, watermark_ms: minute(40), ended: true })
    );
    const gps = told({ topic: "driver-locations", next_offset: 99, watermark_ms: minute(40), ended: true });
    assert.deepEqual(alertsOf(newFold(), [...busy, ...ended, gps], "no_fresh_data"), []);
  });
});

describe("CityJudge: rules of the log", () => {
  const many = { name: "many", value: "requests", breach: "above", threshold: 50, for: "0m" };

  it("come into force after their boundary, for every city, and replace the built-in ones", () => {
    const records = [
      ...minutes(1, 2).flatMap((m) => boundary(m, {})),
      rulesAt(1, 4, [many]),
      ...minutes(3, 8).flatMap((m) => boundary(m, {})),
    ];
    assert.deepEqual(alertsOf(newFold(), records, "many"), [["firing", "18:05", 100]]);
  });

  it("that are withdrawn resolve what they had open, at their boundary", () => {
    const fold = newFold();
    const records = [
      rulesAt(1, 0, [many]),
      ...minutes(1, 3).flatMap((m) => boundary(m, {})),
      rulesAt(2, 5, [{ ...many, name: "more", threshold: 500 }]),
      ...minutes(4, 8).flatMap((m) => boundary(m, {})),
    ];
    assert.deepEqual(alertsOf(fold, records, "many"), [["firing", "18:01", 100], [
      "resolved",
      "18:06",
      null,
    ]]);
    assert.equal(fold.rules.newest?.version, 2);
  });

  it("of another generation, or not readable, change nothing", () => {
    const fold = newFold();
    const foreign = encodeRules(alertRuleSet.parse({ version: 9, rules: [many] }), 0, 2);
    const broken = new TextEncoder().encode(
      '{"format":1,"kind":"rules","generation":1,"from_ms":0,"version":1}',
    );
    foldAll(fold, [foreign, broken].map((value) => ({ ...told({}), value })));
    assert.equal(fold.rules.newest, null);
    assert.equal(fold.status().unreadable, 1);
  });
});
