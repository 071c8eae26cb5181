/** The topics of one run: the workload in `<prefix>ride-events`, and what it should come to. */
import { readConfig } from "../../src/config.ts";
import type { Log, NewRecord } from "../../src/log/port.ts";
import { specsOf } from "../../src/node/pipeline.ts";
import { openConfiguredKafka } from "../../src/node/parts.ts";
import { stageContext } from "../../src/node/context.ts";
import { hourMs, minuteMs, systemClock } from "../../src/time.ts";
import { cityNames, workload } from "../workload.ts";
import { newRecount, type WindowFigures } from "../workload_recount.ts";

export type Filled = {
  prefix: string;
  events: number;
  input: string;
  windowMs: number;
  expected: Map<string, WindowFigures>;
};

const appendRecords = 20_000;
const outputPartitions = 6;

/** Fills `<prefix>ride-events` for every prefix with the same records, made and counted once. */
export async function fillTopics(
  brokers: string,
  prefixes: readonly string[],
  { events, cities = 50, windowMs = 5 * minuteMs }: { events: number; cities?: number; windowMs?: number },
): Promise<Filled[]> {
  const kept: { log: Log; topic: string }[] = [];
  for (const prefix of prefixes) {
    kept.push({ log: await logWithTopics(brokers, prefix), topic: `${prefix}ride-events` });
  }
  const { partitionOf, partitions } = stageContext(readConfig({}));
  const recount = newRecount(cityNames(cities), windowMs);
  const made = workload({
    events,
    cities,
    windowMs,
    partitions: partitions["ride-events"],
    partitionOf: (key) => partitionOf("ride-events", key),
  });
  let waiting: Omit<NewRecord, "topic">[] = [];
  let underWay = Promise.resolve();
  const send = async (records: Omit<NewRecord, "topic">[]) => {
    for (const { log, topic } of kept) await log.append(records.map((record) => ({ topic, ...record })));
  };
  for (const event of made) {
    recount.add(event);
    waiting.push({ partition: event.partition, key: event.key, value: event.value });
    if (waiting.length < appendRecords) continue;
    await underWay;
    underWay = send(waiting);
    // A failure is met at the next turn of the loop, or below.
    underWay.catch(() => {});
    waiting = [];
  }
  await underWay;
  await send(waiting);
  for (const { log } of kept) await log.close();
  const expected = recount.windows();
  return prefixes.map((prefix) => ({ prefix, events, input: `${prefix}ride-events`, windowMs, expected }));
}

/** The topics of Waymark, empty. */
export async function makeTopics(brokers: string, prefix: string): Promise<void> {
  await (await logWithTopics(brokers, prefix)).close();
}

async function logWithTopics(brokers: string, prefix: string): Promise<Log> {
  const config = readConfig({ KAFKA_BROKERS: brokers, WAYMARK_TOPIC_PREFIX: prefix });
  const log = await openConfiguredKafka({ config, clock: systemClock });
  await log.ensureTopics(specsOf(config));
  return log;
}

/** A topic for the results of a system that does not make its own. */
export async function makeOutput(log: Log, topic: string): Promise<void> {
  await log.ensureTopics([{ topic, partitions: outputPartitions, retentionMs: 24 * hourMs }]);
}
