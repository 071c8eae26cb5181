/**
 * One fetch request: what a broker has of several partitions, each from an offset on.
 *
 * The answer is taken apart here and not by kafkajs, for two reasons. There, one partition with an error makes the
 * whole answer an error; here each has its own. And there the borders of record batches are lost, so that a batch
 * of which compaction has left nothing, or nothing above the offset asked for, is fetched for ever; here the next
 * offset is the end of the last batch, whatever is in it.
 *
 *   answer ─► partition: error | record batches ─► without aborted and control records ─► from the offset on
 */
import type { Buffer } from "node:buffer";
import { messageOf, WaymarkError } from "../../errors.ts";
import type { LogRecord, RecordHeaders, TopicPartition } from "../port.ts";
import {
  type AbortedTransaction,
  askInVersion,
  type BrokerConnection,
  type DecodedRecord,
  decodeMessageSet,
  type Decoder,
  decodeRecordBatch,
  FieldDecoder,
  withoutAborted,
} from "./library.ts";

/** Carries the time that an appender states, where the topic stamps its own. */
export const recordedAtHeader = "waymark-recorded-at";

export type Wanted = TopicPartition & { offset: number };

export type Fetched = TopicPartition & {
  errorCode: number;
  /** The log end as this broker knows it. */
  end: number;
  records: LogRecord[];
  /** Where to go on: beyond the last whole record batch, or the offset asked for when there was none. */
  nextOffset: number;
  /** Why what came cannot be decoded; null when it could. */
  failure: unknown;
  /** Whether the answer carried nothing at all for this partition. */
  isEmpty: boolean;
};

export type FetchBounds = { waitMs: number; bytesMax: number; partitionBytesMax: number };

/** From Kafka 2.3 on. */
const fetchVersion = 11;
const readCommitted = 1;

export async function fetchFrom(
  broker: BrokerConnection,
  wanted: readonly Wanted[],
  { waitMs, bytesMax, partitionBytesMax }: FetchBounds,
): Promise<Fetched[]> {
  const offsets = new Map(wanted.map((w) => [`${w.topic}/${w.partition}`, w.offset]));
  const topics = [...Map.groupBy(wanted, (w) => w.topic)].map(([topic, partitions]) => ({
    topic,
    partitions: partitions.map(({ partition, offset }) => ({
      partition,
      fetchOffset: String(offset),
      maxBytes: partitionBytesMax,
    })),
  }));
  const args = {
    replicaId: -1,
    isolationLevel: readCommitted,
    maxWaitTime: waitMs,
    minBytes: 1,
    maxBytes: bytesMax,
    topics,
    rackId: "",
  };
  const request = { api: "Fetch", version: fetchVersion, args } as const;
  const { partitions } = await askInVersion(broker, request, async (payload) => {
    const answer = readAnswer(new FieldDecoder(payload));
    // kafkajs waits by itself when the answer of a request says so, under this name.
    return { clientSideThrottleTime: answer.throttleMs, partitions: answer.partitions };
  });
  const fetched: Fetched[] = [];
  for (const partition of partitions) {
    const from = offsets.get(`${partition.topic}/${partition.partition}`);
    if (from !== undefined) fetched.push(await decoded(partition, from));
  }
  return fetched;
}

type Answered = TopicPartition & {
  errorCode: number;
  end: number;
  aborted: AbortedTransaction[];
  bytes: Buffer | null;
};

/** https://kafka.apache.org/protocol#The_Messages_Fetch, version 11. */
function readAnswer(decoder: Decoder): { throttleMs: number; partitions: Answered[] } {
  const throttleMs = decoder.readInt32();
  decoder.readInt16(); // the error of a fetch session, which is not used
  decoder.readInt32(); // its id
  const partitions = decoder.readArray((topics) => {
    const topic = topics.readString();
    return topics.readArray((partitions) => readPartition(topic, partitions));
  }).flat();
  return { throttleMs, partitions };
}

function readPartition(topic: string, decoder: Decoder): Answered {
  const partition = decoder.readInt32();
  const errorCode = decoder.readInt16();
  const end = Number(decoder.readInt64().toString());
  decoder.readInt64(); // up to where transactions are decided
  decoder.readInt64(); // the log start
  const aborted = decoder.readArray((transaction) => ({
    producerId: transaction.readInt64().toString(),
    firstOffset: transaction.readInt64().toString(),
  }));
  decoder.readInt32(); // a replica nearer to us, which is not asked
  const size = decoder.readInt32();
  return { topic, partition, errorCode, end, aborted, bytes: size > 0 ? decoder.readBytes(size) : null };
}

async function decoded(answered: Answered, from: number): Promise<Fetched> {
  const { topic, partition, errorCode, end, aborted, bytes } = answered;
  const fetched: Fetched = {
    topic,
    partition,
    errorCode,
    end,
    records: [],
    nextOffset: from,
    failure: null,
    isEmpty: bytes === null,
  };
  if (errorCode !== 0 || bytes === null) return fetched;
  try {
    await decodeInto(fetched, { from, bytes, aborted });
  } catch (error) {
    fetched.failure = new WaymarkError(
      "log_unavailable",
      `cannot decode ${topic}/${partition} from offset ${from} on: ${messageOf(error)}`,
      { cause: error },
    );
  }
  return fetched;
}

async function decodeInto(
  fetched: Fetched,
  { from, bytes, aborted }: { from: number; bytes: Buffer; aborted: AbortedTransaction[] | null },
): Promise<void> {
  const { messages, nextOffset } = await readBatches(bytes);
  fetched.nextOffset = Math.max(from, nextOffset);
  const committed = withoutAborted({ messages, abortedTransactions: aborted ?? [] });
  for (const message of committed) {
    const offset = Number(message.offset);
    // A batch is delivered whole, also when the offset asked for is in its middle.
    if (offset >= from && message.isControlRecord !== true) fetched.records.push(recordOf(message, offset));
  }
}

/** Of a record batch: where its fields stand, and how long the ones of every format are. */
const at = { batchLength: 8, magic: 16, lastOffsetDelta: 23 } as const;
const batchHeadBytes = 61;
const lengthBytes = 12;
const currentMagic = 2;

/** The records of whole record batches, and the offset after the last batch, whatever is left of its records. */
export async function readBatches(bytes: Buffer): Promise<{ messages: DecodedRecord[]; nextOffset: number }> {
  const messages: DecodedRecord[] = [];
  let nextOffset = 0;
  let position = 0;
  while (position + at.magic < bytes.length) {
    const size = lengthBytes + bytes.readInt32BE(position + at.batchLength);
    // The broker cuts the last batch off where the bytes asked for end.
    if (position + size > bytes.length) break;
    const whole = bytes.subarray(position, position + size);
    if (bytes.readInt8(position + at.magic) === currentMagic && size >= batchHeadBytes) {
      const { records } = await decodeRecordBatch(new FieldDecoder(whole));
      for (const record of records) messages.push(record);
      const base = Number(whole.readBigInt64BE(0));
      nextOffset = base + whole.readInt32BE(at.lastOffsetDelta) + 1;
    } else {
      for (const message of await decodeMessageSet(new FieldDecoder(whole), size)) {
        messages.push(message);
        nextOffset = Number(message.offset) + 1;
      }
    }
    position += size;
  }
  return { messages, nextOffset };
}

function recordOf({ timestamp, key, value, headers }: DecodedRecord, offset: number): LogRecord {
  const record: LogRecord = {
    offset,
    timestampMs: Number(timestamp),
    key,
    value: value ?? nothing,
    headers: null,
  };
  for (const name in headers) {
    const given = headers[name];
    const bytes = Array.isArray(given) ? given.at(-1) : given;
    const text = bytes?.toString("utf8") ?? "";
    if (name === recordedAtHeader) record.timestampMs = statedMs(text) ?? record.timestampMs;
    else (record.headers ??= {} as RecordHeaders)[name] = text;
  }
  return record;
}

const nothing = new Uint8Array(0);

const statedMs = (text: string) => /^\d{1,15}$/.test(text) ? Number(text) : undefined;
