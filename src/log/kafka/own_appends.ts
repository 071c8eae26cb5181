/**
 * What this process appended a moment ago, for its own readers without a group: the board follows what the partitions of
 * the same process publish, and would fetch and unpack again what has just been packed and sent.
 *
 *   producer ─► acknowledged, with the offset ─► kept ─► read: from here while the offset is in it, else from a broker
 *
 * The invariant: what is read from here is what a broker would give. So only what was acknowledged with its offset is
 * kept, each record batch at that offset: where another process has appended in between, there is a gap, and whoever
 * comes to it reads that from a broker.
 */
import type { LogRecord, TopicPartition } from "../port.ts";
import type { Message } from "./batch_encoder.ts";
import { nameOf } from "./batching.ts";
import { recordedAtHeader } from "./record_batch.ts";

/**
 * Bytes of keys and values kept in all; the oldest record batches leave first. A round of appends has half of it. They
 * are parts of blocks (src/outgoing.ts) that hold what was written for other topics too, so that more memory is kept.
 */
const keptBytesMax = 8 * 1024 * 1024;

export type OwnAppends = {
  /** From now on what is appended to the topic is kept. */
  follow(topic: string): void;
  /** A record batch was acknowledged at `base`; `stampedMs`: its records have the broker's time instead of theirs. */
  keep(
    tp: TopicPartition,
    batch: { base: number; messages: readonly Message[]; stampedMs: number | null },
  ): void;
  /** From `offset` on, at most `recordsMax`, without a gap; empty where a broker has to be asked. */
  read(tp: TopicPartition, offset: number, recordsMax: number): LogRecord[];
};

type Kept = {
  name: string;
  base: number;
  end: number;
  messages: readonly Message[];
  stampedMs: number | null;
  bytes: number;
};

export function ownAppends(bytesMax: number = keptBytesMax): OwnAppends {
  const followed = new Set<string>();
  const ofPartition = new Map<string, Kept[]>();
  /** In the order of their coming. */
  const all = new Set<Kept>();
  let keptBytes = 0;

  function letGo(kept: Kept): void {
    all.delete(kept);
    keptBytes -= kept.bytes;
    const others = ofPartition.get(kept.name)!.filter((other) => other !== kept);
    if (others.length === 0) ofPartition.delete(kept.name);
    else ofPartition.set(kept.name, others);
  }

  return {
    follow: (topic) => void followed.add(topic),
    keep(tp, { base, messages, stampedMs }) {
      if (!followed.has(tp.topic)) return;
      // A time that is stated in a header counts for some readers, and for others not.
      if (messages.some(({ headers }) => headers?.[recordedAtHeader] !== undefined)) return;
      const name = nameOf(tp);
      const before = ofPartition.get(name) ?? [];
      // The topic was made anew.
      if (before.some(({ end }) => end > base)) before.forEach(letGo);
      const bytes = messages.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + value.length, 0);
      const kept = { name, base, end: base + messages.length, messages, stampedMs, bytes };
      ofPartition.set(name, [...ofPartition.get(name) ?? [], kept]);
      all.add(kept);
      keptBytes += bytes;
      for (const oldest of all) {
        if (keptBytes <= bytesMax) break;
        letGo(oldest);
      }
    },
    read(tp, offset, recordsMax) {
      const records: LogRecord[] = [];
      for (const { base, end, messages, stampedMs } of ofPartition.get(nameOf(tp)) ?? []) {
        let next = offset + records.length;
        if (next < base || next >= end) continue;
        for (; next < end && records.length < recordsMax; next++) {
          records.push(recordOf(next, messages[next - base]!, stampedMs));
        }
      }
      return records;
    },
  };
}

function recordOf(
  offset: number,
  { key, value, headers, timestampMs }: Message,
  stampedMs: number | null,
): LogRecord {
  return {
    offset,
    timestampMs: stampedMs ?? timestampMs,
    key,
    value,
    headers: headers === undefined || isEmpty(headers) ? null : headers,
  };
}

function isEmpty(headers: Record<string, string>): boolean {
  for (const _ in headers) return false;
  return true;
}
