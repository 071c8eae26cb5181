/**
 * Where a partition of the sink goes on: at its group's committed offset, once it is certain that the log
 * is still the one that was read up to there.
 *
 *   start ……… committed - 1 | committed ……… end
 *                  ▲ must carry the fingerprint that was committed with the offset
 *
 * A log that ends earlier, or has another record there, was created again: refused, because the rows of the
 * old one would be taken for those of the new one (raise WAYMARK_LOG_EPOCH). A log that starts later has
 * only forgotten what ClickHouse missed: the rows in between are lost to ClickHouse, which is counted and said.
 */
import { WaymarkError } from "../errors.ts";
import { fingerprint } from "../ids.ts";
import type { Committed, Log, LogRecord, TopicPartition } from "../log/port.ts";

/** Records that the log no longer has and that were never inserted: from (inclusive) to (exclusive). */
export type Gap = { from: number; to: number };

export type Resume = { offset: number; end: number; gap: Gap | null };

/** Throws log_behind_snapshot, log_replaced, log_unavailable. */
export async function resumeAt(log: Log, tp: TopicPartition, committed: Committed | null): Promise<Resume> {
  const { start, end } = (await log.bounds(tp.topic))[tp.partition] ?? { start: 0, end: 0 };
  if (committed === null) return { offset: start, end, gap: null };
  if (committed.offset > end) {
    throw new WaymarkError(
      "log_behind_snapshot",
      `cannot go on inserting ${tp.topic}/${tp.partition} at the committed offset ${committed.offset}: the log ends at ` +
        `${end}; wanted: the log that was read before, or a higher WAYMARK_LOG_EPOCH and another WAYMARK_GROUP for a new one`,
    );
  }
  if (committed.offset < start) {
    return { offset: start, end, gap: { from: committed.offset, to: start } };
  }
  if (committed.offset === start || committed.metadata === "") {
    return { offset: committed.offset, end, gap: null };
  }
  const last = await readOne(log, tp, committed.offset - 1);
  if (last === "trimmed") return resumeAt(log, tp, committed);
  if (last !== null && fingerprint(last.value) !== committed.metadata) {
    throw new WaymarkError(
      "log_replaced",
      `cannot go on inserting ${tp.topic}/${tp.partition} at the committed offset ${committed.offset}: the record before ` +
        `it has fingerprint ${
          fingerprint(last.value)
        }; wanted: ${committed.metadata}, or a higher WAYMARK_LOG_EPOCH ` +
        "and another WAYMARK_GROUP for a topic that was created again",
    );
  }
  return { offset: committed.offset, end, gap: null };
}

/** Log time of the record at exactly this offset; null where there is none. */
export async function timeAt(log: Log, tp: TopicPartition, offset: number): Promise<number | null> {
  const record = await readOne(log, tp, offset);
  return record === null || record === "trimmed" ? null : record.timestampMs;
}

/** The record at exactly this offset; null where the log has a gap. */
async function readOne(log: Log, tp: TopicPartition, offset: number): Promise<LogRecord | null | "trimmed"> {
  try {
    const [record] = await log.read(tp, offset, 1);
    return record?.offset === offset ? record : null;
  } catch (thrown) {
    if (thrown instanceof WaymarkError && thrown.code === "log_trimmed") return "trimmed";
    throw thrown;
  }
}
