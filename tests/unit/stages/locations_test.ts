import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type LogRecord, Outbox, type Output } from "../../../src/fold.ts";
import { LocationsFold } from "../../../src/stages/locations.ts";
import {
  entriesOf,
  iso,
  json,
  locationLog,
  partialsIn,
  publishedBy,
  record,
  restoreInto,
} from "./records.ts";
import { at, stageContext } from "./stage_context.ts";

const newFold = () => new LocationsFold(stageContext(), 0);
const point = (offset: number, atS: number, over: Record<string, unknown> = {}): LogRecord =>
  record(
    offset,
    { driver_id: "d", timestamp: iso(atS), lat: 48, lng: 17, city: "x", status: "available", ...over },
    atS,
  );
/** Where every driver here is, resolution 8. */
const cell = "881e02c29bfffff";
const closingsIn = (outputs: Output[]) => partialsIn(outputs).flatMap((p) => p.closings);

describe("LocationsFold", () => {
  it("keeps its ledger for any log, and publishes what did not count", () => {
    fc.assert(
      fc.property(locationLog(60), (log) => {
        const fold = newFold();
        const outputs = publishedBy(fold, log);
        const { read, counted, duplicates, too_late, dead_lettered, late } = fold.ledger;
        assert.equal(read, log.length);
        assert.equal(read, counted + duplicates + too_late + dead_lettered);
        assert.equal(outputs.filter((o) => o.topic === "dead-letters").length, dead_lettered);
        assert.equal(outputs.filter((o) => o.topic === "late-events").length, too_late + late);
      }),
      { numRuns: 200 },
    );
  });

  it("goes on from a snapshot at any offset as if there had been none", () => {
    fc.assert(
      fc.property(locationLog(30), (log) => {
        for (let cut = 1; cut < log.length; cut++) {
          const straight = newFold();
          publishedBy(straight, log.slice(0, cut));
          const resumed = restoreInto(newFold(), entriesOf(straight));
          const [a, b] = [straight, resumed].map((fold) => publishedBy(fold, log.slice(cut)));
          assert.deepEqual(entriesOf(resumed), entriesOf(straight));
          assert.deepEqual(closingsIn(b!), closingsIn(a!));
          const rest = (outputs: Output[]) =>
            outputs.filter((o) => o.topic !== "city-partials").map((o) => [o.topic, o.value, o.headers]);
          assert.deepEqual(rest(b!), rest(a!));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("tells the drivers of a city by what they do, as of the boundary its watermark passes", () => {
    const outputs = publishedBy(newFold(), [
      point(0, 35),
      point(1, 55, { status: "on_trip" }),
      point(2, 40, { driver_id: "e" }),
      point(3, 41, { driver_id: "f", status: "offline" }),
      point(4, 20, { driver_id: "g" }),
      point(5, 50, { driver_id: "h", city: "y", status: "en_route" }),
      point(6, 91),
    ]);
    assert.deepEqual(closingsIn(outputs), [["x", at(60), 7, [1, 0, 1], [[cell, 1]]], ["y", at(60), 7, [
      0,
      1,
      0,
    ], []]]);
  });

  it("a repeat is the same driver at the same time, unless another event_id says otherwise", () => {
    const fold = newFold();
    publishedBy(fold, [
      point(0, 10),
      point(1, 10, { lat: 49 }),
      point(2, 10, { event_id: "a" }),
      point(3, 10, { event_id: "a" }),
      point(4, 10, { driver_id: "e" }),
    ]);
    assert.deepEqual([fold.ledger.counted, fold.ledger.duplicates], [3, 2]);
  });

  it("remembers why it refused a driver's last point, and forgets the driver an hour after it", () => {
    const fold = newFold();
    const out = new Outbox();
    fold.fold(point(0, 0), out);
    fold.fold({ ...point(1, 400), timestampMs: at(10) }, out);
    assert.deepEqual(fold.driver("d")?.refused, { code: "event_time_future", offset: 1, atMs: at(10) });
    fold.fold(point(2, 3_600 + 29, { driver_id: "e" }), out);
    assert.notEqual(fold.driver("d"), undefined);
    fold.fold(point(3, 3_600 + 30, { driver_id: "e" }), out);
    assert.equal(fold.driver("d"), undefined);
  });

  it("idle: tells its stand-in with the boundaries it passes, and again the same when asked again", () => {
    const fold = newFold();
    const out = new Outbox();
    fold.fold(point(0, 55), out);
    fold.flush(out);
    out.take();
    for (let i = 0; i < 2; i++) {
      fold.idle({ nextOffset: 1, quiet: { forMs: 60_000, logMs: 0 } }, out);
      assert.deepEqual(out.take().map(json).map((p) => [p.idle, p.watermark_ms, p.next_offset, p.closings]), [
        [{ stand_in_ms: at(85) }, at(25), 1, [["x", at(60), 1, [1, 0, 0], [[cell, 1]]]]],
      ]);
    }
  });

  it("idle: one that never had a record has no stand-in, and no pause turns its clock back", () => {
    const out = new Outbox();
    newFold().idle({ nextOffset: 0, quiet: null }, out);
    assert.deepEqual(out.take().map(json).map((p) => [p.idle, p.watermark_ms]), [[
      { stand_in_ms: null },
      null,
    ]]);
    const fold = newFold();
    fold.fold(point(0, 55), out);
    fold.idle({ nextOffset: 1, quiet: { forMs: -5_000, logMs: 0 } }, out);
    assert.deepEqual(json(out.take().at(-1)!).idle, { stand_in_ms: at(25) });
  });
});
