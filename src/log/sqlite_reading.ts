/**
 * Reading the embedded log: batches are fetched whole, records are handed out as views into them.
 *
 * A reader that takes a batch in several bites would fetch it as often; so each partition remembers the batch in
 * which the last read stopped, and where. The batch that was written last, which most readers want, is held in memory
 * unless it is large. Nobody reads beyond a partition's end: what is committed there is not yet on
 * the disk.
 */
import type { SqliteFile } from "../sqlite_file.ts";
import type { LogRecord } from "./port.ts";
import { type BatchCursor, readRecords, skipTo } from "./record_batch.ts";
import { belowStart } from "./refusals.ts";
import type { StoredPartition } from "./sqlite_partitions.ts";

/** Bytes of batches fetched for one read at most, but always one batch. */
const readBytesMax = 4 * 1024 * 1024;

export type SqliteReading = {
  read(partition: StoredPartition, offset: number, recordsMax: number): LogRecord[];
  offsetAt(partition: StoredPartition, timeMs: number): number;
};

type BatchRow = { base_offset: number; end_offset: number; records: Uint8Array };

export function sqliteReading({ db }: SqliteFile): SqliteReading {
  const batchesFrom = db.prepare(
    `SELECT base_offset, end_offset, records FROM batch
     WHERE partition_id = ?1 AND base_offset >=
       (SELECT base_offset FROM batch WHERE partition_id = ?1 AND base_offset <= ?2 ORDER BY base_offset DESC LIMIT 1)
     AND end_offset <= ?3
     ORDER BY base_offset`,
  );
  const batchAtTime = db.prepare(
    `SELECT base_offset, end_offset FROM batch INDEXED BY batch_by_offset
     WHERE partition_id = ? AND latest_ms >= ? ORDER BY base_offset LIMIT 1`,
  );

  function read(partition: StoredPartition, offset: number, recordsMax: number): LogRecord[] {
    if (offset < partition.start) throw belowStart(partition, offset, partition.start);
    const records: LogRecord[] = [];
    const { cursor } = partition;
    if (cursor !== null && cursor.offset <= offset && offset < cursor.end) {
      skipTo(cursor, offset);
      readRecords(cursor, records, recordsMax);
      remember(partition, cursor);
    }
    const next = offset + records.length;
    if (records.length < recordsMax && next < partition.end) {
      if (!readNewest(partition, next, records, recordsMax)) {
        readBatches(partition, next, records, recordsMax);
      }
    }
    return records;
  }

  /** Whether the record at `offset` is in the batch that is held in memory. */
  function readNewest(partition: StoredPartition, offset: number, into: LogRecord[], recordsMax: number) {
    const { newest } = partition;
    if (newest === null || offset < newest.base || offset >= newest.end) return false;
    const cursor = { bytes: newest.bytes, offset: newest.base, position: 0, end: newest.end };
    if (offset > newest.base) skipTo(cursor, offset);
    readRecords(cursor, into, recordsMax);
    remember(partition, cursor);
    return true;
  }

  function readBatches(partition: StoredPartition, offset: number, into: LogRecord[], recordsMax: number) {
    let bytes = 0;
    for (const row of batchesFrom.iterate(partition.id, offset, partition.end)) {
      const cursor = cursorOf(row as BatchRow);
      if (cursor.offset < offset) skipTo(cursor, offset);
      readRecords(cursor, into, recordsMax);
      remember(partition, cursor);
      bytes += cursor.bytes.length;
      if (into.length >= recordsMax || bytes >= readBytesMax) break;
    }
  }

  return {
    read,
    offsetAt(partition, timeMs) {
      const row = batchAtTime.get(partition.id, timeMs) as BatchRow | undefined;
      if (row === undefined) return partition.end;
      const records = read(partition, row.base_offset, row.end_offset - row.base_offset);
      return records.find((r) => r.timestampMs >= timeMs)?.offset ?? partition.end;
    },
  };
}

function remember(partition: StoredPartition, cursor: BatchCursor): void {
  partition.cursor = cursor.offset < cursor.end ? cursor : null;
}

function cursorOf({ base_offset, end_offset, records }: BatchRow): BatchCursor {
  return { bytes: records, offset: base_offset, position: 0, end: end_offset };
}
