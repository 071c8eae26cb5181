/**
 * Traffic as a file: one ride event or driver location a line, as on the wire, with its sending time.
 *
 *   {"event_type":"requested", … ,"recorded_at":"2026-01-15T18:03:11.301Z"}
 *   <ride id="poison-7"/>
 *
 * An object gets `recorded_at` as its last field. What is no JSON object is written as it is, because it is
 * poison and must reach the log as poison; read back, it counts as sent when the line before it was. The
 * value of an item that was read is the line, byte for byte; `recorded_at` in it is an unknown field to
 * everyone else.
 */
import { Buffer, isUtf8 } from "node:buffer";
import { createWriteStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { messageOf, WaymarkError } from "../errors.ts";
import { utf8 } from "../ids.ts";
import { invariant } from "../invariant.ts";
import type { SentItem, TrafficTopic } from "./item.ts";
import { newStamp } from "./stamp.ts";

const stamp = newStamp();
const lineFeed = new Uint8Array([0x0a]);
const writeBytes = 256 * 1024;

/** The item's line, without line feed. */
export function jsonlLine(item: SentItem): string | Uint8Array {
  const line = lineOf(item);
  const broken = typeof line === "string" ? line.includes("\n") : line.includes(0x0a);
  invariant(!broken, "a record in a file of lines must not contain a line feed");
  return line;
}

function lineOf({ value, recordedAtMs }: SentItem): string | Uint8Array {
  if (recordedAtMs === null) return value;
  if (typeof value === "string") return withRecordedAt(value, recordedAtMs);
  return isUtf8(value) ? withRecordedAt(decoded(value), recordedAtMs) : value;
}

/**
 * Goes by the braces alone, because parsing costs more than making the item did. It is safe: what was no JSON
 * stays none, since the added member is well-formed where members may stand and breaks an open string.
 */
function withRecordedAt(text: string, recordedAtMs: number): string {
  if (!text.startsWith("{") || !text.endsWith("}")) return text;
  const comma = noMembers.test(text) ? "" : ",";
  return `${text.slice(0, -1)}${comma}"recorded_at":"${stamp.zoned(recordedAtMs)}"}`;
}

const noMembers = /^\{\s*\}$/;

/** Writes a file, packed if its name ends in `.gz`. Resolves when it is complete. */
export async function writeJsonl(
  items: Iterable<SentItem>,
  path: string,
): Promise<{ items: number; bytes: number }> {
  const written = { items: 0, bytes: 0 };
  const blocks = Readable.from(linesInBlocks(items, written));
  const file = createWriteStream(path);
  try {
    if (path.endsWith(".gz")) await pipeline(blocks, createGzip(), file);
    else await pipeline(blocks, file);
  } catch (thrown) {
    if (thrown instanceof WaymarkError) throw thrown;
    throw new WaymarkError("usage", `Cannot write ${path}: ${messageOf(thrown)}. Wanted a writable file.`, {
      cause: thrown,
    });
  }
  return written;
}

/** `bytes` counts before packing. */
export function* linesInBlocks(
  items: Iterable<SentItem>,
  written: { items: number; bytes: number },
): Generator<Uint8Array> {
  let text = "";
  const flushed = () => {
    const block = utf8(text);
    written.bytes += block.length;
    text = "";
    return block;
  };
  for (const item of items) {
    const line = jsonlLine(item);
    written.items++;
    if (typeof line === "string") {
      text += line + "\n";
      if (text.length >= writeBytes) yield flushed();
    } else {
      if (text !== "") yield flushed();
      written.bytes += line.length + 1;
      yield line;
      yield lineFeed;
    }
  }
  if (text !== "") yield flushed();
}

/** Empty lines are passed over. */
export async function* readJsonl(batches: AsyncIterable<Uint8Array[]>): AsyncGenerator<SentItem[]> {
  let lineNumber = 0;
  let previousMs: number | null = null;
  for await (const lines of batches) {
    const items: SentItem[] = [];
    for (const line of lines) {
      lineNumber++;
      if (isBlank(line)) continue;
      const item = jsonlItem(line, lineNumber, previousMs);
      previousMs = item.recordedAtMs;
      items.push(item);
    }
    yield items;
  }
}

function jsonlItem(line: Uint8Array, lineNumber: number, previousMs: number | null): SentItem {
  const object = parsedObject(decoded(line));
  if (object === null) {
    return { topic: "ride-events", key: `line-${lineNumber}`, value: line, recordedAtMs: previousMs };
  }
  const topic = topicOf(object);
  const id = own(object, topic === "ride-events" ? "ride_id" : "driver_id");
  return {
    topic,
    key: typeof id === "string" && id !== "" ? id : `line-${lineNumber}`,
    value: line,
    recordedAtMs: recordedAt(own(object, "recorded_at")),
  };
}

function topicOf(object: Record<string, unknown>): TrafficTopic {
  const isRide = Object.hasOwn(object, "event_type");
  const isLocation = Object.hasOwn(object, "driver_id") && Object.hasOwn(object, "lat");
  return !isRide && isLocation ? "driver-locations" : "ride-events";
}

function recordedAt(value: unknown): number | null {
  const ms = typeof value === "string" ? Date.parse(value) : NaN;
  return Number.isNaN(ms) ? null : ms;
}

const own = (object: Record<string, unknown>, name: string) =>
  Object.hasOwn(object, name) ? object[name] : undefined;

const isBlank = (line: Uint8Array) => line.length === 0 || (line.length === 1 && line[0] === 0x0d);

/** Bytes that are no UTF-8 become U+FFFD here, and stay what they are in the item. */
function decoded(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8");
}

/** Null for what is not one JSON object, for whatever reason. */
function parsedObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? value as Record<string, unknown>
      : null;
  } catch {
    return null;
  }
}
