import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FoldEntry } from "../../../src/fold.ts";
import type { Fold, Stage } from "../../../src/fold.ts";
import { memorySnapshots } from "../../../src/snapshots/memory.ts";
import { PartitionActor } from "../../../src/runtime/partition.ts";
import { snapshotPauseMs } from "../../../src/runtime/snapshot_pace.ts";
import { manualClock } from "../../../src/time.ts";

describe("snapshotPauseMs", () => {
  it("is what is set while snapshots are short, and twenty times as long as all of them take", () => {
    assert.equal(snapshotPauseMs(30_000, []), 30_000);
    assert.equal(snapshotPauseMs(30_000, [100, 200]), 30_000);
    assert.equal(snapshotPauseMs(30_000, Array(12).fill(250)), 60_000);
  });

  it("takes partitions without a snapshot to be like the others", () => {
    assert.equal(snapshotPauseMs(30_000, [null, null]), 30_000);
    assert.equal(snapshotPauseMs(30_000, [...Array(9).fill(null), 200, 250, 300]), 60_000);
  });
});

describe("PartitionActor.snapshotExpectedMs", () => {
  it("is the CPU time of the last snapshot's slices, without what is between them, and grows with the actors", async () => {
    const clock = manualClock();
    let [heldMs, actors] = [0, 50];
    const fold = {
      fold() {},
      flush: () => true,
      markAll() {},
      *entries(): Generator<FoldEntry> {
        for (let i = 0; i < 3; i++) {
          heldMs += 40;
          yield ["one", i];
        }
      },
      restore() {},
      since() {},
      status: () => ({ watermarkMs: null, actors: { ride: actors } }),
    } satisfies Fold;
    const actor = new PartitionActor({
      stage: { name: "rides" } as Stage<Fold>,
      tp: { topic: "ride-events", partition: 0 },
      partitions: 1,
      key: "k",
      identity: { foldVersion: "v", generation: 1, logEpoch: 0 },
      restored: { fold, nextOffset: 0, publishFrom: null, last: null, snapshotAtMs: null },
      restartOffsets: [],
      store: memorySnapshots(),
      publisher: { publish: () => Promise.resolve() },
      clock: { ...clock, threadMs: () => clock.threadMs() + heldMs },
      flushMs: 100,
      commit: () => Promise.resolve(),
    });
    const record = { timestampMs: 0, key: null, value: new Uint8Array(1), headers: null };
    assert.equal(actor.snapshotExpectedMs, 0);
    await actor.batch([{ ...record, offset: 0 }], 1);
    assert.equal(actor.snapshotExpectedMs, null);
    await actor.snapshot();
    assert.equal(actor.snapshotOffset, 1);
    assert.equal(actor.snapshotExpectedMs, 0);
    await actor.batch([{ ...record, offset: 1 }], 2);
    assert.equal(actor.snapshotExpectedMs, 120);
    actors = 50 + 4_000;
    assert.equal(
      actor.snapshotExpectedMs,
      120 + 20,
      "5 us for each that came, however few there were before",
    );
    actors = 5;
    assert.equal(actor.snapshotExpectedMs, 120);
  });
});
