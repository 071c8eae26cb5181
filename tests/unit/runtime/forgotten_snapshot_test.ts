/** A store that was emptied gets snapshots of what runs again, long before the next ones are due. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../../src/ids.ts";
import { limits } from "../../../src/limits.ts";
import { memorySnapshots } from "../../../src/snapshots/memory.ts";
import type { SnapshotStore } from "../../../src/snapshots/port.ts";
import { isoTime, minuteMs, secondMs } from "../../../src/time.ts";
import { live, startMs } from "../../faults/live.ts";

const request = (id: number) => ({
  ...{ topic: "ride-events", partition: 0, key: null },
  value: utf8(JSON.stringify({
    ...{ event_type: "requested", ride_id: `ride-${id}`, city: "wien", timestamp: isoTime(startMs) },
  })),
});

/** A store that can be emptied under those who hold it. */
function emptiedStore(): { store: SnapshotStore; empty(): void } {
  let inner = memorySnapshots();
  const store: SnapshotStore = {
    putSegment: (...given) => inner.putSegment(...given),
    putManifest: (...given) => inner.putManifest(...given),
    manifests: (...given) => inner.manifests(...given),
    segment: (...given) => inner.segment(...given),
    discard: (...given) => inner.discard(...given),
    close: () => inner.close(),
  };
  return { store, empty: () => void (inner = memorySnapshots()) };
}

describe("a store that was emptied", () => {
  it("has a snapshot of every partition again after one look, of quiet ones too", async () => {
    const snapshotMs = 5 * minuteMs;
    const world = await live({ WAYMARK_SNAPSHOT_MS: snapshotMs });
    try {
      const { store, empty } = emptiedStore();
      await world.restart(store);
      await world.log.append([request(1), request(2)]);
      const rides = () => world.pipeline.rides[0]!;
      const key = "waymark-rides-g1/ride-events/0";
      const manifests = async () => (await store.manifests(key)).map(({ offset }) => offset);
      await world.until("the first snapshot", async () => (await manifests()).length > 0, 2 * snapshotMs);
      assert.deepEqual(await manifests(), [2]);
      const taken = rides().actors.get(0)!.snapshotAtMs!;

      empty();
      assert.deepEqual(await manifests(), []);
      await world.pass(limits.snapshotLookMs + 2 * secondMs, secondMs);
      assert.deepEqual(await manifests(), [2]);
      assert.ok(rides().actors.get(0)!.snapshotAtMs! - taken < snapshotMs);

      await world.restart();
      await world.until("the partition is restored", () => rides().actors.has(0));
      assert.equal(rides().actors.get(0)!.nextOffset, 2);
    } finally {
      await world.stop();
    }
  });
});
