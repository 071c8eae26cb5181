/** Where a benchmark's records are: an embedded log in a folder, or the topics of a prefix on Kafka. */
import { readConfig } from "../src/config.ts";
import { hash64 } from "../src/ids.ts";
import type { Log, NewRecord } from "../src/log/port.ts";
import { stageContext } from "../src/node/context.ts";
import { openParts, type Parts } from "../src/node/parts.ts";
import { specsOf } from "../src/node/pipeline.ts";
import { systemClock } from "../src/time.ts";
import { workload, type WorkloadEvent, type WorkloadOptions } from "./workload.ts";

export type BenchLog = {
  /** Of the data directory: the log if it is embedded, the snapshots in any case. */
  folder: string;
  kafka: { brokers: string; prefix: string } | null;
};

const appendRecords = 10_000;

export const configOf = ({ kafka }: Pick<BenchLog, "kafka">) =>
  readConfig({
    WAYMARK_CLICKHOUSE: "off",
    ...(kafka !== null && {
      KAFKA_BROKERS: kafka.brokers,
      WAYMARK_TOPIC_PREFIX: kafka.prefix,
      // Each run begins at the start of the log.
      WAYMARK_GROUP: `bench-${hash64(kafka.prefix + systemClock.nowMs()).low.toString(36)}`,
    }),
  });

export async function openBenchLog(where: BenchLog): Promise<Parts> {
  return await openParts({ config: configOf(where), dataDir: where.folder, clock: systemClock });
}

/** The workload for an installation with default settings. */
export function madeEvents(options: Pick<WorkloadOptions, "events" | "startMs" | "perSecond">) {
  const { partitionOf, partitions } = stageContext(readConfig({}));
  return workload({
    ...options,
    partitions: partitions["ride-events"],
    partitionOf: (key) => partitionOf("ride-events", key),
  });
}

/** Appends the workload; tells of each event. */
export async function fillLog(where: BenchLog, events: number, told: (event: WorkloadEvent) => void) {
  const { log, close } = await openBenchLog(where);
  const config = configOf(where);
  await log.ensureTopics(specsOf(config));
  const waiting: NewRecord[] = [];
  for (const event of madeEvents({ events })) {
    told(event);
    waiting.push(recordOf(event, where));
    if (waiting.length >= appendRecords) await log.append(waiting.splice(0));
  }
  await log.append(waiting);
  await close();
}

/** Kafka stamps records by itself; the embedded log is told the workload's time. */
export function recordOf({ partition, key, value, logMs }: WorkloadEvent, { kafka }: BenchLog): NewRecord {
  const topic = `${kafka?.prefix ?? ""}ride-events`;
  return { topic, partition, key, value, ...(kafka === null && { timestampMs: logMs }) };
}

export async function recordsIn(log: Log, topic: string): Promise<number> {
  return (await log.bounds(topic)).reduce((sum, { start, end }) => sum + end - start, 0);
}
