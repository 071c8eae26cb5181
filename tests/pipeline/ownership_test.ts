/** Partitions that change hands at awkward moments, and records that begin a cold start's publishing. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Fold } from "../../src/fold.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { memoryLog } from "../../src/log/memory.ts";
import type { LogRecord, NewRecord, TopicPartition } from "../../src/log/port.ts";
import { topicName, topicSpecs } from "../../src/log/topics.ts";
import { claimSource, feed } from "../../src/node/replay.ts";
import { startPipeline } from "../../src/node/pipeline.ts";
import { PartitionActor } from "../../src/runtime/partition.ts";
import { restore } from "../../src/runtime/restore.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import { citiesStage } from "../../src/stages/cities.ts";
import { ridesStage } from "../../src/stages/rides.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { eventually } from "../conformance/eventually.ts";
import { context } from "./folds.ts";
import { actorsOf, openParts } from "./harness.ts";
import { quick } from "./quick.ts";

const startMs = Date.UTC(2026, 0, 15, 18);

describe("a host", () => {
  it("keeps no actor of a partition that was lost while it was being restored", async () => {
    const parts = await openParts("memory");
    const open = Promise.withResolvers<void>();
    let asked = 0;
    const slow = {
      ...parts.store,
      async manifests(key: string) {
        asked++;
        await open.promise;
        return await parts.store.manifests(key);
      },
    };
    const pipeline = await startPipeline({
      ...{ config: quick, log: parts.log, store: slow, clock: systemClock, input: { kind: "live" } },
      onStopped: (_, error) => assert.fail(String(error)),
    });
    await eventually("all partitions are being restored", () => asked === 42);
    for (const host of [...pipeline.rides, ...pipeline.locations, ...pipeline.cities]) {
      parts.log.expel(host.memberId);
    }
    open.resolve();
    const first = pipeline.rides[0]!;
    const again = await startPipeline({
      ...{ config: quick, log: parts.log, store: parts.store, clock: systemClock, input: { kind: "live" } },
      onStopped: (_, error) => assert.fail(String(error)),
    });
    await eventually("the next owner has everything", () => actorsOf(again).length === 42);
    assert.equal(first.actors.size, 0);
    assert.equal(actorsOf(pipeline).length, 0);
    again.abandon();
    pipeline.abandon();
    await parts.dispose();
  });
});

describe("a cold start", () => {
  const record = (offset: number, value: object | string): LogRecord => ({
    ...{ offset, timestampMs: startMs + offset, key: null, headers: null },
    value: utf8(typeof value === "string" ? value : JSON.stringify(value)),
  });
  const request = (ride_id: string) => ({
    ...{ event_type: "requested", ride_id, timestamp: isoTime(startMs), city: "wien" },
  });

  it("publishes what the first record after its warm-up causes, also where the log has a gap there", async () => {
    for (const offsets of [[7, 8, 9, 10, 11], [7, 8, 12, 13, 14]]) {
      const published: { topic: string; value: string }[] = [];
      const stage = ridesStage(context);
      const fold = stage.create(5);
      const actor = new PartitionActor({
        ...{ stage, tp: { topic: "ride-events", partition: 5 }, partitions: 12, key: "any" },
        identity: { foldVersion: "any", generation: 1, logEpoch: 0 },
        restored: { fold, nextOffset: 7, publishFrom: 9, last: null, snapshotAtMs: null },
        restartOffsets: [],
        store: memorySnapshots(),
        publisher: {
          async publish(outputs) {
            published.push(...outputs.map(({ topic, value }) => ({ topic, value: fromUtf8(value) })));
          },
        },
        ...{ clock: systemClock, flushMs: 60_000, commit: async () => {} },
      });
      const values = [request("a"), "poison of the warm-up", "poison", request("b"), "more poison"];
      await actor.batch(offsets.map((offset, i) => record(offset, values[i]!)), 15);
      await actor.flush();
      const dead = published.filter((p) => p.topic === "dead-letters").map((p) => p.value);
      assert.deepEqual(dead, ["poison", "more poison"], offsets.join(" "));
      assert.ok(published.some((p) => p.topic === "city-partials"));
    }
  });

  it("of the cities reads all of alerts back before its first record, one from the beginning nothing", async () => {
    const log = memoryLog({ clock: systemClock });
    await log.ensureTopics(topicSpecs({ prefix: "", generation: 1 }, 2 ** 30));
    const stage = citiesStage(context);
    const [tp, cold] = [0, 1].map((partition) => ({ topic: "city-partials-g1", partition })) as [
      TopicPartition,
      TopicPartition,
    ];
    const said: NewRecord[] = [0, 1, 2].flatMap((n) =>
      Array.from({ length: context.partitions["alerts"] }, (_, partition) => ({
        ...{ topic: "alerts", partition, key: null, value: utf8(`${n} of ${partition}`) },
      }))
    );
    const partials = [tp, cold].flatMap((at) =>
      ["a", "b"].map((v) => ({ ...at, key: null, value: utf8(v) }))
    );
    await log.append([...said, ...partials]);
    await log.ensureTopics(topicSpecs({ prefix: "", generation: 1 }, 0));
    await log.housekeep(({ topic, partition }) => topic === cold.topic && partition === 1 ? 1 : 0);
    const calls: string[] = [];
    const started = async (at: TopicPartition) => {
      const seen: Fold = {
        ...{ fold: () => {}, flush: () => true, markAll: () => {}, *entries() {}, restore: () => {} },
        status: () => ({ watermarkMs: null, actors: {} }),
        since: (offset) => void calls.push(`since ${offset}`),
        recall: ({ value }) => void calls.push(fromUtf8(value)),
      };
      await restore({ ...stage, create: () => seen }, at, null, {
        log,
        group: "g",
        recalled: "alerts",
        clock: systemClock,
      });
      return calls.splice(0);
    };
    assert.deepEqual(await started(tp), ["since 0"]);
    const [first, ...recalled] = await started(cold);
    assert.equal(first, "since 1");
    assert.deepEqual(recalled.sort(), said.map(({ value }) => fromUtf8(value)).sort());
    await log.close();
  });

  it("is told by its host where the alerts are", async () => {
    const held = memoryLog({ clock: systemClock });
    const naming = { prefix: "", generation: 1 };
    const partials = topicName("city-partials", naming);
    await held.ensureTopics(topicSpecs(naming, 2 ** 30));
    const partitions = Array.from({ length: context.partitions["city-partials"] }, (_, p) => p);
    await held.append(
      partitions.map((partition) => ({ topic: partials, partition, key: null, value: utf8("old") })),
    );
    await held.ensureTopics(topicSpecs(naming, 0));
    await held.housekeep(({ topic }) => topic === partials ? 1 : 0);
    let asked = 0;
    const log = {
      ...held,
      bounds(topic: string) {
        if (topic === "alerts") asked++;
        return held.bounds(topic);
      },
    };
    const pipeline = await startPipeline({
      ...{ config: quick, log, store: memorySnapshots(), clock: systemClock, input: { kind: "live" } },
      onStopped: (_, error) => assert.fail(String(error)),
    });
    await eventually("every partition of the cities has asked", () => asked >= partitions.length);
    pipeline.abandon();
    await held.close();
  });
});

describe("a replay that is taken up again", () => {
  it("gives a record without a time of its own the time it would have had", async () => {
    const items: SentItem[] = [
      { topic: "ride-events", key: "a", value: `{"timestamp":"${isoTime(startMs)}"}`, recordedAtMs: null },
      { topic: "ride-events", key: "b", value: `{"ride_id":"b"}`, recordedAtMs: null },
      { topic: "ride-events", key: "c", value: `{"ride_id":"c"}`, recordedAtMs: null },
    ];
    const timesAfter = async (sent: number) => {
      const parts = await openParts("memory");
      const appended: NewRecord[] = [];
      const log = {
        ...parts.log,
        async append(records: NewRecord[]) {
          appended.push(...records);
          await parts.log.append(records);
        },
      };
      const pipeline = await startPipeline({
        ...{ config: quick, log: parts.log, store: parts.store, clock: systemClock, input: { kind: "live" } },
        onStopped: (_, error) => assert.fail(String(error)),
      });
      for (const upTo of [sent, items.length]) {
        const chunks = (async function* () {
          yield items.slice(0, upTo);
        })();
        await feed(log, pipeline, systemClock, { chunks, speed: null, fed: async () => {} });
      }
      pipeline.abandon();
      await parts.dispose();
      return appended.map((r) => r.timestampMs);
    };
    assert.deepEqual(await timesAfter(3), [startMs, startMs, startMs]);
    assert.deepEqual(await timesAfter(1), [startMs, startMs, startMs]);
  });

  it("finds its claim whole or not at all, however often it is killed while claiming", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waymark-claim-"));
    try {
      const source = { file: "a.jsonl", bytes: 10, format: "jsonl", seed: 1 };
      // Killed while it wrote: the claim has its name only once it is whole.
      await writeFile(join(folder, "replay.json.new"), `{"file":"a.j`);
      await claimSource(folder, source);
      await claimSource(folder, source);
      assert.deepEqual(JSON.parse(await readFile(join(folder, "replay.json"), "utf8")), source);
      await assert.rejects(claimSource(folder, { ...source, bytes: 11 }), { code: "replay_source_differs" });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
