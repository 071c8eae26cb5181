/** How long an event waits until a window counts it: for the flush of its own stage, and half of one for the cities'. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig } from "../../src/config.ts";
import { utf8 } from "../../src/ids.ts";
import { memoryLog } from "../../src/log/memory.ts";
import { topicName } from "../../src/log/topics.ts";
import { startPipeline } from "../../src/node/pipeline.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import { isoTime, type ManualClock, manualClock, settle } from "../../src/time.ts";

const flushMs = 100;
const stepMs = 10;

/** As many steps, and after each what is ready, however many turns of the event loop that takes. */
async function pass(
  clock: ManualClock,
  ms: number,
  look: () => Promise<void> = async () => {},
): Promise<void> {
  for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
    await clock.advance(stepMs);
    for (let turn = 0; turn < 30; turn++) await settle();
    await look();
  }
}

describe("an event's way to its window", () => {
  it("takes one flush and a half, since the cities flush when the others have", async () => {
    const clock = manualClock(Date.UTC(2026, 0, 15, 18, 20, 10));
    const log = memoryLog({ clock });
    const pipeline = await startPipeline({
      config: { ...readConfig({}), WAYMARK_FLUSH_MS: flushMs },
      log,
      store: memorySnapshots(),
      clock,
      input: { kind: "live" },
      onStopped: (_, error) => assert.fail(String(error)),
    });
    const windows = topicName("analytics-aggregated", pipeline.naming);
    const published = async () => (await log.bounds(windows)).reduce((sum, { end }) => sum + end, 0);
    await pass(clock, 2 * flushMs + stepMs);
    assert.equal(await published(), 0);
    const event = {
      event_type: "requested",
      ride_id: "ride-1",
      city: "wien",
      timestamp: isoTime(clock.nowMs()),
    };
    const sentMs = clock.monotonicMs();
    await log.append([{
      topic: topicName("ride-events", pipeline.naming),
      partition: pipeline.context.partitionOf("ride-events", utf8("ride-1")),
      key: utf8("ride-1"),
      value: utf8(JSON.stringify(event)),
    }]);
    let seenMs: number | null = null;
    await pass(clock, 3 * flushMs, async () => {
      if (seenMs === null && await published() > 0) seenMs = clock.monotonicMs();
    });
    assert.equal(sentMs, 210);
    assert.equal(seenMs, 350);
    pipeline.abandon();
    await log.close();
  });
});
