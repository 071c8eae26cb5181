/** What follows in a partition, for readers without a group. */
import { WaymarkError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log, LogRecord, TopicPartition } from "./port.ts";

/**
 * At most `maxRecords` (`limits.fetchRecordsMax`) from `offset` on. Retention may have passed it, also since the bounds
 * of the log were looked up: then what is left is read from its start on.
 */
export async function readNext(
  log: Log,
  tp: TopicPartition,
  offset: number,
  maxRecords: number = limits.fetchRecordsMax,
): Promise<LogRecord[]> {
  for (let from = offset;;) {
    try {
      return await log.read(tp, from, maxRecords);
    } catch (error) {
      if (!(error instanceof WaymarkError) || error.code !== "log_trimmed") throw error;
      from = (await log.bounds(tp.topic))[tp.partition]!.start;
    }
  }
}
