/** Bytes of the log: Kafka's record sets, what they expand to, members of a group, and rows of the embedded log. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";
import { WaymarkError } from "../../src/errors.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { compressionCodes, decompressed, lz4BytesAtMost } from "../../src/log/kafka/codecs.ts";
import { decodeAssigned, decodeMember, encodeAssigned, encodeMember } from "../../src/log/kafka/rebalance.ts";
import { readRecordSet } from "../../src/log/kafka/record_set.ts";
import type { LogRecord } from "../../src/log/port.ts";
import { batchWriter, readRecords, skipTo } from "../../src/log/record_batch.ts";
import {
  batchOf,
  checksummed,
  compressions,
  framedSnappy,
  oldMessage,
} from "../unit/log/kafka/batch_bytes.ts";
import { corpusOf, fuzz } from "./mutants.ts";

const values = corpusOf("ride_events.txt").map(fromUtf8);
const bodyFrom = 61;

/** What a reader may get, at most: a value, a key or null for a refusal. */
async function recordsIn(bytes: Uint8Array): Promise<LogRecord[] | null> {
  const wanted = { from: 0, recordedTimes: false, aborted: [] };
  try {
    return [...(await readRecordSet(Buffer.from(bytes), wanted)).records];
  } catch (error) {
    assert.ok(error instanceof Error);
    return null;
  }
}

describe("a record batch whose checksum fits and whose compressed bytes do not", () => {
  for (const compression of compressions.slice(1)) {
    it(`is refused, or gives records that are in it: ${compression}`, () =>
      fuzz({
        name: compression,
        corpus: [batchOf(5, values, { compression }).subarray(bodyFrom)],
        mutants: 1_500,
        async judge(body) {
          const bytes = Buffer.concat([batchOf(5, values, { compression }).subarray(0, bodyFrom), body]);
          bytes.writeInt32BE(bytes.length - 12, 8);
          for (const [i, { offset }] of (await recordsIn(checksummed(bytes)) ?? []).entries()) {
            assert.ok(offset >= 5 + i && offset < 5 + values.length);
          }
        },
      }));
  }
});

describe("messages of brokers before 0.11", () => {
  it("are refused or whole", () =>
    fuzz({
      name: "old messages",
      corpus: [oldMessage(3, { value: values[0]! }), oldMessage(4, { value: "x", timestampMs: 5 })],
      mutants: 3_000,
      judge: async (bytes) => void await recordsIn(bytes),
    }));
});

describe("what a batch expands to", () => {
  const plain = Buffer.alloc(64 * 1024);
  const lz4 = compressFrameSync(plain);

  it("is bounded before it is there: lz4", async () => {
    assert.ok(lz4BytesAtMost(lz4) >= plain.length);
    assert.equal((await decompressed(lz4, compressionCodes.lz4)).length, plain.length);
    // A frame of blocks of 4 MB, each a few bytes long.
    const head = Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x70, 0x73]);
    const block = Buffer.from([5, 0, 0, 0, 0x1f, 0, 1, 0, 0xff]);
    const bomb = Buffer.concat([head, ...Array.from({ length: 100 }, () => block), Buffer.alloc(4)]);
    await assert.rejects(decompressed(bomb, compressionCodes.lz4), /expands to up to/);
  });

  it("is bounded before it is there: snappy", async () => {
    assert.deepEqual(await decompressed(framedSnappy(plain), compressionCodes.snappy), plain);
    // Claims 200 MB in five bytes.
    const claim = Buffer.from([0x80, 0x84, 0xaf, 0x5f, 0]);
    await assert.rejects(decompressed(claim, compressionCodes.snappy), /malformed/);
  });

  for (
    const [name, code, bomb] of [
      ["gzip", compressionCodes.gzip, () => gzipSync(Buffer.alloc(257 << 20), { level: 1 })],
      ["zstd", compressionCodes.zstd, () => zstdCompressSync(Buffer.alloc(257 << 20))],
    ] as const
  ) {
    it(`is bounded while it grows: ${name}`, async () => {
      await assert.rejects(decompressed(bomb(), code), { code: "ERR_BUFFER_TOO_LARGE" });
    });
  }
});

describe("a member of a group", () => {
  const holds = [{ topic: "ride-events", partition: 3 }, { topic: "ride-events", partition: 4 }];
  const address = "http://10.0.0.1:8080";
  const member = encodeMember({ topics: ["ride-events"], holds, isLeaving: false, address });

  it("is refused, or says in whole numbers what it holds", () =>
    fuzz({
      name: "members",
      corpus: [member, encodeMember({ topics: [], holds: [], isLeaving: true, address: null })],
      mutants: 4_000,
      judge(bytes) {
        let decoded;
        try {
          decoded = decodeMember("m", Buffer.from(bytes));
        } catch (error) {
          return assert.ok(error instanceof Error);
        }
        assert.ok(decoded.holds.every((tp) => Number.isInteger(tp.partition) && tp.partition >= 0));
        assert.ok(decoded.address === null || typeof decoded.address === "string");
      },
    }));

  it("says and is given what was written", () => {
    const said = { topics: ["ride-events"], holds, isLeaving: false, address };
    assert.deepEqual(decodeMember("m", member), { memberId: "m", ...said });
    for (const partitions of [holds, []]) {
      for (const isOpen of [true, false]) {
        assert.deepEqual(decodeAssigned(encodeAssigned({ partitions, isOpen })), { partitions, isOpen });
      }
    }
    assert.deepEqual(decodeAssigned(null), { partitions: [], isOpen: false });
  });

  it("that announces two thousand million topics is refused at once", () => {
    const bytes = Buffer.concat([
      member.subarray(0, 2),
      Buffer.from([0x7f, 0xff, 0xff, 0xff]),
      member.subarray(6),
    ]);
    assert.throws(() => decodeMember("m", bytes), /2147483647 are announced/);
    assert.throws(() => decodeAssigned(bytes), /2147483647 are announced/);
  });

  it("is given partitions, or the bytes are refused", () =>
    fuzz({
      name: "assignments",
      corpus: [encodeAssigned({ partitions: holds, isOpen: true })],
      mutants: 3_000,
      judge(bytes) {
        try {
          const assigned = decodeAssigned(Buffer.from(bytes));
          assert.ok(assigned.partitions.every(({ partition }) => Number.isInteger(partition)));
        } catch (error) {
          assert.ok(error instanceof Error);
        }
      },
    }));
});

describe("a row of the embedded log", () => {
  const writer = batchWriter();
  values.forEach((value, i) =>
    writer.add({
      topic: "t",
      partition: 0,
      key: i === 1 ? null : utf8(`key-${i}`),
      value: utf8(value),
      ...(i % 2 === 0 && { headers: { reason: "late", at: String(i) } }),
    }, 1_768_500_000_000 + i)
  );
  const { bytes } = writer.take()[0]!;
  const count = values.length;

  it("is refused, or gives as many records as it says, each inside its bytes", () =>
    fuzz({
      name: "rows",
      corpus: [bytes.slice()],
      mutants: 10_000,
      judge(input) {
        for (const from of [0, 2]) {
          const cursor = { bytes: input, offset: 0, position: 0, end: count };
          const records: LogRecord[] = [];
          try {
            skipTo(cursor, from);
            readRecords(cursor, records, 100);
          } catch (error) {
            assert.ok(error instanceof WaymarkError && error.code === "invariant_broken", String(error));
            continue;
          }
          assert.equal(records.length, count - from);
          const sizes = records.map(({ key, value }) => (key?.length ?? 0) + value.length);
          assert.ok(sizes.reduce((a, b) => a + b, 0) <= input.length);
        }
      },
    }));
});
