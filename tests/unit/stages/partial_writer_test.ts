import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Outbox } from "../../../src/fold.ts";
import { limits } from "../../../src/limits.ts";
import { partitionOf } from "../../../src/log/partitioner.ts";
import { PartialWriter, trimmed } from "../../../src/stages/partial_writer.ts";
import { RidesFold } from "../../../src/stages/rides.ts";
import type { Register } from "../../../src/windows/panes.ts";
import { packHashes } from "../../../src/windows/packed_hashes.ts";
import { json, partialsIn, record, rideEvent } from "./records.ts";
import { at, stageContext } from "./stage_context.ts";

const partitions = { ...stageContext().partitions, "city-partials": 6 };
const context = stageContext({
  partitions,
  partitionOf: (topic, key) => partitionOf("murmur2", key, partitions[topic]),
});
const register = (city: string, paneStartMs = at(0)): Register => ({
  city,
  paneStartMs,
  position: 1,
  offset: 0,
  values: [1, 0, 2, 0],
  riders: "",
});

describe("PartialWriter", () => {
  it("sends a change to the city's partition alone, the minute crossed to all", () => {
    const writer = new PartialWriter(context, "ride-events", 3);
    const out = new Outbox();
    writer.flush([], 1, at(10), out);
    assert.deepEqual(out.take().map((o) => o.partition).sort(), [0, 1, 2, 3, 4, 5]);
    writer.flush([register("x")], 2, at(20), out);
    const [only, ...others] = out.take();
    assert.deepEqual(others, []);
    assert.equal(only?.partition, context.partitionOf("city-partials", new TextEncoder().encode("x")));
    assert.deepEqual(json(only!), {
      format: 1,
      fold_version: "f1",
      generation: 1,
      log_epoch: 0,
      source: { topic: "ride-events", partition: 3 },
      next_offset: 2,
      panes: [["x", at(0), 1, 0, [1, 0, 2], ""]],
      closings: [],
      watermark_ms: at(20),
    });
    writer.flush([], 3, at(30), out);
    assert.deepEqual(out.take(), []);
    writer.flush([], 4, at(60), out);
    assert.equal(out.take().length, 6);
  });

  it("cuts what is too much into records, the watermark on the last", () => {
    const writer = new PartialWriter(stageContext(), "ride-events", 0);
    const out = new Outbox();
    const many = limits.partialRegistersMax * 2 + 1;
    writer.close(["x", at(60), 9, [1], []]);
    writer.flush(Array.from({ length: many }, (_, i) => register(`c${i}`)), 9, at(61), out);
    const partials = partialsIn(out.take());
    assert.deepEqual(partials.map((p) => [p.panes.length, p.closings.length, p.watermark_ms ?? "none"]), [
      [limits.partialRegistersMax, 1, "none"],
      [limits.partialRegistersMax, 0, "none"],
      [1, 0, at(61)],
    ]);
    assert.equal(new Set(partials.flatMap((p) => p.panes.map(([city]) => city))).size, many);
  });

  it("tells a closing once, and the oldest event's log time with it", () => {
    const writer = new PartialWriter(stageContext(), "ride-events", 0);
    const out = new Outbox();
    writer.close(["x", at(60), 9, [1], []]);
    writer.told(at(5));
    writer.told(at(6));
    writer.flush([], 9, at(61), out);
    writer.flush([register("x")], 10, at(62), out);
    assert.deepEqual(partialsIn(out.take()).map((p) => [p.closings.length, p.since_ms]), [[1, at(5)], [
      0,
      undefined,
    ]]);
  });

  it("a source that ended tells every partition, without a watermark when it never had a record", () => {
    const out = new Outbox();
    new RidesFold(context, 0).end(0, out);
    const partials = partialsIn(out.take());
    assert.equal(partials.length, 6);
    for (const partial of partials) assert.deepEqual([partial.ended, partial.watermark_ms], [true, null]);
  });
});

describe("trimmed", () => {
  const cases: [values: number[], kept: number[]][] = [
    [[], []],
    [[0, 0], []],
    [[0, 1, 0], [0, 1]],
    [[0, -1], [0, -1]],
  ];
  for (const [values, kept] of cases) {
    it(`[${values}] is [${kept}]`, () => assert.deepEqual(trimmed(values), kept));
  }
});

describe("RidesFold.markAll", () => {
  it("tells every register held again with all its riders, at the same position", () => {
    const fold = new RidesFold(stageContext(), 0);
    const out = new Outbox();
    fold.fold(record(0, rideEvent("requested", 0, { user_id: "u" }), 0), out);
    fold.flush(out);
    const [first] = partialsIn(out.take());
    fold.markAll();
    fold.flush(out);
    const [again] = partialsIn(out.take());
    assert.deepEqual(again?.panes, first?.panes);
    assert.equal(first?.panes[0]?.[5].length, packHashes([1, 2]).length);
  });

  it("a snapshot before the flush is refused", () => {
    const fold = new RidesFold(stageContext(), 0);
    fold.fold(record(0, rideEvent("requested", 0), 0), new Outbox());
    assert.throws(() => [...fold.entries()], { code: "invariant_broken" });
  });
});
