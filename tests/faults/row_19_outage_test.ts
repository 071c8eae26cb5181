/** Faults row 19: what an idle declaration must not do after an outage, and what must not stand in its way. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ledgerView } from "../../src/node/views.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { leftBy } from "../pipeline/harness.ts";
import { live, startMs } from "./live.ts";

describe("row 19: idle declarations that are old, or hard to come by", () => {
  it("a quiet partition and an outage of three hours: on restart the cities wait for what it has not read", async () => {
    const world = await live({ WAYMARK_IDLE_MS: 20 * secondMs });
    const sentAtMs: number[] = [];
    const send = async (partition: number) => {
      const atMs = world.clock.nowMs();
      const n = sentAtMs.push(atMs);
      await world.send("ride-events", partition, {
        ...{ event_type: "requested", ride_id: `r-${n}`, city: "wien", timestamp: isoTime(atMs) },
      });
    };
    const all = Array.from({ length: 12 }, (_, partition) => partition);
    try {
      for (let minute = 0; minute < 5; minute++) {
        for (const partition of all) if (minute === 0 || partition !== 7) await send(partition);
        await world.pass(minuteMs, 5 * secondMs);
      }
      world.crash();
      for (let minute = 0; minute < 180; minute++) {
        for (const partition of all) await send(partition);
        await world.clock.leap(minuteMs);
      }
      await world.restart();
      await world.pass(5 * minuteMs, 5 * secondMs);
      const { windows } = await leftBy(world.pipeline, world.log);
      for (const window of windows) {
        const fromMs = Date.parse(window.window_start);
        const sent = sentAtMs.filter((atMs) => atMs >= fromMs && atMs < fromMs + 5 * minuteMs).length;
        assert.deepEqual([window.window_start, window.total_events], [window.window_start, sent]);
      }
      assert.ok(windows.length > 180);
      assert.deepEqual(
        windows.filter((w) => w.kind !== "final").map((w) => [w.window_end, w.kind, w.rev]),
        [],
      );
      assert.deepEqual(ledgerView(world.pipeline).missed_after_idle, []);
    } finally {
      await world.stop();
    }
  });

  it("a partition that gets nothing but repeats holds no city back", async () => {
    const world = await live({ WAYMARK_IDLE_MS: 20 * secondMs });
    try {
      const event = { event_type: "requested", ride_id: "again", city: "wien", timestamp: isoTime(startMs) };
      for (let n = 0; n < 300; n++) {
        await world.send("ride-events", 7, event);
        await world.send("ride-events", n % 7, {
          ...{
            event_type: "requested",
            ride_id: `r-${n}`,
            city: "wien",
            timestamp: isoTime(world.clock.nowMs()),
          },
        });
        await world.pass(5 * secondMs, 5 * secondMs);
      }
      const endMs = world.clock.nowMs();
      const { fold } = world.pipeline.cities[0]!.actors.values().next().value!;
      await world.until("it is folded", () => fold.watermarks.rideMs! > endMs - 2 * minuteMs, minuteMs);
    } finally {
      await world.stop();
    }
  });
});
