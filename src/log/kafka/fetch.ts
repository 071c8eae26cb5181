/**
 * One fetch request: what a broker has of several partitions, each from an offset on.
 *
 * The answer is taken apart here and not by kafkajs, for three reasons. There, one partition with an error makes the
 * whole answer an error; here each has its own. There, the borders of record batches are lost, so that a batch of
 * which compaction has left nothing, or nothing above the offset asked for, is fetched for ever; here the next offset
 * is the end of the last batch, whatever is in it. And there each record costs some ten objects, here none before it is asked for.
 *
 *   answer ─► partition: error | record_set.ts: record batches ─► records from the offset on
 */
import type { Buffer } from "node:buffer";
import { messageOf, WaymarkError } from "../../errors.ts";
import { breathe } from "../../time.ts";
import type { LogRecords, TopicPartition } from "../port.ts";
import { askInVersion, type BrokerConnection, type Decoder, FieldDecoder } from "./library.ts";
import { type AbortedTransaction, readRecordSet } from "./record_set.ts";

export { recordedAtHeader } from "./record_batch.ts";

export type Wanted = TopicPartition & {
  offset: number;
  /** Record batches beyond so many records are left as they are. Default: none is. */
  recordsMax?: number;
};

export type Fetched = TopicPartition & {
  errorCode: number;
  /** The log end as this broker knows it. */
  end: number;
  records: LogRecords;
  /** Where to go on: beyond the last whole record batch, or the offset asked for when there was none. */
  nextOffset: number;
  /** Why what came cannot be decoded; null when it could. */
  failure: unknown;
  /** Whether the answer carried nothing at all for this partition. */
  isEmpty: boolean;
};

export type FetchOptions = {
  waitMs: number;
  bytesMax: number;
  partitionBytesMax: number;
  /** Whether a time stated in a record's header counts as the record's. */
  recordedTimes: boolean;
};

/** Compressed bytes that are taken apart between two chances for others to run: some milliseconds. */
const breathBytes = 512 * 1024;

/** From Kafka 2.3 on. */
const fetchVersion = 11;
const readCommitted = 1;

export async function fetchFrom(
  broker: BrokerConnection,
  wanted: readonly Wanted[],
  { waitMs, bytesMax, partitionBytesMax, recordedTimes }: FetchOptions,
): Promise<Fetched[]> {
  const asked = new Map(wanted.map((w) => [`${w.topic}/${w.partition}`, w]));
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
  let bytes = 0;
  for (const partition of partitions) {
    const of = asked.get(`${partition.topic}/${partition.partition}`);
    if (of === undefined) continue;
    fetched.push(await decoded(partition, of, recordedTimes));
    bytes += partition.bytes?.length ?? 0;
    if (bytes < breathBytes) continue;
    await breathe();
    bytes = 0;
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
  const end = Number(decoder.readInt64());
  decoder.readInt64(); // up to where transactions are decided
  decoder.readInt64(); // the log start
  const aborted = decoder.readArray((transaction) => ({
    producerId: transaction.readInt64(),
    firstOffset: transaction.readInt64(),
  }));
  decoder.readInt32(); // a replica nearer to us, which is not asked
  const size = decoder.readInt32();
  return { topic, partition, errorCode, end, aborted, bytes: size > 0 ? decoder.readBytes(size) : null };
}

async function decoded(
  answered: Answered,
  { offset: from, recordsMax = Infinity }: Wanted,
  recordedTimes: boolean,
): Promise<Fetched> {
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
    const { records, nextOffset } = await readRecordSet(bytes, {
      from,
      recordsMax,
      recordedTimes,
      aborted,
    });
    fetched.records = records;
    fetched.nextOffset = nextOffset;
  } catch (error) {
    fetched.failure = new WaymarkError(
      "log_unavailable",
      `cannot decode ${topic}/${partition} from offset ${from} on: ${messageOf(error)}`,
      { cause: error },
    );
  }
  return fetched;
}
