import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
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

  it("lists the same when completed rides that are in no list are passed over", () => {
    fc.assert(fc.property(fc.array(fact, { maxLength: 120 }), (facts) => {
      const [all, some] = [new BoardRides(5), new BoardRides(5)];
      for (const one of facts) {
        const ended = readEnded(utf8(JSON.stringify(one)))!;
        all.put(ended);
        if (one.outcome !== "completed" || some.isListed(one.ride_id)) some.put(ended);
      }
      for (const city of ["x", 'y"outcome":"completed"']) assert.deepEqual(some.list(city), all.list(city));
    }));
  });
});
