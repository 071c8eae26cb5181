/**
 * The ClickHouse sink: a consumer group of its own that copies topics into tables, so that an outage of
 * ClickHouse delays ClickHouse and nothing else.
 *
 *   log ──batch──► rows.ts ──lines──► table_feed.ts ──insert──► ClickHouse
 *    ▲                                      │
 *    └──────────── commit ◄─────────────────┘  after the insert was answered
 *
 * Exact at the reader, at least once on the way: rows replace themselves (sql/). Progress is the group's
 * committed offset and nothing else, never a maximum found in a table: an insert that spans ClickHouse
 * partitions is not atomic. With the offset goes the fingerprint of the last record, checked in resume.ts.
 *
 * Neither an outage nor its length stops a partition: one that cannot begin tries again, and one whose next record the
 * log has forgotten by then begins again at the log's start, which is said and counted as a gap.
 */
import type { Erased } from "../erased.ts";
import { fingerprint } from "../ids.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import type {
  Committed,
  GroupHandlers,
  Log,
  LogRecord,
  LogRecords,
  Membership,
  TopicPartition,
} from "../log/port.ts";
import { topicName, type TopicNaming } from "../log/topics.ts";
import { metrics } from "../telemetry/metrics.ts";
import { type Clock, secondMs } from "../time.ts";
import { eventLoopTurns } from "../turns.ts";
import type { Analytics } from "./analytics.ts";
import { type Gap, type Resume, resumeAt, timeAt } from "./resume.ts";
import { type RowSource, type SinkTable, sinkTables } from "./rows.ts";
import {
  type Chunk,
  type Feed,
  type FeedStatus,
  type PartitionProgress,
  type PoisonRow,
  tableFeed,
} from "./table_feed.ts";

export type SinkOptions = {
  log: Log;
  analytics: Analytics;
  clock: Clock;
  /** Prefix of the group's name: `<group>-clickhouse`. */
  group: string;
  /** Ends the group's name: for a ClickHouse that copies all partitions beside others that do, `<group>-clickhouse-<id>`. */
  ownId?: string;
  naming: TopicNaming;
  logEpoch: number;
  /** Whether a replay states the records' times: ClickHouse then keeps the rows for ever. Default false. */
  replayed?: boolean;
  /** Whose rows are to show a pseudonym instead; may grow. */
  erased?: Erased;
  /** Which topics go to which tables. Default: all of rows.ts. */
  tables?: readonly SinkTable[];
  /** Default limits.insertRowsMax. */
  insertRowsMax?: number;
  /** Default limits.insertAgeMs. */
  insertMs?: number;
  /** Takes a row that ClickHouse refuses for what is in it; its offset is committed once this resolves. */
  poisoned(row: PoisonRow): void | Promise<void>;
  /** Told of records that the log had forgotten before ClickHouse got them. */
  gapFound?(tp: TopicPartition, gap: Gap): void;
  /** A partition stopped (log_replaced, log_behind_snapshot, a defect): what the process does about it. */
  failed?(tp: TopicPartition, error: unknown): void;
};

export type SinkPartitionStatus = {
  topic: string;
  partition: number;
  table: string;
  committed: number;
  /** Every record before this offset is a row already, stored or not. */
  taken: number;
  /** Records behind the log end as of the last look at it. */
  lag: number;
  rowsInserted: number;
  recordsSkipped: number;
  rowsPoisoned: number;
  gap: Gap | null;
  /** Log time of the oldest record that is known not to be stored yet: what the lag in seconds is counted from. */
  oldestWaitingMs: number | null;
  lastError: string | null;
};

export type SinkStatus = {
  group: string;
  tables: FeedStatus[];
  partitions: SinkPartitionStatus[];
  /** Partitions that are no longer read, with the reason. */
  stopped: (TopicPartition & { error: string })[];
};

export type Sink = {
  status(): SinkStatus;
  /** Inserts and commits what it can at once, then leaves the group. */
  stop(): Promise<void>;
};

/** Bytes of the lines of one block: bounds a block of dead letters, which may be 64 KiB each. */
const insertBytesMax = 16 * 1024 * 1024;
/** Records decoded between two turns of the event loop: 1 to 2 ms. */
const sliceRecords = 250;
/** Between two looks at the log end while nothing is fetched. */
const lookMs = 2 * secondMs;
/** Until a log that was away is asked again. */
const retryMs = secondMs;

export const sinkGroup = ({ group, ownId }: Pick<SinkOptions, "group" | "ownId">): string =>
  [group, "clickhouse", ...(ownId === undefined ? [] : [ownId])].join("-");

/** Joins the group and copies until stopped. The topics and tables must exist. */
export async function startSink(options: SinkOptions): Promise<Sink> {
  const { log, naming, clock, tables = sinkTables, insertRowsMax = limits.insertRowsMax } = options;
  const group = sinkGroup(options);
  const turn = eventLoopTurns(clock);
  const stopping = new AbortController();
  let joined = Promise.withResolvers<Membership>();
  let member: Membership | null = null;
  let rejoining: Promise<void> | null = null;
  let isTrimmed = false;
  const progresses = new Map<string, PartitionProgress>();
  /** Partitions that look for where to begin; one that is lost meanwhile leaves, and must not come back as ours. */
  const beginning = new Map<string, object>();
  const stopped = new Map<string, TopicPartition & { error: string }>();

  const lanes = new Map(tables.map((table): [string, Lane] => {
    const topic = topicName(table.topic, naming);
    const owned = () => [...progresses.values()].filter((progress) => progress.tp.topic === topic);
    const feed = tableFeed({
      table,
      logEpoch: options.logEpoch,
      analytics: options.analytics,
      clock,
      rowsMax: insertRowsMax,
      bytesMax: insertBytesMax,
      ageMs: options.insertMs ?? limits.insertAgeMs,
      commit: async (commits) => await (await joined.promise).commit(commits),
      poisoned: async (row) => await options.poisoned(row),
      drained: () => void joined.promise.then((member) => owned().forEach(({ tp }) => member.resume(tp))),
    });
    return [topic, { table, feed }];
  }));

  const laneOf = (tp: TopicPartition): Lane => {
    const lane = lanes.get(tp.topic);
    invariant(lane !== undefined, () => `${tp.topic} is not a topic of the sink`);
    return lane;
  };
  const holdBack = (tp: TopicPartition) => void joined.promise.then((member) => member.pause(tp));
  const giveUp = (tp: TopicPartition) => {
    beginning.delete(keyOf(tp));
    const progress = progresses.get(keyOf(tp));
    if (progress === undefined) return;
    progress.owned = false;
    progresses.delete(keyOf(tp));
    laneOf(tp).feed.drop(progress);
  };

  const handlers: GroupHandlers = {
    async assigned(tp) {
      const mark = {};
      beginning.set(keyOf(tp), mark);
      const resume = await resumePatiently(tp);
      if (beginning.get(keyOf(tp)) !== mark) return resume.offset;
      beginning.delete(keyOf(tp));
      if (resume.gap !== null) {
        metrics.sinkGap.inc({ topic: tp.topic }, resume.gap.to - resume.gap.from);
        options.gapFound?.(tp, resume.gap);
      }
      progresses.set(keyOf(tp), newProgress(tp, resume));
      stopped.delete(keyOf(tp));
      if (laneOf(tp).feed.full()) holdBack(tp);
      return resume.offset;
    },
    async batch(tp, records, end) {
      const progress = progresses.get(keyOf(tp));
      invariant(progress !== undefined, () => `${keyOf(tp)} has records and was never begun`);
      const last = records.at(-1);
      if (last === undefined) return;
      progress.end = end;
      const { table, feed } = laneOf(tp);
      const { logEpoch, replayed = false, erased } = options;
      const source = { ...tp, logEpoch, replayed, ...(erased !== undefined && { erased }) };
      progress.taken = last.offset + 1;
      const arrivedMs = clock.monotonicMs();
      const { lines, offsets, skipped } = await rowsOf(table, records, source, turn);
      if (!progress.owned) return;
      progress.recordsSkipped += skipped;
      progress.next = last.offset + 1;
      progress.heldBackFromMs = null;
      feed.add({
        partition: progress,
        lines,
        offsets,
        bytes: lines.reduce((sum, line) => sum + line.length, 0),
        first: records.at(0)!.offset,
        next: positionAfter(last),
        arrivedMs,
        logTimeMs: records.at(0)!.timestampMs,
      });
      if (feed.full()) holdBack(tp);
    },
    async empty(tp, { end }) {
      const progress = progresses.get(keyOf(tp));
      if (progress !== undefined) progress.end = end;
    },
    async revoked(tp) {
      const progress = progresses.get(keyOf(tp));
      if (progress !== undefined) await laneOf(tp).feed.settle(progress);
      // It may have been lost meanwhile, and have come back: then it is another one.
      if (progresses.get(keyOf(tp)) === progress) giveUp(tp);
    },
    lost: giveUp,
    failed(tp, error) {
      giveUp(tp);
      if (stopping.signal.aborted) return;
      if (error instanceof WaymarkError && error.code === "log_trimmed") {
        isTrimmed = true;
        rejoining ??= joinAgain();
        return;
      }
      stopped.set(keyOf(tp), { ...tp, error: messageOf(error) });
      options.failed?.(tp, error);
    },
  };

  async function resumePatiently(tp: TopicPartition): Promise<Resume> {
    for (;;) {
      try {
        const committed = (await log.committed(group, tp.topic))[tp.partition] ?? null;
        return await resumeAt(log, tp, committed);
      } catch (thrown) {
        if (stopping.signal.aborted || !isAway(thrown)) throw thrown;
        await clock.sleep(retryMs, stopping.signal);
      }
    }
  }

  /** A partition that failed is read again only by another membership. */
  async function joinAgain(): Promise<void> {
    while (isTrimmed && !stopping.signal.aborted) {
      await member?.leave();
      member = null;
      joined = Promise.withResolvers();
      // Whatever fails from here on does so in the membership to come.
      isTrimmed = false;
      await joinPatiently();
    }
    rejoining = null;
  }

  async function joinPatiently(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        return await join();
      } catch (thrown) {
        if (!isAway(thrown)) return failAll(thrown);
        await clock.sleep(retryMs, stopping.signal);
      }
    }
  }

  function failAll(error: unknown): void {
    for (const topic of lanes.keys()) {
      stopped.set(topic, { topic, partition: 0, error: messageOf(error) });
      options.failed?.({ topic, partition: 0 }, error);
    }
  }

  /** A full feed holds fetching back, and with it the news of where the log ends. */
  async function watchHeldBack(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(lookMs, stopping.signal);
      for (const [topic, { feed }] of lanes) {
        if (stopping.signal.aborted || !feed.full()) continue;
        // The log away, too: what is known stays as it was.
        await lookAtEnd(topic, feed).catch(() => {});
      }
    }
  }

  async function lookAtEnd(topic: string, feed: Feed): Promise<void> {
    const bounds = await log.bounds(topic);
    for (const progress of [...progresses.values()].filter(({ tp }) => tp.topic === topic)) {
      progress.end = Math.max(progress.end, bounds[progress.tp.partition]?.end ?? 0);
      if (progress.heldBackFromMs !== null || progress.end <= progress.next) continue;
      if (feed.oldestWaitingMs(progress) === null) {
        progress.heldBackFromMs = await timeAt(log, progress.tp, progress.next);
      }
    }
  }

  const stopFeeds = async () => void await Promise.all([...lanes.values()].map(({ feed }) => feed.stop()));
  const batchRecordsMax = Math.min(limits.fetchRecordsMax, insertRowsMax);
  async function join(): Promise<void> {
    member = await log.join({ group, topics: [...lanes.keys()], handlers, batchRecordsMax });
    joined.resolve(member);
  }
  await join().catch(async (thrown) => {
    await stopFeeds();
    throw thrown;
  });
  const watching = watchHeldBack();

  return {
    status() {
      const feeds = new Map([...lanes].map(([topic, { feed }]) => [topic, feed.status()]));
      return {
        group,
        tables: [...feeds.values()],
        partitions: [...progresses.values()].map((progress) => ({
          ...partitionStatus(progress, laneOf(progress.tp)),
          lastError: feeds.get(progress.tp.topic)?.lastError ?? null,
        })),
        stopped: [...stopped.values()],
      };
    },
    async stop() {
      stopping.abort();
      await rejoining;
      await member?.leave();
      await stopFeeds();
      await watching;
    },
  };
}

type Lane = { table: SinkTable; feed: Feed };

const keyOf = (tp: TopicPartition): string => `${tp.topic}/${tp.partition}`;

const isAway = (thrown: unknown): boolean => thrown instanceof WaymarkError && thrown.kind === "retryable";

const positionAfter = (record: LogRecord): Committed => ({
  offset: record.offset + 1,
  metadata: fingerprint(record.value),
});

const newProgress = (
  tp: TopicPartition,
  { offset, end, gap }: { offset: number; end: number; gap: Gap | null },
): PartitionProgress => ({
  tp,
  owned: true,
  taken: offset,
  next: offset,
  committed: offset,
  end,
  heldBackFromMs: null,
  rowsInserted: 0,
  recordsSkipped: 0,
  rowsPoisoned: 0,
  gap,
});

async function rowsOf(
  table: SinkTable,
  records: LogRecords,
  source: RowSource,
  turn: () => Promise<void>,
): Promise<Pick<Chunk, "lines" | "offsets"> & { skipped: number }> {
  const lines: string[] = [];
  const offsets: number[] = [];
  let taken = 0;
  for (const record of records) {
    if (taken++ % sliceRecords === 0) await turn();
    const row = table.row(record, source);
    if (row.ok) {
      lines.push(row.line);
      offsets.push(record.offset);
    }
  }
  return { lines, offsets, skipped: records.length - lines.length };
}

const partitionStatus = (
  progress: PartitionProgress,
  { table, feed }: Lane,
): Omit<SinkPartitionStatus, "lastError"> => ({
  ...progress.tp,
  table: table.table,
  committed: progress.committed,
  taken: progress.taken,
  lag: Math.max(0, progress.end - progress.committed),
  rowsInserted: progress.rowsInserted,
  recordsSkipped: progress.recordsSkipped,
  rowsPoisoned: progress.rowsPoisoned,
  gap: progress.gap,
  oldestWaitingMs: feed.oldestWaitingMs(progress) ?? progress.heldBackFromMs,
});
