/**
 * One record batch (format 2) → its records, in place: no object, buffer or big integer per field.
 *
 *   head (61 bytes) ─► checksum ─► decompressed records ─► varints walked one after another ─► places
 *
 * The invariant: a batch gives the records that were stored, or throws. The checksum covers what was stored, and
 * every length is held to the bytes there are, so that what is wrong in spite of it can neither read past a record
 * nor go on for ever. Keys and values are views into the batch's bytes and keep all of them alive.
 * https://kafka.apache.org/documentation/#recordbatch
 */
import type { Buffer } from "node:buffer";
import { WaymarkError } from "../../errors.ts";
import type { RecordHeaders } from "../port.ts";
import { compressionCodes, decompressed } from "./codecs.ts";
import { crc32c } from "./record_checksum.ts";
import type { RecordViews } from "./record_views.ts";

/** Carries the time that an appender states, where the topic stamps its own. */
export const recordedAtHeader = "waymark-recorded-at";

export type BatchHead = {
  baseOffset: number;
  lastOffset: number;
  compression: number;
  times: RecordTimes;
  producerId: bigint;
  isTransactional: boolean;
  isControl: boolean;
  count: number;
};

/** Records state their times as differences to a base, unless the broker stamped all of them alike. */
type RecordTimes = {
  appendedMs: number | null;
  base: bigint;
  /** The base as a number, where it is a time within the years with any short difference added. */
  baseMs: number | null;
};

export type RecordsWanted = {
  /** The first offset: a batch comes whole, also when the offset asked for is in its middle. */
  from: number;
  /** Whether a time stated in a header counts as the record's; else it is a header like any other. */
  recordedTimes: boolean;
};

/** Where the fields of a head stand. */
const at = {
  checksum: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  count: 57,
} as const;
export const batchHeadBytes = 61;
/** Its length, attributes, time, offset, key, value and number of headers, a byte each. */
const recordBytesMin = 7;

/** Records are of the years that events may be of; -1 is Kafka's word for no time. */
const recordTimeMin = -1n;
const recordTimeMax = BigInt(Date.UTC(9999, 11, 31, 23, 59, 59, 999));
/** More than a short difference, which has 28 bits and a sign. */
const aboveShort = 1n << 28n;

const attribute = { compression: 7, logAppendTime: 8, transactional: 16, control: 32 } as const;

/** Of a whole record batch. Throws when its bytes are not those that were stored. */
export function batchHead(batch: Buffer): BatchHead {
  if (crc32c(batch.subarray(at.attributes)) !== batch.readUInt32BE(at.checksum)) {
    throw malformed("its checksum is not that of its bytes");
  }
  const attributes = batch.readInt16BE(at.attributes);
  const baseOffset = Number(batch.readBigInt64BE(0));
  const lastOffset = baseOffset + batch.readInt32BE(at.lastOffsetDelta);
  if (baseOffset < 0 || lastOffset < baseOffset || !Number.isSafeInteger(lastOffset)) {
    throw malformed(`it has the offsets ${baseOffset} to ${lastOffset}`);
  }
  return {
    baseOffset,
    lastOffset,
    compression: attributes & attribute.compression,
    times: recordTimes(batch, (attributes & attribute.logAppendTime) !== 0),
    producerId: batch.readBigInt64BE(at.producerId),
    isTransactional: (attributes & attribute.transactional) !== 0,
    isControl: (attributes & attribute.control) !== 0,
    count: batch.readInt32BE(at.count),
  };
}

function recordTimes(batch: Buffer, stampedByBroker: boolean): RecordTimes {
  const base = batch.readBigInt64BE(at.baseTimestamp);
  return {
    appendedMs: stampedByBroker ? withinYears(batch.readBigInt64BE(at.maxTimestamp)) : null,
    base,
    baseMs: base >= aboveShort && base <= recordTimeMax - aboveShort ? Number(base) : null,
  };
}

/** Adds the batch's records to `into`. */
export async function readRecords(
  batch: Buffer,
  { head, wanted, into }: { head: BatchHead; wanted: RecordsWanted; into: RecordViews },
): Promise<void> {
  // One that compaction has emptied says how it is compressed, but has nothing that could be decompressed.
  if (head.count === 0 && batch.length === batchHeadBytes) return;
  const stored = batch.subarray(batchHeadBytes);
  const plain = head.compression === compressionCodes.none
    ? stored
    : await decompressed(stored, head.compression);
  walk(cursorOver(plain), { head, wanted, into });
}

/** Where reading stands in the bytes of a batch's records. */
type Cursor = {
  bytes: Buffer;
  buffer: ArrayBufferLike;
  byteOffset: number;
  at: number;
  /** The end of the record that is read. */
  end: number;
};

const cursorOver = (bytes: Buffer): Cursor => ({
  bytes,
  buffer: bytes.buffer,
  byteOffset: bytes.byteOffset,
  at: 0,
  end: bytes.length,
});

function walk(
  cursor: Cursor,
  { head, wanted, into }: { head: BatchHead; wanted: RecordsWanted; into: RecordViews },
): void {
  const { baseOffset, lastOffset, times, count } = head;
  const total = cursor.end;
  into.begin(cursor.buffer, Math.min(count, Math.floor(total / recordBytesMin)));
  let offset = baseOffset - 1;
  for (let i = 0; i < count; i++) {
    cursor.end = total;
    cursor.end = within(cursor, varint(cursor));
    cursor.at++; // attributes, of which there are none yet
    const timestampMs = recordMs(cursor, times);
    const previous = offset;
    offset = baseOffset + varint(cursor);
    if (offset <= previous || offset > lastOffset) throw malformed(`offset ${offset} follows ${previous}`);
    if (offset < wanted.from) {
      cursor.at = cursor.end;
      continue;
    }
    const keyLength = varint(cursor);
    const keyAt = pass(cursor, keyLength);
    const valueLength = varint(cursor);
    const valueAt = pass(cursor, valueLength);
    into.add(offset, timestampMs, keyAt, keyLength, valueAt, Math.max(0, valueLength));
    const headerCount = varint(cursor);
    if (headerCount !== 0) {
      const { headers, statedMs } = readHeaders(cursor, { count: headerCount, wanted });
      into.describeLast(headers, statedMs ?? timestampMs);
    }
    if (cursor.at !== cursor.end) throw malformed(`record ${offset} is not as long as it says`);
  }
  if (cursor.at !== total) throw malformed("it has more bytes than its records");
}

/** Goes on behind so many bytes, -1 for null, and says where they are in the buffer. */
function pass(cursor: Cursor, length: number): number {
  const start = cursor.at;
  if (length !== -1) cursor.at = within(cursor, length);
  return cursor.byteOffset + start;
}

function textOrNull(cursor: Cursor): string | null {
  const length = varint(cursor);
  if (length === -1) return null;
  const start = cursor.at;
  cursor.at = within(cursor, length);
  return cursor.bytes.toString("utf8", start, cursor.at);
}

/** The position `length` bytes on, which must be in the record. */
function within(cursor: Cursor, length: number): number {
  if (length < 0 || length > cursor.end - cursor.at) {
    throw malformed(`${length} bytes are announced where ${cursor.end - cursor.at} are left`);
  }
  return cursor.at + length;
}

/** The last of a name counts. */
function readHeaders(
  cursor: Cursor,
  { count, wanted }: { count: number; wanted: RecordsWanted },
): { headers: RecordHeaders | null; statedMs: number | null } {
  if (count < 0) throw malformed(`a record has ${count} headers`);
  let headers: RecordHeaders | null = null;
  let stated: string | null = null;
  for (let i = 0; i < count; i++) {
    const name = textOrNull(cursor);
    if (name === null) throw malformed("a header has no name");
    const text = textOrNull(cursor) ?? "";
    if (wanted.recordedTimes && name === recordedAtHeader) stated = text;
    else (headers ??= {} as RecordHeaders)[name] = text;
  }
  return {
    headers,
    statedMs: stated !== null && /^\d{1,15}$/.test(stated) ? withinYears(BigInt(stated)) : null,
  };
}

/** Beyond 28 bits, or from a base that is odd, a time needs the 64 bits that it is stored with. */
function recordMs(cursor: Cursor, { appendedMs, base, baseMs }: RecordTimes): number {
  const { bytes, at } = cursor;
  const isShort = bytes[at]! < 128 || bytes[at + 1]! < 128 || bytes[at + 2]! < 128 || bytes[at + 3]! < 128;
  if (isShort && baseMs !== null) {
    const differenceMs = varint(cursor);
    return appendedMs ?? baseMs + differenceMs;
  }
  const difference = varlong(cursor);
  return appendedMs ?? withinYears(BigInt.asIntN(64, base + difference));
}

/** A producer that states micro- or nanoseconds is beyond all years: its records have the last time there is. */
function withinYears(time: bigint): number {
  return Number(time < recordTimeMin ? recordTimeMin : time > recordTimeMax ? recordTimeMax : time);
}

/** 32 bits, zigzag, seven a byte, the lowest first. Most have one byte or two. */
function varint(cursor: Cursor): number {
  const { bytes } = cursor;
  const first = bytes[cursor.at++]!;
  if (first < 128) return first >>> 1 ^ -(first & 1);
  const second = bytes[cursor.at++]!;
  if (second < 128) return ((first & 127 | second << 7) >>> 1) ^ -(first & 1);
  return longVarint(cursor, first & 127 | (second & 127) << 7);
}

function longVarint(cursor: Cursor, twoBytes: number): number {
  let value = twoBytes;
  for (let shift = 14; shift < 35; shift += 7) {
    const byte = byteOf(cursor);
    value |= (byte & 127) << shift;
    if (byte < 128) return value >>> 1 ^ -(value & 1);
  }
  throw malformed("a number of 32 bits has more than five bytes");
}

function varlong(cursor: Cursor): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 70n; shift += 7n) {
    const byte = byteOf(cursor);
    value |= BigInt(byte & 127) << shift;
    if (byte < 128) return BigInt.asUintN(64, value) >> 1n ^ -(value & 1n);
  }
  throw malformed("a number of 64 bits has more than ten bytes");
}

function byteOf(cursor: Cursor): number {
  const byte = cursor.bytes[cursor.at++];
  if (byte === undefined) throw malformed("a number runs out of its bytes");
  return byte;
}

export const malformed = (why: string) =>
  new WaymarkError("log_unavailable", `a record batch is malformed: ${why}`);
