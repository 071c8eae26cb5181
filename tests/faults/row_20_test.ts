/** Row 20: our own pause is never taken for idleness. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ledgerView } from "../../src/node/views.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { live } from "./live.ts";

describe("row 20: a process that stood still", () => {
  it("declares nothing idle on the first look after the pause, however long it was", async () => {
    const world = await live();
    try {
      await world.send("ride-events", 3, ride("a", world.clock.nowMs()));
      await world.pass(20 * secondMs);
      await world.clock.leap(10 * minuteMs);
      await world.pass(40 * secondMs);
      assert.deepEqual(await world.idleDeclarations(), []);
      await world.pass(2 * minuteMs);
      assert.ok((await world.idleDeclarations()).includes("ride-events/3"), "looking on, it does");
    } finally {
      await world.stop();
    }
  });

  it("makes no event late that was sent while it stood still", async () => {
    const world = await live();
    try {
      await world.send("ride-events", 3, ride("a", world.clock.nowMs()));
      await world.pass(20 * secondMs);
      await world.clock.leap(10 * minuteMs);
      await world.send("ride-events", 3, ride("b", world.clock.nowMs() - 9 * minuteMs));
      await world.pass(5 * secondMs);
      const { late, too_late, counted } = ledgerView(world.pipeline).total["ride-events"]!;
      assert.deepEqual({ late, too_late, counted }, { late: 0, too_late: 0, counted: 2 });
      assert.deepEqual(await world.idleDeclarations(), []);
    } finally {
      await world.stop();
    }
  });

  it("a partition that waits for the slower ones is not declared idle", async () => {
    const world = await live({ WAYMARK_ALIGN_MS: minuteMs });
    try {
      // Partition 1 is far ahead; partition 2 has one record left that its owner has not come to yet.
      await world.send("ride-events", 2, ride("slow", world.clock.nowMs() - 30 * minuteMs));
      await world.send("ride-events", 1, ride("fast", world.clock.nowMs()));
      await world.pass(20 * secondMs);
      const slow = world.pipeline.rides[0]!.actors.get(2)!;
      slow.logEnd = slow.nextOffset + 1;
      // While it is paused nothing is fetched from it, so nothing is known about it.
      for (let n = 0; n < 40; n++) {
        slow.logEnd = slow.nextOffset + 1;
        await world.clock.leap(5 * secondMs);
      }
      assert.ok(!(await world.idleDeclarations()).includes("ride-events/1"));
    } finally {
      await world.stop();
    }
  });
});

const ride = (id: string, atMs: number) => ({
  ...{ event_type: "requested", ride_id: id, timestamp: isoTime(atMs), city: "wien" },
});
