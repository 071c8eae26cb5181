/** Row 10: a log that is not the one that was folded is refused with exit code 3, before anything is published. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WaymarkError } from "../../src/errors.ts";
import { utf8 } from "../../src/ids.ts";
import { memoryLog } from "../../src/log/memory.ts";
import type { Log, TopicPartition } from "../../src/log/port.ts";
import { topicSpecs } from "../../src/log/topics.ts";
import { stageContext } from "../../src/node/context.ts";
import { startPipeline } from "../../src/node/pipeline.ts";
import { acquire } from "../../src/runtime/acquire.ts";
import { groupName } from "../../src/runtime/host.ts";
import { restore } from "../../src/runtime/restore.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import { ridesStage } from "../../src/stages/rides.ts";
import { dayMs, isoTime, minuteMs, secondMs, systemClock } from "../../src/time.ts";
import { codeOf } from "../conformance/eventually.ts";
import { quick } from "../pipeline/quick.ts";
import { leapClock, type Live, live, startMs } from "./live.ts";

const partition = 5;
const key = `${groupName(quick.WAYMARK_GROUP, "rides", 1)}/ride-events/${partition}`;

const request = (id: string, atMs: number) => ({
  ...{ event_type: "requested", ride_id: id, timestamp: isoTime(atMs), city: "wien" },
});

/** A world with five records folded and in a snapshot, crashed. */
async function crashed(): Promise<Live> {
  const world = await live();
  for (let n = 0; n < 5; n++) {
    await world.send("ride-events", partition, request(`ride-${n}`, world.clock.nowMs()));
  }
  await world.until(
    "there is a snapshot",
    () => world.pipeline.rides[0]!.actors.get(partition)?.snapshotOffset === 5,
  );
  world.crash();
  return world;
}

/** Everything that is published on the log. */
async function published(log: Log): Promise<number> {
  let records = 0;
  for (const topic of ["city-partials-g1", "analytics-aggregated", "ride-facts", "alerts", "late-events"]) {
    for (const { end } of await log.bounds(topic)) records += end;
  }
  return records;
}

/** Starts over the log and says which code the partition stopped with; nothing of it may have been published. */
async function refusal(world: Live, log: Log): Promise<string> {
  const stopped: WaymarkError[] = [];
  await log.ensureTopics(topicSpecs({ prefix: "", generation: 1 }, 2 ** 30));
  const before = await published(log);
  const pipeline = await startPipeline({
    ...{ config: quick, log, store: world.store, clock: world.clock, input: { kind: "live" } },
    // The cities refuse, too, where the whole log is another one.
    onStopped: (tp, error) => {
      if (tp.topic === "ride-events") stopped.push(error as WaymarkError);
    },
  });
  const isStopped = () => pipeline.rides[0]!.stopped.has(partition);
  for (let n = 0; n < 20 && !isStopped(); n++) await world.clock.leap(20);
  assert.equal(stopped[0]!.exitCode, 3);
  assert.ok(!pipeline.rides[0]!.actors.has(partition));
  // Of a log that was created anew every partition says so, whether it had a snapshot or not.
  const { code } = pipeline.rides[0]!.stopped.get(partition)!;
  assert.ok(stopped.every((error) => error.code === code));
  assert.equal(await published(log), before);
  pipeline.abandon();
  return stopped[0]!.code;
}

/** Another log under the same names. */
async function recreated(world: Live, records: number): Promise<Log> {
  const log = memoryLog({ clock: world.clock });
  await log.ensureTopics(topicSpecs({ prefix: "", generation: 1 }, 2 ** 30));
  for (let n = 0; n < records; n++) {
    const value = utf8(JSON.stringify(request(`other-${n}`, world.clock.nowMs())));
    await log.append([{ topic: "ride-events", partition, key: null, value }]);
  }
  return log;
}

/** The log with a gap at this offset, as control records and compaction leave them. */
function without(log: Log, offset: number): Log {
  const read: Log["read"] = async (tp, from, recordsMax) => {
    const records = await log.read(tp, from, recordsMax + 1);
    return records.filter((record) => record.offset !== offset).slice(0, recordsMax);
  };
  return { ...log, read };
}

/** The log, of which those records are let go right before the first reading at this offset. */
function trimmedMeanwhile(world: Live, at: TopicPartition & { offset: number }, floor: number): Log {
  let isTrimmed = false;
  const read: Log["read"] = async (tp, from, recordsMax) => {
    if (!isTrimmed && tp.topic === at.topic && tp.partition === at.partition && from === at.offset) {
      isTrimmed = true;
      await world.trim((tp) => tp.topic === at.topic && tp.partition === at.partition ? floor : 0);
    }
    return await world.log.read(tp, from, recordsMax);
  };
  return { ...world.log, read };
}

describe("row 10: a start over a log that does not fit the snapshot", () => {
  it("refuses a log that was trimmed above it: log_trimmed", async () => {
    const world = await crashed();
    for (let n = 5; n < 9; n++) {
      await world.send("ride-events", partition, request(`ride-${n}`, world.clock.nowMs()));
    }
    await world.trim((tp) => tp.topic === "ride-events" && tp.partition === partition ? 7 : 0);
    assert.deepEqual((await world.log.bounds("ride-events"))[partition], { start: 7, end: 9 });
    assert.equal(await refusal(world, world.log), "log_trimmed");
  });

  it("refuses a log that was created anew and is shorter: log_behind_snapshot", async () => {
    const world = await crashed();
    assert.equal(await refusal(world, await recreated(world, 2)), "log_behind_snapshot");
  });

  it("refuses a log that was created anew, also when it is longer: log_replaced", async () => {
    const world = await crashed();
    assert.equal(await refusal(world, await recreated(world, 50)), "log_replaced");
  });

  it("refuses a log that has nothing where the last folded record was: log_replaced", async () => {
    const world = await crashed();
    const log = await recreated(world, 50);
    assert.equal(await refusal(world, without(log, 4)), "log_replaced");
  });

  it("takes a compacted log that has nothing there any more", async () => {
    const world = await crashed();
    const { foldVersion } = stageContext(quick);
    await world.send("ride-events", partition, request("ride-9", world.clock.nowMs()));
    const begun = (compacted: boolean) =>
      acquire({
        ...{ store: world.store, key, tp: { topic: "ride-events", partition }, compacted },
        ...{ log: without(world.log, 4), identity: { foldVersion, generation: 1, logEpoch: 0 } },
      });
    assert.equal((await begun(true))?.manifest.next_offset, 5);
    assert.equal(await codeOf(() => begun(false)), "log_replaced");
  });

  it("takes a log that is the same and longer", async () => {
    const world = await crashed();
    await world.send("ride-events", partition, request("ride-9", world.clock.nowMs()));
    await world.restart();
    await world.until(
      "the new record is folded",
      () => world.pipeline.rides[0]!.actors.get(partition)?.nextOffset === 6,
    );
    assert.deepEqual(world.stopped, []);
    await world.stop();
  });

  it("takes a log that is trimmed below the snapshot between a look at its bounds and the next", async () => {
    const world = await crashed();
    await world.send("ride-events", partition, request("ride-9", world.clock.nowMs()));
    const { foldVersion } = stageContext(quick);
    const tp = { topic: "ride-events", partition };
    const log = trimmedMeanwhile(world, { ...tp, offset: 4 }, 5);
    const identity = { foldVersion, generation: 1, logEpoch: 0 };
    const snapshot = await acquire({ store: world.store, key, tp, log, identity });
    assert.equal(snapshot?.manifest.next_offset, 5);
    assert.equal((await log.bounds(tp.topic))[partition]!.start, 5);
  });

  it("begins cold in a log that is trimmed between a look at its bounds and the next", async () => {
    const world = await crashed();
    for (let n = 5; n < 9; n++) {
      await world.send("ride-events", partition, request(`ride-${n}`, world.clock.nowMs()));
    }
    const tp = { topic: "ride-events", partition };
    await world.trim(() => 2);
    const log = trimmedMeanwhile(world, { ...tp, offset: 2 }, 7);
    const restored = await restore(ridesStage(stageContext(quick)), tp, null, {
      log,
      group: "any",
      clock: systemClock,
    });
    assert.equal(restored.nextOffset, 7);
  });

  it("starts where the newest partials are trimmed between a look at their bounds and the next", async () => {
    const world = await crashed();
    const topic = "city-partials-g1";
    const ends = (await world.log.bounds(topic)).map(({ end }) => end);
    const target = ends.findIndex((end) => end > 0);
    const at = { topic, partition: target, offset: Math.max(0, ends[target]! - 20) };
    const pipeline = await startPipeline({
      ...{ config: quick, store: world.store, clock: world.clock, input: { kind: "live" } },
      ...{ log: trimmedMeanwhile(world, at, ends[target]!), onStopped: () => {} },
    });
    assert.equal((await world.log.bounds(topic))[target]!.start, ends[target]);
    pipeline.abandon();
  });

  it("refuses topics with another partition count: topic_mismatch", async () => {
    const world = await live();
    world.crash();
    const log = memoryLog({ clock: world.clock });
    const specs = topicSpecs({ prefix: "", generation: 1 }, 2 ** 30);
    await log.ensureTopics(specs.map((s) => s.topic === "ride-events" ? { ...s, partitions: 16 } : s));
    await assert.rejects(
      startPipeline({
        ...{ config: quick, log, store: world.store, clock: world.clock, input: { kind: "live" } },
        onStopped: () => {},
      }),
      { code: "topic_mismatch", exitCode: 3 },
    );
  });

  it("refuses a snapshot of when the topic had fewer partitions: partition_count_changed", async () => {
    const world = await crashed();
    const log = memoryLog({ clock: world.clock });
    await log.ensureTopics([{ topic: "ride-events", partitions: 16, retentionMs: dayMs }]);
    const { foldVersion } = stageContext(quick);
    await assert.rejects(
      acquire({
        ...{ log, store: world.store, key, tp: { topic: "ride-events", partition } },
        identity: { foldVersion, generation: 1, logEpoch: 0 },
      }),
      { code: "partition_count_changed", exitCode: 3 },
    );
  });

  it("refuses partitions that were added after its start, without any snapshot: partition_count_changed", async () => {
    const clock = leapClock(startMs);
    const log = memoryLog({ clock });
    const specs = topicSpecs({ prefix: "", generation: 1 }, 2 ** 30);
    await log.ensureTopics(specs.map((s) => s.topic === "ride-events" ? { ...s, partitions: 14 } : s));
    const value = utf8(JSON.stringify(request("ride-0", clock.nowMs())));
    await log.append([{ topic: "ride-events", partition: 13, key: null, value }]);
    const stopped: { tp: TopicPartition; error: unknown }[] = [];
    const pipeline = await startPipeline({
      ...{ config: quick, store: memorySnapshots(), clock, input: { kind: "live" } },
      // As it was when the topics were verified.
      log: { ...log, ensureTopics: () => Promise.resolve() },
      onStopped: (tp, error) => void stopped.push({ tp, error }),
    });
    const { actors } = pipeline.rides[0]!;
    for (let n = 0; n < 20 && actors.size < 12; n++) await clock.leap(20);
    assert.deepEqual([...actors.keys()].sort((a, b) => a - b), Array.from({ length: 12 }, (_, p) => p));
    assert.deepEqual(
      stopped.map(({ tp, error }) => {
        const { code, exitCode } = error as WaymarkError;
        return [tp.topic, tp.partition, code, exitCode];
      }),
      [12, 13].map((partition) => ["ride-events", partition, "partition_count_changed", 3]),
    );
    assert.equal((await log.bounds("ride-facts")).reduce((sum, { end }) => sum + end, 0), 0);
    pipeline.abandon();
  });

  it("refuses other settings that change numbers, by the newest partials: fold_version_differs", async () => {
    const world = await crashed();
    await assert.rejects(world.start({ WAYMARK_LATENESS_MS: 5 * minuteMs }), {
      code: "fold_version_differs",
      exitCode: 3,
    });
  });

  it("refuses them by the snapshot, too, where there are no partials", async () => {
    const world = await crashed();
    await assert.rejects(
      acquire({
        ...{ log: world.log, store: world.store, key, tp: { topic: "ride-events", partition } },
        identity: { foldVersion: "another", generation: 1, logEpoch: 0 },
      }),
      { code: "fold_version_differs", exitCode: 3 },
    );
  });

  it("starts a new generation beside the old one without complaint", async () => {
    const world = await crashed();
    const pipeline = await world.start({ WAYMARK_LATENESS_MS: 5 * minuteMs, WAYMARK_GENERATION: 2 });
    await world.pass(5 * secondMs, secondMs);
    assert.deepEqual(world.stopped, []);
    assert.equal(pipeline.rides[0]!.actors.get(partition)?.nextOffset, 5);
    pipeline.abandon();
  });
});
