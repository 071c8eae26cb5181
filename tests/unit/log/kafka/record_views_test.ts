/** Records that are made when they are asked for. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromUtf8, utf8 } from "../../../../src/ids.ts";
import { RecordRange, RecordViews } from "../../../../src/log/kafka/record_views.ts";
import type { LogRecord } from "../../../../src/log/port.ts";

const shown = ({ offset, timestampMs, key, value, headers }: LogRecord) =>
  [offset, timestampMs, key && fromUtf8(key), fromUtf8(value), headers] as const;

/** `count` records of one digit from the offset on, each with its value in a buffer of its own fetch. */
function add(views: RecordViews, from: number, count: number): void {
  const { buffer } = utf8("0123456789");
  views.begin(buffer, count);
  for (let offset = from; offset < from + count; offset++) {
    views.add(offset, 1_000 * offset, 0, offset % 2 === 0 ? -1 : 1, offset % 10, 1);
  }
}

describe("RecordViews", () => {
  it("are as an array would be, counted from either end", () => {
    const views = new RecordViews();
    assert.deepEqual([views.length, views.at(0), views.at(-1), [...views]], [0, undefined, undefined, []]);
    add(views, 5, 3);
    add(views, 20, 200);
    assert.equal(views.length, 203);
    assert.deepEqual(shown(views.at(0)!), [5, 5_000, "0", "5", null]);
    assert.deepEqual(shown(views.at(3)!), [20, 20_000, null, "0", null]);
    assert.deepEqual(shown(views.at(-1)!), [219, 219_000, "0", "9", null]);
    assert.deepEqual([views.at(203), views.at(-204)], [undefined, undefined]);
    const offsets = [...views].map((record) => record.offset);
    assert.deepEqual(offsets, [5, 6, 7, ...Array.from({ length: 200 }, (_, i) => 20 + i)]);
    assert.deepEqual([...views].map(shown), [...views].map(shown), "as often as they are asked for");
  });

  it("have headers, stated times, and records that are given whole", () => {
    const views = new RecordViews();
    add(views, 1, 1);
    views.describeLast({ reason: "late" }, 7);
    add(views, 2, 1);
    views.describeLast(null, 8);
    views.push({ offset: 3, timestampMs: -1, key: null, value: utf8("old"), headers: null });
    add(views, 4, 1);
    assert.deepEqual([...views].map(shown), [
      [1, 7, "0", "1", { reason: "late" }],
      [2, 8, null, "2", null],
      [3, -1, null, "old", null],
      [4, 4_000, null, "4", null],
    ]);
  });
});

describe("RecordRange", () => {
  it("has what lies between two places of views or of an array, and nothing beside it", () => {
    const views = new RecordViews();
    add(views, 0, 10);
    for (const whole of [views, [...views]]) {
      const range = new RecordRange(whole, 3, 6);
      assert.equal(range.length, 3);
      assert.deepEqual([...range].map((record) => record.offset), [3, 4, 5]);
      assert.deepEqual([range.at(0)!.offset, range.at(-1)!.offset], [3, 5]);
      assert.deepEqual([range.at(3), range.at(-4)], [undefined, undefined]);
    }
  });
});
