/** A partition that came far under a new owner is snapshotted before its interval is over. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../../src/ids.ts";
import { limits } from "../../../src/limits.ts";
import { isoTime, secondMs } from "../../../src/time.ts";
import { eventually } from "../../conformance/eventually.ts";
import { live, startMs } from "../../faults/live.ts";

const last = 11;
const snapshotMs = 30 * secondMs;
/** Longer than the last partition waits for its early snapshot, and shorter than any waits for its first due one. */
const lifeMs = 12 * secondMs;

const requests = (partition: number, count: number) =>
  Array.from({ length: count }, (_, n) => ({
    ...{ topic: "ride-events", partition, key: null },
    value: utf8(JSON.stringify({
      ...{ event_type: "requested", ride_id: `${partition}-${n}`, city: "wien", timestamp: isoTime(startMs) },
    })),
  }));

describe("the snapshot of a new owner", () => {
  it("comes early where much was folded, so that owners that die young get on", async () => {
    const world = await live({ WAYMARK_SNAPSHOT_MS: snapshotMs });
    try {
      await world.log.append(requests(last, limits.snapshotEarlyRecords));
      await world.log.append(requests(0, 10));
      await world.pass(lifeMs, secondMs);
      const at = (partition: number) => world.pipeline.rides[0]!.actors.get(partition)!;
      await eventually("the early snapshot is stored", () => at(last).snapshotOffset > 0);
      assert.equal(at(last).snapshotOffset, limits.snapshotEarlyRecords);
      assert.equal(at(0).snapshotOffset, 0, "ten records are folded again in no time");

      await world.restart();
      await eventually("it goes on from there", () => world.pipeline.rides[0]!.actors.has(last));
      assert.equal(at(last).nextOffset, limits.snapshotEarlyRecords);
    } finally {
      await world.stop();
    }
  });

  it("is followed by others that are spread over an interval, as they were to be without it", async () => {
    const world = await live({ WAYMARK_SNAPSHOT_MS: snapshotMs });
    try {
      const at = (partition: number) => world.pipeline.rides[0]!.actors.get(partition)!;
      for (const partition of [0, last]) {
        await world.log.append(requests(partition, limits.snapshotEarlyRecords));
      }
      await world.pass(lifeMs, secondMs);
      await eventually("both are stored", () => at(0).snapshotOffset > 0 && at(last).snapshotOffset > 0);
      for (const partition of [0, last]) await world.log.append(requests(partition, 10));
      await world.pass(snapshotMs + 2 * secondMs - lifeMs, secondMs);
      await eventually("the first is stored again", () => at(0).snapshotOffset > limits.snapshotEarlyRecords);
      await world.pass(snapshotMs * 3 / 4, secondMs);
      assert.equal(at(last).snapshotOffset, limits.snapshotEarlyRecords, "the last has a while to go");
      await world.pass(snapshotMs / 4, secondMs);
      await eventually("the last, too", () => at(last).snapshotOffset > limits.snapshotEarlyRecords);
    } finally {
      await world.stop();
    }
  });
});
