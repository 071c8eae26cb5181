/**
 * The dead letter of a record whose row ClickHouse refuses: the original bytes, with the reason and the source.
 *
 * Written before the record's offset is committed, so it may be written twice: readers keep one per source record.
 */
import type { Config } from "../config.ts";
import { WaymarkError } from "../errors.ts";
import { utf8 } from "../ids.ts";
import type { Log, LogRecord, NewRecord } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import type { PoisonRow } from "../sinks/table_feed.ts";
import { isoTime } from "../time.ts";
import { stageContext } from "./context.ts";
import { namingOf } from "./pipeline.ts";

/** What stands in the header `reason`. */
export const refusedReason = "clickhouse_refused";

/** Appends the dead letter. A dead letter that is refused itself gets none: it is in the log already. */
export async function deadLetterRefused(log: Log, row: PoisonRow, config: Config): Promise<void> {
  const topic = topicName("dead-letters", namingOf(config));
  if (row.topic === topic) return;
  const record = await readRefused(log, row);
  if (record === null) return;
  await log.append([letterOf(record, row, config)]);
}

/** Null when the log has forgotten it: then the row's text in the message of the log is all that is left. */
async function readRefused(log: Log, { topic, partition, offset }: PoisonRow): Promise<LogRecord | null> {
  try {
    const [record] = await log.read({ topic, partition }, offset, 1);
    return record?.offset === offset ? record : null;
  } catch (thrown) {
    if (thrown instanceof WaymarkError && thrown.code === "log_trimmed") return null;
    throw thrown;
  }
}

function letterOf(record: LogRecord, row: PoisonRow, config: Config): NewRecord {
  const key = record.key ?? utf8("");
  return {
    topic: topicName("dead-letters", namingOf(config)),
    partition: stageContext(config).partitionOf("dead-letters", key),
    key,
    value: record.value.slice(),
    headers: {
      source_topic: row.topic,
      source_partition: String(row.partition),
      source_offset: String(row.offset),
      source_timestamp: isoTime(record.timestampMs),
      log_epoch: String(config.WAYMARK_LOG_EPOCH),
      generation: String(config.WAYMARK_GENERATION),
      reason: refusedReason,
      field: "",
      message: `the row for ${row.table} is refused: ${row.message}`,
    },
  };
}
