/** Row 16: every event arrives one to five times, minutes apart and across restarts, and is counted once. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../src/ids.ts";
import { ledgerView } from "../../src/node/views.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { outcome } from "../pipeline/harness.ts";
import { publishedOn } from "../pipeline/published.ts";
import { live, startMs } from "./live.ts";

const rides = 200;
const steps = ["requested", "accepted", "started", "completed"] as const;

/** Ride n begins at second 3n, a step each minute; step s of ride n comes 1 + (n + s) mod 5 times, 100 s apart. */
function items(): SentItem[] {
  const all: SentItem[] = [];
  for (let n = 0; n < rides; n++) {
    for (const [s, event_type] of steps.entries()) {
      const atMs = startMs + 3 * secondMs * n + s * minuteMs;
      const withId = n % 2 === 0 ? { event_id: `${n}-${s}` } : {};
      const value = JSON.stringify({
        ...{
          event_type,
          ride_id: `ride-${n}`,
          timestamp: isoTime(atMs),
          city: "wien",
          user_id: `rider-${n}`,
        },
        ...withId,
        ...(event_type === "requested"
          ? { estimated_fare: 10 }
          : event_type === "completed"
          ? { fare: 12.5 }
          : {}),
      });
      for (let copy = 0; copy <= (n + s) % 5; copy++) {
        const recordedAtMs = atMs + 500 + copy * 100 * secondMs;
        all.push({ topic: "ride-events", key: `ride-${n}`, value, recordedAtMs });
      }
    }
  }
  return all.sort((a, b) => a.recordedAtMs! - b.recordedAtMs!);
}

describe("row 16: duplicates", () => {
  it("count once, whatever they are told apart by and however often the process is killed in between", async () => {
    const all = items();
    const crashes = [0.3, 0.5, 0.7, 0.9].map((share, n) => ({
      items: Math.floor(all.length * share),
      when: n % 2 === 0 ? "snapshotted" as const : "folding" as const,
    }));
    const { windows, ledger, facts } = await outcome(all, { owners: 3, crashes });
    const { read, counted, duplicates, too_late, dead_lettered } = ledger.total["ride-events"]!;
    assert.deepEqual({ read, counted, duplicates, too_late, dead_lettered }, {
      read: all.length,
      counted: rides * steps.length,
      duplicates: all.length - rides * steps.length,
      ...{ too_late: 0, dead_lettered: 0 },
    });
    // Every event is in five windows.
    const sum = (of: (w: (typeof windows)[number]) => number) =>
      windows.reduce((total, w) => total + of(w), 0);
    assert.equal(sum((w) => w.total_events), 5 * rides * steps.length);
    assert.equal(sum((w) => w.rides_completed), 5 * rides);
    assert.equal(sum((w) => Math.round(w.revenue * 100)), 5 * rides * 1_250);
    assert.equal(facts.length, rides);
    // Rides begin 3 s apart: a window of five minutes amid them has the requests of 100.
    assert.equal(windows.find((w) => w.window_start === isoTime(startMs + 2 * minuteMs))!.requests, 100);
  });

  it("dead letters that are sent in again twice, once their time has come, count once", async () => {
    const world = await live();
    try {
      const early = {
        event_type: "requested",
        ride_id: "early",
        city: "wien",
        timestamp: isoTime(startMs + 20 * minuteMs),
      };
      const partition = world.pipeline.context.partitionOf("ride-events", utf8("early"));
      // Undefined until the partitions are assigned.
      const total = () => ledgerView(world.pipeline).total["ride-events"];
      await world.send("ride-events", partition, early);
      await world.until("it is refused", () => total()?.dead_lettered === 1);
      await world.until("it is published", async () => (await letters()).length === 1);
      await world.pass(20 * minuteMs, 20 * secondMs);
      for (let times = 0; times < 2; times++) {
        await world.send("ride-events", partition, (await letters())[0]!.value.slice());
        await world.restart();
        await world.pass(5 * secondMs, secondMs);
      }
      await world.until("both are read", () => total()?.read === 3);
      const { counted, duplicates, dead_lettered } = total()!;
      assert.deepEqual({ counted, duplicates, dead_lettered }, {
        counted: 1,
        duplicates: 1,
        dead_lettered: 1,
      });
    } finally {
      await world.stop();
    }

    function letters() {
      return publishedOn(world.log, "dead-letters", world.pipeline.naming);
    }
  });
});
