/** Records as the log holds them, one by one: behind the pages that show where a figure comes from. */
import { type Erased, pseudonymIn } from "../erased.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import type { RawRecord, Records } from "../http/handles.ts";
import type { Log, LogRecord, TopicPartition } from "../log/port.ts";
import { type TopicName, topicName, topicNames, type TopicNaming } from "../log/topics.ts";
import { isoTime } from "../time.ts";

export function recordsOf(log: Log, naming: TopicNaming, erased: Erased): Records {
  /** By its own name or by that of the contract: both stand on the pages. */
  const named = (given: string): TopicName | null =>
    topicNames.find((name) => name === given || topicName(name, naming) === given) ?? null;

  return {
    async one(topic, partition, offset) {
      const name = named(topic);
      if (name === null) return { found: false, why: `there is no topic ${topic}` };
      const tp = { topic: topicName(name, naming), partition };
      const bounds = (await log.bounds(tp.topic))[partition];
      if (bounds === undefined) return { found: false, why: `${tp.topic} has no partition ${partition}` };
      const held = `${tp.topic}/${partition} holds offsets ${bounds.start} to ${bounds.end - 1}`;
      if (offset < bounds.start || offset >= bounds.end) {
        return {
          found: false,
          why: bounds.start === bounds.end ? `${tp.topic}/${partition} is empty` : held,
        };
      }
      const [record] = await readSome(log, tp, offset, 1);
      return record === undefined || record.offset !== offset
        ? { found: false, why: `${held}, but nothing at ${offset}` }
        : { found: true, record: rawRecord(tp, record, erased) };
    },

    async newest(topic, count) {
      const name = topicName(topic, naming);
      const bounds = await log.bounds(name);
      const tails = await Promise.all(bounds.map(async ({ start, end }, partition) => {
        const from = Math.max(start, end - count);
        if (from >= end) return [];
        const tp = { topic: name, partition };
        return (await readSome(log, tp, from, count)).map((record) => rawRecord(tp, record, erased));
      }));
      return tails.flat().sort((a, b) => a.at < b.at ? 1 : a.at > b.at ? -1 : b.offset - a.offset).slice(
        0,
        count,
      );
    },
  };
}

/** Retention may pass between the question for the bounds and the reading. */
async function readSome(log: Log, tp: TopicPartition, offset: number, count: number): Promise<LogRecord[]> {
  try {
    return await log.read(tp, offset, count);
  } catch (error) {
    if (error instanceof WaymarkError && error.code === "log_trimmed") return [];
    throw new WaymarkError(
      "log_unavailable",
      `reading ${tp.topic}/${tp.partition} failed: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

/** A record that names an erased rider is shown as one that does: its bytes are there until retention. */
function rawRecord(
  { topic, partition }: TopicPartition,
  record: LogRecord,
  erased: Erased,
): RawRecord {
  const text = textOf(record.value);
  const pseudonym = text === null ? null : pseudonymIn(text, erased);
  const { message: _, ...unquoting } = record.headers ?? {};
  return {
    topic,
    partition,
    offset: record.offset,
    at: isoTime(record.timestampMs),
    key: record.key === null ? null : textOf(record.key),
    headers: pseudonym === null ? record.headers ?? {} : unquoting,
    bytes: record.value.byteLength,
    value: pseudonym === null ? text : JSON.stringify({ erased: pseudonym }),
  };
}

const strict = new TextDecoder("utf-8", { fatal: true });

/** Null for what is not UTF-8: shown as bytes by whoever wants them, with a tool for that. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}
