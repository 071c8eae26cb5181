import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type BatchFrame, encodeBatch, type Message } from "../../../../src/log/kafka/batch_encoder.ts";
import { compressionCodes } from "../../../../src/log/kafka/codecs.ts";
import { readRecordSet } from "../../../../src/log/kafka/record_set.ts";
import type { LogRecord } from "../../../../src/log/port.ts";
import { kafkajsRecords } from "./kafkajs_records.ts";

const text = fc.oneof(fc.string(), fc.string({ unit: "grapheme" }), fc.constantFrom("", "é\ufeff", "source"));
const bytes = fc.oneof(
  { weight: 5, arbitrary: fc.uint8Array({ maxLength: 20 }) },
  { weight: 1, arbitrary: fc.integer({ min: 60, max: 90_000 }).map((n) => new Uint8Array(n).fill(7)) },
);
const message: fc.Arbitrary<Message> = fc.record({
  key: fc.option(bytes),
  value: bytes,
  headers: fc.option(fc.dictionary(text.filter((name) => name !== "__proto__"), text, { maxKeys: 3 }), {
    nil: undefined,
  }),
  timestampMs: fc.oneof(fc.nat(1_000), fc.nat(2 ** 42)),
});
const frame = fc.record({
  compression: fc.constantFrom(compressionCodes.none, compressionCodes.gzip, compressionCodes.lz4),
  producerId: fc.nat().map(String),
  producerEpoch: fc.nat(1_000),
  firstSequence: fc.nat(),
});

const plain = ({ offset, timestampMs, key, value, headers }: LogRecord) => ({
  ...{ offset, timestampMs },
  key: key && Buffer.from(key).toString("hex"),
  value: Buffer.from(value).toString("hex"),
  headers: { ...headers },
});

describe("encodeBatch", () => {
  it("is read as what was given, by us and by kafkajs", async () => {
    const batches = fc.tuple(fc.array(message, { minLength: 1, maxLength: 12 }), frame);
    await fc.assert(fc.asyncProperty(batches, async ([messages, framed]) => {
      const batch = encodeBatch(messages, framed);
      const wanted = messages.map(({ key, value, headers = {}, timestampMs }, offset) =>
        plain({ offset, timestampMs, key, value, headers: { ...headers } })
      );
      const { records } = await readRecordSet(batch, { from: 0, recordedTimes: false, aborted: [] });
      assert.deepEqual([...records].map(plain), wanted);
      assert.deepEqual((await kafkajsRecords(batch, 0)).map(plain), wanted);
    }));
  });

  it("gives bytes of its own: a batch stays as it is while others are made", async () => {
    const framed: BatchFrame = { compression: 0, producerId: "1", producerEpoch: 0, firstSequence: 0 };
    const value = (length: number) => new Uint8Array(length).fill(length % 251);
    const lengths = [10, 3_000_000, 200, 70_000];
    const made = lengths.map((length) =>
      encodeBatch([{ key: null, value: value(length), headers: undefined, timestampMs: 0 }], framed)
    );
    for (const [i, length] of lengths.entries()) {
      const { records } = await readRecordSet(made[i]!, { from: 0, recordedTimes: false, aborted: [] });
      assert.equal(Buffer.compare(records.at(0)!.value, value(length)), 0);
    }
  });
});
