import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { AlertTransition } from "../../../schemas/alert.ts";
import { alertTransition } from "../../../schemas/alert.ts";
import { Outbox, type Output } from "../../../src/fold.ts";
import { CitiesFold } from "../../../src/stages/cities.ts";
import { type Cut, isPublished } from "../../../src/stages/cut.ts";
import { LocationsFold } from "../../../src/stages/locations.ts";
import { RidesFold } from "../../../src/stages/rides.ts";
import { closing, foldAll, pane, told, windowsIn } from "./partial_streams.ts";
import { entriesOf, iso, json, outputsOf, record, restoreInto, rideEvent } from "./records.ts";
import { at, stageContext } from "./stage_context.ts";

const minute = (n: number) => at(60 * n);
const newFold = (cut: Partial<Cut>) =>
  new CitiesFold(stageContext({ cut: { fromMs: null, untilMs: null, ...cut } }), 0);
const rides = (partition: number, watermarkMinute: number) =>
  told({ partition, next_offset: 10 * watermarkMinute, watermark_ms: minute(watermarkMinute) });
const both = (watermarkMinute: number) => [rides(0, watermarkMinute), rides(1, watermarkMinute)];

const alertsIn = (outputs: Output[]): AlertTransition[] =>
  outputs.filter((o) => o.topic === "alerts").map((o) => alertTransition.parse(json(o)));
/** Of the one rule that these cities can breach alone. */
const shown = (outputs: Output[]) =>
  alertsIn(outputs).filter((a) => a.rule === "cancellation_rate_high").map((
    a,
  ) => [a.state, a.window_end, a.since, a.value]);

/** City x is told of, with a closing of ten ended rides at minute 5. */
const begun = [
  told({ panes: [pane(0, 3, 30)], watermark_ms: minute(1) }),
  rides(1, 1),
  told({ next_offset: 2, closings: [closing(5, 10, 0)], watermark_ms: minute(6) }),
];
/** Twenty ended rides of which half were cancelled: a breach at each of these minutes. */
const breaches = (minutes: number[], nextOffset: number) =>
  told({
    next_offset: nextOffset,
    closings: minutes.map((m) => closing(m, 10, 10)),
    watermark_ms: minute(minutes.at(-1)!),
  });

describe("isPublished: a cut at C", () => {
  it("gives C itself to the old generation, and everything to one without a cut", () => {
    const c = minute(5);
    const sides = (cut: Cut) => [c - 1, c, c + 1].map((ms) => isPublished(cut, ms));
    assert.deepEqual(sides({ fromMs: null, untilMs: c }), [true, true, false]);
    assert.deepEqual(sides({ fromMs: c, untilMs: null }), [false, false, true]);
    assert.deepEqual(sides({ fromMs: null, untilMs: null }), [true, true, true]);
    assert.deepEqual(sides({ fromMs: c - 1, untilMs: c }), [false, true, false]);
  });
});

describe("CitiesFold: the alerts at the boundary where it takes over", () => {
  it("says a calm city resolved there, also when nothing was said about that very minute", () => {
    const outputs = foldAll(newFold({ fromMs: minute(30) }), [...begun, ...both(29), ...both(40)]);
    const c = "2026-01-15T18:30:00.000Z";
    assert.deepEqual(shown(outputs), [["resolved", c, c, null]]);
    assert.equal(alertsIn(outputs)[0]?.summary, "x: no ride ended (limit 30 %), resolved");
  });

  it("says it once, whatever comes later", () => {
    const outputs = foldAll(newFold({ fromMs: minute(30) }), [...begun, ...both(40), ...both(50)]);
    assert.equal(shown(outputs).length, 1);
  });

  it("says nothing before the boundary, and what is firing since then as firing", () => {
    const fold = newFold({ fromMs: minute(17) });
    const first = foldAll(fold, [...begun, breaches([10, 11, 12, 13, 14, 15], 30), rides(1, 16)]);
    assert.deepEqual(alertsIn(first), []);
    const then = foldAll(fold, [breaches([16, 17], 40), rides(1, 17)]);
    assert.deepEqual(shown(then), [
      ["firing", "2026-01-15T18:17:00.000Z", "2026-01-15T18:10:00.000Z", 0.5],
    ]);
    assert.equal(alertsIn(then)[0]?.rev, "0001000000294750171");
  });

  it("remembers the cities through a snapshot, long after they have left", () => {
    const before = newFold({ fromMs: minute(600) });
    const sources = [0, 1].map((partition) =>
      told({ partition, next_offset: 9_000, watermark_ms: minute(590) })
    );
    foldAll(before, [
      ...begun,
      told({ topic: "driver-locations", watermark_ms: minute(590) }),
      ...sources,
    ]);
    assert.equal(before.status().actors.city, 0, "the city has left memory");
    const fold = restoreInto(newFold({ fromMs: minute(600) }), entriesOf(before));
    assert.deepEqual(shown(foldAll(fold, both(601))).length, 1);
  });

  it("is not told of by a snapshot without such a boundary", () => {
    const fold = newFold({});
    foldAll(fold, begun);
    assert.ok(!entriesOf(fold).some(([kind]) => kind === "takeover"));
  });

  it("is said by no generation that only ends there", () => {
    const outputs = foldAll(newFold({ untilMs: minute(8) }), [
      ...begun,
      breaches([8, 9, 10, 11, 12, 13, 14], 30),
      rides(1, 14),
    ]);
    assert.deepEqual(shown(outputs).map(([state, end]) => [state, end]), [
      ["pending", "2026-01-15T18:08:00.000Z"],
    ]);
    assert.ok(windowsIn(outputs).every((w) => w.window_end <= "2026-01-15T18:08:00.000Z"));
  });
});

describe("the facts of a cut generation", () => {
  const cutAt = (over: Partial<Cut>) => stageContext({ cut: { fromMs: null, untilMs: null, ...over } });
  /** Ends a ride, sends a broken and a late record: each at this second of log time. */
  const told = (fold: RidesFold, atS: number): string[] => {
    const out = new Outbox();
    fold.fold(record(0, rideEvent("requested", 0), 0), out);
    fold.fold(record(1, rideEvent("requested", 100, { ride_id: "q" }), 100), out);
    fold.fold(record(2, rideEvent("completed", 20, { driver_id: "d" }), atS), out);
    fold.fold(record(3, "{", atS), out);
    return out.take().map((o) => o.topic).filter((topic) => topic !== "city-partials");
  };
  const all = ["ride-facts", "late-events", "dead-letters"];

  it("are those of records up to and with C, or after it", () => {
    assert.deepEqual(told(new RidesFold(cutAt({ untilMs: at(120) }), 0), 120), all);
    assert.deepEqual(told(new RidesFold(cutAt({ untilMs: at(120) }), 0), 121), []);
    assert.deepEqual(told(new RidesFold(cutAt({ fromMs: at(120) }), 0), 120), []);
    assert.deepEqual(told(new RidesFold(cutAt({ fromMs: at(120) }), 0), 121), all);
  });

  it("are counted in its ledger all the same", () => {
    const fold = new RidesFold(cutAt({ fromMs: at(500) }), 0);
    told(fold, 120);
    assert.deepEqual([fold.ledger.read, fold.ledger.late, fold.ledger.dead_lettered], [4, 1, 1]);
  });

  it("are cut for positions as for rides", () => {
    for (const [atS, letters] of [[120, 0], [121, 1]] as const) {
      const fold = new LocationsFold(cutAt({ fromMs: at(120) }), 0);
      const out = new Outbox();
      fold.fold(record(0, { driver_id: "d", timestamp: iso(0) }, atS), out);
      assert.equal(outputsOf(out, "dead-letters").length, letters);
    }
  });
});
