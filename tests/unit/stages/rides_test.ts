import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Outbox, type Output } from "../../../src/fold.ts";
import { RidesFold } from "../../../src/stages/rides.ts";
import { field } from "../../../src/stages/pane_fields.ts";
import {
  entriesOf,
  json,
  partialsIn,
  publishedBy,
  record,
  restoreInto,
  rideEvent,
  rideLog,
} from "./records.ts";
import { at, stageContext } from "./stage_context.ts";

const newFold = () => new RidesFold(stageContext(), 0);

/** Per (city, minute): the values of the register with the greatest position. */
function finalRegisters(outputs: Output[]): Map<string, { position: number; values: number[] }> {
  const registers = new Map<string, { position: number; values: number[] }>();
  for (const [city, paneStartMs, position, , values] of partialsIn(outputs).flatMap((p) => p.panes)) {
    const key = `${city} ${paneStartMs}`;
    const held = registers.get(key);
    if (held === undefined || held.position < position) registers.set(key, { position, values });
  }
  return registers;
}

describe("RidesFold", () => {
  it("keeps its ledger, and the events of its registers are the counted ones, for any log", () => {
    fc.assert(
      fc.property(rideLog(60), (log) => {
        const fold = newFold();
        const outputs = publishedBy(fold, log);
        const { read, counted, duplicates, too_late, dead_lettered, late } = fold.ledger;
        assert.equal(read, log.length);
        assert.equal(read, counted + duplicates + too_late + dead_lettered);
        const registers = [...finalRegisters(outputs).values()];
        assert.equal(
          registers.reduce((sum, { values }) => sum + (values[field.total_events] ?? 0), 0),
          counted,
        );
        const told = (topic: string, reason?: string) =>
          outputs.filter((o) => o.topic === topic && (reason === undefined || o.headers?.reason === reason));
        assert.equal(told("dead-letters").length, dead_lettered);
        assert.equal(told("late-events", "late").length, late);
        assert.equal(told("late-events", "too_late").length, too_late);
      }),
      { numRuns: 300 },
    );
  });

  it("counts every ride once: outcomes in the registers are the facts less those taken back", () => {
    fc.assert(
      fc.property(rideLog(60), (log) => {
        const outputs = publishedBy(newFold(), log);
        const counted = [...finalRegisters(outputs).values()].reduce(
          (sum, { values }) =>
            sum + (values[field.rides_completed] ?? 0) + (values[field.rides_cancelled_by_rider] ?? 0) +
            (values[field.rides_cancelled_by_driver] ?? 0) + (values[field.rides_cancelled_by_system] ?? 0),
          0,
        );
        const facts = outputs.filter((o) => o.topic === "ride-facts").map(json);
        const takenBack = facts.filter((f) => f.outcome === "taken_back").length;
        assert.equal(counted, facts.length - 2 * takenBack);
      }),
      { numRuns: 200 },
    );
  });

  it("publishes the same registers, facts and closings however often it is flushed", () => {
    fc.assert(
      fc.property(rideLog(40), fc.integer({ min: 1, max: 9 }), (log, every) => {
        const [often, seldom] = [publishedBy(newFold(), log, 1), publishedBy(newFold(), log, every)];
        assert.deepEqual(finalRegisters(seldom), finalRegisters(often));
        const closings = (outputs: Output[]) => partialsIn(outputs).flatMap((p) => p.closings);
        assert.deepEqual(closings(seldom), closings(often));
        const facts = (outputs: Output[]) => outputs.filter((o) => o.topic === "ride-facts").map(json);
        assert.deepEqual(facts(seldom), facts(often));
      }),
      { numRuns: 100 },
    );
  });

  it("goes on from a snapshot at any offset as if there had been none", () => {
    fc.assert(
      fc.property(rideLog(30), (log) => {
        for (let cut = 1; cut < log.length; cut++) {
          const straight = newFold();
          publishedBy(straight, log.slice(0, cut));
          const resumed = restoreInto(newFold(), entriesOf(straight));
          const [a, b] = [straight, resumed].map((fold) => publishedBy(fold, log.slice(cut)));
          assert.deepEqual(entriesOf(resumed), entriesOf(straight));
          const values = (outputs: Output[]) => [
            outputs.filter((o) => o.topic !== "city-partials").map((o) => [o.topic, json(o), o.headers]),
            partialsIn(outputs).flatMap((p) => p.panes),
            partialsIn(outputs).flatMap((p) => p.closings),
          ];
          const readable = (outputs: Output[]) => outputs.filter((o) => !isBroken(o));
          assert.deepEqual(values(readable(b!)), values(readable(a!)));
        }
      }),
      { numRuns: 100 },
    );
  });

  it("forgets an ended ride when its time is over, though it was due later while it went on", () => {
    const out = new Outbox();
    const fold = newFold();
    fold.fold(record(0, rideEvent("requested", 0), 0), out);
    fold.fold(record(1, rideEvent("cancelled", 60), 60), out);
    fold.fold(record(2, rideEvent("requested", 3_600, { ride_id: "other" }), 3_600), out);
    assert.equal(fold.ride("r")?.ride.state, "cancelled");
    fold.fold(record(3, rideEvent("accepted", 3_600 + 150, { ride_id: "other" }), 3_600 + 150), out);
    assert.equal(fold.ride("r"), undefined);
    assert.equal(fold.ride("other")?.ride.state, "accepted");
  });

  it("knows a ride that goes on for as long as a repeat of it could still count", () => {
    const hour = 3_600;
    const context = stageContext({ endedRideMs: 7 * hour * 1_000 });
    const fold = new RidesFold(
      { ...context, windows: { ...context.windows, latenessMs: 6 * hour * 1_000 } },
      0,
    );
    const out = new Outbox();
    fold.fold(record(0, rideEvent("requested", 0), 0), out);
    fold.fold(record(1, rideEvent("requested", 5 * hour, { ride_id: "other" }), 5 * hour), out);
    fold.fold(record(2, rideEvent("requested", 0), 5 * hour), out);
    assert.equal(fold.ledger.duplicates, 1);
    assert.equal(fold.ledger.counted, 2);
  });

  it("gives an event without a city its ride's first one, else unknown, and moves nothing afterwards", () => {
    const fold = newFold();
    const outputs = publishedBy(fold, [
      record(0, rideEvent("started", 3, { city: null }), 3),
      record(1, rideEvent("requested", 1, { city: "x" }), 4),
      record(2, rideEvent("accepted", 2, { city: null }), 5),
      record(3, rideEvent("completed", 9, { city: "y" }), 9),
    ]);
    const events = [...finalRegisters(outputs)].map(([key, { values }]) => [key, values[field.total_events]]);
    assert.deepEqual(events, [[`unknown ${at(0)}`, 1], [`x ${at(0)}`, 2], [`y ${at(0)}`, 1]]);
  });

  it("tells the closing of every window up to the last with something in it, after a long silence", () => {
    const closings = partialsIn(publishedBy(newFold(), [
      record(0, rideEvent("requested", 10), 10),
      record(1, rideEvent("requested", 90_000, { ride_id: "other" }), 90_000),
    ])).flatMap((p) => p.closings);
    assert.deepEqual(
      closings.map((
        [city, boundaryMs, position, [open, , events]],
      ) => [city, boundaryMs, position, open, events]),
      [1, 2, 3, 4, 5].map((minute) => ["x", at(60 * minute), 2, 1, 1]),
    );
  });
});

/** A dead letter carries bytes that are no JSON. */
const isBroken = (output: Output) => output.headers?.reason === "json_invalid";
