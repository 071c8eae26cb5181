/** Row 21: the wall clock steps by an hour, forth and back: nobody counts as idle for that long, nothing is lost. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cityWatermarks, ledgerView } from "../../src/node/views.ts";
import { hourMs, isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { type Live, live, startMs } from "./live.ts";

async function requests(world: Live, id: string, atMs: number): Promise<void> {
  for (let partition = 0; partition < 12; partition++) {
    const ride_id = `${id}-${partition}`;
    await world.send("ride-events", partition, {
      ...{ event_type: "requested", ride_id, timestamp: isoTime(atMs), city: "wien" },
    });
  }
}

describe("row 21: a wall clock that steps by an hour", () => {
  it("carries no watermark away with it", async () => {
    const world = await live();
    try {
      await requests(world, "before", startMs);
      await world.pass(20 * secondMs);
      world.clock.stepWall(hourMs);
      await world.pass(3 * minuteMs);
      assert.ok((await world.idleDeclarations()).includes("ride-events/3"));
      const watermarkMs = Date.parse(cityWatermarks(world.pipeline).rides!);
      // Three minutes and twenty seconds have passed, less the delay of the watermark.
      assert.ok(watermarkMs <= startMs + 3 * minuteMs, cityWatermarks(world.pipeline).rides!);
      assert.ok(watermarkMs >= startMs + 2 * minuteMs, cityWatermarks(world.pipeline).rides!);
      world.clock.stepWall(-hourMs);
      await requests(world, "after", startMs + 3 * minuteMs + 20 * secondMs);
      await world.pass(30 * secondMs);
      const { counted, late, too_late } = ledgerView(world.pipeline).total["ride-events"]!;
      assert.deepEqual({ counted, late, too_late }, { counted: 24, late: 0, too_late: 0 });
    } finally {
      await world.stop();
    }
  });

  it("does not hold windows back while it is behind the log's", async () => {
    const world = await live({}, { logAheadMs: 55 * minuteMs });
    try {
      await requests(world, "before", startMs + 55 * minuteMs);
      await world.pass(6 * minuteMs);
      assert.ok((await world.idleDeclarations()).includes("ride-events/3"));
      const watermarkMs = Date.parse(cityWatermarks(world.pipeline).rides!);
      assert.ok(watermarkMs >= startMs + 59 * minuteMs, cityWatermarks(world.pipeline).rides!);
      assert.ok(watermarkMs <= startMs + 61 * minuteMs, cityWatermarks(world.pipeline).rides!);
    } finally {
      await world.stop();
    }
  });
});
