/** Row 19: idle sources, slow sources, and a producer that was cut off while its partition counted as idle. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Config } from "../../src/config.ts";
import { lastWindows } from "../../src/node/replay.ts";
import { cityWatermarks, ledgerView } from "../../src/node/views.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { type Live, live, startMs } from "./live.ts";

/** A request of a ride of its own on the partition, `behindMs` before now. */
async function request(world: Live, partition: number, behindMs = 0): Promise<void> {
  const at = world.clock.nowMs() - behindMs;
  const ride_id = `ride-${partition}-${at}`;
  await world.send("ride-events", partition, {
    ...{ event_type: "requested", ride_id, timestamp: isoTime(at), city: "wien", user_id: ride_id },
  });
}

/** Requests on the partitions every 20 s. */
async function busy(world: Live, partitions: number[], ms: number, stepMs = 5 * secondMs): Promise<void> {
  for (let passed = 0; passed < ms; passed += 20 * secondMs) {
    for (const partition of partitions) await request(world, partition);
    await world.pass(20 * secondMs, stepMs);
  }
}

const all = Array.from({ length: 12 }, (_, partition) => partition);
const withoutSeven = all.filter((partition) => partition !== 7);

async function withLive(work: (world: Live) => Promise<void>, config: Partial<Config> = {}): Promise<void> {
  const world = await live(config);
  try {
    await work(world);
    assert.deepEqual(world.stopped, []);
  } finally {
    await world.stop();
  }
}

const watermarkOf = (world: Live) => Date.parse(cityWatermarks(world.pipeline).rides ?? isoTime(0));

async function eventsIn(world: Live, windowStartMs: number): Promise<number> {
  const windows = await lastWindows(world.log, world.pipeline);
  return windows.find((w) => w.window_start === isoTime(windowStartMs))?.total_events ?? 0;
}

describe("row 19: sources that are quiet or slow", () => {
  it("one goes idle: it is named while it holds the watermark, then windows close without it", async () => {
    await withLive(async (world) => {
      await busy(world, all, minuteMs);
      await busy(world, withoutSeven, minuteMs);
      assert.equal(cityWatermarks(world.pipeline).held_by, "ride-events/7");
      const heldMs = watermarkOf(world);
      await busy(world, withoutSeven, 6 * minuteMs);
      assert.ok(watermarkOf(world) > heldMs + 3 * minuteMs, "the watermark moves on");
      assert.ok((await world.idleDeclarations()).includes("ride-events/7"));
      assert.ok(!(await world.idleDeclarations()).includes("ride-events/3"));
    }, { WAYMARK_IDLE_MS: 2 * minuteMs });
  });

  it("all go idle: every window closes", async () => {
    await withLive(async (world) => {
      await busy(world, all, 2 * minuteMs);
      await world.until("the last window with an event has closed", async () => {
        const windows = await lastWindows(world.log, world.pipeline);
        const newest = windows.findLast((w) => w.requests > 0);
        return newest !== undefined && watermarkOf(world) >= Date.parse(newest.window_end) &&
          windows.every((w) => w.kind !== "update");
      });
      assert.equal(await eventsIn(world, startMs - 2 * minuteMs), 12 * 6);
    });
  });

  it("one is ten minutes behind: it holds the watermark, is named, and nothing of it is late", async () => {
    await withLive(async (world) => {
      const behindMs = () => world.clock.nowMs() - watermarkOf(world);
      // On a machine with much else to do the clock leaps ahead of the partitions for a while.
      const isNear = () => behindMs() < 13 * minuteMs;
      const [least, most] = [12 * minuteMs, 24 * minuteMs];
      for (let passed = 0; passed < least || (passed < most && !isNear()); passed += 20 * secondMs) {
        for (const partition of withoutSeven) await request(world, partition);
        await request(world, 7, 10 * minuteMs);
        await world.pass(20 * secondMs, 10 * secondMs);
      }
      assert.equal(cityWatermarks(world.pipeline).held_by, "ride-events/7");
      assert.ok(behindMs() >= 10 * minuteMs && isNear(), `${behindMs()} ms behind`);
      const total = ledgerView(world.pipeline).total["ride-events"]!;
      assert.deepEqual([total.late, total.too_late], [0, 0]);
    });
  });

  it("one cut off for 30 minutes while idle comes back: its events count and revise their windows", async () => {
    await withLive(async (world) => {
      await cutOff(world, 30);
      assert.deepEqual(ledgerView(world.pipeline).missed_after_idle, []);
      // Five minutes of eleven partitions, three requests a minute each, and one event of the one that was cut off.
      const revised = 5 * 3 * 11 + 1;
      const events = () => eventsIn(world, startMs + 2 * minuteMs);
      await world.until("the revision is published", async () => await events() >= revised);
      assert.equal(await events(), revised);
    });
  });

  it("one cut off for longer than closed windows are held is listed, pane by pane, and changes none", async () => {
    await withLive(async (world) => {
      await cutOff(world, 30);
      const listed = () => ledgerView(world.pipeline).missed_after_idle;
      await world.until("it is listed", () => listed().length > 0, minuteMs);
      assert.deepEqual(listed().map((m) => [m.source, m.city, m.minute, m.events]), [
        ["ride-events/7", "wien", isoTime(startMs + 3 * minuteMs), 1],
      ]);
      assert.equal(await eventsIn(world, startMs + 2 * minuteMs), 5 * 3 * 11);
    }, { WAYMARK_HOLD_MS: 5 * minuteMs });
  });
});

/** Partition 7 has an event at 0:00, then its producer is cut off; an event of 0:03 comes `minutes` later. */
async function cutOff(world: Live, minutes: number): Promise<void> {
  await request(world, 7);
  await busy(world, withoutSeven, minutes * minuteMs, 20 * secondMs);
  await request(world, 7, world.clock.nowMs() - startMs - 3 * minuteMs);
  await world.pass(30 * secondMs);
  assert.equal(ledgerView(world.pipeline).total["ride-events"]!.too_late, 0);
}
