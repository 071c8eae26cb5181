import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { CancelledRide } from "../../../schemas/http.ts";
import { utf8 } from "../../../src/ids.ts";
import { isCompleted, readEnded } from "../../../src/sinks/board_records.ts";
import { BoardRides } from "../../../src/sinks/board_rides.ts";

const fact = fc.record({
  fact_id: fc.string(),
  ride_id: fc.constantFrom("a", "b", "c", '"outcome":"completed"'),
  city: fc.constantFrom("x", 'y"outcome":"completed"'),
  outcome: fc.constantFrom("completed", "cancelled", "taken_back"),
  cancelled_by: fc.constant("rider"),
  reason: fc.constantFrom(null, '"outcome":"completed"', "outcome:completed"),
  driver_id: fc.constant(null),
  ended_at: fc.nat(999).map((ms) => `2026-01-15T18:00:00.${String(ms).padStart(3, "0")}Z`),
  requested_at: fc.constant(null),
  attempts: fc.constant(1),
});

describe("BoardRides", () => {
  it("says of a fact's bytes whether its ride was completed, whatever its texts are", () => {
    fc.assert(fc.property(fact, (one) => {
      assert.equal(isCompleted(utf8(JSON.stringify(one))), one.outcome === "completed");
    }));
  });

  it("lists the newest forty cancelled rides of each city, of a ride what came last", () => {
    const rideId = fc.nat(99).map((n) => `ride-${n}`);
    const mostly = fact.map((one) => ({
      ...one,
      outcome: one.outcome === "completed" ? "completed" : "cancelled",
    }));
    const many = fc.array(fc.tuple(mostly, rideId), { maxLength: 300, size: "max" });
    fc.assert(
      fc.property(many, (facts) => {
        const rides = new BoardRides(5);
        const lists = new Map<string, CancelledRide[]>();
        for (const [one, ride_id] of facts) {
          const { city, ride, isCancelled } = readEnded(utf8(JSON.stringify({ ...one, ride_id })))!;
          rides.put({ city, ride, isCancelled });
          const others = (lists.get(city) ?? []).filter((other) => other.ride_id !== ride_id);
          const next = isCancelled ? [ride, ...others] : others;
          lists.set(
            city,
            next.sort((a, b) => Number(a.ended_at < b.ended_at) - Number(a.ended_at > b.ended_at)),
          );
          lists.get(city)!.splice(40);
          assert.deepEqual(rides.list(city), lists.get(city));
          for (const list of lists.values()) {
            for (const listed of list) assert.equal(rides.mayBeListed(utf8(listed.ride_id)), true);
          }
        }
        const held = new Set([...lists.values()].flat().map((listed) => listed.ride_id));
        const maybe = Array.from({ length: 100 }, (_, n) => `ride-${n}`).filter((id) =>
          rides.mayBeListed(utf8(id))
        );
        assert.deepEqual(maybe, maybe.filter((id) => held.has(id)), "none that is in no list, of so few");
      }),
      { numRuns: 50, endOnFailure: true },
    );
  });

  it("lists the same when completed rides that are in no list are passed over", () => {
    fc.assert(fc.property(fc.array(fact, { maxLength: 120 }), (facts) => {
      const [all, some] = [new BoardRides(5), new BoardRides(5)];
      for (const one of facts) {
        const ended = readEnded(utf8(JSON.stringify(one)))!;
        all.put(ended);
        if (one.outcome !== "completed" || some.mayBeListed(utf8(one.ride_id))) some.put(ended);
      }
      for (const city of ["x", 'y"outcome":"completed"']) assert.deepEqual(some.list(city), all.list(city));
    }));
  });
});
