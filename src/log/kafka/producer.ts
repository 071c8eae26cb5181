/**
 * Appending: acknowledged by all in-sync replicas, each record once, in the order of the calls.
 *
 * One round is under way at a time; the calls that arrive meanwhile make up the next one. Within a round a record
 * batch keeps its sequence number however often it is sent, so the broker knows a repetition when an answer was lost.
 * When a round fails without an answer, nobody can say whether its records are there: the sequence numbers are given
 * up together with the producer id, so that no other record is ever taken for a repetition of those. The caller
 * appends again, and at worst a record is there twice, which readers bear (DESIGN section 1).
 *
 *   append ─┐
 *   append ─┼─► one round: a record batch per partition ─► leaders ─► acknowledged: callers answered
 *   append ─┘       ▲ same sequence number ── tried again ◄─┘
 */
import { WaymarkError } from "../../errors.ts";
import type { NewRecord, TopicPartition } from "../port.ts";
import { code, mayPass, type Patience, pauseMs, refuse, unavailable } from "./failures.ts";
import { encodeBatch, type Message } from "./batch_encoder.ts";
import { kafkaError, produce } from "./library.ts";
import type { Nodes } from "./nodes.ts";

export type Producer = {
  append(records: readonly NewRecord[]): Promise<void>;
  close(): void;
};

export type ProducerOptions = Patience & {
  nodes: Nodes;
  compression: number;
  /**
   * Throws topic_mismatch when a record's partition does not exist. Else: the topics, of those with records that
   * state their time, where the broker stamps records and the statement has to be a header.
   */
  prepare(records: readonly NewRecord[]): Promise<Set<string>>;
  recordedAtHeader: string;
  nowMs(): number;
  /** The broker stamped an acknowledged record batch with this time. */
  acknowledged(appendedMs: number): void;
  appended(topic: string): void;
};

type Batch = TopicPartition & { messages: Message[]; bytes: number; firstSequence: number };

type Call = { batches: Batch[]; bytes: number; done: PromiseWithResolvers<void> };

type Produced = {
  topics: {
    topicName: string;
    partitions: { partition: number; errorCode: number; logAppendTime: string }[];
  }[];
};

/** Of a record batch before compression: below the 1 MB that a broker takes by default. */
const batchBytesMax = 900 * 1024;
const roundBytesMax = 4 * 1024 * 1024;
const produceMs = 15_000;
/** Bytes of a record beside its key, value and headers, at most. */
const frameBytes = 24;
const sequenceMax = 2 ** 31;

export function kafkaProducer(options: ProducerOptions): Producer {
  const { nodes, clock, patienceMs, signal } = options;
  let identity: { producerId: string; producerEpoch: number } | null = null;
  const sequences = new Map<string, number>();
  let waiting: Call[] = [];
  let sending = false;

  const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;

  async function append(records: readonly NewRecord[]): Promise<void> {
    if (records.length === 0) return;
    // In line at once: calls begun in order are appended in order, however long each takes to be made ready.
    const call: Call = { batches: [], bytes: 0, done: Promise.withResolvers() };
    // Copied before anything is waited for: the caller may use its bytes again.
    const messages = records.map(messageOf);
    waiting.push(call);
    try {
      const stamped = await options.prepare(records);
      records.forEach((record, i) => place(call, record, stamped.has(record.topic), messages[i]!));
    } catch (error) {
      waiting = waiting.filter((c) => c !== call);
      // Those behind it were not taken past it.
      void send();
      throw unavailable("cannot append", error);
    }
    void send();
    await call.done.promise;
  }

  function messageOf({ key, value, headers, timestampMs }: NewRecord): Message {
    return {
      key: key?.slice() ?? null,
      value: value.slice(),
      headers: { ...headers },
      timestampMs: timestampMs ?? options.nowMs(),
    };
  }

  function place(call: Call, record: NewRecord, stamped: boolean, message: Message): void {
    if (stamped && record.timestampMs !== undefined) {
      message.headers[options.recordedAtHeader] = String(record.timestampMs);
    }
    const bytes = bytesOf(message);
    const { topic, partition } = record;
    const last = call.batches.findLast((b) => b.topic === topic && b.partition === partition);
    if (last === undefined || last.bytes + bytes > batchBytesMax) {
      call.batches.push({ topic, partition, messages: [message], bytes, firstSequence: 0 });
    } else {
      last.messages.push(message);
      last.bytes += bytes;
    }
    call.bytes += bytes;
  }

  async function send(): Promise<void> {
    if (sending) return;
    sending = true;
    for (let calls = takeCalls(); calls.length > 0; calls = takeCalls()) await round(calls);
    sending = false;
  }

  /** The next calls in order, as far as they are ready and fit into a round; one call always does. */
  function takeCalls(): Call[] {
    let bytes = 0;
    const fitting = waiting.findIndex((call, i) =>
      call.batches.length === 0 || (i > 0 && (bytes += call.bytes) + waiting[0]!.bytes > roundBytesMax)
    );
    return waiting.splice(0, fitting < 0 ? waiting.length : fitting);
  }

  async function round(calls: Call[]): Promise<void> {
    try {
      for (let batches = merged(calls); batches.length > 0;) {
        // One batch per partition at a time: the next must not overtake one that is tried again.
        const first = [...Map.groupBy(batches, nameOf).values()].map((of) => of[0]!);
        await acknowledge(first);
        batches = batches.filter((batch) => !first.includes(batch));
      }
      for (const { done } of calls) done.resolve();
    } catch (error) {
      identity = null;
      // A record that is too large is the concern of its own call only.
      const tooLarge = error instanceof WaymarkError && error.code === "topic_mismatch";
      if (tooLarge && calls.length > 1) {
        for (const call of calls) await round([call]);
        return;
      }
      for (const { done } of calls) done.reject(unavailable("cannot append", error));
    }
  }

  /** Sends until every batch is acknowledged. */
  async function acknowledge(batches: Batch[]): Promise<void> {
    const untilMs = clock.monotonicMs() + patienceMs;
    let open = batches;
    for (let tries = 0; open.length > 0; tries++) {
      let failure: unknown = null;
      try {
        if (identity === null) await renew(open);
        for (const batch of open) batch.firstSequence = sequences.get(nameOf(batch)) ?? 0;
        const leaders = await Promise.all(open.map(nodes.leaderOf));
        const outcomes = await Promise.allSettled(
          [...Map.groupBy(open, (_, i) => leaders[i]!)].map(([leader, led]) => sendTo(leader, led)),
        );
        const acknowledged = new Set(outcomes.flatMap((o) => o.status === "fulfilled" ? o.value.done : []));
        open = open.filter((batch) => !acknowledged.has(batch));
        failure = outcomes.find((o) => o.status === "rejected")?.reason ??
          outcomes.flatMap((o) => o.status === "fulfilled" ? o.value.failures : [])[0] ?? null;
      } catch (error) {
        failure = error;
      }
      if (open.length === 0) return;
      if (!mayPass(failure) || signal.aborted || clock.monotonicMs() > untilMs) {
        throw failure ?? new Error("no leader answers");
      }
      for (const { topic } of open) nodes.forgetLeaders(topic);
      await clock.sleep(pauseMs(tries), signal);
    }
  }

  async function sendTo(leader: number, batches: Batch[]): Promise<{ done: Batch[]; failures: Error[] }> {
    if (leader < 0) throw new Error("a partition has no leader");
    const frame = { compression: options.compression, ...identity! };
    const encoded = await Promise.all(batches.map(async ({ topic, partition, messages, firstSequence }) => ({
      topic,
      partition,
      batch: await encodeBatch(messages, { ...frame, firstSequence }),
    })));
    const topicData = [...Map.groupBy(encoded, (b) => b.topic)].map(([topic, partitions]) => ({
      topic,
      partitions,
    }));
    const { topics } = await nodes.using(
      leader,
      (broker) => produce<Produced>(broker, topicData, produceMs),
    );
    const done: Batch[] = [];
    const failures: Error[] = [];
    for (const { topicName, partitions } of topics) {
      for (const { partition, errorCode, logAppendTime } of partitions) {
        const batch = batches.find((b) => b.topic === topicName && b.partition === partition)!;
        if (errorCode === code.none || errorCode === code.duplicateSequence) {
          sequences.set(nameOf(batch), (batch.firstSequence + batch.messages.length) % sequenceMax);
          if (Number(logAppendTime) > 0) options.acknowledged(Number(logAppendTime));
          options.appended(topicName);
          done.push(batch);
        } else failures.push(refusal(batch, errorCode));
      }
    }
    return { done, failures };
  }

  function refusal(batch: Batch, errorCode: number): Error {
    if (errorCode === code.messageTooLarge || errorCode === code.recordListTooLarge) {
      const largest = Math.max(...batch.messages.map(bytesOf));
      return new WaymarkError(
        "topic_mismatch",
        `${nameOf(batch)} takes no record batch of ${batch.bytes} bytes (largest record ${largest} bytes); ` +
          `its max.message.bytes must be the default of 1048588 or more`,
      );
    }
    if (forgotten.includes(errorCode)) {
      // The broker no longer knows our numbers, and has not taken this batch: begin anew with it.
      identity = null;
      return Object.assign(kafkaError(errorCode), { retriable: true });
    }
    return kafkaError(errorCode);
  }

  async function renew(open: Batch[]): Promise<void> {
    type Given = { errorCode: number; producerId: string; producerEpoch: number };
    const args = { transactionalId: null, transactionTimeout: produceMs };
    const { errorCode, producerId, producerEpoch } = await nodes.any<Given>("InitProducerId", args);
    refuse(errorCode);
    sequences.clear();
    for (const batch of open) batch.firstSequence = 0;
    identity = { producerId, producerEpoch };
  }

  return {
    append,
    close() {
      for (const { done } of waiting.splice(0)) {
        done.reject(new WaymarkError("log_unavailable", "the log is closed"));
      }
    },
  };
}

const forgotten: readonly number[] = [
  code.outOfOrderSequence,
  code.invalidProducerEpoch,
  code.unknownProducerId,
];

/** The batches of all calls, those of one partition joined where they fit. */
function merged(calls: readonly Call[]): Batch[] {
  const batches: Batch[] = [];
  const last = new Map<string, Batch>();
  for (const batch of calls.flatMap((call) => call.batches)) {
    const name = `${batch.topic}/${batch.partition}`;
    const before = last.get(name);
    if (before !== undefined && before.bytes + batch.bytes <= batchBytesMax) {
      for (const message of batch.messages) before.messages.push(message);
      before.bytes += batch.bytes;
    } else {
      const copy = { ...batch, messages: [...batch.messages] };
      batches.push(copy);
      last.set(name, copy);
    }
  }
  return batches;
}

function bytesOf({ key, value, headers }: Message): number {
  let bytes = frameBytes + (key?.length ?? 0) + value.length;
  for (const name in headers) bytes += 2 * name.length + 3 * headers[name]!.length + 10;
  return bytes;
}
