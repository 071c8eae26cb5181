/** Row 19b: cold starts, old dumps and zombies' declarations publish nothing that overwrites a right value. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { feed } from "../../src/node/replay.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { effectiveWatermark, newSource, report } from "../../src/windows/sources.ts";
import { actorsOf, leftBy } from "../pipeline/harness.ts";
import { valueOf } from "../pipeline/published.ts";
import { storm } from "../pipeline/storm.ts";
import { type Live, live } from "./live.ts";

const items = storm(3);

/** The storm is over, folded, and every window has closed. */
async function afterStorm(upTo = items.length): Promise<Live> {
  const world = await live();
  world.clock.stepWall(50 * minuteMs);
  await send(world, upTo);
  return world;
}

async function send(world: Live, upTo: number): Promise<void> {
  async function* chunks() {
    yield items.slice(0, upTo);
  }
  await feed(world.log, world.pipeline, world.clock, { chunks: chunks(), speed: null, fed: async () => {} });
  await world.pass(12 * minuteMs, 20 * secondMs);
}

async function left(world: Live) {
  const { windows, alerts, facts, late, dead } = await leftBy(world.pipeline, world.log);
  return { windows: windows.map(valueOf), alerts, facts, late, dead };
}

/** All manifests and segments as they are now. */
async function dumpOf(world: Live): Promise<SnapshotStore> {
  const dump = memorySnapshots();
  for (const { tp } of actorsOf(world.pipeline)) {
    const stage = { "ride-events": "rides", "driver-locations": "locations" }[tp.topic] ?? "cities";
    const key = `waymark-${stage}-g1/${tp.topic}/${tp.partition}`;
    for (const manifest of (await world.store.manifests(key)).reverse()) {
      for (const hash of manifest.segments) {
        await dump.putSegment(key, hash, (await world.store.segment(key, hash))!);
      }
      await dump.putManifest(key, manifest);
    }
  }
  return dump;
}

describe("row 19b: a start from less than everything", () => {
  it("without snapshots and with trimmed logs changes no window, alert or fact that was published", async () => {
    for (
      const topics of [["ride-events", "driver-locations"], [
        "ride-events",
        "driver-locations",
        "city-partials-g1",
      ]]
    ) {
      const world = await afterStorm();
      const before = await left(world);
      const wave = before.alerts.filter((a) => a.rule === "cancellation_rate_high").map((a) => a.state);
      assert.deepEqual(wave.sort(), ["firing", "pending", "resolved"]);
      assert.ok(before.windows.length > 90);
      const ends = new Map<string, number>();
      for (const { tp, nextOffset } of actorsOf(world.pipeline)) {
        ends.set(`${tp.topic}/${tp.partition}`, nextOffset);
      }
      await world.trim((tp) =>
        topics.includes(tp.topic) ? Math.floor((ends.get(`${tp.topic}/${tp.partition}`) ?? 0) / 2) : 0
      );
      await world.restart(memorySnapshots());
      await world.pass(12 * minuteMs, 20 * secondMs);
      assert.deepEqual(await left(world), before);
      const actor = world.pipeline.rides[0]!.actors.get(1)!;
      assert.ok(actor.fold.ledger.since_offset > 0, "the ledger says since when it counts");
      assert.deepEqual(world.stopped, []);
      await world.stop();
    }
  });

  it("goes on after a cold start: what is new counts in full", async () => {
    const world = await afterStorm();
    await world.trim((tp) => tp.topic === "ride-events" ? 20 : 0);
    await world.restart(memorySnapshots());
    await world.pass(minuteMs, 10 * secondMs);
    const atMs = world.clock.nowMs();
    for (let partition = 0; partition < 12; partition++) {
      const event = {
        event_type: "requested",
        ride_id: `new-${partition}`,
        timestamp: isoTime(atMs),
        city: "birch",
      };
      await world.send("ride-events", partition, event);
    }
    await world.pass(8 * minuteMs, 10 * secondMs);
    const { windows } = await left(world);
    const newest = windows.filter((w) => w.city === "birch").at(-1)!;
    assert.deepEqual([newest.window_start, newest.requests], [
      isoTime(Math.floor(atMs / minuteMs) * minuteMs),
      12,
    ]);
    await world.stop();
  });

  it("from a dump of half an hour ago ends the same", async () => {
    const straight = await afterStorm();
    const expected = await left(straight);
    const world = await afterStorm(Math.floor(items.length / 4));
    const dump = await dumpOf(world);
    await send(world, items.length);
    const [dumped] = await dump.manifests("waymark-rides-g1/ride-events/1");
    assert.ok(dumped!.offset < world.pipeline.rides[0]!.actors.get(1)!.nextOffset / 2);
    await world.restart(dump);
    await world.pass(12 * minuteMs, 20 * secondMs);
    assert.deepEqual((await left(world)).facts, expected.facts);
    assert.deepEqual(
      (await left(world)).windows.map((w) => [w.city, w.window_start, w.total_events, w.unique_riders]),
      expected.windows.map((w) => [w.city, w.window_start, w.total_events, w.unique_riders]),
    );
    await straight.stop();
    await world.stop();
  });

  it("a zombie declares nothing idle that its successor folds", () => {
    const source = newSource({ topic: "ride-events", partition: 7 });
    report(source, { nextOffset: 10, watermarkMs: 1_000 });
    report(source, { nextOffset: 8, idle: { standInMs: 3_600_000 } });
    assert.equal(effectiveWatermark(source), 1_000);
    report(source, { nextOffset: 10, idle: { standInMs: 5_000 } });
    assert.equal(effectiveWatermark(source), 5_000);
    report(source, { nextOffset: 11, watermarkMs: 2_000 });
    assert.equal(effectiveWatermark(source), 2_000);
    report(source, { nextOffset: 10, idle: { standInMs: 9_000 } });
    assert.equal(effectiveWatermark(source), 2_000);
  });
});
