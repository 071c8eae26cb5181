import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fromUtf8, utf8 } from "../../../../src/ids.ts";
import { ownAppends } from "../../../../src/log/kafka/own_appends.ts";

const tp = (partition = 0) => ({ topic: "t", partition });

/** Record batches of values that are their offsets, of some bytes each. */
function following({ bytesMax = 1_000_000 } = {}) {
  const own = ownAppends(bytesMax);
  const keep = (base: number, count: number, { partition = 0, stampedMs = null as number | null } = {}) =>
    own.keep(tp(partition), {
      base,
      stampedMs,
      messages: Array.from({ length: count }, (_, i) => ({
        key: null,
        value: utf8(String(base + i).padStart(10, "0")),
        headers: undefined,
        timestampMs: base + i,
      })),
    });
  const read = (offset: number, recordsMax = 100, partition = 0) =>
    own.read(tp(partition), offset, recordsMax).map((record) => {
      assert.equal(Number(fromUtf8(record.value)), record.offset);
      return record.offset;
    });
  return { own, keep, read };
}

describe("ownAppends", () => {
  it("keeps nothing of a topic that nobody follows", () => {
    const { own, keep, read } = following();
    keep(0, 3);
    assert.deepEqual(read(0), []);
    own.follow("t");
    keep(3, 2);
    assert.deepEqual(read(3), [3, 4]);
    assert.deepEqual(read(2), []);
  });

  it("reads across batches that follow each other, up to the most that is asked for, and of one partition", () => {
    const { own, keep, read } = following();
    own.follow("t");
    keep(10, 3);
    keep(13, 2);
    keep(10, 1, { partition: 1 });
    assert.deepEqual(read(10), [10, 11, 12, 13, 14]);
    assert.deepEqual(read(11, 3), [11, 12, 13]);
    assert.deepEqual(read(14), [14]);
    assert.deepEqual(read(15), []);
    assert.deepEqual(read(9), []);
    assert.deepEqual(read(10, 100, 1), [10]);
  });

  it("ends at a gap, where another process has appended", () => {
    const { own, keep, read } = following();
    own.follow("t");
    keep(0, 2);
    keep(5, 2);
    assert.deepEqual(read(0), [0, 1]);
    assert.deepEqual(read(2), []);
    assert.deepEqual(read(5), [5, 6]);
  });

  it("lets the oldest batches of all partitions go beyond its bytes", () => {
    const { own, keep, read } = following({ bytesMax: 50 });
    own.follow("t");
    keep(0, 2);
    keep(0, 2, { partition: 1 });
    keep(2, 2);
    assert.deepEqual([read(0), read(2), read(0, 100, 1)], [[], [2, 3], [0, 1]]);
    keep(4, 9);
    assert.deepEqual([read(2), read(4), read(0, 100, 1)], [[], [], []]);
  });

  it("lets go of what a topic had that was made anew", () => {
    const { own, keep, read } = following();
    own.follow("t");
    keep(0, 4);
    keep(4, 4);
    keep(2, 1);
    assert.deepEqual([read(0), read(2), read(4)], [[], [2], []]);
  });

  it("gives records the broker's time where it stamped them, and keeps none that state another one", () => {
    const { own, keep } = following();
    own.follow("t");
    keep(0, 1);
    keep(1, 1, { stampedMs: 77 });
    assert.deepEqual(own.read(tp(), 0, 9).map((record) => record.timestampMs), [0, 77]);
    const headers = { "waymark-recorded-at": "5" };
    const messages = [{ key: null, value: utf8("2"), headers, timestampMs: 5 }];
    own.keep(tp(), { base: 2, messages, stampedMs: 78 });
    assert.deepEqual(own.read(tp(), 2, 9), []);
  });
});
