/** The short way of usual events against the long way that every event can go: the same outputs, the same state. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decideRide } from "../../../actors/ride.ts";
import { erasedSet, riderHash } from "../../../src/erased.ts";
import type { LogRecord } from "../../../src/fold.ts";
import { utf8 } from "../../../src/ids.ts";
import type { StageContext } from "../../../src/stages/context.ts";
import { RidesFold } from "../../../src/stages/rides.ts";
import { disturbedTraffic } from "../../pipeline/disturbed.ts";
import { context, partitionsOf, recordOf, stateOf } from "../../pipeline/folds.ts";
import { rideItems } from "../../pipeline/rides_made.ts";
import { entriesOf, publishedBy, restoreInto, rideEvent, rideLog } from "./records.ts";
import { stageContext } from "./stage_context.ts";

function assertSame(records: LogRecord[], over: { context?: StageContext; restoreAt?: number } = {}): void {
  const [short, long] = [{}, { decide: decideRide }].map((way) => {
    let fold = new RidesFold(over.context ?? stageContext(), 0, way);
    const outputs = publishedBy(fold, records.slice(0, over.restoreAt));
    if (over.restoreAt !== undefined) {
      const entries = entriesOf(fold);
      fold = restoreInto(new RidesFold(over.context ?? stageContext(), 0, way), entries);
      outputs.push(...publishedBy(fold, records.slice(over.restoreAt)));
    }
    return { outputs, state: stateOf(fold) };
  }) as [Run, Run];
  assert.deepEqual(short.outputs, long.outputs);
  assert.equal(short.state, long.state);
}

type Run = { outputs: ReturnType<typeof publishedBy>; state: string };

describe("a fold that takes usual events the short way", () => {
  it("publishes and holds the same for any log", () => {
    fc.assert(fc.property(rideLog(80), (log) => assertSame(log)), { numRuns: 1_000 });
  });

  it("publishes and holds the same for any rides, also when it is restored in between", () => {
    fc.assert(
      fc.property(rideItems(120), fc.nat(120), (items, cut) => {
        assertSame(items.map(recordOf), { restoreAt: cut });
      }),
      { numRuns: 300 },
    );
  });

  it("publishes and holds the same for traffic in which everything goes wrong", () => {
    const { items } = disturbedTraffic({ seed: 11, ratePerMinute: 400 });
    for (const records of partitionsOf(items, "ride-events").slice(0, 3)) {
      assert.ok(records.length > 500);
      assertSame(records, { context });
    }
  });

  it("publishes and holds the same of riders that were erased, before and after they were forgotten", () => {
    const erased = erasedSet();
    erased.add({ rider: riderHash("u1"), pseudonym: "erased-1" });
    fc.assert(
      fc.property(rideLog(60), fc.nat(60), (log, restoreAt) => {
        assertSame(log, { context: stageContext({ erased }), restoreAt });
      }),
      { numRuns: 300 },
    );
  });

  it("publishes and holds the same for lives of one ride, step by step", () => {
    const type = fc.constantFrom("requested", "accepted", "started", "completed", "cancelled");
    const step = fc.record({
      type,
      afterS: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: -60, max: -1 })),
      city: fc.constantFrom<string | undefined>(undefined, "x", "y", "Zürich"),
      driver_id: fc.constantFrom<string | undefined>(undefined, "d1", "d2", "d3-of-a-longer-name"),
      user_id: fc.constantFrom<string | undefined>(undefined, "u1"),
      estimated_fare: fc.constantFrom<number | undefined>(undefined, 8.5, 0),
      fare: fc.constantFrom<number | undefined>(undefined, 9.99, 0),
      cancelled_by: fc.constantFrom<string | undefined>(undefined, "driver", "system"),
      reason: fc.constantFrom<string | undefined>(undefined, "", "no_show", "größe"),
      pickup: fc.constantFrom<unknown>(undefined, { lat: 48.1, lng: 17.1 }, { lat: -0.0001, lng: 179.99 }),
      event_id: fc.constantFrom<string | undefined>(undefined, "e1", "e2"),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 2, maxLength: 12 }), fc.boolean(), (steps, inOrder) => {
        const order = ["requested", "accepted", "started", "completed"];
        let nowS = 100;
        const records = steps.map(({ type, afterS, ...over }, offset) => {
          nowS += Math.max(0, afterS);
          const event = rideEvent(
            inOrder && offset < 4 ? order[offset]! : type,
            nowS + Math.min(0, afterS),
            over,
          );
          return recordOf(
            { topic: "ride-events", key: "r", value: JSON.stringify(event), recordedAtMs: 0 },
            offset,
          );
        }).map((record) => ({ ...record, timestampMs: Date.UTC(2026, 0, 15, 18) + nowS * 1_000 }));
        assertSame(records);
      }),
      { numRuns: 1_000 },
    );
  });

  it("takes another key than the ride's id as misplaced or not by the id", () => {
    const event = JSON.stringify(rideEvent("requested", 1));
    for (const key of [null, utf8("r"), utf8("other")]) {
      for (const way of [{}, { decide: decideRide }]) {
        const fold = new RidesFold(stageContext(), 0, way);
        publishedBy(fold, [{
          offset: 0,
          timestampMs: Date.UTC(2026, 0, 15, 19),
          key,
          value: utf8(event),
          headers: null,
        }]);
        assert.equal(fold.ledger.misplaced, 1);
      }
    }
  });
});
