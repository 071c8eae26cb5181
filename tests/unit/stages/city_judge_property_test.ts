import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { alertRuleSet } from "../../../schemas/alert_rule.ts";
import type { LogRecord, Output } from "../../../src/fold.ts";
import { CitiesFold } from "../../../src/stages/cities.ts";
import { LocationsFold } from "../../../src/stages/locations.ts";
import { RidesFold } from "../../../src/stages/rides.ts";
import { encodeRules } from "../../../src/stages/rule_record.ts";
import { foldAll, interleaved, newestWindows, streamOf, told, windowsIn } from "./partial_streams.ts";
import { entriesOf, json, locationLog, restoreInto, rideLog } from "./records.ts";
import { at, stageContext } from "./stage_context.ts";

const context = stageContext();
const newFold = () => new CitiesFold(context, 0);
const streams = (steps: number) =>
  fc.tuple(rideLog(steps), rideLog(steps), locationLog(steps), fc.integer({ min: 1, max: 5 })).map(
    ([a, b, c, flushEvery]): LogRecord[][] => [
      streamOf(new RidesFold(context, 0), a, flushEvery),
      streamOf(new RidesFold(context, 1), b, flushEvery),
      streamOf(new LocationsFold(context, 0), c, flushEvery),
    ],
  );
const turns = fc.array(fc.nat(5), { minLength: 1, maxLength: 60 });

const rule = (name: string, value: string, over: object = {}) => ({
  name,
  value,
  breach: "above",
  threshold: 0,
  for: "0m",
  ...over,
});
const rulesAt = (version: number, fromMs: number, rules: unknown[]): LogRecord => ({
  ...told({}),
  value: encodeRules(alertRuleSet.parse({ version, rules }), fromMs, 1),
});
const loud = [
  rule("asked", "requests"),
  rule("ended", "ended_rides", { for: "2m" }),
  rule("open", "open_requests"),
  rule("rate", "cancellation_rate", { threshold: 0.3 }),
  rule("fare", "avg_fare", { threshold: 5 }),
  rule("drivers", "available_drivers", { for: "1m" }),
  rule("pricey", "surge", { threshold: 1.2 }),
  rule("load", "requests / available_drivers", { threshold: 1 }),
];
const silent = [rule("mute0", "silence"), rule("mute3", "silence", { for: "3m" })];

const part = (outputs: Output[], topic: string) => {
  const by = new Map<string, unknown[]>();
  for (const o of outputs.filter((x) => x.topic === topic)) {
    const v = json(o);
    const k = topic === "alerts" ? `${v.rule}|${v.city}` : v.city;
    by.set(k, [...by.get(k) ?? [], v]);
  }
  // The two moments of one rule may be told in either order: by boundary, then text.
  for (const list of by.values()) {
    (list as { at: string }[]).sort((
      a,
      b,
    ) => (a.at < b.at ? -1 : a.at > b.at ? 1 : JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  return new Map([...by].sort(([a], [b]) => (a < b ? -1 : 1)));
};
const said = (outputs: Output[]) => ({
  alerts: part(outputs, "alerts"),
  cells: part(outputs, "city-cells"),
  windows: newestWindows(windowsIn(outputs)),
});
const same = (rules: unknown[], runs: number, more: LogRecord[] = []) =>
  fc.assert(
    fc.property(streams(25), turns, turns, (sources, one, other) => {
      const first = [rulesAt(1, 0, rules), ...more];
      const [a, b] = [one, other].map((t) =>
        said(foldAll(newFold(), [...first, ...interleaved(sources, t)]))
      );
      assert.deepEqual(b, a);
    }),
    { numRuns: runs },
  );

describe("CityJudge, for any logs in any order: alerts, cells and windows are the same", () => {
  it("rules without silence", () => same(loud, 25));
  it("with silence", () => same([...loud, ...silent], 25));
  it("a switch of sets, known early", () =>
    same(loud, 25, [rulesAt(2, at(600), loud.slice(0, 5).map((r) => ({ ...r, for: "1m" })))]));
  it("a switch of sets to silence", () => same(loud, 25, [rulesAt(2, at(600), [...loud, ...silent])]));
  it("a rule that moves from supply to rides", () =>
    same([rule("r", "available_drivers"), rule("q", "requests")], 25, [
      rulesAt(2, at(600), [rule("r", "requests"), rule("q", "available_drivers")]),
    ]));
  it("old owners that tell again, in other chunks", () =>
    fc.assert(
      fc.property(fc.tuple(rideLog(20), rideLog(20), locationLog(20)), turns, turns, (logs, one, other) => {
        const tell = (every: number) => [
          streamOf(new RidesFold(context, 0), logs[0], every),
          streamOf(new RidesFold(context, 1), logs[1], every),
          streamOf(new LocationsFold(context, 0), logs[2], every),
        ];
        const first = [rulesAt(1, 0, [...loud, ...silent])];
        const zombies = tell(4).map((s) => s.slice(0, -1));
        const a = said(foldAll(newFold(), [...first, ...interleaved(tell(1), one)]));
        const b = said(foldAll(newFold(), [...first, ...interleaved([...tell(2), ...zombies], other)]));
        assert.deepEqual([...b.alerts], [...a.alerts]);
        assert.deepEqual([...b.cells], [...a.cells]);
      }),
      { numRuns: 25 },
    ));
  it("one source after the other", () =>
    fc.assert(
      fc.property(
        streams(12),
        fc.constantFrom<number[][]>([0], [1], [2], [1, 0, 0], [2, 2, 2, 2, 0]),
        turns,
        (sources, one, other) => {
          const first = [
            rulesAt(1, 0, [...loud, ...silent]),
            rulesAt(2, at(1200), [...loud.slice(3), ...silent]),
          ];
          const [a, b] = [one, other].map((t) =>
            said(foldAll(newFold(), [...first, ...interleaved(sources, t)]))
          );
          assert.deepEqual(b!.alerts, a!.alerts);
          assert.deepEqual(b!.cells, a!.cells);
        },
      ),
      { numRuns: 25 },
    ));
  it("snapshots in the middle", () =>
    fc.assert(
      fc.property(streams(14), turns, (sources, order) => {
        const records = [
          rulesAt(1, 0, [...loud, ...silent]),
          rulesAt(2, at(600), silent),
          ...interleaved(sources, order),
        ];
        let fold = newFold();
        const straight = said(foldAll(newFold(), records));
        const outputs = records.flatMap((r) => {
          const o = foldAll(fold, [r]);
          fold = restoreInto(newFold(), entriesOf(fold));
          return o;
        });
        assert.deepEqual(said(outputs), straight);
      }),
      { numRuns: 10 },
    ));
});
describe("CityJudge of a generation that takes over", () => {
  const cut = stageContext({ cut: { fromMs: at(900), untilMs: null } });
  it("whatever the interleaving", () =>
    fc.assert(
      fc.property(streams(25), turns, turns, (sources, one, other) => {
        const [a, b] = [one, other].map((t) =>
          said(foldAll(new CitiesFold(cut, 0), [rulesAt(1, 0, loud), ...interleaved(sources, t)])).alerts
        );
        assert.deepEqual(b, a);
      }),
      { numRuns: 25 },
    ));
  it("says at the cut how alerts of the one without a cut stand", () =>
    fc.assert(
      fc.property(streams(25), turns, (sources, one) => {
        const records = [rulesAt(1, 0, loud), ...interleaved(sources, one)];
        const state = (outputs: Output[]) => {
          const m = new Map<string, string>();
          for (
            const [k, list] of part(outputs, "alerts") as Map<
              string,
              { state: string; since: string; at: string }[]
            >
          ) {
            const last = list.filter((v) => Date.parse(v.at) <= at(900)).at(-1);
            if (last && last.state !== "resolved") m.set(k, `${last.state} ${last.since}`);
          }
          return m;
        };
        assert.deepEqual(state(foldAll(new CitiesFold(cut, 0), records)), state(foldAll(newFold(), records)));
      }),
      { numRuns: 25 },
    ));
});
