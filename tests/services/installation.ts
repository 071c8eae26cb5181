/**
 * An installation of its own on shared services: topics, groups and snapshots under one name, a process that is begun
 * and ended, and rides for it. What is done to its topics is done by Kafka's own administrator.
 */
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import kafkajs, { type Admin } from "kafkajs";
import { readConfig } from "../../src/config.ts";
import { utf8 } from "../../src/ids.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { type TopicName, topicName } from "../../src/log/topics.ts";
import { namingOf } from "../../src/node/pipeline.ts";
import { isoTime, systemClock } from "../../src/time.ts";
import { ask, makeWorkers, until, type Worker } from "../chaos/workers.ts";

export type PartitionRow = {
  topic: string;
  stage: string;
  partition: number;
  state: string;
  position: number;
  snapshot_offset: number;
  snapshot_age_seconds: number | null;
};

export type Installation = {
  /** What the process is given; changes count from the next start on. */
  variables: Record<string, string>;
  url: string;
  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): void;
  log: Log;
  admin: Admin;
  topic(name: TopicName): string;
  /** Appends this many rides, two events each, of a city. */
  send(partition: number, count: number, city?: string): Promise<void>;
  /** The administrator has changed the topics: what is sent from now on is meant for them as they are. */
  changed(): Promise<void>;
  /** Begins the process, whatever becomes of it. */
  start(): Promise<void>;
  /** Begins the process and waits until it is ready. */
  begin(): Promise<void>;
  /** Waits until everything that was sent is in a snapshot. */
  settled(): Promise<void>;
  /** Drains the process: what it has folded is in snapshots afterwards. */
  drain(): Promise<void>;
  /** Begins the process and waits until it has ended by itself. */
  refused(): Promise<Ending>;
  /** Waits until the process has ended by itself. */
  ended(): Promise<Ending>;
  /** Waits for the condition; throws at once when the process ends before. */
  whileRunning(what: string, condition: () => Promise<boolean>): Promise<void>;
  rows(): Promise<PartitionRow[]>;
  causes(): Promise<string[]>;
  /** The value of a counter, over all its labels. */
  counted(metric: string): Promise<number>;
  /** How many records there are on every topic that the process publishes to. */
  published(): Promise<Record<string, number>>;
  close(): Promise<void>;
};

/** The exit code, and what the process wrote since it was begun. */
export type Ending = { code: string; output: string };

const publishedTo = [
  "city-partials",
  "analytics-aggregated",
  "ride-facts",
  "alerts",
  "late-events",
  "dead-letters",
] as const;

let made = 0;
const run = systemClock.nowMs().toString(36);
/** How long anything may take where suites share two cores. */
const patienceMs = 180_000;

export async function installation(
  { folder, variables: given }: { folder: string; variables: Record<string, string> },
): Promise<Installation> {
  const name = `i${run}-${++made}`;
  const home = join(folder, name);
  await mkdir(home, { recursive: true });
  const variables: Record<string, string> = {
    WAYMARK_TOPIC_PREFIX: `${name}-`,
    WAYMARK_GROUP: name,
    WAYMARK_REDIS_PREFIX: `${name}:`,
    WAYMARK_PARTITIONS:
      "ride-events=2,driver-locations=1,city-partials=2,analytics-aggregated=1,ride-facts=1,alerts=1," +
      "late-events=1,dead-letters=1",
    WAYMARK_CLICKHOUSE: "off",
    WAYMARK_FLUSH_MS: "50",
    WAYMARK_SNAPSHOT_MS: "300",
    WAYMARK_SESSION_MS: "6000",
    WAYMARK_IDLE_MS: "3600000",
    ...given,
  };
  const [worker] = await makeWorkers(1, { folder: home, variables }) as [Worker];
  const outputPath = join(home, "worker-1", "output.txt");
  const brokers = given.KAFKA_BROKERS!.split(",");
  const log = await openKafkaLog({ brokers, clock: systemClock });
  let sender = await openKafkaLog({ brokers, clock: systemClock });
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  const naming = () => namingOf(readConfig(variables));
  const topic = (of: TopicName) => topicName(of, naming());
  let rides = 0;
  let outputFrom = 0;

  const output = () => readFile(outputPath, "utf8").catch(() => "");
  const told = async () => (await output()).slice(outputFrom);

  async function start(): Promise<void> {
    outputFrom = (await output()).length;
    worker.start();
  }

  async function ended(): Promise<Ending> {
    await until("the process has ended", async () => !worker.running(), patienceMs).catch(async (error) => {
      throw new Error(`${error.message}; it says: ${(await told()).slice(-2_000)}`);
    });
    return { code: worker.endings.at(-1)!, output: await told() };
  }

  async function rows(): Promise<PartitionRow[]> {
    const answer = await ask(`${worker.url}/v1/partitions`);
    return answer?.status === 200 ? (answer.body as { partitions: PartitionRow[] }).partitions : [];
  }

  async function whileRunning(what: string, condition: () => Promise<boolean>): Promise<void> {
    await until(what, async () => {
      if (worker.running()) return await condition();
      throw new Error(`ended with ${worker.endings.at(-1)} before ${what}: ${await told()}`);
    }, patienceMs).catch(async (error) => {
      throw new Error(`${error.message}; ${JSON.stringify(await rows())}; ${(await told()).slice(-2_000)}`);
    });
  }

  return {
    variables,
    url: worker.url,
    signal: worker.signal,
    log,
    admin,
    topic,
    async send(partition, count, city = "wien") {
      const atMs = systemClock.nowMs();
      const events = Array.from({ length: count }, () => `${name}-${++rides}`).flatMap((ride_id) =>
        ["requested", "cancelled"].map((event_type) => ({
          ...{ event_type, ride_id, timestamp: isoTime(atMs), city, user_id: `rider of ${ride_id}` },
        }))
      );
      await sender.append(events.map((event) => ({
        ...{
          topic: topic("ride-events"),
          partition,
          key: utf8(event.ride_id),
          value: utf8(JSON.stringify(event)),
        },
      })));
    },
    start,
    whileRunning,
    async changed() {
      await sender.close();
      sender = await openKafkaLog({ brokers, clock: systemClock });
    },
    async begin() {
      await start();
      await whileRunning("it is ready", async () => (await ask(`${worker.url}/readyz`))?.status === 200);
    },
    async settled() {
      const bounds = await log.bounds(topic("ride-events"));
      await whileRunning("all is in snapshots", async () => {
        const of = (await rows()).filter((row) => row.stage === "rides");
        return bounds.every(({ end }, p) => of.find((row) => row.partition === p)?.snapshot_offset === end);
      });
    },
    async drain() {
      worker.signal("SIGTERM");
      const { code, output } = await ended();
      if (code !== "0") throw new Error(`drained with ${code}: ${output}`);
    },
    async refused() {
      await start();
      return await ended();
    },
    ended,
    rows,
    async causes() {
      const answer = await ask(`${worker.url}/readyz`);
      return (answer?.body as { causes?: string[] } | undefined)?.causes ?? [];
    },
    async counted(metric) {
      const text = await (await fetch(`${worker.url}/metrics`)).text();
      const values = [...text.matchAll(new RegExp(`^${metric}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))];
      return values.reduce((sum, [, value]) => sum + Number(value), 0);
    },
    async published() {
      const counts = publishedTo.map(async (of) => {
        const bounds = await log.bounds(topic(of));
        return [topic(of), bounds.reduce((sum, { end }) => sum + end, 0)] as const;
      });
      return Object.fromEntries(await Promise.all(counts));
    },
    async close() {
      worker.signal("SIGCONT");
      worker.signal("SIGKILL");
      await until("the process is gone", async () => !worker.running(), patienceMs);
      await admin.disconnect();
      await sender.close();
      await log.close();
    },
  };
}
