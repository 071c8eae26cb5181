/**
 * Records → the bytes of one record batch (format 2), as the broker stores it.
 *
 * kafkajs makes an encoder with a buffer of its own for every record, which costs some 20 µs a record; here all
 * records of a batch are written into one growing buffer, then compressed, then framed.
 * https://kafka.apache.org/documentation/#recordbatch
 */
import { Buffer } from "node:buffer";
import { compressed } from "./codecs.ts";
import { crc32c } from "./library.ts";

export type Message = {
  key: Uint8Array | null;
  value: Uint8Array;
  headers: Record<string, string>;
  timestampMs: number;
};

export type BatchFrame = {
  /** 0 none, 1 gzip, 3 lz4. */
  compression: number;
  producerId: string;
  producerEpoch: number;
  firstSequence: number;
};

const headBytes = 61;
const at = {
  batchLength: 8,
  leaderEpoch: 12,
  magic: 16,
  checksum: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  firstTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  firstSequence: 53,
  count: 57,
} as const;
const magic = 2;

export async function encodeBatch(messages: readonly Message[], frame: BatchFrame): Promise<Buffer> {
  const firstMs = messages[0]!.timestampMs;
  const writer = recordWriter();
  let maxMs = firstMs;
  messages.forEach((message, i) => {
    maxMs = Math.max(maxMs, message.timestampMs);
    writer.record(message, { offsetDelta: i, timestampDelta: message.timestampMs - firstMs });
  });
  const records = await compressed(writer.bytes(), frame.compression);
  const batch = Buffer.allocUnsafe(headBytes + records.length);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - at.leaderEpoch, at.batchLength);
  batch.writeInt32BE(-1, at.leaderEpoch);
  batch.writeInt8(magic, at.magic);
  batch.writeInt16BE(frame.compression, at.attributes);
  batch.writeInt32BE(messages.length - 1, at.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(firstMs), at.firstTimestamp);
  batch.writeBigInt64BE(BigInt(maxMs), at.maxTimestamp);
  batch.writeBigInt64BE(BigInt(frame.producerId), at.producerId);
  batch.writeInt16BE(frame.producerEpoch, at.producerEpoch);
  batch.writeInt32BE(frame.firstSequence, at.firstSequence);
  batch.writeInt32BE(messages.length, at.count);
  records.copy(batch, headBytes);
  batch.writeUInt32BE(crc32c(batch.subarray(at.attributes)) >>> 0, at.checksum);
  return batch;
}

type Place = { offsetDelta: number; timestampDelta: number };

function recordWriter() {
  let buffer = Buffer.allocUnsafe(64 * 1024);
  let length = 0;

  function reserve(bytes: number): void {
    if (length + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, length + bytes));
    buffer.copy(larger, 0, 0, length);
    buffer = larger;
  }

  /** Zigzag, then seven bits a byte, the lowest first. Beyond 32 bits by division: a number is exact up to 2^53. */
  function varint(value: number): void {
    let rest = zigzag(value);
    while (rest >= 0x80000000) {
      buffer[length++] = rest % 128 | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      buffer[length++] = rest & 127 | 128;
      rest >>>= 7;
    }
    buffer[length++] = rest;
  }

  function bytes(value: Uint8Array | null): void {
    varint(value === null ? -1 : value.length);
    if (value === null) return;
    buffer.set(value, length);
    length += value.length;
  }

  return {
    bytes: () => buffer.subarray(0, length),
    record({ key, value, headers }: Message, { offsetDelta, timestampDelta }: Place): void {
      const pairs = Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]);
      const body = 1 + varintBytes(timestampDelta) + varintBytes(offsetDelta) + sizeOf(key) + sizeOf(value) +
        varintBytes(pairs.length) + pairs.flat().reduce((sum, part) => sum + sizeOf(part), 0);
      reserve(body + maxVarintBytes);
      varint(body);
      buffer[length++] = 0;
      varint(timestampDelta);
      varint(offsetDelta);
      bytes(key);
      bytes(value);
      varint(pairs.length);
      for (const part of pairs.flat()) bytes(part);
    },
  };
}

const maxVarintBytes = 10;

const zigzag = (value: number) => value >= 0 ? value * 2 : -value * 2 - 1;

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = zigzag(value); rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

const sizeOf = (bytes: Uint8Array | null) => bytes === null ? 1 : varintBytes(bytes.length) + bytes.length;
