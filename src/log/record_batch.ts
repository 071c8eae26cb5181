/**
 * Records as bytes: what one row of the embedded log holds.
 *
 * A row per record is several times too slow, so the records that one commit puts into one partition are laid
 * end to end. Offsets are not stored: the first record has the row's base offset, each further one the next.
 *
 *   record = value length u32 | key length u32, 0xffffffff for no key | headers length u32 | time f64 | key | value | headers
 *
 * All little-endian; headers are JSON text, length 0 for none. A batch ends where its last record ends: a reader
 * that comes out elsewhere has been given torn bytes.
 */
import { WaymarkError } from "../errors.ts";
import { fromUtf8, utf8 } from "../ids.ts";
import { invariant } from "../invariant.ts";
import type { LogRecord, NewRecord, RecordHeaders } from "./port.ts";

const headBytes = 20;
const noKey = 0xffff_ffff;

/** Size from which on a batch is closed and the next begun: bounds what reading one record has to fetch. */
const batchBytesMax = 256 * 1024;
const firstBytes = 1024;

export type RecordBatch = {
  count: number;
  /** The greatest record time in the batch. */
  latestMs: number;
  bytes: Uint8Array;
};

export type BatchWriter = {
  add(record: NewRecord, timestampMs: number): void;
  /** The batches since the last call. Their bytes are valid until the next `add`. */
  take(): RecordBatch[];
};

export function batchWriter(): BatchWriter {
  let bytes = new Uint8Array(firstBytes);
  let view = new DataView(bytes.buffer);
  let length = 0;
  let count = 0;
  let latestMs = -Infinity;
  let closed: RecordBatch[] = [];

  function reserve(wanted: number): void {
    if (wanted <= bytes.length) return;
    const larger = new Uint8Array(Math.max(wanted, bytes.length * 2));
    larger.set(bytes.subarray(0, length));
    bytes = larger;
    view = new DataView(bytes.buffer);
  }

  function closeBatch(): void {
    closed.push({ count, latestMs, bytes: bytes.slice(0, length) });
    restart();
  }

  function restart(): void {
    length = 0;
    count = 0;
    latestMs = -Infinity;
  }

  return {
    add({ key, value, headers }, timestampMs) {
      const head = headerBytes(headers);
      const keyLength = key?.length ?? 0;
      reserve(length + headBytes + keyLength + value.length + head.length);
      view.setUint32(length, value.length, true);
      view.setUint32(length + 4, key === null ? noKey : keyLength, true);
      view.setUint32(length + 8, head.length, true);
      view.setFloat64(length + 12, timestampMs, true);
      length += headBytes;
      if (key !== null) bytes.set(key, length);
      bytes.set(value, length + keyLength);
      if (head.length > 0) bytes.set(head, length + keyLength + value.length);
      length += keyLength + value.length + head.length;
      count++;
      latestMs = Math.max(latestMs, timestampMs);
      if (length >= batchBytesMax) closeBatch();
    },
    take() {
      const taken = count === 0 ? closed : [...closed, { count, latestMs, bytes: bytes.subarray(0, length) }];
      closed = [];
      restart();
      return taken;
    },
  };
}

const noBytes = new Uint8Array(0);

function headerBytes(headers: RecordHeaders | undefined): Uint8Array {
  return headers === undefined || isEmpty(headers) ? noBytes : utf8(JSON.stringify(headers));
}

function isEmpty(headers: RecordHeaders): boolean {
  for (const _ in headers) return false;
  return true;
}

/** A place between two records of a batch. */
export type BatchCursor = {
  bytes: Uint8Array;
  /** Offset of the record at `position`. */
  offset: number;
  position: number;
  /** Offset after the batch's last record. */
  end: number;
};

/** Moves the cursor on to `offset`, which must not lie behind it. */
export function skipTo(cursor: BatchCursor, offset: number): void {
  const view = viewOf(cursor.bytes);
  invariant(offset >= cursor.offset, () => `a cursor at ${cursor.offset} cannot go back to ${offset}`);
  for (; cursor.offset < offset; cursor.offset++) {
    const at = cursor.position;
    refuseBeyond(cursor, at + headBytes);
    const keyLength = view.getUint32(at + 4, true);
    cursor.position = at + headBytes + view.getUint32(at, true) + (keyLength === noKey ? 0 : keyLength) +
      view.getUint32(at + 8, true);
  }
  refuseTorn(cursor);
}

/** Appends records to `into` until it holds `recordsMax` or the batch ends. They are views into the batch. */
export function readRecords(cursor: BatchCursor, into: LogRecord[], recordsMax: number): void {
  const { bytes, end } = cursor;
  const view = viewOf(bytes);
  let { offset, position } = cursor;
  for (; offset < end && into.length < recordsMax; offset++) {
    refuseBeyond(cursor, position + headBytes);
    const valueLength = view.getUint32(position, true);
    const keyLength = view.getUint32(position + 4, true);
    const headersLength = view.getUint32(position + 8, true);
    const timestampMs = view.getFloat64(position + 12, true);
    const keyAt = position + headBytes;
    const valueAt = keyLength === noKey ? keyAt : keyAt + keyLength;
    const headersAt = valueAt + valueLength;
    position = headersAt + headersLength;
    refuseBeyond(cursor, position);
    into.push({
      offset,
      timestampMs,
      key: keyLength === noKey ? null : bytes.subarray(keyAt, valueAt),
      value: bytes.subarray(valueAt, headersAt),
      headers: headersLength === 0 ? null : headersIn(bytes.subarray(headersAt, position)),
    });
  }
  cursor.offset = offset;
  cursor.position = position;
  refuseTorn(cursor);
}

function headersIn(bytes: Uint8Array): RecordHeaders {
  let headers: unknown;
  try {
    headers = JSON.parse(fromUtf8(bytes));
  } catch {
    headers = null;
  }
  invariant(
    typeof headers === "object" && headers !== null &&
      Object.values(headers).every((v) => typeof v === "string"),
    "the headers of a stored record are texts by name",
  );
  return headers as RecordHeaders;
}

/** Once or twice a record: nothing is made where nothing is wrong. */
function refuseBeyond(cursor: BatchCursor, position: number): void {
  if (position > cursor.bytes.length) refuseTornAt(cursor, position);
}

function refuseTornAt({ bytes, offset, end }: BatchCursor, position: number): never {
  throw new WaymarkError(
    "invariant_broken",
    `a record of a batch from ${offset} to ${end} ends at byte ${position} of ${bytes.length}`,
  );
}

function refuseTorn({ bytes, offset, position, end }: BatchCursor): void {
  invariant(
    offset === end ? position === bytes.length : position < bytes.length,
    () => `record ${offset} of a batch up to ${end} begins at byte ${position} of ${bytes.length}`,
  );
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
