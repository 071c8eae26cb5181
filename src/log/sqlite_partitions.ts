/**
 * The embedded log's tables, and what of them is held in memory: where each partition begins and ends.
 *
 * The offset index holds every number that is asked for without the records, so that opening, looking for a time
 * and housekeeping never touch the pages that carry records. A partition's end is not stored: it follows from its
 * last batch, or from its start when it has none.
 */
import type { SqliteFile } from "../sqlite_file.ts";
import type { LogBounds, TopicPartition, TopicSpec } from "./port.ts";
import { type BatchCursor, type BatchWriter, batchWriter } from "./record_batch.ts";
import { otherPartitionCount, partitionMissing, topicMissing } from "./refusals.ts";

export const logFormat = {
  purpose: "log",
  applicationId: 0x574d4c47,
  version: 1,
  schema: `
    CREATE TABLE log_partition (
      id INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL, start_offset INTEGER NOT NULL,
      retention_ms INTEGER NOT NULL, retention_bytes INTEGER, UNIQUE (topic, number)) STRICT;
    CREATE TABLE batch (
      id INTEGER PRIMARY KEY, partition_id INTEGER NOT NULL REFERENCES log_partition, base_offset INTEGER NOT NULL,
      end_offset INTEGER NOT NULL, latest_ms REAL NOT NULL, appended_ms REAL NOT NULL, size INTEGER NOT NULL,
      records BLOB NOT NULL) STRICT;
    CREATE UNIQUE INDEX batch_by_offset ON batch (partition_id, base_offset, end_offset, latest_ms, appended_ms, size);
    CREATE TABLE committed (
      consumer_group TEXT NOT NULL, partition_id INTEGER NOT NULL REFERENCES log_partition, next_offset INTEGER NOT NULL,
      metadata TEXT NOT NULL, PRIMARY KEY (consumer_group, partition_id)) STRICT, WITHOUT ROWID`,
};

export type StoredPartition = TopicPartition & LogBounds & {
  id: number;
  retentionMs: number;
  retentionBytes: number;
  /** Offset after the last committed batch: ahead of `end`, where readers stop, until that is on the disk. */
  writtenEnd: number;
  /** Bytes of its batches. */
  storedBytes: number;
  /** Records of the commit that is about to happen. */
  writer: BatchWriter;
  /** Where the last read stopped inside a batch. */
  cursor: BatchCursor | null;
  /** The last batch on the disk, unless it is large or was not written by this process: most readers want that one. */
  newest: StoredBatch | null;
};

export type StoredBatch = { base: number; end: number; bytes: Uint8Array };

export type SqlitePartitions = {
  all(): StoredPartition[];
  /** Throws topic_mismatch when there is no such topic. */
  ofTopic(topic: string): StoredPartition[];
  find(topic: string): StoredPartition[] | undefined;
  of(tp: TopicPartition): StoredPartition;
  ensure(specs: TopicSpec[]): void;
};

export function sqlitePartitions(file: SqliteFile): SqlitePartitions {
  const topics = new Map<string, StoredPartition[]>();
  const insert = file.db.prepare(
    "INSERT INTO log_partition (topic, number, start_offset, retention_ms, retention_bytes) VALUES (?, ?, 0, ?, ?)",
  );
  const retain = file.db.prepare(
    "UPDATE log_partition SET retention_ms = ?, retention_bytes = ? WHERE topic = ?",
  );

  function load(): void {
    const rows = file.db.prepare(partitionsQuery).all() as PartitionRow[];
    for (const [topic, ofTopic] of Map.groupBy(rows, (row) => row.topic)) {
      if (!topics.has(topic)) topics.set(topic, ofTopic.map(storedPartition));
    }
  }

  function ofTopic(topic: string): StoredPartition[] {
    const list = topics.get(topic);
    if (list === undefined) throw topicMissing(topic);
    return list;
  }

  function create({ topic, partitions, retentionMs, retentionBytes }: TopicSpec): void {
    for (let number = 0; number < partitions; number++) {
      insert.run(topic, number, retentionMs, retentionBytes ?? null);
    }
  }

  function update(existing: StoredPartition[], { topic, retentionMs, retentionBytes }: TopicSpec): void {
    retain.run(retentionMs, retentionBytes ?? null, topic);
    for (const p of existing) Object.assign(p, { retentionMs, retentionBytes: retentionBytes ?? Infinity });
  }

  load();
  return {
    all: () => [...topics.values()].flat(),
    find: (topic) => topics.get(topic),
    ofTopic,
    of(tp) {
      const list = ofTopic(tp.topic);
      const found = list[tp.partition];
      if (found === undefined) throw partitionMissing(tp, list.length);
      return found;
    },
    ensure(specs) {
      for (const spec of specs) {
        const existing = topics.get(spec.topic);
        if (existing && existing.length !== spec.partitions) throw otherPartitionCount(spec, existing.length);
      }
      file.transaction(() => {
        for (const spec of specs) {
          const existing = topics.get(spec.topic);
          if (existing === undefined) create(spec);
          else update(existing, spec);
        }
      });
      load();
    },
  };
}

type PartitionRow = {
  id: number;
  topic: string;
  number: number;
  start_offset: number;
  end_offset: number;
  retention_ms: number;
  retention_bytes: number | null;
  stored_bytes: number;
};

const partitionsQuery = `
  SELECT p.id, p.topic, p.number, p.start_offset, p.retention_ms, p.retention_bytes,
         coalesce(max(b.end_offset), p.start_offset) AS end_offset, coalesce(sum(b.size), 0) AS stored_bytes
  FROM log_partition p LEFT JOIN batch b ON b.partition_id = p.id
  GROUP BY p.id ORDER BY p.topic, p.number`;

function storedPartition(row: PartitionRow): StoredPartition {
  return {
    id: row.id,
    topic: row.topic,
    partition: row.number,
    start: row.start_offset,
    end: row.end_offset,
    writtenEnd: row.end_offset,
    retentionMs: row.retention_ms,
    retentionBytes: row.retention_bytes ?? Infinity,
    storedBytes: row.stored_bytes,
    writer: batchWriter(),
    cursor: null,
    newest: null,
  };
}
