/**
 * The log's twin in memory.
 *
 * Leaves out: durability (it dies with the process), the exclusive use of a data directory, batches (retention
 * works record by record), and the time a disk takes (an append is readable when the call returns).
 */
import type { Clock } from "../time.ts";
import { appendWaiters } from "./append_waiters.ts";
import { partitionName } from "./assignment.ts";
import { consumerGroups } from "./groups.ts";
import type { Committed, Log, LogRecord, NewRecord, TopicPartition, TopicSpec } from "./port.ts";
import { belowStart, logClosed, otherPartitionCount, partitionMissing, topicMissing } from "./refusals.ts";

export type MemoryLog = Log & {
  /** Declares a member dead, as a broker does: it gets `lost`, its commits are refused. For tests of zombies. */
  expel(memberId: string): void;
  /** Drops records past their topic's retention and below the floor, the lowest offset a restart needs. */
  housekeep(floors: (tp: TopicPartition) => number): Promise<void>;
};

type Kept = LogRecord & { appendedMs: number };
type Partition = TopicPartition & { start: number; records: Kept[]; bytes: number; spec: TopicSpec };

export function memoryLog({ clock }: { clock: Clock }): MemoryLog {
  const topics = new Map<string, Partition[]>();
  const commits = new Map<string, Committed>();
  const waiters = appendWaiters();
  let closed = false;

  const end = (tp: TopicPartition) => endOf(partition(tp));
  const groups = consumerGroups({
    clock,
    end,
    read: (tp, offset, recordsMax) => readFrom(partition(tp), offset, recordsMax),
    partitionCount: (topic) => topics.get(topic)?.length ?? null,
    async storeCommits(group, stored) {
      for (const { offset, metadata, ...tp } of stored) {
        commits.set(`${group}/${partitionName(tp)}`, { offset, metadata });
      }
    },
  });

  function topic(name: string): Partition[] {
    refuseClosed(closed);
    const partitions = topics.get(name);
    if (partitions === undefined) throw topicMissing(name);
    return partitions;
  }

  function partition(tp: TopicPartition): Partition {
    const partitions = topic(tp.topic);
    const found = partitions[tp.partition];
    if (found === undefined) throw partitionMissing(tp, partitions.length);
    return found;
  }

  function ensureTopic(spec: TopicSpec): void {
    const existing = topics.get(spec.topic);
    if (existing === undefined) topics.set(spec.topic, emptyPartitions(spec));
    else if (existing.length !== spec.partitions) throw otherPartitionCount(spec, existing.length);
    else for (const p of existing) p.spec = { ...spec };
  }

  return {
    async ensureTopics(specs) {
      refuseClosed(closed);
      for (const spec of specs) ensureTopic(spec);
    },
    async partitionCount(name) {
      refuseClosed(closed);
      return topics.get(name)?.length ?? null;
    },
    async append(records) {
      const targets = records.map(partition);
      const appendedMs = clock.nowMs();
      records.forEach((record, i) => push(targets[i]!, record, appendedMs));
      for (const p of new Set(targets)) {
        groups.wake(p);
        waiters.wake(p.topic);
      }
    },
    bounds: async (name) => topic(name).map((p) => ({ start: p.start, end: endOf(p) })),
    read: async (tp, offset, maxRecords) => readFrom(partition(tp), offset, maxRecords),
    hasMore: (tp, offset) => end(tp) > offset,
    async offsetAt(tp, timeMs) {
      return partition(tp).records.find((r) => r.timestampMs >= timeMs)?.offset ?? end(tp);
    },
    async join(options) {
      refuseClosed(closed);
      return groups.join(options);
    },
    async members(group) {
      refuseClosed(closed);
      return groups.members(group);
    },
    committed: async (group, name) =>
      topic(name).map((p) => commits.get(`${group}/${partitionName(p)}`) ?? null),
    clockMs: () => clock.nowMs(),
    appended: (name, signal) => closed ? Promise.resolve() : waiters.wait(name, signal),
    async close() {
      closed = true;
      groups.close();
      waiters.close();
    },
    expel: groups.expel,
    async housekeep(floors) {
      for (const p of [...topics.values()].flat()) trim(p, { floor: floors(p), nowMs: clock.nowMs() });
    },
  };
}

function refuseClosed(closed: boolean): void {
  if (closed) throw logClosed();
}

function emptyPartitions(spec: TopicSpec): Partition[] {
  return Array.from({ length: spec.partitions }, (_, partition) => ({
    topic: spec.topic,
    partition,
    start: 0,
    records: [],
    bytes: 0,
    spec: { ...spec },
  }));
}

const endOf = (p: Partition) => p.start + p.records.length;

const sizeOf = (record: LogRecord) => (record.key?.length ?? 0) + record.value.length;

function push(p: Partition, { key, value, headers, timestampMs }: NewRecord, appendedMs: number): void {
  const record: Kept = {
    offset: endOf(p),
    timestampMs: timestampMs ?? appendedMs,
    key: key?.slice() ?? null,
    value: value.slice(),
    headers: headers === undefined || Object.keys(headers).length === 0 ? null : { ...headers },
    appendedMs,
  };
  p.records.push(record);
  p.bytes += sizeOf(record);
}

function readFrom(p: Partition, offset: number, recordsMax: number): LogRecord[] {
  if (offset < p.start) throw belowStart(p, offset, p.start);
  const from = offset - p.start;
  return p.records.slice(from, from + recordsMax).map(({ appendedMs: _, ...record }) => record);
}

function trim(p: Partition, { floor, nowMs }: { floor: number; nowMs: number }): void {
  const expired = (r: Kept) =>
    nowMs - r.appendedMs > p.spec.retentionMs || p.bytes > (p.spec.retentionBytes ?? Infinity);
  let dropped = 0;
  for (const record of p.records) {
    if (record.offset >= floor || !expired(record)) break;
    p.bytes -= sizeOf(record);
    dropped++;
  }
  p.records.splice(0, dropped);
  p.start += dropped;
}
