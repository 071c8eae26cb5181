/**
 * Record batches as any producer and broker may have written them, field by field: also what our own encoder never
 * writes. Numbers are big integers throughout and the checksum is kafkajs', so that nothing is shared with what is
 * tested.
 */
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { crc32, gzipSync, zstdCompressSync } from "node:zlib";
import { compressFrameSync } from "lz4-napi";

export const kafkajsCrc32c = createRequire(import.meta.url)("kafkajs/src/protocol/recordBatch/crc32C") as (
  bytes: Uint8Array,
) => number;

export type WrittenRecord = {
  offsetDelta: number;
  timestampDelta: bigint;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: [name: string, value: Uint8Array | null][];
};

export type WrittenBatch = {
  baseOffset: bigint;
  lastOffsetDelta: number;
  compression: Compression;
  baseTimestamp: bigint;
  maxTimestamp: bigint;
  logAppendTime: boolean;
  producerId: bigint;
  isTransactional: boolean;
  isControl: boolean;
  records: WrittenRecord[];
};

export const compressions = ["none", "gzip", "snappy", "bare snappy", "lz4", "zstd"] as const;
type Compression = typeof compressions[number];

const compressors: Record<Compression, { code: number; compress(plain: Buffer): Buffer }> = {
  "none": { code: 0, compress: (plain) => plain },
  "gzip": { code: 1, compress: (plain) => gzipSync(plain) },
  "snappy": { code: 2, compress: framedSnappy },
  "bare snappy": { code: 2, compress: literalSnappy },
  "lz4": { code: 3, compress: (plain) => compressFrameSync(plain) },
  "zstd": { code: 4, compress: (plain) => zstdCompressSync(plain) },
};

const plainBatch: WrittenBatch = {
  baseOffset: 0n,
  lastOffsetDelta: 0,
  compression: "none",
  baseTimestamp: 0n,
  maxTimestamp: 0n,
  logAppendTime: false,
  producerId: -1n,
  isTransactional: false,
  isControl: false,
  records: [],
};

/** A batch of these values from this offset on, everything else being plain unless it is given. */
export function batchOf(baseOffset: number, values: string[], other: Partial<WrittenBatch> = {}): Buffer {
  const records = values.map((value, offsetDelta) => ({
    ...plainRecord,
    offsetDelta,
    value: Buffer.from(value),
  }));
  const lastOffsetDelta = Math.max(0, values.length - 1);
  return batchBytes({ ...plainBatch, baseOffset: BigInt(baseOffset), lastOffsetDelta, records, ...other });
}

export const plainRecord: WrittenRecord = {
  offsetDelta: 0,
  timestampDelta: 0n,
  key: null,
  value: null,
  headers: [],
};

/** The mark that ends a transaction, as the broker writes it. */
export const endMark = (offset: number, producerId: bigint, type: "abort" | "commit"): Buffer => {
  const key = Buffer.from([0, 0, 0, type === "abort" ? 0 : 1]);
  const records = [{ ...plainRecord, key, value: Buffer.alloc(6) }];
  return batchOf(offset, [], { producerId, isTransactional: true, isControl: true, records });
};

export function batchBytes(batch: WrittenBatch): Buffer {
  const { code, compress } = compressors[batch.compression];
  const body = compress(Buffer.concat(batch.records.map(recordBytes)));
  const bytes = Buffer.concat([Buffer.alloc(61), body]);
  bytes.writeBigInt64BE(batch.baseOffset, 0);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeInt8(2, 16);
  const attributes = code | (batch.logAppendTime ? 8 : 0) | (batch.isTransactional ? 16 : 0) |
    (batch.isControl ? 32 : 0);
  bytes.writeInt16BE(attributes, 21);
  bytes.writeInt32BE(batch.lastOffsetDelta, 23);
  bytes.writeBigInt64BE(batch.baseTimestamp, 27);
  bytes.writeBigInt64BE(batch.maxTimestamp, 35);
  bytes.writeBigInt64BE(batch.producerId, 43);
  bytes.writeInt32BE(batch.records.length, 57);
  return checksummed(bytes);
}

/** The batch with the checksum that its bytes have. */
export function checksummed(batch: Buffer): Buffer {
  batch.writeUInt32BE(kafkajsCrc32c(batch.subarray(21)) >>> 0, 17);
  return batch;
}

function recordBytes({ timestampDelta, offsetDelta, key, value, headers }: WrittenRecord): Buffer {
  const fields = Buffer.concat([
    Buffer.alloc(1),
    varint(timestampDelta),
    varint(offsetDelta),
    sized(key),
    sized(value),
    varint(headers.length),
    ...headers.flatMap(([name, given]) => [sized(Buffer.from(name)), sized(given)]),
  ]);
  return Buffer.concat([varint(fields.length), fields]);
}

const sized = (bytes: Uint8Array | null) =>
  bytes === null ? varint(-1) : Buffer.concat([varint(bytes.length), bytes]);

export function varint(value: number | bigint): Buffer {
  const signed = BigInt(value);
  return unsigned(BigInt.asUintN(64, signed << 1n ^ signed >> 63n));
}

function unsigned(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from([...bytes, Number(rest)]);
}

/** Literals only, one block in the frame of the Java client: what kafkajs would need a library for. */
export function framedSnappy(plain: Buffer): Buffer {
  const block = literalSnappy(plain);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(block.length);
  return Buffer.concat([Buffer.from("82534e41505059000000000100000001", "hex"), size, block]);
}

function literalSnappy(plain: Buffer): Buffer {
  const parts: Uint8Array[] = [unsigned(BigInt(plain.length))];
  for (let at = 0; at < plain.length; at += 60) {
    const part = plain.subarray(at, at + 60);
    parts.push(Buffer.from([(part.length - 1) << 2]), part);
  }
  return Buffer.concat(parts);
}

/** A message in one of the formats of brokers before 0.11. */
export function oldMessage(
  offset: number,
  { value, timestampMs }: { value: string; timestampMs?: number },
): Buffer {
  const format = timestampMs === undefined ? 0 : 1;
  const head = Buffer.alloc(18 + format * 8);
  head.writeBigInt64BE(BigInt(offset), 0);
  head.writeInt8(format, 16);
  if (timestampMs !== undefined) head.writeBigInt64BE(BigInt(timestampMs), 18);
  const sizes = Buffer.alloc(8, 255); // the first stays -1: no key
  sizes.writeInt32BE(value.length, 4);
  const bytes = Buffer.concat([head, sizes, Buffer.from(value)]);
  bytes.writeInt32BE(bytes.length - 12, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(16)), 12);
  return bytes;
}
