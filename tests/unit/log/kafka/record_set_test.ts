import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { fromUtf8 } from "../../../../src/ids.ts";
import { type AbortedTransaction, readRecordSet } from "../../../../src/log/kafka/record_set.ts";
import { batchOf, checksummed, endMark, oldMessage } from "./batch_bytes.ts";

const read = (bytes: Buffer, { from = 0, aborted = [] as AbortedTransaction[] } = {}) =>
  readAll(bytes, { from, aborted, recordedTimes: true });

async function readAll(bytes: Buffer, wanted: Parameters<typeof readRecordSet>[1]) {
  const { records, nextOffset } = await readRecordSet(bytes, wanted);
  return { records: [...records], nextOffset };
}

async function values(bytes: Buffer, given: Parameters<typeof read>[1] = {}): Promise<string[]> {
  return (await read(bytes, given)).records.map((r) => `${r.offset} ${fromUtf8(r.value)}`);
}

describe("readRecordSet", () => {
  const first = batchOf(10, ["a", "b", "c"]);
  const second = batchOf(13, ["d"], { compression: "lz4" });

  it("reads batches one after another, from the offset asked for on", async () => {
    const both = Buffer.concat([first, second]);
    assert.deepEqual(await values(both), ["10 a", "11 b", "12 c", "13 d"]);
    assert.deepEqual(await values(both, { from: 12 }), ["12 c", "13 d"]);
    assert.deepEqual(await values(both, { from: 13 }), ["13 d"]);
    assert.equal((await read(both)).nextOffset, 14);
  });

  it("leaves what is behind the records that were asked for as it is", async () => {
    const broken = Buffer.from(second);
    broken[broken.length - 1]! ^= 1;
    const both = Buffer.concat([first, broken]);
    await assert.rejects(read(both), /checksum/);
    for (const recordsMax of [1, 3]) {
      const { records, nextOffset } = await readAll(both, {
        from: 10,
        aborted: [],
        recordedTimes: true,
        recordsMax,
      });
      assert.deepEqual([records.length, nextOffset], [3, 13]);
    }
  });

  it("leaves out a batch that was cut off, wherever that was", async () => {
    for (let length = 0; length < second.length; length++) {
      const { records, nextOffset } = await read(Buffer.concat([first, second.subarray(0, length)]));
      assert.deepEqual([records.length, nextOffset], [3, 13]);
    }
  });

  it("stays at the offset asked for when there is nothing, and never goes back", async () => {
    assert.deepEqual(await read(Buffer.alloc(0), { from: 5 }), { records: [], nextOffset: 5 });
    assert.deepEqual(await read(first, { from: 50 }), { records: [], nextOffset: 50 });
  });

  it("goes on behind a batch of which compaction has left nothing, or its end not", async () => {
    const emptied = { lastOffsetDelta: 9, compression: "lz4", records: [] } as const;
    const headOnly = checksummed(Buffer.from(batchOf(70, [], { ...emptied, records: [] }).subarray(0, 61)));
    headOnly.writeInt32BE(49, 8);
    assert.deepEqual(await read(headOnly), { records: [], nextOffset: 80 });
    const { records, nextOffset } = await read(batchOf(70, ["kept"], { lastOffsetDelta: 9 }));
    assert.deepEqual([records.map((r) => r.offset), nextOffset], [[70], 80]);
  });

  it("reads what older brokers stored, between newer batches too", async () => {
    const old = Buffer.concat([
      oldMessage(8, { value: "v0" }),
      oldMessage(9, { value: "v1", timestampMs: 77 }),
    ]);
    const { records, nextOffset } = await read(Buffer.concat([old, first]), { from: 9 });
    assert.deepEqual(records.map((r) => [r.offset, fromUtf8(r.value)]), [[9, "v1"], [10, "a"], [11, "b"], [
      12,
      "c",
    ]]);
    assert.deepEqual([records[0]!.timestampMs, records[0]!.key, nextOffset], [77, null, 13]);
    assert.equal((await read(old)).records[0]!.timestampMs, -1);
  });

  describe("with transactions", () => {
    const [a, b] = [7n, 8n];
    const of = (producerId: bigint) => ({ producerId, isTransactional: true });
    const bytes = Buffer.concat([
      batchOf(0, ["a kept"], of(a)),
      endMark(1, a, "commit"),
      batchOf(2, ["a dropped", "a dropped"], of(a)),
      batchOf(4, ["b kept"], of(b)),
      batchOf(5, ["a without one"], { producerId: a }),
      batchOf(6, ["a dropped"], of(a)),
      endMark(7, a, "abort"),
      endMark(8, b, "commit"),
      batchOf(9, ["a kept"], of(a)),
      endMark(10, a, "commit"),
      batchOf(11, ["b dropped"], of(b)),
      endMark(12, b, "abort"),
      batchOf(13, ["a dropped"], of(a)),
    ]);
    const aborted = [
      { producerId: a, firstOffset: 13n },
      { producerId: a, firstOffset: 2n },
      { producerId: b, firstOffset: 11n },
    ];

    it("leaves out the aborted ones of each producer, from their beginning to their mark, and all marks", async () => {
      const kept = ["0 a kept", "4 b kept", "5 a without one", "9 a kept"];
      assert.deepEqual(await values(bytes, { aborted }), kept);
      assert.equal((await read(bytes, { aborted })).nextOffset, 14);
    });

    it("knows them also when reading begins in their middle", async () => {
      const rest = bytes.subarray(bytes.indexOf(batchOf(6, ["a dropped"], of(a))));
      const [, current, later] = aborted;
      const both = [{ producerId: 99n, firstOffset: 1n }, current!, later!];
      assert.deepEqual(await values(rest, { from: 6, aborted: both }), ["9 a kept", "13 a dropped"]);
    });

    it("delivers what was committed when none was aborted", async () => {
      assert.equal((await values(bytes)).length, 9);
    });
  });

  describe("refuses", () => {
    const changed = (at: number, byte: number) => {
      const bytes = Buffer.from(first);
      bytes[at] = byte;
      return bytes;
    };
    const message = oldMessage(3, { value: "old" });
    const oldChanged = Buffer.from(message);
    oldChanged[message.length - 1] = 0;
    const cases: [what: string, bytes: Buffer, says: RegExp][] = [
      ["a negative length", changed(8, 0x80), /at least 61/],
      [
        "a length of nothing",
        Buffer.concat([Buffer.alloc(16), Buffer.from([2]), Buffer.alloc(60)]),
        /at least 61/,
      ],
      ["an old message without room for one", Buffer.alloc(40), /12 bytes, wanted at least 26/],
      ["a format of the future", changed(16, 3), /its format is 3/],
      ["a changed value", changed(first.length - 2, 0x7a), /checksum/],
      ["a changed old message", oldChanged, /checksum/],
      ["a way of compressing that does not exist", checksummed(changed(22, 5)), /compressed in way 5/],
      ["offsets beyond what a number holds", changed(0, 0x7f), /offsets/],
    ];
    for (const [what, bytes, says] of cases) {
      it(what, async () => await assert.rejects(read(bytes), says));
    }
  });
});
