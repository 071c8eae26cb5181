/**
 * The log's twin as a broker: partitions, committed offsets, a clock of its own, and the faults of a broker at rest
 * (gaps in offsets, retention, topics made anew, records rolled back). How calls get here and back is wire.ts.
 *
 * Leaves out: replicas, batches on disk, and time-outs of its own; a broker that is down answers nothing.
 */
import type {
  Commit,
  Committed,
  LogRecord,
  NewRecord,
  TopicPartition,
  TopicSpec,
} from "../../src/log/port.ts";
import { belowStart, otherPartitionCount, partitionMissing, topicMissing } from "../../src/log/refusals.ts";

export type BrokerPartition = TopicPartition & {
  start: number;
  end: number;
  /** What can be read: from `start` on, in order of offset. */
  records: LogRecord[];
  /** Everything that was ever appended and not rolled back. */
  archive: LogRecord[];
};

export type Broker = {
  topics: ReadonlyMap<string, BrokerPartition[]>;
  clockMs(): number;
  stepClock(ms: number): void;
  ensureTopics(specs: readonly TopicSpec[]): void;
  partition(tp: TopicPartition): BrokerPartition;
  partitions(topic: string): BrokerPartition[];
  append(records: readonly NewRecord[]): void;
  read(tp: TopicPartition, offset: number, recordsMax: number): LogRecord[];
  offsetAt(tp: TopicPartition, timeMs: number): number;
  committed(group: string, topic: string): (Committed | null)[];
  commit(group: string, commits: readonly Commit[]): void;
  /** Called at each append, with the partitions that got something. */
  onAppend(told: (tp: TopicPartition) => void): void;
  /** Lets records below `floor` go. */
  trim(tp: TopicPartition, floor: number): number;
  /** The topic is deleted and made again; what was read before is not in it. */
  replace(topic: string): void;
  /** The newest records are gone, as after an election of a replica that lagged. */
  rollBack(tp: TopicPartition, records: number): number;
};

export type BrokerOptions = {
  nowMs(): number;
  startMs: number;
  /** How many offsets are left out before the next record of the topic; mostly 0. */
  gapBefore(topic: string): number;
};

export function createBroker({ nowMs, startMs, gapBefore }: BrokerOptions): Broker {
  const topics = new Map<string, BrokerPartition[]>();
  const commits = new Map<string, Committed>();
  const listeners: ((tp: TopicPartition) => void)[] = [];
  let stepMs = 0;

  const clockMs = () => Math.floor(startMs + nowMs() + stepMs);

  function partitions(topic: string): BrokerPartition[] {
    const found = topics.get(topic);
    if (found === undefined) throw topicMissing(topic);
    return found;
  }

  function partition(tp: TopicPartition): BrokerPartition {
    const found = partitions(tp.topic)[tp.partition];
    if (found === undefined) throw partitionMissing(tp, partitions(tp.topic).length);
    return found;
  }

  const made = (topic: string, count: number): BrokerPartition[] =>
    Array.from(
      { length: count },
      (_, partition) => ({ topic, partition, start: 0, end: 0, records: [], archive: [] }),
    );

  function push(record: NewRecord): void {
    const p = partition(record);
    const stored: LogRecord = {
      offset: p.end + gapBefore(record.topic),
      timestampMs: record.timestampMs ?? clockMs(),
      key: record.key?.slice() ?? null,
      value: record.value.slice(),
      headers: record.headers === undefined || Object.keys(record.headers).length === 0
        ? null
        : { ...record.headers },
    };
    p.records.push(stored);
    p.archive.push(stored);
    p.end = stored.offset + 1;
  }

  /** The index of the first record at or after the offset. */
  function indexOf(records: readonly LogRecord[], offset: number): number {
    let low = 0;
    let high = records.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (records[middle]!.offset < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  return {
    topics,
    clockMs,
    stepClock: (ms) => void (stepMs += ms),
    ensureTopics(specs) {
      for (const { topic, partitions: count, ...rest } of specs) {
        const existing = topics.get(topic);
        if (existing === undefined) topics.set(topic, made(topic, count));
        else if (existing.length !== count) {
          throw otherPartitionCount({ topic, partitions: count, ...rest }, existing.length);
        }
      }
    },
    partition,
    partitions,
    append(records) {
      for (const record of records) partition(record);
      for (const record of records) push(record);
      for (const p of new Set(records.map(partition))) for (const told of listeners) told(p);
    },
    read(tp, offset, recordsMax) {
      const p = partition(tp);
      if (offset < p.start) throw belowStart(tp, offset, p.start);
      const from = indexOf(p.records, offset);
      return p.records.slice(from, from + recordsMax);
    },
    offsetAt(tp, timeMs) {
      const p = partition(tp);
      return p.records.find((r) => r.timestampMs >= timeMs)?.offset ?? p.end;
    },
    committed: (group, topic) =>
      partitions(topic).map((p) => commits.get(`${group} ${topic}/${p.partition}`) ?? null),
    commit(group, stored) {
      for (const { topic, partition, offset, metadata } of stored) {
        commits.set(`${group} ${topic}/${partition}`, { offset, metadata });
      }
    },
    onAppend: (told) => void listeners.push(told),
    trim(tp, floor) {
      const p = partition(tp);
      const kept = Math.min(floor, p.end);
      const dropped = p.records.splice(0, indexOf(p.records, kept));
      p.start = Math.max(p.start, kept);
      return dropped.length;
    },
    replace(topic) {
      topics.set(topic, made(topic, partitions(topic).length));
    },
    rollBack(tp, records) {
      const p = partition(tp);
      const gone = p.records.splice(Math.max(0, p.records.length - records));
      p.archive.splice(p.archive.length - gone.length);
      p.end = gone[0]?.offset ?? p.end;
      return gone.length;
    },
  };
}
