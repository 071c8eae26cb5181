/**
 * Group commit of the embedded log: what arrives within one turn of the event loop, or while a sync of the disk is
 * under way, shares one transaction and one sync.
 *
 * A call only lays its records into the writers of their partitions; a turn later everything laid down becomes rows and
 * is committed, which only writes. Then the write-ahead log is synced, beside the loop where the disk is slow
 * (src/wal_sync.ts), and only when that is done, all the callers are answered and readers see the records: nothing
 * leaves the process that a power cut could still take back.
 *
 *   append ─┐
 *   append ─┼─► writers ──(one turn)──► BEGIN, a row per partition, COMMIT ──► sync ──► ends move, callers answered,
 *   commit ─┘                                                                          readers woken
 *
 * The invariant: the records of one call are never in two transactions. A killed process leaves all of them or none.
 */
import { messageOf, WaymarkError } from "../errors.ts";
import type { SqliteFile } from "../sqlite_file.ts";
import { breathe, type Clock } from "../time.ts";
import type { Committed, NewRecord } from "./port.ts";
import type { StoredBatch, StoredPartition } from "./sqlite_partitions.ts";

/** Bytes waiting for a commit at which the next call has it made first. */
const waitingBytesMax = 8 * 1024 * 1024;
/** Size up to which the last batch of a partition is held in memory. */
const newestBytesMax = 64 * 1024;

export type GroupCommit = {
  /** `targets[i]` is the partition of `records[i]`. */
  append(records: NewRecord[], targets: StoredPartition[]): Promise<void>;
  storeCommits(group: string, commits: [StoredPartition, Committed][]): Promise<void>;
  /** Commits what is waiting, now, and resolves when every caller has been answered. */
  settle(): Promise<void>;
};

type Round = {
  touched: Set<StoredPartition>;
  commits: { group: string; partition: StoredPartition; committed: Committed }[];
  bytes: number;
  done: PromiseWithResolvers<void>;
};

type Written = { partition: StoredPartition; end: number; bytes: number; newest: StoredBatch | null };

export function groupCommit(
  file: SqliteFile,
  { clock, durable }: {
    clock: Clock;
    /** Told of partitions that end further on. */
    durable(partitions: Iterable<StoredPartition>): void;
  },
): GroupCommit {
  const insertBatch = file.db.prepare(
    `INSERT INTO batch (partition_id, base_offset, end_offset, latest_ms, appended_ms, size, records)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  );
  const insertCommit = file.db.prepare(
    `INSERT INTO committed (consumer_group, partition_id, next_offset, metadata) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET next_offset = excluded.next_offset, metadata = excluded.metadata`,
  );
  let waiting: Round | null = null;
  /** Rounds that are committed and not yet answered. */
  const answering = new Set<Promise<void>>();

  function enlist(): Round {
    if (waiting !== null) return waiting;
    const round: Round = { touched: new Set(), commits: [], bytes: 0, done: Promise.withResolvers() };
    waiting = round;
    // While a sync is under way the round goes on gathering: it could not be answered any sooner.
    void breathe().then(() => {
      if (waiting === round && answering.size === 0) flush();
    });
    return round;
  }

  function flush(): void {
    const round = waiting;
    if (round === null) return;
    waiting = null;
    let written: Written[];
    try {
      written = file.transaction(() => write(round));
    } catch (error) {
      abandon(round, error);
      return;
    }
    for (const { partition, end, bytes } of written) {
      partition.writtenEnd = end;
      partition.storedBytes += bytes;
    }
    const answered = answer(round, written).finally(() => {
      answering.delete(answered);
      if (answering.size === 0) flush();
    });
    answering.add(answered);
  }

  async function answer({ touched, done }: Round, written: Written[]): Promise<void> {
    try {
      await file.synced();
    } catch (error) {
      done.reject(error);
      return;
    }
    for (const { partition, end, newest } of written) Object.assign(partition, { end, newest });
    done.resolve();
    durable(touched);
  }

  function write(round: Round): Written[] {
    for (const { group, partition, committed } of round.commits) {
      insertCommit.run(group, partition.id, committed.offset, committed.metadata);
    }
    return [...round.touched].map(writePartition);
  }

  function writePartition(partition: StoredPartition): Written {
    let end = partition.writtenEnd;
    let bytes = 0;
    let newest: StoredBatch | null = null;
    for (const batch of partition.writer.take()) {
      const base = end;
      end += batch.count;
      bytes += batch.bytes.length;
      newest = batch.bytes.length > newestBytesMax ? null : { base, end, bytes: batch.bytes.slice() };
      insertBatch.run(
        partition.id,
        base,
        end,
        batch.latestMs,
        clock.nowMs(),
        batch.bytes.length,
        batch.bytes,
      );
    }
    return { partition, end, bytes, newest };
  }

  function abandon(round: Round, error: unknown): void {
    if (waiting === round) waiting = null;
    for (const partition of round.touched) partition.writer.take();
    const message = `writing to the log failed: ${messageOf(error)}; nothing of the call was stored`;
    round.done.reject(new WaymarkError("log_unavailable", message, { cause: error }));
  }

  return {
    append(records, targets) {
      if (records.length === 0) return Promise.resolve();
      if (waiting !== null && waiting.bytes >= waitingBytesMax) flush();
      const round = enlist();
      try {
        const nowMs = clock.nowMs();
        records.forEach((record, i) => {
          const partition = targets[i]!;
          round.touched.add(partition);
          partition.writer.add(record, record.timestampMs ?? nowMs);
          round.bytes += record.value.length;
        });
      } catch (error) {
        abandon(round, error);
      }
      return round.done.promise;
    },
    storeCommits(group, commits) {
      const round = enlist();
      for (const [partition, committed] of commits) round.commits.push({ group, partition, committed });
      return round.done.promise;
    },
    async settle() {
      flush();
      while (answering.size > 0) await Promise.all(answering);
    },
  };
}
