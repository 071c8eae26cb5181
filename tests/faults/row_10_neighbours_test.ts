/** Row 10, for a partition that has no snapshot of its own: it is held to those of its neighbours. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { fingerprint, utf8 } from "../../src/ids.ts";
import { memoryLog } from "../../src/log/memory.ts";
import type { Log } from "../../src/log/port.ts";
import { acquire } from "../../src/runtime/acquire.ts";
import { encodeManifest } from "../../src/runtime/manifest.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { minuteMs, systemClock } from "../../src/time.ts";
import { codeOf } from "../conformance/eventually.ts";

const topic = "ride-events";
const keyOf = (partition: number) => `waymark-rides-g1/${topic}/${partition}`;
let log: Log;
let store: SnapshotStore;

/** Partition 11 has five records. */
beforeEach(async () => {
  store = memorySnapshots();
  log = memoryLog({ clock: systemClock });
  await log.ensureTopics([{ topic, partitions: 12, retentionMs: minuteMs }]);
  const records = ["a", "b", "c", "d", "e"].map((text) => ({
    topic,
    partition: 11,
    key: null,
    value: utf8(text),
  }));
  await log.append(records);
});

/** A snapshot of partition 11 that ends with this record. */
async function snapshotted(
  offset: number,
  last: string,
  change: Record<string, unknown> = {},
): Promise<void> {
  const manifest = {
    ...{ format: 1, fold_version: "v", generation: 1, log_epoch: 0, topic, partition: 11, partitions: 12 },
    ...{ next_offset: offset, watermark_ms: 0, segments: [], taken_at_ms: 1 },
    last: { offset: offset - 1, timestamp_ms: 0, fingerprint: fingerprint(utf8(last)) },
    ...change,
  };
  await store.putManifest(keyOf(11), { offset, bytes: await encodeManifest(manifest), segments: [] });
}

const begins = (partition: number) =>
  acquire({
    ...{ log, store, key: keyOf(partition), tp: { topic, partition } },
    identity: { foldVersion: "v", generation: 1, logEpoch: 0 },
  });

describe("acquire of a partition without a snapshot", () => {
  for (const partition of [0, 1]) {
    it(`${partition} begins where the neighbours' snapshots are of this log`, async () => {
      await snapshotted(3, "c");
      assert.equal(await begins(partition), null);
    });

    it(`${partition} is refused where a neighbour folded another record: log_replaced`, async () => {
      await snapshotted(3, "another");
      assert.equal(await codeOf(() => begins(partition)), "log_replaced");
    });

    it(`${partition} is refused where the log ends before a neighbour's snapshot: log_behind_snapshot`, async () => {
      await snapshotted(9, "i");
      assert.equal(await codeOf(() => begins(partition)), "log_behind_snapshot");
    });
  }

  it("is refused where a neighbour was folded with other settings, or other partitions", async () => {
    await snapshotted(3, "c", { fold_version: "w" });
    assert.equal(await codeOf(() => begins(0)), "fold_version_differs");
    await snapshotted(4, "d", { partitions: 11 });
    assert.equal(await codeOf(() => begins(0)), "partition_count_changed");
  });

  it("leaves a neighbour's unreadable snapshot to the neighbour, and looks at the older one", async () => {
    await snapshotted(3, "another");
    await store.putManifest(keyOf(11), { offset: 4, bytes: utf8("torn"), segments: [] });
    assert.equal(await codeOf(() => begins(0)), "log_replaced");
  });

  it("leaves a neighbour's trimmed log to the neighbour, whose owner may be running", async () => {
    await snapshotted(3, "c");
    await log.append(["f", "g"].map((text) => ({ topic, partition: 11, key: null, value: utf8(text) })));
    await trimmed(5);
    assert.equal(await begins(0), null);
    assert.equal(await codeOf(() => begins(11)), "log_trimmed");
  });
});

/** The same log without what is below the offset. */
async function trimmed(offset: number): Promise<void> {
  const { bounds } = log;
  log = {
    ...log,
    bounds: async (name) => (await bounds(name)).map((b) => b.end > offset ? { ...b, start: offset } : b),
  };
}
