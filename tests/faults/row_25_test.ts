/**
 * Row 25: releases that come and go over one log. A process that would fold otherwise is refused while the others go on;
 * what a newer release has written is passed over and told where that is harmless, and refused where it is not.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CityWindow } from "../../schemas/city_window.ts";
import { Outbox } from "../../src/fold.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import type { LogRecord } from "../../src/log/port.ts";
import { stageContext } from "../../src/node/context.ts";
import { decodeManifest, encodeManifest, snapshotFormat } from "../../src/runtime/manifest.ts";
import { groupName } from "../../src/runtime/host.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { citiesStage } from "../../src/stages/cities.ts";
import { registry } from "../../src/telemetry/metrics.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { decodePartial, type Partial } from "../../src/windows/partial.ts";
import { actorsOf, flushCities, leftBy } from "../pipeline/harness.ts";
import { quick } from "../pipeline/quick.ts";
import { replayDone } from "../../src/node/replay_done.ts";
import { assertRecounted } from "../pipeline/recounted.ts";
import { type Live, live } from "./live.ts";

const { foldVersion } = stageContext(quick);

/** Some rides of two cities, from two partitions, and a second for them to be told. */
async function send(world: Live, name: string, count = 5): Promise<void> {
  for (let n = 0; n < count; n++) {
    const atMs = world.clock.nowMs();
    await world.send("ride-events", n % 2, {
      ...{
        event_type: "requested",
        ride_id: `${name}-${n}`,
        timestamp: isoTime(atMs),
        user_id: `rider-${n}`,
      },
      ...{ city: n % 3 === 0 ? "graz" : "wien", estimated_fare: 8.5 },
    });
  }
  await world.pass(6 * secondMs, secondMs);
}

/** Everything is folded, and nothing more is to come: windows and ledger are those of the recount. */
async function assertExact(world: Live): Promise<void> {
  const { rides, locations } = world.pipeline;
  const read = async () => {
    for (const host of rides) {
      for (const { tp, nextOffset } of host.actors.values()) {
        if (nextOffset < (await world.log.bounds(tp.topic))[tp.partition]!.end) return false;
      }
    }
    return true;
  };
  await world.until("everything is read", read);
  for (const host of [...rides, ...locations]) for (const actor of host.actors.values()) await actor.end();
  await world.until("every city has folded", () => replayDone(world.pipeline, world.log));
  await flushCities(world.pipeline);
  await assertRecounted({
    ...await leftBy(world.pipeline, world.log),
    ...{ log: { ...world.log, expel: () => {} }, pipeline: world.pipeline, dispose: async () => {} },
  });
  assert.deepEqual(world.stopped, []);
}

describe("row 25: a process with another fold version", () => {
  it("is refused while the others go on, undisturbed and exact", async () => {
    const world = await live();
    await send(world, "before");
    const groups = ["rides", "locations", "cities"].map((stage) => groupName(quick.WAYMARK_GROUP, stage, 1));
    const members = async () => await Promise.all(groups.map((group) => world.log.members(group)));
    const before = await members();
    const owners = actorsOf(world.pipeline);
    for (const other of [{ WAYMARK_LATENESS_MS: 5 * minuteMs }, { WAYMARK_LOG_EPOCH: 1 }]) {
      await assert.rejects(world.start(other), { code: "fold_version_differs", exitCode: 3 });
      await send(world, `during-${Object.keys(other)[0]}`);
    }
    assert.deepEqual(await members(), before, "it was never a member");
    assert.deepEqual(actorsOf(world.pipeline), owners);
    await assertExact(world);
    await world.stop();
  });
});

/** As a newer release would have written them: the same state, in a format of which nothing is known here. */
async function inNewerFormat(store: SnapshotStore): Promise<number> {
  let rewritten = 0;
  const sources = [["rides", "ride-events"], ["locations", "driver-locations"], [
    "cities",
    "city-partials-g1",
  ]];
  for (const [stage, topic] of sources) {
    for (let partition = 0; partition < 24; partition++) {
      const key = `${groupName(quick.WAYMARK_GROUP, stage!, 1)}/${topic}/${partition}`;
      for (const stored of await store.manifests(key)) {
        const read = await decodeManifest(stored.bytes);
        assert.ok(read.ok);
        const bytes = await encodeManifest({ ...read.manifest, format: snapshotFormat + 1 });
        await store.discard(key, stored.offset);
        for (const hash of stored.segments) await store.putSegment(key, hash, utf8("a newer release's"));
        await store.putManifest(key, { ...stored, bytes });
        rewritten++;
      }
    }
  }
  return rewritten;
}

async function discarded(): Promise<number> {
  const { values } = await registry.getSingleMetric("waymark_snapshots_discarded_total")!.get();
  return values.find(({ labels }) => (labels as { reason: string }).reason === "newer_format")?.value ?? 0;
}

describe("row 25: a process that goes back to an older release", () => {
  it("passes over every snapshot of the newer one, says how many, and ends exact", async () => {
    const world = await live();
    await send(world, "first");
    await world.until(
      "all of it is in snapshots",
      () =>
        [0, 1].every((partition) => world.pipeline.rides[0]!.actors.get(partition)!.snapshotOffset > 0) &&
        [...world.pipeline.cities[0]!.actors.values()].some((actor) => actor.snapshotOffset > 0),
    );
    world.crash();
    const rewritten = await inNewerFormat(world.store);
    assert.ok(rewritten >= 3, `${rewritten}`);
    const before = await discarded();
    await world.restart();
    await world.until("it has begun", () => actorsOf(world.pipeline).length === 12 + 24 + 6);
    assert.equal(await discarded(), before + rewritten);
    await send(world, "second");
    await assertExact(world);
    await world.stop();
  });

  it("is refused where a newer release tells the cities what it does not read: log_format_unknown", async () => {
    const world = await live();
    await send(world, "first");
    const { partition, record, partial } = await newestPartial(world);
    world.crash();
    const newer = { ...partial, format: 2, generation: 1, panes: "in another way" };
    await world.log.append([{
      ...{ topic: "city-partials-g1", partition, key: record.key, value: utf8(JSON.stringify(newer)) },
    }]);
    await assert.rejects(world.start(), (error: Error & { code: string; exitCode: number }) => {
      assert.deepEqual([error.code, error.exitCode], ["log_format_unknown", 3]);
      assert.match(error.message, /has records of format 2; this release reads 1 to 1: start the release/);
      return true;
    });
    // And may fold everything anew beside it.
    const beside = await world.start({ WAYMARK_GENERATION: 2 });
    beside.abandon();
    await world.stop();
  });
});

async function newestPartial(world: Live) {
  for (const [partition, { end }] of (await world.log.bounds("city-partials-g1")).entries()) {
    const records = await world.log.read({ topic: "city-partials-g1", partition }, 0, end);
    const record = records.findLast(({ value }) => decodePartial(value)!.panes.length > 0);
    if (record !== undefined) return { partition, record, partial: decodePartial(record.value)! };
  }
  throw new Error("nothing was told to the cities");
}

describe("row 25: records of a newer release", () => {
  it("in a newer format are passed over and counted by a process that runs; nothing is guessed", async () => {
    const world = await live();
    await send(world, "first");
    const { partition, partial } = await newestPartial(world);
    const cities = () => world.pipeline.cities[0]!.actors.get(partition)!;
    const published = async () => (await leftBy(world.pipeline, world.log)).windows;
    await flushCities(world.pipeline);
    const [windows, { watermarks }] = [await published(), cities().fold];
    const [city, paneMs, position, ...rest] = partial.panes[0]!;
    const newer = {
      ...{ ...partial, format: 2, watermark_ms: world.clock.nowMs() + minuteMs },
      panes: [[city, paneMs, position + 1_000, ...rest]],
    };
    const offset = cities().nextOffset;
    await world.log.append([
      { topic: "city-partials-g1", partition, key: null, value: utf8(JSON.stringify(newer)) },
    ]);
    await world.until("it is read", () => cities().nextOffset > offset);
    await flushCities(world.pipeline);
    assert.equal(cities().fold.status().unreadable, 1);
    assert.deepEqual(cities().fold.watermarks, watermarks);
    assert.deepEqual(await published(), windows);
    await send(world, "second");
    await assertExact(world);
    await world.stop();
  });

  it("with fields that nothing is known of are read without them", async () => {
    const world = await live();
    await send(world, "first");
    const context = stageContext(quick);
    const { partition } = await newestPartial(world);
    const records = await world.log.read({ topic: "city-partials-g1", partition }, 0, 10_000);
    await world.stop();
    const windowsOf = (more: object): CityWindow[] => {
      const fold = citiesStage(context).create(partition);
      const out = new Outbox();
      fold.since(0);
      for (const record of records) fold.fold(withMore(record, more), out);
      while (!fold.flush(out)) { /* all of it */ }
      assert.equal(fold.status().unreadable, 0);
      return out.take().map(({ value }) => JSON.parse(fromUtf8(value)) as CityWindow);
    };
    const plain = windowsOf({});
    assert.ok(plain.length > 0);
    assert.deepEqual(windowsOf({ later: { any: [1] }, cells: "in another way" }), plain);
  });
});

function withMore(record: LogRecord, more: object): LogRecord {
  const partial = JSON.parse(fromUtf8(record.value)) as Partial;
  assert.equal(partial.fold_version, foldVersion);
  return { ...record, value: utf8(JSON.stringify({ ...partial, ...more })) };
}
