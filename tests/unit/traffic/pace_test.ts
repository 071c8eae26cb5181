import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type ManualClock, manualClock, settle } from "../../../src/time.ts";
import { newLateness } from "../../../src/traffic/lateness.ts";
import { inChunks, inTime, type PaceOptions } from "../../../src/traffic/pace.ts";
import type { SentItem } from "../../../src/traffic/item.ts";

const at = (recordedAtMs: number | null): { item: SentItem } => ({
  item: { topic: "ride-events", key: "k", value: "v", recordedAtMs },
});

/** What is handed over, with when: [clock, times of the items]. */
async function handed(
  times: (number | null)[],
  clock: ManualClock,
  options: Partial<PaceOptions> & { untilMs: number },
): Promise<{ atMs: number; times: (number | null)[]; dueMs: number[] }[]> {
  const batches: { atMs: number; times: (number | null)[]; dueMs: number[] }[] = [];
  const signal = options.signal ?? new AbortController().signal;
  const going = (async () => {
    const paced = inTime(inChunks(times.map(at), 3), { clock, speed: 1, nowIs: null, ...options, signal });
    for await (const { sendings, dueMs } of paced) {
      batches.push({ atMs: clock.monotonicMs(), times: sendings.map((s) => s.item.recordedAtMs), dueMs });
    }
  })();
  await settle();
  for (let ms = 0; ms < options.untilMs; ms += 5) await clock.advance(5);
  await going;
  return batches;
}

describe("inTime", () => {
  it("hands over what is due, and waits for what is not", async () => {
    const batches = await handed([1_000, 1_000, 1_500, 3_000], manualClock(), { untilMs: 2_100 });
    assert.deepEqual(batches.map((b) => [b.atMs, b.times]), [[0, [1_000, 1_000]], [500, [1_500]], [2_000, [
      3_000,
    ]]]);
  });

  it("runs faster with a speed, and counts from the time that is now", async () => {
    const fast = await handed([0, 1_000, 2_000], manualClock(), { speed: 10, untilMs: 300 });
    assert.deepEqual(fast.map((b) => b.atMs), [0, 100, 200]);
    const later = await handed([1_000, 1_100], manualClock(), { nowIs: 700, untilMs: 500 });
    assert.deepEqual(later.map((b) => b.atMs), [300, 400]);
  });

  it("says of each item when it was due, also when it comes a tick later", async () => {
    const batches = await handed([0, 1, 2, 30], manualClock(), { untilMs: 100 });
    assert.deepEqual(batches.map((b) => [b.atMs, b.dueMs]), [[0, [0]], [20, [1, 2]], [40, [30]]]);
  });

  it("sends an item without a time with the one before it", async () => {
    const batches = await handed([null, 0, 100, null, 200], manualClock(), { untilMs: 300 });
    assert.deepEqual(batches.map((b) => b.times), [[null, 0], [100, null], [200]]);
  });

  it("without a speed waits for nothing", async () => {
    const batches = await handed([0, 1e9, null, 2e9], manualClock(), { speed: null, untilMs: 0 });
    assert.deepEqual(batches.map((b) => b.times), [[0, 1e9, null, 2e9]]);
  });

  it("ends where it is when told, without what was not due yet", async () => {
    const clock = manualClock();
    const told = new AbortController();
    const going = handed([0, 10_000], clock, { signal: told.signal, untilMs: 50 });
    await clock.advance(0);
    told.abort();
    assert.deepEqual((await going).map((b) => b.times), [[0]]);
  });
});

describe("newLateness", () => {
  it("is zero for nothing", () => {
    const none = newLateness();
    assert.deepEqual([none.maxMs(), none.p99Ms()], [0, 0]);
  });

  it("keeps the greatest, and what 99 of 100 did not exceed", () => {
    const lateness = newLateness();
    for (let ms = 1; ms <= 1_000; ms++) lateness.add(ms);
    assert.deepEqual([lateness.maxMs(), lateness.p99Ms()], [1_000, 990]);
    lateness.add(100_000);
    assert.equal(lateness.maxMs(), 100_000);
  });

  it("takes what came early for in time", () => {
    const lateness = newLateness();
    lateness.add(-5);
    assert.equal(lateness.maxMs(), 0);
  });
});
