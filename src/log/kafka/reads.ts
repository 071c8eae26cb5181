/**
 * Reads without a group: what a partition has from an offset on.
 *
 * Whoever follows a topic asks for all of its partitions at once, and most have nothing new. So the reads that are begun
 * in one turn share a request to each broker. A broker fills a shared answer in the order of its partitions, and may
 * leave one empty that has records; that one is asked for once more, alone.
 */
import type { LogRecord, TopicPartition } from "../port.ts";
import { belowStart } from "../refusals.ts";
import { code, refuse } from "./failures.ts";
import type { Fetched, FetchOptions, Wanted } from "./fetch.ts";
import type { Nodes } from "./nodes.ts";
import { RecordRange } from "./record_views.ts";

/** Bytes of a read, compressed. A broker goes beyond them to hand out one whole record batch. */
const bytesMax = 1024 * 1024;
/** The same of each partition where several share a request. */
const sharedBytesMax = 256 * 1024;

export type Reads = {
  /** As `Log.read`, of a partition that exists. */
  read(tp: TopicPartition, offset: number, recordsMax: number): Promise<LogRecord[]>;
};

export type ReadsOptions = {
  nodes: Pick<Nodes, "leaderOf" | "forgetLeaders">;
  request(leader: number, wanted: readonly Wanted[], bounds: FetchBounds): Promise<Fetched[]>;
  /** The log start, for an offset that is out of range. */
  startOf(tp: TopicPartition): Promise<number>;
  /** A read has come to know where the log ends. */
  saw(tp: TopicPartition, end: number): void;
};

export type FetchBounds = Pick<FetchOptions, "waitMs" | "bytesMax" | "partitionBytesMax">;

type Asked = Wanted & { answered: PromiseWithResolvers<Fetched | undefined> };

export function kafkaReads({ nodes, request, startOf, saw }: ReadsOptions): Reads {
  /** By leader: what the next request to it asks for. */
  const waiting = new Map<number, Asked[]>();

  async function read(tp: TopicPartition, offset: number, recordsMax: number): Promise<LogRecord[]> {
    const leader = await nodes.leaderOf(tp);
    let alone = false;
    for (let from = offset;;) {
      const wanted = { ...tp, offset: from, recordsMax };
      const fetched = alone ? (await fetchAll(leader, [wanted]))[0] : await shared(leader, wanted);
      if (fetched === undefined || fetched.errorCode !== code.none) {
        nodes.forgetLeaders(tp.topic);
        if (fetched?.errorCode === code.offsetOutOfRange) return await outOfRange(tp, offset);
        refuse(fetched?.errorCode ?? code.unknownTopicOrPartition);
      }
      const { records, nextOffset, end, failure, isEmpty } = fetched!;
      if (failure !== null) throw failure;
      saw(tp, end);
      if (records.length > 0) return [...new RecordRange(records, 0, Math.min(recordsMax, records.length))];
      if (!alone && isEmpty && from < end) alone = true;
      else if (nextOffset <= from || nextOffset >= end) return [];
      else from = nextOffset; // nothing was left of a record batch
    }
  }

  function shared(leader: number, wanted: Wanted): Promise<Fetched | undefined> {
    const asked = { ...wanted, answered: Promise.withResolvers<Fetched | undefined>() };
    const together = waiting.get(leader);
    if (together !== undefined) together.push(asked);
    else {
      waiting.set(leader, [asked]);
      // A turn later, so that reads which are begun side by side share the request.
      void Promise.resolve().then(() => send(leader));
    }
    return asked.answered.promise;
  }

  async function send(leader: number): Promise<void> {
    const together = waiting.get(leader)!;
    waiting.delete(leader);
    // A request names a partition once.
    const names = Map.groupBy(together, nameOf);
    await Promise.all(
      Array.from({ length: Math.max(...[...names.values()].map((of) => of.length)) }, async (_, nth) => {
        const once = [...names.values()].flatMap((of) => of[nth] ?? []);
        try {
          const answers = new Map((await fetchAll(leader, once)).map((answer) => [nameOf(answer), answer]));
          for (const asked of once) asked.answered.resolve(answers.get(nameOf(asked)));
        } catch (error) {
          for (const asked of once) asked.answered.reject(error);
        }
      }),
    );
  }

  function fetchAll(leader: number, wanted: readonly Wanted[]): Promise<Fetched[]> {
    const partitionBytesMax = wanted.length > 1 ? sharedBytesMax : bytesMax;
    return request(leader, wanted, {
      waitMs: 0,
      bytesMax: wanted.length * partitionBytesMax,
      partitionBytesMax,
    });
  }

  async function outOfRange(tp: TopicPartition, offset: number): Promise<LogRecord[]> {
    const start = await startOf(tp);
    if (offset < start) throw belowStart(tp, offset, start);
    return [];
  }

  return { read };
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
