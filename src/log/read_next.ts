/** What follows in a partition, for readers without a group. */
import { WaymarkError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { Log, LogRecord, TopicPartition } from "./port.ts";

/** Retention may have passed a reader that was away: it goes on at the start of what is left. */
export async function readNext(log: Log, tp: TopicPartition, offset: number): Promise<LogRecord[]> {
  try {
    return await log.read(tp, offset, limits.fetchRecordsMax);
  } catch (error) {
    if (!(error instanceof WaymarkError) || error.code !== "log_trimmed") throw error;
    const { start } = (await log.bounds(tp.topic))[tp.partition]!;
    return await log.read(tp, start, limits.fetchRecordsMax);
  }
}
