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
 *   append ─┘       ▲ same sequence number ── tried again ◄─┤
 *                   └── in halves ──── too large for the topic ◄┘   one record too large: its call alone fails, for good
 */
import { WaymarkError } from "../../errors.ts";
import type { NewRecord } from "../port.ts";
import { encodeBatch, type Message } from "./batch_encoder.ts";
import {
  type Batch,
  batchesOf,
  bytesOf,
  type Call,
  firstOfEach,
  halved,
  nameOf,
  withoutFailed,
} from "./batching.ts";
import { topicMissing } from "../refusals.ts";
import { code, mayPass, type Patience, pauseMs, refuse, unavailable } from "./failures.ts";
import { kafkaError, produce } from "./library.ts";
import type { Nodes } from "./nodes.ts";
import type { OwnAppends } from "./own_appends.ts";

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
  /** An acknowledged record batch, where it is known at which offset. */
  placed: OwnAppends["keep"];
  /** The setting that bounds a record batch of the topic, now; null when the brokers do not tell. */
  sizeSetting(topic: string): Promise<SizeSetting | null>;
};

export type SizeSetting = { name: string; bytes: number };

/** What one broker said of the batches it was sent. */
type Answered = { done: Batch[]; tooLarge: Batch[]; failures: Error[] };

type Produced = {
  topics: {
    topicName: string;
    partitions: { partition: number; errorCode: number; baseOffset: string; logAppendTime: string }[];
  }[];
};

/** Of a record batch before compression: below the 1 MB that a broker takes by default. */
const batchBytesMax = 900 * 1024;
const roundBytesMax = 4 * 1024 * 1024;
const produceMs = 15_000;
/** How long a topic is looked for that the brokers say is not there: not all of them know a new one at once. */
const goneMs = 1_000;
const batchHeadBytes = 61;
const sequenceMax = 2 ** 31;

export function kafkaProducer(options: ProducerOptions): Producer {
  const { nodes, clock, patienceMs, signal } = options;
  let identity: { producerId: string; producerEpoch: number } | null = null;
  const sequences = new Map<string, number>();
  /** Of topics that have refused a batch as too large. */
  const sizeSettings = new Map<string, SizeSetting | null>();
  let waiting: Call[] = [];
  let sending = false;

  async function append(records: readonly NewRecord[]): Promise<void> {
    if (records.length === 0) return;
    const atMs = options.nowMs();
    // In line at once: calls begun in order are appended in order, however long each takes to be made ready.
    const call: Call = {
      records: [],
      bytes: 0,
      isReady: false,
      failure: null,
      done: Promise.withResolvers(),
    };
    waiting.push(call);
    try {
      const stamped = await options.prepare(records);
      for (const record of records) place(call, record, { stamped: stamped.has(record.topic), atMs });
      call.isReady = true;
    } catch (error) {
      waiting = waiting.filter((c) => c !== call);
      // Those behind it were not taken past it.
      void send();
      throw unavailable("cannot append", error);
    }
    void send();
    await call.done.promise;
  }

  function place(
    call: Call,
    record: NewRecord,
    { stamped, atMs }: { stamped: boolean; atMs: number },
  ): void {
    const { topic, partition, key, value, timestampMs = atMs } = record;
    const headers = stamped && record.timestampMs !== undefined
      ? { ...record.headers, [options.recordedAtHeader]: String(timestampMs) }
      : record.headers;
    const message: Message = { key, value, headers, timestampMs };
    const bytes = bytesOf(message);
    call.records.push({ topic, partition, call, message, bytes });
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
      !call.isReady || (i > 0 && (bytes += call.bytes) + waiting[0]!.bytes > roundBytesMax)
    );
    return waiting.splice(0, fitting < 0 ? waiting.length : fitting);
  }

  async function round(calls: Call[]): Promise<void> {
    try {
      for (let batches = batchesOf(calls, batchBytesMaxOf); batches.length > 0;) {
        const sent = firstOfEach(batches);
        const tooLarge = await acknowledge(sent);
        const instead = new Map<Batch, Batch[]>(sent.map((batch) => [batch, []]));
        for (const batch of tooLarge) instead.set(batch, await smaller(batch));
        batches = batches.flatMap((batch) => instead.get(batch) ?? [batch]);
        if (calls.some((call) => call.failure !== null)) {
          batches = batches.flatMap((batch) => withoutFailed(batch) ?? []);
        }
      }
      for (const { failure, done } of calls) failure === null ? done.resolve() : done.reject(failure);
    } catch (error) {
      identity = null;
      for (const { failure, done } of calls) done.reject(failure ?? unavailable("cannot append", error));
    }
  }

  const batchBytesMaxOf = (topic: string) =>
    Math.min(batchBytesMax, (sizeSettings.get(topic)?.bytes ?? Infinity) - batchHeadBytes);

  /** What to send instead of a batch that is too large: its halves, or nothing of the call whose one record it is. */
  async function smaller(batch: Batch): Promise<Batch[]> {
    const { topic, records: [only, ...others] } = batch;
    sizeSettings.set(topic, await options.sizeSetting(topic));
    if (others.length > 0) return halved(batch);
    only!.call.failure = recordTooLarge(batch, sizeSettings.get(topic) ?? null);
    return [];
  }

  /**
   * Sends until every batch is acknowledged, or refused as too large: those are given back. Calls to topics that are
   * gone fail.
   */
  async function acknowledge(batches: Batch[]): Promise<Batch[]> {
    const sinceMs = clock.monotonicMs();
    const tooLarge: Batch[] = [];
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
        const answered = outcomes.flatMap((o) => o.status === "fulfilled" ? [o.value] : []);
        const settled = new Set(answered.flatMap((a) => [...a.done, ...a.tooLarge]));
        tooLarge.push(...answered.flatMap((a) => a.tooLarge));
        open = open.filter((batch) => !settled.has(batch));
        failure = outcomes.find((o) => o.status === "rejected")?.reason ??
          answered.flatMap((a) => a.failures)[0] ?? null;
      } catch (error) {
        failure = error;
      }
      if (open.length === 0) break;
      const triedMs = clock.monotonicMs() - sinceMs;
      if (!mayPass(failure) || signal.aborted || triedMs > patienceMs) {
        throw failure ?? new Error("no leader answers");
      }
      if (triedMs > goneMs) open = await withoutGone(open);
      for (const { topic } of open) nodes.forgetLeaders(topic);
      await clock.sleep(pauseMs(tries), signal);
    }
    return tooLarge;
  }

  /** What was found when the call was made ready and is gone now was deleted, and holds up no other topic. */
  async function withoutGone(batches: Batch[]): Promise<Batch[]> {
    const gone = new Set<string>();
    for (const topic of new Set(batches.map((batch) => batch.topic))) {
      if (await nodes.lookUp(topic).catch(() => []) === null) gone.add(topic);
    }
    for (const { topic, records } of batches) {
      if (gone.has(topic)) { for (const { call } of records) call.failure ??= topicMissing(topic); }
    }
    return batches.filter((batch) => !gone.has(batch.topic));
  }

  async function sendTo(leader: number, batches: Batch[]): Promise<Answered> {
    if (leader < 0) throw new Error("a partition has no leader");
    const frame = { compression: options.compression, ...identity! };
    const encoded = batches.map(({ topic, partition, records, firstSequence }) => {
      const messages = records.map((record) => record.message);
      return { topic, partition, messages, batch: encodeBatch(messages, { ...frame, firstSequence }) };
    });
    const topicData = [...Map.groupBy(encoded, (b) => b.topic)].map(([topic, partitions]) => ({
      topic,
      partitions,
    }));
    const { topics } = await nodes.using(
      leader,
      (broker) => produce<Produced>(broker, topicData, produceMs),
    );
    const answered: Answered = { done: [], tooLarge: [], failures: [] };
    for (const { topicName, partitions } of topics) {
      for (const { partition, errorCode, baseOffset, logAppendTime } of partitions) {
        const nth = batches.findIndex((b) => b.topic === topicName && b.partition === partition);
        const batch = batches[nth]!;
        if (errorCode === code.none || errorCode === code.duplicateSequence) {
          sequences.set(nameOf(batch), (batch.firstSequence + batch.records.length) % sequenceMax);
          const stampedMs = Number(logAppendTime) > 0 ? Number(logAppendTime) : null;
          if (stampedMs !== null) options.acknowledged(stampedMs);
          // Of a repetition a broker need not know the offset.
          if (errorCode === code.none && Number(baseOffset) >= 0) {
            options.placed(batch, { base: Number(baseOffset), messages: encoded[nth]!.messages, stampedMs });
          }
          options.appended(topicName);
          answered.done.push(batch);
        } else if (errorCode === code.messageTooLarge || errorCode === code.recordListTooLarge) {
          answered.tooLarge.push(batch);
        } else answered.failures.push(refusal(errorCode));
      }
    }
    return answered;
  }

  function refusal(errorCode: number): Error {
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

function recordTooLarge(batch: Batch, setting: SizeSetting | null): WaymarkError {
  const bound = setting === null
    ? "the topic does not say which size it takes"
    : `its ${setting.name} is ${setting.bytes}`;
  return new WaymarkError(
    "topic_mismatch",
    `cannot append a record of ${batch.bytes} bytes, before compression, to ${nameOf(batch)}: ${bound}`,
  );
}
