/** Row 18: producers whose clocks are wrong move no watermark and no window but their own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ledgerView } from "../../src/node/views.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { leftBy } from "../pipeline/harness.ts";
import { valueOf } from "../pipeline/published.ts";
import { type Live, live, startMs } from "./live.ts";

const yearMs = 365 * 86_400_000;
const wrong = [
  { name: "a day ahead", byMs: 86_400_000, reason: "event_time_future" },
  { name: "ten years ahead", byMs: 10 * yearMs, reason: "event_time_future" },
  { name: "a year behind", byMs: -yearMs, reason: "too_late" },
];

/** Ten minutes of a ride every half second; `bad` of a thousand events also come with a wrong clock. */
async function tenMinutes(bad: (typeof wrong)[number] | null): Promise<Live> {
  const world = await live();
  for (let n = 0; n < 1_200; n++) {
    world.clock.stepWall(secondMs / 2);
    const atMs = world.clock.nowMs();
    const event = (id: string, timeMs: number) => ({
      ...{ event_type: "requested", ride_id: id, timestamp: isoTime(timeMs), city: "wien", user_id: id },
      // What the producer believes: as wrong as its clock. The log's own time counts.
      recorded_at: isoTime(timeMs + 100),
    });
    await world.send("ride-events", n % 12, event(`ride-${n}`, atMs));
    if (bad !== null && n % 400 === 100) {
      await world.send("ride-events", n % 12, event(`bad-${n}`, atMs + bad.byMs));
    }
  }
  // Until all partitions count as idle and every window has closed: open ones are told of as samples only.
  await world.pass(10 * minuteMs, 20 * secondMs);
  return world;
}

const watermarksOf = (world: Live) =>
  [...world.pipeline.rides[0]!.actors].sort(([a], [b]) => a - b)
    .map(([, actor]) => actor.fold.status().watermarkMs);

describe("row 18: wrong clocks", () => {
  for (const kind of wrong) {
    it(`${kind.name}: the event is ${kind.reason}, watermarks and windows are what they were without it`, async () => {
      const [clean, dirty] = [await tenMinutes(null), await tenMinutes(kind)];
      try {
        assert.deepEqual(watermarksOf(dirty), watermarksOf(clean));
        const [a, b] = [await leftBy(clean.pipeline, clean.log), await leftBy(dirty.pipeline, dirty.log)];
        assert.deepEqual(b.windows.map(valueOf), a.windows.map(valueOf));
        assert.ok(a.windows.length >= 10 && a.windows.every((w) => w.kind !== "update"));
        const { counted, too_late, dead_lettered } = ledgerView(dirty.pipeline).total["ride-events"]!;
        assert.equal(counted, 1_200);
        assert.deepEqual([too_late, dead_lettered], kind.byMs > 0 ? [0, 3] : [3, 0]);
        assert.deepEqual([...b.late, ...b.dead].map((l) => l.reason), Array(3).fill(kind.reason));
      } finally {
        await clean.stop();
        await dirty.stop();
      }
    });
  }

  it("a year slow and alone on its partition: the others' windows close all the same", async () => {
    const world = await live();
    try {
      const event = (id: string, timeMs: number) => ({
        ...{ event_type: "requested", ride_id: id, city: "wien", timestamp: isoTime(timeMs) },
      });
      await world.send("ride-events", 0, event("slow", startMs - yearMs));
      for (let n = 0; n < 600; n++) {
        world.clock.stepWall(secondMs);
        await world.send("ride-events", 1 + n % 11, event(`ride-${n}`, world.clock.nowMs()));
      }
      await world.pass(25 * minuteMs, 20 * secondMs);
      const { rideMs } = world.pipeline.cities[0]!.actors.values().next().value!.fold.watermarks;
      assert.ok(rideMs! > startMs + 10 * minuteMs, `the watermark stands at ${rideMs}`);
      const { windows } = await leftBy(world.pipeline, world.log);
      const recent = windows.filter((w) => Date.parse(w.window_end) > startMs);
      assert.ok(recent.length >= 10 && recent.every((w) => w.kind !== "update"));
    } finally {
      await world.stop();
    }
  });

  it("five minutes fast: counted, and closes nothing early", async () => {
    const world = await live();
    try {
      for (let partition = 0; partition < 12; partition++) {
        const fast = { event_type: "requested", ride_id: `r-${partition}`, city: "wien" };
        await world.send("ride-events", partition, { ...fast, timestamp: isoTime(startMs + 299 * secondMs) });
      }
      await world.pass(3 * secondMs, secondMs);
      assert.deepEqual(watermarksOf(world), Array(12).fill(startMs - 30 * secondMs));
      const { windows } = await leftBy(world.pipeline, world.log);
      assert.ok(
        windows.every((w) => w.kind === "update" && Date.parse(w.window_end) > startMs + 4 * minuteMs),
      );
    } finally {
      await world.stop();
    }
  });
});
