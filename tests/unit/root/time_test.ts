import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isoTime, manualClock, settle, systemClock, untilNext } from "../../../src/time.ts";

describe("manualClock", () => {
  it("stands until it is turned, then moves both clocks", async () => {
    const clock = manualClock(1_000);
    await settle();
    assert.deepEqual([clock.nowMs(), clock.monotonicMs()], [1_000, 0]);
    await clock.advance(250);
    assert.deepEqual([clock.nowMs(), clock.monotonicMs()], [1_250, 250]);
  });

  it("wakes the sleepers that are due in the order of their times, each at its own time", async () => {
    const clock = manualClock(0);
    const woken: [string, number][] = [];
    const sleeper = async (name: string, ms: number) => {
      await clock.sleep(ms);
      woken.push([name, clock.monotonicMs()]);
    };
    const all = Promise.all([sleeper("late", 300), sleeper("early", 100), sleeper("middle", 200)]);
    await clock.advance(99);
    assert.deepEqual(woken, []);
    await clock.advance(101);
    assert.deepEqual(woken, [["early", 100], ["middle", 200]]);
    await clock.advance(1_000);
    await all;
    assert.deepEqual(woken.at(-1), ["late", 300]);
    assert.equal(clock.monotonicMs(), 1_200);
  });

  it("wakes one who falls asleep again within the same turn", async () => {
    const clock = manualClock(0);
    const ticks: number[] = [];
    const ticking = (async () => {
      for (let i = 0; i < 3; i++) {
        await clock.sleep(10);
        ticks.push(clock.monotonicMs());
      }
    })();
    await clock.advance(35);
    await ticking;
    assert.deepEqual(ticks, [10, 20, 30]);
  });

  it("an aborted sleep ends at once, before or during it", async () => {
    const clock = manualClock();
    const abort = new AbortController();
    const asleep = clock.sleep(1_000, abort.signal);
    abort.abort();
    await asleep;
    await clock.sleep(1_000, abort.signal);
    assert.equal(clock.monotonicMs(), 0);
  });

  it("stepWall moves the wall alone", async () => {
    const clock = manualClock(1_000);
    clock.stepWall(-400);
    assert.deepEqual([clock.nowMs(), clock.monotonicMs()], [600, 0]);
    await clock.advance(100);
    assert.deepEqual([clock.nowMs(), clock.monotonicMs()], [700, 100]);
  });
});

describe("untilNext", () => {
  it("is a whole number of milliseconds to the next of the moments, a period where one is just now", () => {
    const at = (monotonicMs: number) => ({ ...manualClock(), monotonicMs: () => monotonicMs });
    assert.equal(untilNext(at(1_000), 100), 100);
    assert.equal(untilNext(at(1_000.3), 100), 100);
    assert.equal(untilNext(at(1_099.3), 100), 1);
    assert.equal(untilNext(at(1_000), 100, 50), 50);
    assert.equal(untilNext(at(1_050), 100, 50), 100);
    assert.equal(untilNext(at(20), 100, 50), 30);
  });

  it("brings those together who came at different times, and keeps them there", async () => {
    const clock = manualClock();
    const wokenAtMs = new Set<number>();
    const look = async () => {
      for (let n = 0; n < 3; n++) {
        await clock.sleep(untilNext(clock, 100));
        wokenAtMs.add(clock.monotonicMs());
      }
    };
    const looking = [look()];
    await clock.advance(30);
    looking.push(look());
    await clock.advance(40);
    looking.push(look());
    await clock.advance(300);
    await Promise.all(looking);
    assert.deepEqual([...wokenAtMs], [100, 200, 300]);
  });
});

describe("systemClock.threadMs", () => {
  it("goes on with work, and stands while nothing is done, whatever time passes", async () => {
    const asleep = [systemClock.monotonicMs(), systemClock.threadMs()] as const;
    await systemClock.sleep(200);
    const [passedMs, hadMs] = [systemClock.monotonicMs() - asleep[0], systemClock.threadMs() - asleep[1]];
    assert.ok(hadMs < passedMs / 2, `${hadMs} ms of CPU in ${passedMs} ms of sleep`);
    const beforeMs = systemClock.threadMs();
    let rounds = 0;
    while (systemClock.threadMs() - beforeMs < 5) rounds++;
    assert.ok(rounds > 0);
  });
});

describe("isoTime", () => {
  it("is UTC with milliseconds and Z", () => {
    assert.equal(isoTime(0), "1970-01-01T00:00:00.000Z");
    assert.equal(isoTime(1_768_500_191_123), "2026-01-15T18:03:11.123Z");
  });
});

describe("isoTime", () => {
  it("is what the platform says, day by day, before and after them, and for fractions", () => {
    const dayMs = 86_400_000;
    const time = fc.oneof(
      fc.integer({ min: -8_640_000_000_000_000, max: 8_640_000_000_000_000 }),
      fc.integer({ min: 0, max: 2 * dayMs }).map((ms) => Date.UTC(2026, 0, 15) + ms),
      fc.constantFrom(0, -1, dayMs - 1, dayMs, 999, 59_999, 60_000, 253_402_300_799_999, 253_402_300_800_000),
      fc.double({ min: 0, max: 2e12, noNaN: true }),
    );
    fc.assert(fc.property(time, (ms) => assert.equal(isoTime(ms), new Date(ms).toISOString())), {
      numRuns: 5_000,
    });
    assert.throws(() => isoTime(NaN), RangeError);
  });
});
