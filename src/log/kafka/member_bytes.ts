/**
 * What members of a group say, and what they are given, from bytes: Kafka's consumer protocol, of which what later
 * versions add stands behind what is read here.
 *
 * Written here and not taken from kafkajs, which believes any count: 30 bytes that announce two thousand million topics
 * would hold whoever reads the group for minutes, and take its memory. Here a count is held to the bytes there are.
 * https://kafka.apache.org/documentation/#consumerconfigs_partition.assignment.strategy
 */
import type { Buffer } from "node:buffer";
import { WaymarkError } from "../../errors.ts";

type Cursor = { bytes: Buffer; at: number };

/** Of a subscription. Throws for bytes that are none. */
export function subscriptionIn(bytes: Buffer): { topics: string[]; userData: Buffer | null } {
  const cursor = { bytes, at: 2 };
  return { topics: list(cursor, 2, text), userData: bytesOrNull(cursor) };
}

/** Of an assignment. Throws for bytes that are none. */
export function assignmentIn(
  bytes: Buffer,
): { topics: { topic: string; partitions: number[] }[]; userData: Buffer | null } {
  const cursor = { bytes, at: 2 };
  const topics = list(cursor, 6, () => ({ topic: text(cursor), partitions: list(cursor, 4, int32) }));
  return { topics, userData: bytesOrNull(cursor) };
}

function bytesOrNull(cursor: Cursor): Buffer | null {
  const length = int32(cursor);
  return length < 0 ? null : take(cursor, length);
}

/** `leastBytes`: of one of them. */
function list<T>(cursor: Cursor, leastBytes: number, read: (cursor: Cursor) => T): T[] {
  const count = int32(cursor);
  const left = cursor.bytes.length - cursor.at;
  if (count * leastBytes > left) throw malformed(`${count} are announced where ${left} bytes are left`);
  return Array.from({ length: Math.max(0, count) }, () => read(cursor));
}

function text(cursor: Cursor): string {
  const length = take(cursor, 2).readInt16BE(0);
  return take(cursor, Math.max(0, length)).toString("utf8");
}

const int32 = (cursor: Cursor): number => take(cursor, 4).readInt32BE(0);

function take(cursor: Cursor, length: number): Buffer {
  const taken = cursor.bytes.subarray(cursor.at, cursor.at + length);
  if (taken.length < length) throw malformed(`${length} bytes are announced where ${taken.length} are left`);
  cursor.at += length;
  return taken;
}

const malformed = (why: string) =>
  new WaymarkError("log_unavailable", `what a member of the group says is malformed: ${why}`);
