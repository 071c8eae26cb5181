/**
 * A ride told in the plainest words, held against the actor over random events in any order, with repeats.
 *
 * It knows no table: the furthest step counts, the first end stands, and only a driver's cancel is undone by a
 * later accept, for as long as its pane takes changes.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { newRide, type RideEffect } from "../../../actors/ride.ts";
import { type RideEvent, rideEventTypes } from "../../../schemas/ride_event.ts";
import { event, step, t0 } from "./ride_events.ts";

const order = ["new", "requested", "accepted", "started"];

class PlainRide {
  state = "new";
  endedBy: string | null = null;
  endedMs = NaN;
  /** The end that is counted. */
  outcome: string | null = null;
  outcomeMs = NaN;

  take(e: RideEvent, closedBeforeMs: number): void {
    const ended = this.endedBy !== null;
    if (ended && this.endedBy === "driver" && e.type === "accepted" && e.timeMs > this.endedMs) {
      this.state = "accepted";
      this.endedBy = null;
      if (this.outcomeMs >= closedBeforeMs) this.outcome = null;
    } else if (!ended && (e.type === "completed" || e.type === "cancelled")) {
      this.state = e.type;
      this.endedMs = e.timeMs;
      this.endedBy = e.type === "completed"
        ? "completed"
        : e.reason === "no_show"
        ? "rider"
        : e.cancelledBy ?? "rider";
      if (this.outcome !== null) return;
      this.outcome = this.endedBy;
      this.outcomeMs = e.timeMs;
    } else if (!ended && order.indexOf(e.type) > order.indexOf(this.state)) this.state = e.type;
  }
}

const outcomeOf = (counter: string) => counter.replace(/^rides_(cancelled_by_)?/, "");

const happening = fc.record({
  type: fc.constantFrom(...rideEventTypes),
  atS: fc.integer({ min: 0, max: 40 }),
  driverId: fc.constantFrom("d1", "d2", null),
  cancelledBy: fc.constantFrom(
    "rider" as const,
    "driver" as const,
    "driver" as const,
    "system" as const,
    null,
  ),
  reason: fc.constantFrom("no_show", "too far", null, null),
  closesS: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(20) }),
});

describe("decideRide against a plain ride", () => {
  it("ends in the same state with the same outcome, counted once, for any sequence of events", () => {
    fc.assert(
      fc.property(fc.array(happening, { maxLength: 14 }), (happenings) => {
        const ride = newRide("r");
        const plain = new PlainRide();
        const effects: RideEffect[] = [];
        let closedBeforeS = 0;
        for (const { type, atS, closesS, ...rest } of happenings) {
          closedBeforeS += closesS;
          const next = event(type, atS, rest);
          effects.push(...step(ride, next, closedBeforeS).effects);
          plain.take(next, t0 + closedBeforeS * 1_000);
          assert.equal(ride.state, plain.state);
          assert.equal(ride.outcome, plain.outcome);
          const counted = effects.flatMap((e) =>
            e.kind === "count" && e.counter.startsWith("rides_")
              ? [{ ...e, outcome: outcomeOf(e.counter) }]
              : []
          );
          const total = counted.reduce((sum, e) => sum + e.by, 0);
          assert.equal(total, plain.outcome === null ? 0 : 1);
          if (plain.outcome === null) continue;
          const inItsPane = counted.filter((e) => e.outcome === plain.outcome && e.atMs === plain.outcomeMs);
          assert.equal(inItsPane.reduce((sum, e) => sum + e.by, 0), 1);
        }
        const facts = effects.filter((e) => e.kind === "outcome").map((e) => e.taken_back ? -1 : 1);
        assert.equal(facts.reduce<number>((sum, by) => sum + by, 0), plain.outcome === null ? 0 : 1);
        assert.ok(effects.filter((e) => e.kind === "wait").length <= 1);
      }),
      { numRuns: 2_000 },
    );
  });
});
