import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../../src/ids.ts";
import { recordedAtHeader } from "../../../../src/log/kafka/record_batch.ts";
import { readRecordSet } from "../../../../src/log/kafka/record_set.ts";
import type { LogRecord } from "../../../../src/log/port.ts";
import { isoTime } from "../../../../src/time.ts";
import {
  batchBytes,
  batchOf,
  checksummed,
  compressions,
  plainRecord,
  varint,
  type WrittenBatch,
  type WrittenRecord,
} from "./batch_bytes.ts";
import { kafkajsRecords } from "./kafkajs_records.ts";

const headBytes = 61;

async function read(bytes: Buffer, { from = 0, recordedTimes = true } = {}): Promise<LogRecord[]> {
  return [...(await readRecordSet(bytes, { from, recordedTimes, aborted: [] })).records];
}

const someBytes = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 60, max: 20_000 }).map((length) => new Uint8Array(length).fill(7)),
  },
);
const maybeBytes = fc.option(someBytes, { freq: 4 });
const headerName = fc.oneof(fc.string(), fc.constantFrom(recordedAtHeader, "a", "constructor", "é\ufeff"));
const headerValue = fc.oneof(maybeBytes, fc.nat().map((ms) => utf8(String(ms))));
const shortDifference = fc.bigInt({ min: -300n, max: 300n });
const difference = fc.oneof(shortDifference, fc.bigInt({ min: -(1n << 40n), max: 1n << 40n }));
const time = fc.oneof(
  fc.bigInt({ min: -1n, max: 1n << 42n }),
  fc.bigInt({ min: -(1n << 62n), max: 1n << 62n }),
);

type Content = Omit<WrittenRecord, "offsetDelta"> & { gap: number };

const content: fc.Arbitrary<Content> = fc.record({
  gap: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.nat(300), fc.nat(40_000_000)),
  timestampDelta: difference,
  key: maybeBytes,
  value: maybeBytes,
  headers: fc.oneof(
    fc.constant<WrittenRecord["headers"]>([]),
    fc.array(fc.tuple(headerName, headerValue), { maxLength: 4 }),
  ),
});

const batch: fc.Arbitrary<WrittenBatch> = fc.record({
  baseOffset: fc.bigInt({ min: 0n, max: 1n << 52n }),
  compression: fc.constantFrom(...compressions),
  baseTimestamp: time,
  maxTimestamp: time,
  logAppendTime: fc.boolean(),
  producerId: fc.bigInt({ min: -1n, max: 1n << 62n }),
  isTransactional: fc.boolean(),
  isControl: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  contents: fc.array(content, { minLength: 1, maxLength: 20 }),
  endGap: fc.nat(3),
}).map(({ contents, endGap, ...fields }) => {
  let next = 0;
  const records = contents.map(({ gap, ...rest }) => {
    const offsetDelta = next + gap;
    next = offsetDelta + 1;
    return { ...rest, offsetDelta };
  });
  return { ...fields, records, lastOffsetDelta: next - 1 + endGap };
});

/** Buffers and plain arrays of the same bytes are the same here. */
const withinYears = (record: LogRecord): LogRecord => ({
  ...record,
  timestampMs: Math.min(Math.max(record.timestampMs, -1), Date.parse("9999-12-31T23:59:59.999Z")),
});

const comparable = (records: LogRecord[]) =>
  records.map((r) => ({
    ...r,
    key: r.key && Buffer.from(r.key).toString("hex"),
    value: Buffer.from(r.value).toString("hex"),
  }));

describe("the records of a batch", () => {
  it("are those that kafkajs decodes, whatever producer and broker wrote", async () => {
    await fc.assert(
      fc.asyncProperty(batch, fc.nat(25), async (written, skipped) => {
        const bytes = batchBytes(written);
        const from = Number(written.baseOffset) + skipped;
        assert.deepEqual(
          comparable(await read(bytes, { from })),
          comparable((await kafkajsRecords(bytes, from)).map(withinYears)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("have the fields that were written", async () => {
    const records = [
      { ...plainRecord, key: utf8("k"), value: utf8("v"), timestampDelta: -5n },
      { ...plainRecord, offsetDelta: 70, timestampDelta: 200_000_000_000n },
      {
        ...plainRecord,
        offsetDelta: 2_000_000_000,
        headers: [["a", utf8("1")], ["b", null], ["a", utf8("2")]],
      },
    ] as WrittenRecord[];
    const times = { baseTimestamp: 1_000_000n, maxTimestamp: 2_000_000n };
    const bytes = batchOf(500, [], { records, lastOffsetDelta: 2_000_000_000, ...times });
    const none = new Uint8Array(0);
    const expected = [
      { offset: 500, timestampMs: 999_995, key: utf8("k"), value: utf8("v"), headers: null },
      { offset: 570, timestampMs: 200_001_000_000, key: null, value: none, headers: null },
      { offset: 2_000_000_500, timestampMs: 1_000_000, key: null, value: none, headers: { a: "2", b: "" } },
    ];
    assert.deepEqual(await read(bytes), expected);
    const stamped = batchOf(500, [], {
      records,
      lastOffsetDelta: 2_000_000_000,
      ...times,
      logAppendTime: true,
    });
    assert.deepEqual(await read(stamped), expected.map((r) => ({ ...r, timestampMs: 2_000_000 })));
  });

  it("have the last time there is, or the first, where a producer states one beyond the years of events", async () => {
    const [last, microseconds] = ["9999-12-31T23:59:59.999Z", 1_768_500_900_000_000n];
    const times = [
      ...[[microseconds, last], [1_000n * microseconds, last], [1n << 62n, last]] as const,
      ...[[-1n, "1969-12-31T23:59:59.999Z"], [-microseconds, "1969-12-31T23:59:59.999Z"]] as const,
    ];
    for (const [time, expected] of times) {
      for (const logAppendTime of [false, true]) {
        const times = { baseTimestamp: time, maxTimestamp: time, logAppendTime };
        const [record] = await read(batchOf(0, [], { records: [plainRecord], ...times }));
        assert.equal(isoTime(record!.timestampMs), expected);
      }
    }
  });

  it("have the time that a header states, unless stated times are not to count", async () => {
    const stating = (text: string) => {
      const records = [{
        ...plainRecord,
        headers: [[recordedAtHeader, utf8(text)]] as [string, Uint8Array][],
      }];
      return batchOf(0, [], { records, maxTimestamp: 9_000n, logAppendTime: true });
    };
    const timeAndHeaders = async (text: string, recordedTimes: boolean) =>
      (await read(stating(text), { recordedTimes })).map((r) => [r.timestampMs, r.headers]);
    assert.deepEqual(await timeAndHeaders("1234", true), [[1_234, null]]);
    assert.deepEqual(await timeAndHeaders("soon", true), [[9_000, null]]);
    const last = Date.parse("9999-12-31T23:59:59.999Z");
    assert.deepEqual(await timeAndHeaders("999999999999999", true), [[last, null]]);
    assert.deepEqual(await timeAndHeaders("1234", false), [[9_000, { [recordedAtHeader]: "1234" }]]);
  });
});

describe("a batch that is not as it was stored", () => {
  const sound = fc.tuple(batch.filter((b) => !b.isControl), fc.nat(), fc.integer({ min: 1, max: 255 }));

  it("is refused wherever the checksum reaches", async () => {
    await fc.assert(fc.asyncProperty(sound, async ([written, place, mask]) => {
      const bytes = batchBytes(written);
      const reached = 17;
      bytes[reached + place % (bytes.length - reached)]! ^= mask;
      await assert.rejects(read(bytes), /malformed/);
    }));
  });

  it("gives what is whole or is refused when bytes of its frame changed or are missing", async () => {
    await fc.assert(fc.asyncProperty(sound, fc.nat(), async ([written, place, mask], cut) => {
      const one = batchBytes(written);
      const bytes = Buffer.concat([one, one]);
      bytes[place % 17]! ^= mask;
      const found = await attempt(bytes.subarray(0, cut % (bytes.length + 1)));
      assert.ok(found === null || found.length <= written.records.length * 2);
    }));
  });

  it("gives ascending offsets inside its bytes, or is refused, when its checksum was made to fit", async () => {
    await fc.assert(
      fc.asyncProperty(
        batch,
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }),
        async (written, changes) => {
          const bytes = batchBytes({ ...written, compression: "none" });
          for (const [place, byte] of changes) bytes[21 + place % (bytes.length - 21)] = byte;
          const found = await attempt(checksummed(bytes)) ?? [];
          for (const [i, { offset, value }] of found.entries()) {
            assert.ok(offset > (found[i - 1]?.offset ?? -1) && value.byteLength <= bytes.length);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });

  /** Numbers stand for varints: length, attributes, time, offset, key, value, headers. */
  const walked: [what: string, body: (number | Buffer)[], count: number, says: RegExp][] = [
    ["a record beyond the end", [7, 0], 1, /7 bytes are announced where 1 are left/],
    ["a record of a negative length", [-7], 1, /-7 bytes are announced/],
    ["a number that never ends", [Buffer.alloc(30, 0x80)], 1, /more than five bytes/],
    ["a time that never ends", [20, 0, Buffer.alloc(40, 0x80)], 1, /more than ten bytes/],
    ["an offset that was there before", [6, 0, 0, 0, -1, -1, 0, 6, 0, 0, 0, -1, -1, 0], 2, /100 follows 100/],
    ["an offset beyond the last one", [6, 0, 0, 9, -1, -1, 0], 1, /offset 109 follows 99/],
    ["a key longer than its record", [6, 0, 0, 0, 50, -1, 0], 1, /50 bytes are announced where 2 are left/],
    ["fields that end before their record", [8, 0, 0, 0, -1, -1, 0, 0, 0], 1, /record 100 is not as long/],
    ["fields that end behind their record", [5, 0, 0, 0, -1, -1, 0], 1, /record 100 is not as long/],
    ["a negative number of headers", [6, 0, 0, 0, -1, -1, -2], 1, /-2 headers/],
    ["a header without a name", [7, 0, 0, 0, -1, -1, 1, -1], 1, /no name/],
    ["more headers than bytes", [6, 0, 0, 0, -1, -1, 60], 1, /runs out/],
    ["fewer records than it says", [6, 0, 0, 0, -1, -1, 0], 2, /runs out/],
    ["more records than it says", [6, 0, 0, 0, -1, -1, 0, 6, 0, 0, 1, -1, -1, 0], 1, /more bytes than/],
    ["a negative number of records", [6, 0, 0, 0, -1, -1, 0], -1, /more bytes than/],
  ];
  for (const [what, body, count, says] of walked) {
    it(`is refused with ${what}`, async () => {
      const parts = body.map((part) => typeof part === "number" ? varint(part) : part);
      const bytes = Buffer.concat([batchOf(100, [], { lastOffsetDelta: 5 }), ...parts]);
      bytes.writeInt32BE(bytes.length - 12, 8);
      bytes.writeInt32BE(count, headBytes - 4);
      await assert.rejects(read(checksummed(bytes)), says);
    });
  }
});

/** Null when refused. */
async function attempt(bytes: Buffer): Promise<LogRecord[] | null> {
  try {
    return await read(bytes);
  } catch {
    return null;
  }
}
