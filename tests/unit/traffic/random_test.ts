import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { randomFrom } from "../../../src/traffic/random.ts";
import { schedule } from "../../../src/traffic/schedule.ts";
import { newStamp } from "../../../src/traffic/stamp.ts";

describe("randomFrom", () => {
  const first = (seed: number, stream = "") => {
    const random = randomFrom(seed, stream);
    return Array.from({ length: 5 }, () => random.uniform());
  };

  it("gives the same numbers for a seed and stream, others for others", () => {
    assert.deepEqual(first(1), first(1));
    assert.notDeepEqual(first(1), first(2));
    assert.notDeepEqual(first(1, "a"), first(1, "b"));
  });

  it("spreads evenly over 0 to 1", () => {
    const random = randomFrom(1);
    const tenths = new Array(10).fill(0);
    for (let i = 0; i < 100_000; i++) tenths[random.below(10)]++;
    for (const count of tenths) assert.ok(Math.abs(count - 10_000) < 400, `${tenths}`);
  });

  it("draws log-normal values with the median and the 90th percentile asked for", () => {
    const random = randomFrom(1);
    const drawn = Array.from({ length: 50_000 }, () => random.logNormal({ median: 88, p90: 220 }))
      .sort((a, b) => a - b);
    assert.ok(Math.abs(drawn[25_000]! - 88) < 2, `${drawn[25_000]}`);
    assert.ok(Math.abs(drawn[45_000]! - 220) < 8, `${drawn[45_000]}`);
  });
});

describe("schedule", () => {
  it("gives back what was put in, by time, and in the order put in at one time", () => {
    fc.assert(fc.property(fc.array(fc.nat(9)), (times) => {
      const queue = schedule<number>();
      times.forEach((atMs, i) => queue.push(atMs, i));
      const found: number[] = [];
      while (queue.size() > 0) found.push(queue.pop()!);
      const wanted = times.map((_, i) => i).sort((a, b) => times[a]! - times[b]! || a - b);
      assert.deepEqual(found, wanted);
      assert.equal(queue.nextMs(), Infinity);
      assert.equal(queue.pop(), undefined);
    }));
  });
});

describe("newStamp", () => {
  it("writes times with zone and milliseconds, or without zone and with microseconds", () => {
    const stamp = newStamp();
    const timeMs = Date.UTC(2026, 0, 15, 18, 3, 11, 7);
    assert.equal(stamp.zoned(timeMs), "2026-01-15T18:03:11.007Z");
    assert.equal(stamp.bare(timeMs, 45), "2026-01-15T18:03:11.007045");
    assert.equal(stamp.zoned(timeMs + 993), "2026-01-15T18:03:12.000Z");
    assert.equal(stamp.zoned(-1), "1969-12-31T23:59:59.999Z");
  });
});
