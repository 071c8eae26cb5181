import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { acceptsPane, type WindowSettings } from "../../../src/windows/settings.ts";
import { boundariesBetween, PartitionWatermark, type Timeliness } from "../../../src/windows/watermark.ts";

const second = 1_000;
const minute = 60_000;
const settings: WindowSettings = {
  windowMs: 5 * minute,
  delayMs: 30 * second,
  latenessMs: 10 * minute,
  skewMs: 5 * minute,
  holdMs: 120 * minute,
};

describe("PartitionWatermark", () => {
  it("is the greatest of min(event time, record time) − 30 s, whatever the records", () => {
    const times = fc.array(fc.tuple(fc.nat(10_000_000), fc.nat(10_000_000)), { minLength: 1 });
    fc.assert(fc.property(times, (records) => {
      const watermark = new PartitionWatermark(settings);
      for (const [eventMs, recordMs] of records) watermark.advance(eventMs, recordMs, 20);
      assert.equal(watermark.ms, Math.max(...records.map(([e, r]) => Math.min(e, r))) - 30_000);
    }));
  });

  it("a phone 4:59 fast moves it no further than its record's time", () => {
    const watermark = new PartitionWatermark(settings);
    watermark.advance(100 * minute, 100 * minute, 20);
    assert.deepEqual(watermark.advance(105 * minute - second, 100 * minute + second, 20), []);
    assert.equal(watermark.ms, 100 * minute + second - 30 * second);
  });

  it("the first record closes nothing", () => {
    const watermark = new PartitionWatermark(settings);
    assert.equal(watermark.ms, null);
    assert.deepEqual(watermark.advance(100 * minute + 45 * second, 100 * minute + 45 * second, 20), []);
    assert.equal(watermark.ms, 100 * minute + 15 * second);
  });

  it("passes each boundary once", () => {
    const watermark = new PartitionWatermark(settings);
    const passed = [60, 89, 90, 91, 149, 150, 400, 300].map((s) =>
      watermark.advance(s * second, s * second, 20).map((b) => b / second)
    );
    assert.deepEqual(passed, [[], [], [60], [], [], [120], [180, 240, 300, 360], []]);
  });

  const standings: [name: string, eventMs: number, recordMs: number, standing: Timeliness][] = [
    ["at the watermark", 100 * minute, 101 * minute, "on_time"],
    ["a millisecond behind it", 100 * minute - 1, 101 * minute, "late"],
    ["in the oldest pane that takes events", 90 * minute, 101 * minute, "late"],
    ["a millisecond before that pane", 90 * minute - 1, 101 * minute, "too_late"],
    ["ahead of its record by the whole skew", 106 * minute, 101 * minute, "on_time"],
    ["a millisecond further ahead", 106 * minute + 1, 101 * minute, "future"],
  ];
  for (const [name, eventMs, recordMs, standing] of standings) {
    it(`an event ${name} is ${standing}`, () => {
      const watermark = new PartitionWatermark(settings);
      watermark.restore(100 * minute);
      assert.equal(watermark.classify(eventMs, recordMs), standing);
    });
  }

  it("nothing is late before the first record", () => {
    assert.equal(new PartitionWatermark(settings).classify(0, 100 * minute), "on_time");
  });
});

describe("acceptsPane", () => {
  it("until the watermark reaches the pane's end plus the allowed lateness", () => {
    assert.equal(acceptsPane(0, 11 * minute - 1, settings), true);
    assert.equal(acceptsPane(0, 11 * minute, settings), false);
    assert.equal(acceptsPane(0, null, settings), true);
  });
});

describe("boundariesBetween", () => {
  const cases: [before: number, after: number, most: number, boundaries: number[]][] = [
    [0, 59, 9, []],
    [0, 60, 9, [60]],
    [59, 60, 9, [60]],
    [60, 119, 9, []],
    [60, 240, 9, [120, 180, 240]],
    [60, 3_600, 2, [120, 180, 3_600]],
    [60, 180, 2, [120, 180]],
    [-30, 30, 9, [0]],
  ];
  for (const [before, after, most, expected] of cases) {
    it(`${before} s to ${after} s, at most ${most}: ${expected.join(", ") || "none"}`, () => {
      const boundaries = boundariesBetween(before * second, after * second, most);
      assert.deepEqual(boundaries, expected.map((s) => s * second));
    });
  }
});
