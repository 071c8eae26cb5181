/**
 * Records → the bytes of one record batch (format 2), as the broker stores it.
 *
 * kafkajs makes an encoder with a buffer of its own for every record, which costs some 20 µs a record; here all
 * records of a batch are written into one buffer that is used again, then compressed, then framed.
 * https://kafka.apache.org/documentation/#recordbatch
 */
import { Buffer } from "node:buffer";
import { asciiInto } from "../../outgoing.ts";
import { compressed } from "./codecs.ts";
import { crc32c } from "./record_checksum.ts";

export type Message = {
  key: Uint8Array | null;
  value: Uint8Array;
  headers: Record<string, string> | undefined;
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

/** At once: a batch is bounded by its producer, and takes a millisecond or two. */
export function encodeBatch(messages: readonly Message[], frame: BatchFrame): Buffer {
  const firstMs = messages[0]!.timestampMs;
  let maxMs = firstMs;
  scratch.begin();
  for (let i = 0; i < messages.length; i++) {
    const message = messages[i]!;
    maxMs = Math.max(maxMs, message.timestampMs);
    scratch.record(message, i, message.timestampMs - firstMs);
  }
  const records = compressed(scratch.bytes(), frame.compression);
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
  batch.writeUInt32BE(crc32c(batch.subarray(at.attributes)), at.checksum);
  return batch;
}

/** The bytes of records before they are compressed, written over with every batch. */
class Scratch {
  #buffer = Buffer.allocUnsafe(firstBytes);
  #length = 0;

  begin(): void {
    this.#length = 0;
    if (this.#buffer.length > keptBytes) this.#buffer = Buffer.allocUnsafe(firstBytes);
  }

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  record({ key, value, headers }: Message, offsetDelta: number, timestampDelta: number): void {
    let body = 1 + varintBytes(timestampDelta) + varintBytes(offsetDelta) + sizeOf(key) + sizeOf(value);
    let headerCount = 0;
    for (const name in headers) {
      headerCount++;
      body += sizeOfText(name) + sizeOfText(headers[name]!);
    }
    body += varintBytes(headerCount);
    this.#reserve(body + maxVarintBytes);
    this.#varint(body);
    this.#buffer[this.#length++] = 0;
    this.#varint(timestampDelta);
    this.#varint(offsetDelta);
    this.#bytes(key);
    this.#bytes(value);
    this.#varint(headerCount);
    for (const name in headers) {
      this.#text(name);
      this.#text(headers[name]!);
    }
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }

  /** Zigzag, then seven bits a byte, the lowest first. Beyond 32 bits by division: a number is exact up to 2^53. */
  #varint(value: number): void {
    let rest = zigzag(value);
    while (rest >= 0x80000000) {
      this.#buffer[this.#length++] = rest % 128 | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest > 127) {
      this.#buffer[this.#length++] = rest & 127 | 128;
      rest >>>= 7;
    }
    this.#buffer[this.#length++] = rest;
  }

  #bytes(value: Uint8Array | null): void {
    this.#varint(value === null ? -1 : value.length);
    if (value === null) return;
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  #text(text: string): void {
    const bytes = bytesOfText(text);
    this.#varint(bytes);
    if (asciiInto(this.#buffer, this.#length, text) - this.#length < bytes) {
      this.#buffer.write(text, this.#length);
    }
    this.#length += bytes;
  }
}

const firstBytes = 64 * 1024;
/** More than that is let go of after the batch that needed it. */
const keptBytes = 2 * 1024 * 1024;
const maxVarintBytes = 10;

const scratch = new Scratch();

const zigzag = (value: number) => value >= 0 ? value * 2 : -value * 2 - 1;

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = zigzag(value); rest > 127; rest = Math.floor(rest / 128)) bytes++;
  return bytes;
}

/** Names and texts of headers are short and plain. */
function bytesOfText(text: string): number {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) >= 128) return Buffer.byteLength(text);
  }
  return text.length;
}

function sizeOfText(text: string): number {
  const bytes = bytesOfText(text);
  return varintBytes(bytes) + bytes;
}

const sizeOf = (bytes: Uint8Array | null) => bytes === null ? 1 : varintBytes(bytes.length) + bytes.length;
