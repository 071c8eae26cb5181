/**
 * The log port: topics of partitions of records, appended once and read in order by offset.
 *
 * Kafka's model, cut down to what Waymark needs. Two implementations pass tests/conformance/log_suite.ts:
 * `sqlite.ts` (the embedded default) and `memory.ts` (the twin); a broker adapter is a third.
 *
 *   append ──► partition: [start … record record record … end)        end = offset the next record gets
 *                             ▲ committed(group)
 *   join(group) ──► assigned(partition) → first offset wanted
 *                   batch(partition) ─┐ never two at once for one partition,
 *                   batch(partition) ─┘ never one after revoked or lost
 *                   revoked | lost
 */

/** Bytes in a log. `value` may be a view into a larger buffer: copy what you keep. */
export type LogRecord = {
  offset: number;
  /** Log append time, or the time the appender stated, milliseconds. */
  timestampMs: number;
  key: Uint8Array | null;
  value: Uint8Array;
  headers: RecordHeaders | null;
};

export type RecordHeaders = Record<string, string>;

/** Records in the order of their offsets, as an array has them. Each may be made when it is asked for, and anew each time. */
export type LogRecords = Iterable<LogRecord> & {
  readonly length: number;
  /** Counted from the end when negative; undefined where there is none. */
  at(index: number): LogRecord | undefined;
};

/** A record on its way into a log. */
export type NewRecord = {
  topic: string;
  partition: number;
  key: Uint8Array | null;
  value: Uint8Array;
  headers?: RecordHeaders;
  /** States the record's time instead of the log's clock: for replaying recorded data. */
  timestampMs?: number;
};

export type TopicSpec = {
  topic: string;
  partitions: number;
  retentionMs: number;
  /** Upper bound of a partition's stored bytes; the oldest go first. Embedded log only. */
  retentionBytes?: number;
};

export type TopicPartition = { topic: string; partition: number };

/** The records from `start` (inclusive) to `end` (exclusive) can be read. */
export type LogBounds = { start: number; end: number };

export type Committed = { offset: number; metadata: string };

export type Commit = TopicPartition & Committed;

/** What a group member does with its partitions. Each callback is awaited before the next one for that partition. */
export type GroupHandlers = {
  /** The partition is ours: restore, then say at which offset to begin. */
  assigned(tp: TopicPartition): Promise<number>;
  /** In offset order, without gaps except those the log itself has. `end` = log end seen by this fetch. */
  batch(tp: TopicPartition, records: LogRecords, end: number): Promise<void>;
  /** A fetch came back empty at the log end. `sentAtMs` = the log's clock when that fetch was sent. */
  empty(tp: TopicPartition, at: { end: number; sentAtMs: number }): Promise<void>;
  /** Given back in order: may still publish, snapshot and commit. */
  revoked(tp: TopicPartition): Promise<void>;
  /** Taken away: another member may already own it. Nothing may be awaited. */
  lost(tp: TopicPartition): void;
  /** A handler threw: the partition is no longer read until the process says what to do. */
  failed(tp: TopicPartition, error: unknown): void;
};

export type Membership = {
  readonly memberId: string;
  assignment(): TopicPartition[];
  /** Whether the group has said what this member is to have, be that nothing, and counts it in since, whoever else comes. */
  hasJoined(): boolean;
  /** Stores committed offsets for this group. Refuses (throws log_unavailable) partitions not assigned to this member. */
  commit(commits: Commit[]): Promise<void>;
  pause(tp: TopicPartition): void;
  resume(tp: TopicPartition): void;
  /** Revokes everything, then leaves the group. */
  leave(): Promise<void>;
};

/** A member of a group as the others see it. */
export type GroupMemberView = {
  memberId: string;
  /** Where its process answers; null when it does not say, or joined while the group was between two rounds. */
  address: string | null;
  /** What the group last gave it. It may still be restoring that, or another one still giving it back. */
  holds: TopicPartition[];
};

export type JoinOptions = {
  group: string;
  topics: string[];
  handlers: GroupHandlers;
  /** Records handed to `batch` at most. Default: limits.fetchRecordsMax. */
  batchRecordsMax?: number;
};

export type Log = {
  /** Creates missing topics; throws topic_mismatch naming the difference when one exists with other partitions. */
  ensureTopics(specs: TopicSpec[]): Promise<void>;
  /** Partition count, or null when the topic does not exist. */
  partitionCount(topic: string): Promise<number | null>;
  /**
   * Resolves when every record is durable. Records of one call and one partition get consecutive offsets in order. Their
   * bytes must stay as they are for good: readers of the same process may be given them.
   */
  append(records: NewRecord[]): Promise<void>;
  bounds(topic: string): Promise<LogBounds[]>;
  /** At most `maxRecords` from `offset` on; empty at the log end. Throws log_trimmed below the log start. */
  read(tp: TopicPartition, offset: number, maxRecords: number): Promise<LogRecord[]>;
  /**
   * False when nothing at or after `offset` is known of: whoever waits for `appended` need not read then, since what is
   * not known of yet ends that wait. Asks nobody; true where nothing is known.
   */
  hasMore(tp: TopicPartition, offset: number): boolean;
  /** The first offset whose record time is at or after `timeMs`; the log end if there is none. */
  offsetAt(tp: TopicPartition, timeMs: number): Promise<number>;
  join(options: JoinOptions): Promise<Membership>;
  /** The group's members now; empty for a group without any. */
  members(group: string): Promise<GroupMemberView[]>;
  committed(group: string, topic: string): Promise<(Committed | null)[]>;
  /** The log's own clock, milliseconds: what an append now would be stamped with. */
  clockMs(): number;
  /** Resolves at the next append to the topic, or when the signal aborts. For readers without a group. */
  appended(topic: string, signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
};
