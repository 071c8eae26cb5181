import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { decideRide, marksOf, newRide, type RideEffect } from "../../../actors/ride.ts";
import { type RideEvent, rideEventTypes } from "../../../schemas/ride_event.ts";
import { event, rideAfter, step, sumOf, t0 } from "./ride_events.ts";

const byDriver = { cancelledBy: "driver" } as const;
const d1 = { driverId: "d1" };
const d2 = { driverId: "d2" };

describe("decideRide: outcome", () => {
  const ends: [name: string, next: RideEvent, counter: string][] = [
    ["completed", event("completed", 30), "rides_completed"],
    ["cancelled by the rider", event("cancelled", 30, { cancelledBy: "rider" }), "rides_cancelled_by_rider"],
    ["cancelled by the driver", event("cancelled", 30, byDriver), "rides_cancelled_by_driver"],
    [
      "cancelled by the system",
      event("cancelled", 30, { cancelledBy: "system" }),
      "rides_cancelled_by_system",
    ],
    ["cancelled by nobody named: by the rider", event("cancelled", 30), "rides_cancelled_by_rider"],
    [
      "a no-show that the driver reported: by the rider",
      event("cancelled", 30, { ...byDriver, reason: "no_show" }),
      "rides_cancelled_by_rider",
    ],
  ];
  for (const [name, next, counter] of ends) {
    it(`${name} counts one of ${counter}, in the pane of that event`, () => {
      const { last } = rideAfter(event("requested", 0), { ...next, city: "y" });
      assert.deepEqual(
        last.effects.filter((e) => e.kind === "count" && e.counter.startsWith("rides_")),
        [{ kind: "count", counter, by: 1, city: "y", atMs: t0 + 30_000 }],
      );
    });
  }

  it("revenue is the fare of the completing event alone", () => {
    const fare = { fareCents: 1_250 };
    const { effects, ride } = rideAfter(
      event("started", 0),
      event("completed", 30, fare),
      event("completed", 40, { fareCents: 999 }),
    );
    assert.equal(sumOf(effects, "revenue_cents"), 1_250);
    assert.equal(ride.fareCents, 1_250);
  });

  it("a redispatch takes back the driver's cancel, and the ride ends anew", () => {
    const ride = newRide("r");
    const before = [event("requested", 0), event("accepted", 10, d1), event("cancelled", 70, byDriver)];
    const effects = before.flatMap((e) => step(ride, e).effects);
    const redispatch = step(ride, event("accepted", 130, d2), 0);
    assert.deepEqual(redispatch.effects, [
      { kind: "count", counter: "rides_cancelled_by_driver", by: -1, city: "x", atMs: t0 + 70_000 },
      { kind: "outcome", taken_back: true },
    ]);
    assert.deepEqual([ride.outcome, ride.attempts, ride.driverId, ride.endedMs], [null, 2, "d2", null]);
    effects.push(...redispatch.effects, ...step(ride, event("completed", 300)).effects);
    assert.deepEqual(
      [sumOf(effects, "rides_cancelled_by_driver"), sumOf(effects, "rides_completed")],
      [0, 1],
    );
  });

  it("a redispatch after the cancel's pane closed leaves the first outcome standing, flagged", () => {
    const ride = newRide("r");
    for (const e of [event("accepted", 10, d1), event("cancelled", 70, byDriver)]) step(ride, e);
    const redispatch = step(ride, event("accepted", 900, d2), 71);
    assert.deepEqual(redispatch.effects, [
      { kind: "count", counter: "anomalies", by: 1, city: "x", atMs: t0 + 900_000 },
    ]);
    assert.deepEqual([ride.state, ride.outcome], ["accepted", "driver"]);
    assert.deepEqual(marksOf(ride), ["orphan", "redispatched", "outcome_stands"]);
    const completed = step(ride, event("completed", 1_000, { fareCents: 500 }), 71);
    assert.deepEqual(completed.effects.filter((e) => e.kind === "outcome"), []);
    assert.equal(ride.outcome, "driver");
  });

  it("a cancel by the rider ends a redispatched ride for good, though the driver's cancel stands", () => {
    const ride = newRide("r");
    for (const e of [event("accepted", 10, d1), event("cancelled", 70, byDriver)]) step(ride, e);
    step(ride, event("accepted", 900, d2), 71);
    step(ride, event("cancelled", 960, { cancelledBy: "rider" }), 71);
    step(ride, event("accepted", 990, d1), 71);
    assert.equal(ride.state, "cancelled");
  });

  it("a redispatch forgets when the first driver started", () => {
    const { ride } = rideAfter(
      event("accepted", 10, d1),
      event("started", 20, d1),
      event("cancelled", 70, byDriver),
      event("accepted", 130, d2),
      event("started", 200, d2),
    );
    assert.deepEqual([ride.acceptedMs, ride.startedMs], [t0 + 130_000, t0 + 200_000]);
  });
});

describe("decideRide: who drives", () => {
  const cases: [name: string, events: RideEvent[], driver: string][] = [
    ["the one who accepted", [event("accepted", 10, d1), event("started", 20)], "d1"],
    ["the one it was reassigned to", [event("accepted", 10, d1), event("accepted", 15, d2)], "d2"],
    ["the last to accept by event time", [event("accepted", 15, d2), event("accepted", 10, d1)], "d2"],
    ["the one who started, when an accept fills in later", [
      event("started", 20, d2),
      event("accepted", 10, d1),
    ], "d2"],
    ["whoever fills in where nobody was named", [event("started", 20), event("accepted", 10, d1)], "d1"],
    ["not one who accepts what has ended", [
      event("accepted", 10, d1),
      event("completed", 30),
      event("accepted", 40, d2),
    ], "d1"],
  ];
  for (const [name, events, driver] of cases) {
    it(name, () => assert.equal(rideAfter(...events).ride.driverId, driver));
  }
});

describe("decideRide: waits and open requests", () => {
  const wait = (effects: RideEffect[]) => effects.filter((e) => e.kind === "wait");

  it("counts the wait once, in the pane of the first accept, whichever came first", () => {
    const expected = [{ kind: "wait", seconds: 12.5, city: "x", atMs: t0 + 12_500 }];
    const [r, a] = [event("requested", 0), event("accepted", 12.5, d1)];
    const again = event("accepted", 40, d2);
    assert.deepEqual(wait(rideAfter(r, a, again).effects), expected);
    assert.deepEqual(wait(rideAfter(a, r, again).effects), expected);
    assert.deepEqual(wait(rideAfter(a, again, r).effects), expected);
  });

  it("counts the wait where the accept was counted, though the ride learns its city later", () => {
    const cities = [
      rideAfter(event("requested", 0, { city: "x" }), event("accepted", 9, { city: "y" })),
      rideAfter(event("accepted", 9, { city: null }), event("requested", 0, { city: "x" })),
    ].map(({ effects }) => effects.flatMap((e) => e.kind === "wait" ? [e.city] : []));
    assert.deepEqual(cities, [["y"], ["unknown"]]);
  });

  it("counts no wait when the accept lies before the request, or its pane no longer takes changes", () => {
    assert.deepEqual(wait(rideAfter(event("requested", 10), event("accepted", 5)).effects), []);
    const ride = newRide("r");
    step(ride, event("accepted", 10));
    assert.deepEqual(wait(step(ride, event("requested", 0), 11).effects), []);
  });

  it("a request is open until the earliest other step, for 5 minutes at most, whatever the order", () => {
    const later = fc.uniqueArray(fc.integer({ min: -60, max: 500 }), { minLength: 3, maxLength: 3 })
      .map((times) => times.toSorted((a, b) => a - b))
      .chain(([accept, start, end]) =>
        fc.shuffledSubarray([
          event("requested", 0),
          event("accepted", accept!),
          event("started", start!),
          event("completed", end!),
        ], { minLength: 1 })
      );
    fc.assert(
      fc.property(later, (events) => {
        const { effects } = rideAfter(...events);
        const others = events.filter((e) => e.type !== "requested").map((e) => e.timeMs);
        const untilMs = Math.max(t0, Math.min(t0 + 300_000, ...others));
        for (let atMs = t0 - 100_500; atMs < t0 + 600_000; atMs += 1_000) {
          const open = effects.reduce(
            (sum, e) => e.kind === "open" && e.fromMs <= atMs && atMs < e.untilMs ? sum + e.by : sum,
            0,
          );
          const expected = events.some((e) => e.type === "requested") && atMs >= t0 && atMs < untilMs ? 1 : 0;
          assert.equal(open, expected, `${(atMs - t0) / 1_000} s`);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("writes nothing while it decides", () => {
    const ride = Object.freeze(rideAfter(event("requested", 0), event("accepted", 10, d1)).ride);
    for (const type of rideEventTypes) {
      decideRide(ride, event(type, 20, d2), { city: "x", accepts: () => true });
    }
    assert.equal(ride.state, "accepted");
  });
});
