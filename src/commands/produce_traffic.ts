/**
 * Traffic straight into the input topics of a Kafka, as the producers of an installation write it.
 *
 *   paced batches ─► records (while the batch before is under way) ─► append, one call at a time ─► counted
 *
 * Counted is what was acknowledged, in the order of sending. An append that was not answered is repeated until it
 * is; its records may then be there twice, and are told of as such.
 */
import type { Config } from "../config.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import { utf8 } from "../ids.ts";
import type { Log, NewRecord } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import { stageContext } from "../node/context.ts";
import { openConfiguredKafka } from "../node/parts.ts";
import { namingOf, specsOf } from "../node/pipeline.ts";
import { type Clock, secondMs, systemClock } from "../time.ts";
import type { SentItem } from "../traffic/item.ts";
import { type Lateness, newLateness } from "../traffic/lateness.ts";
import { inTime, type PaceOptions } from "../traffic/pace.ts";

export type Produced = {
  records: number;
  /** Records of appends that were not answered and were made again: they may be there twice. */
  repeated: number;
  /** Records given up at the end without an answer: they may be there. */
  unanswered: number;
  lateness: Lateness;
  seconds: number;
};

export type ProduceOptions<S> = Pick<PaceOptions, "speed" | "nowIs" | "signal"> & {
  clock: Clock;
  toRecord(item: SentItem): NewRecord;
  /** What is in the log now, in the order of sending. */
  acknowledged(sendings: readonly S[]): Promise<void> | void;
};

const repeatAfterMs = secondMs;

/** Sends until the chunks end or the signal aborts; what is under way then is still waited for. */
export async function produceTraffic<S extends { item: SentItem }>(
  log: Pick<Log, "append">,
  chunks: AsyncIterable<S[]> | Iterable<S[]>,
  options: ProduceOptions<S>,
): Promise<Produced> {
  const { clock, signal } = options;
  const lateness = newLateness();
  const told: Produced = { records: 0, repeated: 0, unanswered: 0, lateness, seconds: 0 };
  const startedMs = clock.monotonicMs();
  let underWay = Promise.resolve();

  async function send(sendings: S[], records: NewRecord[]): Promise<void> {
    for (let tries = 0; !await appended(records, tries);) {
      tries++;
      await clock.sleep(repeatAfterMs, signal);
      if (signal.aborted) {
        told.unanswered += records.length;
        return;
      }
      if (tries === 1) told.repeated += records.length;
    }
    told.records += records.length;
    await options.acknowledged(sendings);
  }

  /** False when nobody answered. Throws what will not pass. */
  async function appended(records: NewRecord[], tries: number): Promise<boolean> {
    try {
      await log.append(records);
      return true;
    } catch (error) {
      if (!(error instanceof WaymarkError) || error.kind !== "retryable") throw error;
      if (tries === 0) console.error(`not acknowledged, trying on: ${messageOf(error)}`);
      return false;
    }
  }

  for await (const { sendings, dueMs } of inTime(chunks, options)) {
    const records = sendings.map(({ item }) => options.toRecord(item));
    await underWay;
    if (signal.aborted) break;
    const nowMs = clock.monotonicMs();
    for (const due of dueMs) lateness.add(nowMs - due);
    underWay = send(sendings, records);
    // A failure is met at the next turn of the loop, or below.
    underWay.catch(() => {});
  }
  await underWay;
  told.seconds = (clock.monotonicMs() - startedMs) / secondMs;
  return told;
}

/** Records as the producers of an installation write them: on the partition of their key, with the broker's time. */
export function recordMaker(config: Config): (item: SentItem) => NewRecord {
  const { partitionOf } = stageContext(config);
  const naming = namingOf(config);
  const names = {
    "ride-events": topicName("ride-events", naming),
    "driver-locations": topicName("driver-locations", naming),
  };
  return ({ topic, key: id, value }) => {
    const key = utf8(id);
    return {
      topic: names[topic],
      partition: partitionOf(topic, key),
      key,
      value: typeof value === "string" ? utf8(value) : value,
    };
  };
}

export function refuseWithoutKafka(config: Config): void {
  if (config.KAFKA_BROKERS.length > 0) return;
  throw new WaymarkError("usage", `--to is "kafka"; allowed: only with KAFKA_BROKERS set`);
}

/** The Kafka of the settings with its topics there. Throws topic_mismatch, log_unavailable. */
export async function withInputTopics<T>(config: Config, work: (log: Log) => Promise<T>): Promise<T> {
  const onTrouble = (message: string) => console.error(message);
  const log = await openConfiguredKafka({ config, clock: systemClock, onTrouble });
  try {
    await log.ensureTopics(specsOf(config));
    return await work(log);
  } finally {
    await log.close();
  }
}

/** Aborts at the first SIGINT or SIGTERM, exits at the second; `done` puts things back. */
export function untilSignal(): { signal: AbortSignal; done(): void } {
  const told = new AbortController();
  let count = 0;
  const onSignal = () => ++count === 1 ? told.abort() : Deno.exit(130);
  const names = ["SIGINT", "SIGTERM"] as const;
  for (const name of names) Deno.addSignalListener(name, onSignal);
  return {
    signal: told.signal,
    done() {
      for (const name of names) Deno.removeSignalListener(name, onSignal);
    },
  };
}

/** How it went, below the ledger. `paced`: whether items had times to be sent at. */
export function producedText({ records, repeated, unanswered, lateness, seconds }: Produced, paced: boolean) {
  const n = (value: number) => value.toLocaleString("en");
  return [
    `${n(records)} records acknowledged in ${seconds.toFixed(1)} s (${
      n(Math.round(records / seconds))
    } a second)` +
    (paced ? `, at most ${n(lateness.maxMs())} ms behind their times (p99 ${n(lateness.p99Ms())} ms)` : ""),
    ...(repeated > 0
      ? [`${n(repeated)} of them were sent again without an answer, and may be there twice`]
      : []),
    ...(unanswered > 0 ? [`${n(unanswered)} records were given up without an answer, and may be there`] : []),
  ].join("\n");
}
