/** The short way of usual points against the long way that every point can go: the same outputs, the same state. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decideDriver } from "../../../actors/driver.ts";
import type { LogRecord } from "../../../src/fold.ts";
import { utf8 } from "../../../src/ids.ts";
import type { StageContext } from "../../../src/stages/context.ts";
import { LocationsFold } from "../../../src/stages/locations.ts";
import { disturbedTraffic } from "../../pipeline/disturbed.ts";
import { context, partitionsOf, stateOf } from "../../pipeline/folds.ts";
import { entriesOf, iso, locationLog, publishedBy, record, restoreInto } from "./records.ts";
import { stageContext } from "./stage_context.ts";

function assertSame(records: LogRecord[], over: { context?: StageContext; restoreAt?: number } = {}): void {
  const [short, long] = [{}, { decide: decideDriver }].map((way) => {
    const newFold = () => new LocationsFold(over.context ?? stageContext(), 0, way);
    let fold = newFold();
    const outputs = publishedBy(fold, records.slice(0, over.restoreAt));
    if (over.restoreAt !== undefined) {
      fold = restoreInto(newFold(), entriesOf(fold));
      outputs.push(...publishedBy(fold, records.slice(over.restoreAt)));
    }
    return { outputs, state: stateOf(fold) };
  }) as [Run, Run];
  assert.deepEqual(short.outputs, long.outputs);
  assert.equal(short.state, long.state);
}

type Run = { outputs: ReturnType<typeof publishedBy>; state: string };

/** Points of two drivers that say, and leave out, whatever a point may; mostly in order, and around boundaries. */
const somePoints: fc.Arbitrary<LogRecord[]> = fc.array(
  fc.record({
    driver_id: fc.constantFrom("d", "e-of-a-longer-name"),
    afterS: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: 0, max: 12 }) },
      { weight: 2, arbitrary: fc.integer({ min: 13, max: 200 }) },
      { weight: 2, arbitrary: fc.integer({ min: -70, max: -1 }) },
    ),
    lat: fc.constantFrom(48, 48.0003, 48.004, 49, -0.0001),
    lng: fc.constantFrom(17, 17.0005, -179.99),
    city: fc.constantFrom<unknown>(undefined, null, "x", "y", "Zürich", "unknown"),
    status: fc.constantFrom<unknown>(undefined, null, "available", "available", "en_route", "offline"),
    speed_kmh: fc.constantFrom<unknown>(undefined, null, 0, 31.5),
    heading: fc.constantFrom<unknown>(undefined, 0, 359.25),
    ride_id: fc.constantFrom<unknown>(undefined, null, "r-1", "r-of-a-longer-name"),
    event_id: fc.constantFrom<unknown>(undefined, undefined, "e1", "e2"),
    skewS: fc.constantFrom(0, 0, 0, 30, 200),
  }, { noNullPrototype: true }),
  { minLength: 2, maxLength: 80 },
).map((steps) => {
  let nowS = 100;
  return steps.map(({ afterS, skewS, ...said }, offset) => {
    nowS += Math.max(0, afterS);
    return record(offset, { ...said, timestamp: iso(nowS + Math.min(0, afterS) + skewS) }, nowS);
  });
});

describe("a fold that takes usual points the short way", () => {
  it("publishes and holds the same for any log", () => {
    fc.assert(fc.property(locationLog(80), (log) => assertSame(log)), { numRuns: 600 });
  });

  it("publishes and holds the same whatever points say, also when it is restored in between", () => {
    fc.assert(
      fc.property(somePoints, fc.option(fc.nat(80), { nil: undefined }), (points, restoreAt) => {
        assertSame(points, restoreAt === undefined ? {} : { restoreAt });
      }),
      { numRuns: 1_500 },
    );
  });

  it("publishes and holds the same for one driver that sends every second for half an hour", () => {
    const points = Array.from({ length: 1_800 }, (_, n) =>
      record(n, {
        ...{ driver_id: "d", timestamp: iso(n % 50 === 49 ? n - 40 : n), city: n % 700 < 350 ? "x" : "y" },
        ...{ lat: 48 + n / 5_000, lng: 17, status: n % 90 < 45 ? "available" : "on_trip" },
      }, n));
    assertSame(points);
    assertSame(points, { restoreAt: 911 });
  });

  it("publishes and holds the same for traffic in which everything goes wrong", () => {
    const { items } = disturbedTraffic({ seed: 12, ratePerMinute: 1_200 });
    for (const records of partitionsOf(items, "driver-locations").slice(0, 3)) {
      assert.ok(records.length > 300);
      assertSame(records, { context });
    }
  });

  it("publishes and holds the same for a point at the watermark when that is a boundary, which is closed then", () => {
    const point = (id: string, atS: number) => ({
      ...{ driver_id: id, timestamp: iso(atS), lat: 48, lng: 17, city: "x", status: "available" },
    });
    assertSame([
      record(0, point("d", 40), 40),
      record(1, point("d", 90), 90),
      record(2, point("e", 60), 91),
      record(3, point("d", 150), 150),
    ]);
  });

  it("a point whose decision throws costs its record, and nothing of its driver", () => {
    const fold = new LocationsFold(stageContext(), 0, {
      decide: () => {
        throw new Error("no");
      },
    });
    const point = { driver_id: "d", timestamp: iso(0), lat: 1, lng: 2, status: "available" };
    const outputs = publishedBy(fold, [record(0, point, 0)]);
    assert.deepEqual(outputs.filter((o) => o.topic === "dead-letters").map((o) => o.headers?.reason), [
      "handler_failed",
    ]);
    assert.equal(fold.driver("d"), undefined);
    assert.deepEqual(fold.status().actors, { driver: 0 });
  });

  it("takes another key than the driver's id as misplaced or not by the id", () => {
    const partitioned = stageContext({
      partitionOf: (_, key) => key.length === 1 ? 0 : 1,
    });
    for (const way of [{}, { decide: decideDriver }]) {
      const fold = new LocationsFold(partitioned, 0, way);
      const point = (id: string, atS: number) => ({ driver_id: id, timestamp: iso(atS), lat: 1, lng: 2 });
      publishedBy(fold, [
        { ...record(0, point("d", 1), 1), key: utf8("longer") },
        { ...record(1, point("longer", 2), 2), key: utf8("d") },
        { ...record(2, point("longer", 3), 3), key: null },
      ]);
      assert.equal(fold.ledger.misplaced, 2);
    }
  });
});
