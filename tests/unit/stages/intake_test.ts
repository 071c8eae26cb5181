import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { decideRide } from "../../../actors/ride.ts";
import { Outbox } from "../../../src/fold.ts";
import { limits } from "../../../src/limits.ts";
import { LocationsFold } from "../../../src/stages/locations.ts";
import { RidesFold } from "../../../src/stages/rides.ts";
import { iso, record, rideEvent } from "./records.ts";
import { at, stageContext } from "./stage_context.ts";

/** A fold whose handler throws for the rides that are poisoned, before anything is written. */
function poisonable(): { fold: RidesFold; poisoned: Set<string> } {
  const poisoned = new Set<string>();
  const fold = new RidesFold(stageContext(), 0, {
    decide(ride, event, context) {
      if (poisoned.has(ride.id)) throw new Error("the state is poisoned");
      return decideRide(ride, event, context);
    },
  });
  return { fold, poisoned };
}

describe("a handler that throws", () => {
  const begun = () => {
    const { fold, poisoned } = poisonable();
    const out = new Outbox();
    fold.fold(record(0, rideEvent("requested", 0), 0), out);
    fold.flush(out);
    out.take();
    poisoned.add("r");
    return { fold, out, poisoned };
  };

  it("costs its record: a dead letter handler_failed with the bytes and their source; the partition moves on", () => {
    const { fold, out, poisoned } = begun();
    const failing = record(1, rideEvent("accepted", 10), 10);
    fold.fold(failing, out);
    poisoned.clear();
    const [letter] = out.take();
    assert.equal(letter?.topic, "dead-letters");
    assert.deepEqual(letter?.value, failing.value);
    assert.deepEqual(letter?.headers, {
      source_topic: "ride-events",
      source_partition: "0",
      source_offset: "1",
      source_timestamp: iso(10),
      log_epoch: "0",
      generation: "1",
      reason: "handler_failed",
      field: "",
      message: "the state is poisoned",
    });
    fold.fold(record(2, rideEvent("accepted", 11), 11), out);
    assert.equal(fold.ride("r")?.ride.acceptedMs, at(11));
    assert.deepEqual([fold.ledger.read, fold.ledger.counted, fold.ledger.dead_lettered], [3, 2, 1]);
  });

  it(`on ${limits.handlerFailuresMax} records in a row stops the partition with handler_failing`, () => {
    const { fold, out } = begun();
    for (let i = 1; i < limits.handlerFailuresMax; i++) {
      fold.fold(record(i, rideEvent("accepted", i), i), out);
    }
    assert.equal(fold.ledger.dead_lettered, limits.handlerFailuresMax - 1);
    assert.throws(
      () => fold.fold(record(10, rideEvent("accepted", 10), 10), out),
      (thrown: { code: string; message: string }) =>
        thrown.code === "handler_failing" &&
        thrown.message.includes("ride-events/0/10: the state is poisoned"),
    );
  });

  it("one record that does not fail in between begins the count anew", () => {
    const { fold, out } = begun();
    for (let i = 1; i <= 3 * limits.handlerFailuresMax; i++) {
      const healthy = i % limits.handlerFailuresMax === 0;
      fold.fold(record(i, rideEvent("accepted", i, healthy ? { ride_id: `r${i}` } : {}), i), out);
    }
    assert.equal(fold.ledger.counted, 4);
  });
});

describe("where a record ends", () => {
  const told = (fold: RidesFold, steps: Parameters<RidesFold["fold"]>[0][]) => {
    const out = new Outbox();
    for (const step of steps) fold.fold(step, out);
    return out.take().map((o) => [o.topic, o.headers?.reason]);
  };
  const newFold = () => new RidesFold(stageContext(), 0);
  const atHour = record(0, rideEvent("requested", 3_600, { ride_id: "now" }), 3_600);

  it("behind the watermark, in a pane that takes events: counted, and told as late by how much", () => {
    const fold = newFold();
    const out = new Outbox();
    for (const r of [atHour, record(1, rideEvent("requested", 3_000), 3_601)]) fold.fold(r, out);
    const [late] = out.take();
    const { late_ms, event_time, message } = late?.headers ?? {};
    assert.deepEqual([late_ms, event_time, message], ["570000", iso(3_000), "570 s behind the watermark"]);
    assert.deepEqual([fold.ledger.counted, fold.ledger.late], [2, 1]);
  });

  it("behind it in a pane that takes no more: told as too late, not applied", () => {
    const fold = newFold();
    const outputs = told(fold, [atHour, record(1, rideEvent("requested", 2_800), 3_601)]);
    assert.deepEqual(outputs, [["late-events", "too_late"]]);
    assert.deepEqual([fold.ledger.too_late, fold.ride("r")], [1, undefined]);
  });

  it("a clock ahead by a day or ten years is a dead letter, and moves no watermark", () => {
    const fold = newFold();
    const day = 86_400;
    const outputs = told(fold, [
      atHour,
      record(1, rideEvent("requested", 3_600 + day), 3_600),
      record(2, rideEvent("requested", 3_650 * day), 3_600),
      record(3, rideEvent("requested", 3_901), 3_600),
    ]);
    assert.deepEqual(outputs, Array(3).fill(["dead-letters", "event_time_future"]));
    assert.equal(fold.status().watermarkMs, at(3_570));
  });

  it("the 501st event of a ride is a dead letter", () => {
    const fold = newFold();
    const log = Array.from({ length: 501 }, (_, i) => record(i, rideEvent("accepted", i / 10), i / 10));
    assert.deepEqual(told(fold, log), [["dead-letters", "ride_events_exceeded"]]);
    assert.deepEqual(fold.ride("r")?.refused, { code: "ride_events_exceeded", offset: 500, atMs: at(50) });
  });

  it("a repeat minutes later counts once", () => {
    const fold = newFold();
    told(fold, [0, 60, 300].map((laterS, i) => record(i, rideEvent("requested", 0), laterS)));
    assert.deepEqual([fold.ledger.counted, fold.ledger.duplicates], [1, 2]);
  });

  it("a key on another partition than its own is counted as misplaced, and processed all the same", () => {
    const misplaced = [0, 1].map((partition) => {
      const fold = new RidesFold(stageContext(), partition);
      told(
        fold,
        Array.from({ length: 50 }, (_, i) => record(i, rideEvent("requested", i, { ride_id: `${i}` }), i)),
      );
      assert.equal(fold.ledger.counted, 50);
      return fold.ledger.misplaced;
    });
    assert.equal(misplaced[0]! + misplaced[1]!, 50);
    assert.ok(misplaced[0]! > 10 && misplaced[1]! > 10);
  });

  it("counting begins where a cold start began", () => {
    for (const fold of [newFold(), new LocationsFold(stageContext(), 0)]) {
      fold.since(1_000);
      assert.equal(fold.ledger.since_offset, 1_000);
    }
  });
});
