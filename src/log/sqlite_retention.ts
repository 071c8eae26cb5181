/**
 * Retention of the embedded log: whole batches leave from a partition's start, oldest first.
 *
 * A record that a restart still needs stays, whatever its age and however large the log: nothing at or above the
 * floor is touched. Age is counted from the append, never from the record's own time: recorded data of years ago
 * that is being replayed must not be gone at once. SQLite uses the freed pages for what is appended next.
 */
import type { SqliteFile } from "../sqlite_file.ts";
import type { StoredPartition } from "./sqlite_partitions.ts";

/** Batches looked at in one slice: bounds how long the event loop is held. */
const sliceBatchesMax = 32;

type BatchNumbers = { end_offset: number; appended_ms: number; size: number };

/** Drops up to a slice of batches below the floor; false when there was nothing to drop. */
export type DropExpired = (partition: StoredPartition, at: { floor: number; nowMs: number }) => boolean;

export function sqliteRetention(file: SqliteFile): DropExpired {
  const oldest = file.db.prepare(
    `SELECT end_offset, appended_ms, size FROM batch INDEXED BY batch_by_offset
     WHERE partition_id = ? ORDER BY base_offset LIMIT ${sliceBatchesMax}`,
  );
  const drop = file.db.prepare("DELETE FROM batch WHERE partition_id = ? AND base_offset < ?");
  const moveStart = file.db.prepare("UPDATE log_partition SET start_offset = ? WHERE id = ?");

  return (partition, { floor, nowMs }) => {
    let { start, storedBytes } = partition;
    for (const batch of oldest.all(partition.id) as BatchNumbers[]) {
      const expired = nowMs - batch.appended_ms > partition.retentionMs ||
        storedBytes > partition.retentionBytes;
      if (!expired || batch.end_offset > Math.min(floor, partition.end)) break;
      start = batch.end_offset;
      storedBytes -= batch.size;
    }
    if (start === partition.start) return false;
    file.transaction(() => {
      drop.run(partition.id, start);
      moveStart.run(start, partition.id);
    });
    partition.start = start;
    partition.storedBytes = storedBytes;
    return true;
  };
}
