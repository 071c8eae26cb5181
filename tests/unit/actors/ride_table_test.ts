import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { marksOf } from "../../../actors/ride.ts";
import { rideStates, rideTable, rideTableMarkdown, rowsFor } from "../../../actors/ride_table.ts";
import { type RideEvent, rideEventTypes } from "../../../schemas/ride_event.ts";
import { event, rideAfter } from "./ride_events.ts";

const d1 = { driverId: "d1" };
const d2 = { driverId: "d2" };
const byDriver = { cancelledBy: "driver" } as const;
const bySystem = { cancelledBy: "system" } as const;

const requested = [event("requested", 0)];
const accepted = [...requested, event("accepted", 10, d1)];
const started = [...accepted, event("started", 20, d1)];
const completed = [...started, event("completed", 30, d1)];
const cancelled = [...accepted, event("cancelled", 30)];
const cancelledByDriver = [...accepted, event("cancelled", 30, byDriver)];
const unrequested = [event("accepted", 10, d1)];
const unaccepted = [...requested, event("started", 20)];
const onlyCompleted = [event("completed", 30)];
const onlyCancelled = [event("cancelled", 30)];

/** Every state and event, with each condition: state afterwards and what the event was noted for. */
const transitions: [name: string, before: RideEvent[], next: RideEvent, state: string, marks: string[]][] = [
  ["new, requested", [], event("requested", 0), "requested", []],
  ["new, accepted", [], event("accepted", 0), "accepted", ["orphan"]],
  ["new, started", [], event("started", 0), "started", ["orphan"]],
  ["new, completed", [], event("completed", 0), "completed", ["orphan"]],
  ["new, cancelled", [], event("cancelled", 0), "cancelled", ["orphan"]],
  ["requested, requested again", requested, event("requested", 5), "requested", ["repeated"]],
  ["requested, accepted", requested, event("accepted", 10), "accepted", []],
  ["requested, started", requested, event("started", 20), "started", ["skipped"]],
  ["requested, completed", requested, event("completed", 30), "completed", ["skipped"]],
  ["requested, cancelled by the rider", requested, event("cancelled", 9), "cancelled", []],
  ["requested, cancelled by the system", requested, event("cancelled", 9, bySystem), "cancelled", []],
  ["accepted, requested not known yet", unrequested, event("requested", 0), "accepted", ["filled"]],
  ["accepted, requested again", accepted, event("requested", 5), "accepted", ["repeated"]],
  ["accepted, accepted by another driver", accepted, event("accepted", 15, d2), "accepted", ["reassigned"]],
  ["accepted, accepted by the same driver", accepted, event("accepted", 15, d1), "accepted", ["repeated"]],
  ["accepted, accepted by nobody named", accepted, event("accepted", 15), "accepted", ["repeated"]],
  ["accepted, started", accepted, event("started", 20), "started", []],
  ["accepted, completed", accepted, event("completed", 30), "completed", ["skipped"]],
  ["accepted, cancelled", accepted, event("cancelled", 30), "cancelled", []],
  ["started, requested not known yet", [event("started", 20)], event("requested", 0), "started", ["filled"]],
  ["started, requested again", started, event("requested", 5), "started", ["repeated"]],
  ["started, accepted not known yet", unaccepted, event("accepted", 10), "started", ["filled"]],
  ["started, accepted again", started, event("accepted", 15), "started", ["repeated"]],
  ["started, started again", started, event("started", 25), "started", ["repeated"]],
  ["started, completed", started, event("completed", 30), "completed", []],
  ["started, cancelled", started, event("cancelled", 30), "cancelled", ["mid_trip"]],
  ["completed, requested not known yet", onlyCompleted, event("requested", 0), "completed", ["filled"]],
  ["completed, requested after it", onlyCompleted, event("requested", 31), "completed", ["after_end"]],
  ["completed, requested again", completed, event("requested", 5), "completed", ["after_end"]],
  ["completed, accepted not known yet", onlyCompleted, event("accepted", 10), "completed", ["filled"]],
  ["completed, accepted again", completed, event("accepted", 40, d2), "completed", ["after_end"]],
  ["completed, started not known yet", onlyCompleted, event("started", 20), "completed", ["filled"]],
  ["completed, started again", completed, event("started", 25), "completed", ["after_end"]],
  ["completed, completed again", completed, event("completed", 35), "completed", ["repeated"]],
  ["completed, cancelled", completed, event("cancelled", 35), "completed", ["conflict"]],
  ["cancelled, requested not known yet", onlyCancelled, event("requested", 0), "cancelled", ["filled"]],
  ["cancelled, requested again", cancelled, event("requested", 5), "cancelled", ["after_end"]],
  ["cancelled by the driver, accepted later", cancelledByDriver, event("accepted", 31, d2), "accepted", [
    "redispatched",
  ]],
  ["cancelled by the driver, accepted before it", cancelledByDriver, event("accepted", 30, d2), "cancelled", [
    "after_end",
  ]],
  ["cancelled, accepted not known yet", onlyCancelled, event("accepted", 10), "cancelled", ["filled"]],
  ["cancelled by the rider, accepted later", cancelled, event("accepted", 40, d2), "cancelled", [
    "after_end",
  ]],
  ["cancelled, started not known yet", cancelled, event("started", 20), "cancelled", ["filled"]],
  ["cancelled, started after it", cancelled, event("started", 40), "cancelled", ["after_end"]],
  ["cancelled, completed", cancelled, event("completed", 40), "cancelled", ["conflict"]],
  ["cancelled, cancelled again", cancelled, event("cancelled", 40), "cancelled", ["repeated"]],
];

const anomalies = new Set(["orphan", "skipped", "repeated", "mid_trip", "after_end", "conflict"]);

describe("rideTable", () => {
  for (const [name, before, next, state, marks] of transitions) {
    it(`${name}: ${[state, ...marks].join(", ")}`, () => {
      const { ride, last } = rideAfter(...before, next);
      assert.equal(ride.state, state);
      assert.deepEqual(last.row.marks, marks);
      for (const mark of marks) assert.ok(marksOf(ride).includes(mark as never));
      assert.deepEqual(
        last.effects.filter((e) => e.kind === "count" && e.counter === "anomalies"),
        marks.filter((mark) => anomalies.has(mark))
          .map(() => ({ kind: "count", counter: "anomalies", by: 1, city: "x", atMs: next.timeMs })),
      );
    });
  }

  it("has rows for every state and event, the last one without condition", () => {
    for (const from of rideStates) {
      for (const on of rideEventTypes) {
        assert.equal(rowsFor(from, on).at(-1)?.when, "always", `${from} ${on}`);
      }
    }
  });

  it("has no row that the transitions above leave out", () => {
    const taken = new Set(transitions.map(([, before, next]) => rideAfter(...before, next).last.row));
    assert.deepEqual(rideTable.filter((row) => !taken.has(row)), []);
  });

  it("prints a line for each row", () => {
    const lines = rideTableMarkdown().split("\n");
    assert.equal(lines.length, rideTable.length + 2);
    assert.ok(
      lines.includes("| cancelled | accepted after a cancel by the driver | accepted | redispatched |"),
    );
  });
});
