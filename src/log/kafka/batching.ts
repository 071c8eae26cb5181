/**
 * Pure: the records of calls → record batches, in order, each below a size; and a batch that was too large → two.
 *
 * Sizes are those before compression: what the broker looks at is smaller, or larger by a few bytes.
 */
import type { TopicPartition } from "../port.ts";
import type { Message } from "./batch_encoder.ts";

/** One call of `append`: answered when all its records are. */
export type Call = {
  records: Placed[];
  bytes: number;
  /** Whether it is known where its records go; until then it keeps its place in the line. */
  isReady: boolean;
  /** Why one of its records was refused for good. */
  failure: Error | null;
  done: PromiseWithResolvers<void>;
};

export type Placed = TopicPartition & { call: Call; message: Message; bytes: number };

export type Batch = TopicPartition & { records: Placed[]; bytes: number; firstSequence: number };

/** Bytes of a record beside its key, value and headers, at most. */
const frameBytes = 24;

export function bytesOf({ key, value, headers }: Message): number {
  let bytes = frameBytes + (key?.length ?? 0) + value.length;
  for (const name in headers) bytes += 2 * name.length + 3 * headers[name]!.length + 10;
  return bytes;
}

export const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** The records of all calls, those of one partition joined up to the topic's size; a record beyond it goes alone. */
export function batchesOf(calls: readonly Call[], bytesMax: (topic: string) => number): Batch[] {
  const batches: Batch[] = [];
  const last = new Map<string, Batch[]>();
  for (const { records } of calls) {
    for (const record of records) {
      const { topic, partition, bytes } = record;
      let ofTopic = last.get(topic);
      if (ofTopic === undefined) last.set(topic, ofTopic = []);
      const open = ofTopic[partition];
      if (open !== undefined && open.bytes + bytes <= bytesMax(topic)) {
        open.records.push(record);
        open.bytes += bytes;
      } else {
        batches.push(ofTopic[partition] = batchOf([record]));
      }
    }
  }
  return batches;
}

/** The first and the second half of a batch of several records. */
export function halved({ records }: Batch): Batch[] {
  const middle = Math.ceil(records.length / 2);
  return [batchOf(records.slice(0, middle)), batchOf(records.slice(middle))];
}

/** Without the records of calls that have failed; null when nothing is left. */
export function withoutFailed(batch: Batch): Batch | null {
  const kept = batch.records.filter(({ call }) => call.failure === null);
  if (kept.length === batch.records.length) return batch;
  return kept.length === 0 ? null : batchOf(kept);
}

/** The one batch of each partition that may be sent now: the next must not overtake one that is tried again. */
export function firstOfEach(batches: readonly Batch[]): Batch[] {
  return [...Map.groupBy(batches, nameOf).values()].map((of) => of[0]!);
}

function batchOf(records: Placed[]): Batch {
  const { topic, partition } = records[0]!;
  return { topic, partition, records, bytes: records.reduce((sum, r) => sum + r.bytes, 0), firstSequence: 0 };
}
