/**
 * The embedded log: one SQLite file, one process, nothing to install.
 *
 * src/log/sqlite_partitions.ts has the tables, src/log/group_commit.ts writes, src/log/sqlite_reading.ts reads,
 * src/log/sqlite_retention.ts lets go, src/log/groups.ts shares partitions out; this file only ties them together.
 * An append that was answered survives a killed process always, and a power cut when `fsync` is on.
 */
import { messageOf, WaymarkError } from "../errors.ts";
import { openSqliteFile } from "../sqlite_file.ts";
import { breathe, type Clock } from "../time.ts";
import { inLoopWhileQuick, openWalFile, type SyncOptions } from "../wal_sync.ts";
import { appendWaiters } from "./append_waiters.ts";
import { groupCommit } from "./group_commit.ts";
import { consumerGroups } from "./groups.ts";
import type { Committed, Log, TopicPartition } from "./port.ts";
import { logClosed } from "./refusals.ts";
import {
  logFormat,
  type SqlitePartitions,
  sqlitePartitions,
  type StoredPartition,
} from "./sqlite_partitions.ts";
import { sqliteReading } from "./sqlite_reading.ts";
import { sqliteRetention } from "./sqlite_retention.ts";

export type SqliteLog = Log & {
  /** Declares a member dead, as a broker does: it gets `lost`, its commits are refused. For tests of zombies. */
  expel(memberId: string): void;
  /** Drops batches past their topic's retention and below the floor, the lowest offset a restart needs. */
  housekeep(floors: (tp: TopicPartition) => number): Promise<void>;
};

export type SqliteLogOptions = SyncOptions & {
  /** The file; its folder is made when missing. */
  path: string;
  clock: Clock;
  /** Whether an answered append survives a power cut. */
  fsync: boolean;
};

/** Throws data_dir_in_use when another process has the file open, log_format_unknown when it cannot be read. */
export function openSqliteLog({ clock, fsync, ...options }: SqliteLogOptions): SqliteLog {
  const openWal = options.openWal ?? ((path: string) => inLoopWhileQuick(openWalFile(path), clock));
  const file = openSqliteFile({ ...logFormat, ...options, openWal, durable: fsync });
  const partitions = sqlitePartitions(file);
  const reading = sqliteReading(file);
  const dropExpired = sqliteRetention(file);
  const waiters = appendWaiters();
  const commits = groupCommit(file, { clock, durable: announce });
  const committedOf = file.db.prepare(
    "SELECT next_offset, metadata FROM committed WHERE consumer_group = ? AND partition_id = ?",
  );
  let closing: Promise<void> | null = null;

  const groups = consumerGroups({
    clock,
    end: (tp) => open().of(tp).end,
    read: (tp, offset, recordsMax) => guarded(() => reading.read(open().of(tp), offset, recordsMax)),
    partitionCount: (topic) => open().find(topic)?.length ?? null,
    storeCommits: (group, stored) =>
      commits.storeCommits(group, stored.map((commit) => [open().of(commit), commit])),
  });

  function open(): SqlitePartitions {
    if (closing !== null) throw logClosed();
    return partitions;
  }

  async function close(): Promise<void> {
    groups.close();
    waiters.close();
    await commits.settle();
    file.close();
  }

  function announce(touched: Iterable<StoredPartition>): void {
    const topics = new Set<string>();
    for (const partition of touched) {
      topics.add(partition.topic);
      groups.wake(partition);
    }
    for (const topic of topics) waiters.wake(topic);
  }

  function committed(group: string, partition: StoredPartition): Committed | null {
    const row = committedOf.get(group, partition.id) as { next_offset: number; metadata: string } | undefined;
    return row === undefined ? null : { offset: row.next_offset, metadata: row.metadata };
  }

  return {
    async ensureTopics(specs) {
      guarded(() => open().ensure(specs));
      await file.synced();
    },
    partitionCount: async (topic) => open().find(topic)?.length ?? null,
    append: async (records) => await commits.append(records, records.map(open().of)),
    bounds: async (topic) => open().ofTopic(topic).map(({ start, end }) => ({ start, end })),
    read: async (tp, offset, maxRecords) => guarded(() => reading.read(open().of(tp), offset, maxRecords)),
    hasMore: (tp, offset) => open().of(tp).end > offset,
    offsetAt: async (tp, timeMs) => guarded(() => reading.offsetAt(open().of(tp), timeMs)),
    join: async (options) => {
      open();
      return groups.join(options);
    },
    members: async (group) => {
      open();
      return groups.members(group);
    },
    committed: async (group, topic) => guarded(() => open().ofTopic(topic).map((p) => committed(group, p))),
    clockMs: () => clock.nowMs(),
    appended: (topic, signal) => closing !== null ? Promise.resolve() : waiters.wait(topic, signal),
    close: async () => await (closing ??= close()),
    expel: groups.expel,
    async housekeep(floors) {
      for (const partition of open().all()) {
        const at = { floor: floors(partition), nowMs: clock.nowMs() };
        while (closing === null && guarded(() => dropExpired(partition, at))) await breathe();
      }
    },
  };
}

/** A failure of the file itself becomes log_unavailable; ours are passed on. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof WaymarkError) throw error;
    throw new WaymarkError("log_unavailable", `the log's file failed: ${messageOf(error)}`, { cause: error });
  }
}
