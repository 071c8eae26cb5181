/**
 * `waymark services`: a real Kafka, a real Redis and a ClickHouse-compatible server on free loopback ports, in the
 * background, without containers.
 *
 *   start ──► java, redis-server, deno (ids in services.json) ──► wait until all answer ──► the variables to export
 *   --stop ──► end what services.json names, remove the folder
 *
 * One set per folder. Nothing of it is meant to keep data: the folder is gone after `--stop`.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { configFromEnvironment } from "./environment.ts";
import { WaymarkError } from "../errors.ts";
import { kafkaAnswers } from "../log/kafka/nodes.ts";
import { minuteMs, systemClock } from "../time.ts";
import { type Command, type Given, wholeNumber } from "./command.ts";
import { clickHouseAnswers, startClickHouseServer } from "./services/clickhouse_server.ts";
import { kafkaVersion, type ProxiedBroker, startKafka } from "./services/kafka_brokers.ts";
import { end, isRunning, lastWords, type Launched } from "./services/launched.ts";
import { redisAnswers, startRedis } from "./services/redis_server.ts";

export type Services = {
  folder: string;
  processes: Launched[];
  /** What a process needs in its environment to use them. */
  variables: { KAFKA_BROKERS: string; REDIS_URL: string; CLICKHOUSE_URL: string };
  /** The same brokers behind SASL, behind TLS, behind both, for tests of these. */
  saslBrokers: string;
  tlsBrokers: string;
  tlsSaslBrokers: string;
  /** Path of the PEM of the authority that TLS clients have to trust. */
  tlsAuthority: string;
  proxied: ProxiedBroker[];
};

export type ServicesOptions = {
  /** Data, logs and process ids; removed by stopServices. */
  folder: string;
  /** 1 or 3. */
  brokers?: number;
  /** Where the jars of Kafka are kept. */
  jars?: string;
};

export const jarsFolder = () => join(homedir(), ".cache", "waymark", `kafka-${kafkaVersion}`);

const readyMs = 3 * minuteMs;
const stateOf = (folder: string) => join(folder, "services.json");

/** A program that has ended at once, so that it is worth another try: somebody was quicker to take one of its ports. */
class Ended extends Error {}
const tries = 3;

/** Starts them and waits until they answer. Throws `usage`, naming what is missing and how to install it. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const folder = resolve(options.folder);
  if (await findServices(folder) !== null) {
    throw new WaymarkError("usage", `services: ${folder} has some running; end them first with --stop`);
  }
  for (let tried = 1;; tried++) {
    try {
      return await startOnce({ ...options, folder });
    } catch (error) {
      if (!(error instanceof Ended)) throw error;
      if (tried === tries) throw new WaymarkError("usage", `services: ${error.message}`);
      console.error(`services: ${error.message}\nservices: starting again, on other ports`);
    }
  }
}

async function startOnce({ folder, brokers = 1, jars = jarsFolder() }: ServicesOptions): Promise<Services> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const redis = await startRedis(folder);
  const services: Services = {
    folder,
    processes: [redis.process],
    variables: { KAFKA_BROKERS: "", REDIS_URL: redis.url, CLICKHOUSE_URL: "" },
    saslBrokers: "",
    tlsBrokers: "",
    tlsSaslBrokers: "",
    tlsAuthority: "",
    proxied: [],
  };
  try {
    const clickHouse = await startClickHouseServer(folder);
    services.processes.push(clickHouse.process);
    services.variables.CLICKHOUSE_URL = clickHouse.url;
    const { processes, brokers: plain, ...secured } = await startKafka({ folder, jars, brokers });
    services.processes.push(...processes);
    services.variables.KAFKA_BROKERS = plain;
    Object.assign(services, secured);
    await writeFile(stateOf(folder), JSON.stringify(services, null, 2));
    const ports = { redisPort: redis.port, clickHousePort: clickHouse.port };
    await untilReady(services, { ...ports, brokers });
    return services;
  } catch (error) {
    await end(services.processes);
    throw error;
  }
}

async function untilReady(
  { processes, variables, folder }: Services,
  { redisPort, clickHousePort, brokers }: { redisPort: number; clickHousePort: number; brokers: number },
): Promise<void> {
  const untilMs = systemClock.monotonicMs() + readyMs;
  const addresses = variables.KAFKA_BROKERS.split(",");
  const answer = async () =>
    await redisAnswers(redisPort) && await clickHouseAnswers(clickHousePort) &&
    await kafkaAnswers(addresses, brokers);
  while (!await answer()) {
    const gone = processes.find((p) => !isRunning(p));
    if (gone !== undefined) throw new Ended(`${gone.name} ended: ${await lastWords(gone)}`);
    if (systemClock.monotonicMs() > untilMs) {
      throw new WaymarkError("usage", `services: not ready after ${readyMs} ms; see the logs in ${folder}`);
    }
    await systemClock.sleep(200);
  }
}

/** What runs out of a folder, or null. */
export async function findServices(folder: string): Promise<Services | null> {
  const state = stateOf(resolve(folder));
  if (!existsSync(state)) return null;
  const services = JSON.parse(await readFile(state, "utf8")) as Services;
  return services.processes.some(isRunning) ? services : null;
}

/** Ends what runs out of the folder and removes it. */
export async function stopServices(folder: string): Promise<void> {
  await end((await findServices(folder))?.processes ?? []);
  await rm(resolve(folder), { recursive: true, force: true });
}

export const servicesCommand: Command = {
  name: "services",
  operands: "",
  summary: "A real Kafka and Redis, and ClickHouse, on loopback, in the background, for tests and trying.",
  options: {
    brokers: { type: "string", value: "N", help: "brokers of the Kafka cluster, 1 to 3 (1)" },
    folder: {
      type: "string",
      value: "DIR",
      help: "data, logs, process ids (services in the data directory)",
    },
    jars: {
      type: "string",
      value: "DIR",
      help: "jars of Kafka, fetched once (a folder in ~/.cache/waymark)",
    },
    stop: { type: "boolean", help: "ends them and removes the folder" },
    status: { type: "boolean", help: "says what runs; exit code 1 when nothing does" },
    help: { type: "boolean", help: "this text" },
  },
  more: () =>
    "Needs java (17 or later), mvn for the first start, and redis-server. ClickHouse is the one that comes with Waymark,\n" +
    "in a process of its own behind ClickHouse's HTTP protocol.",
  run: services,
};

async function services(given: Given): Promise<number> {
  const folder = given.text("folder") ?? join(configFromEnvironment().WAYMARK_DATA_DIR, "services");
  if (given.flag("stop")) {
    await stopServices(folder);
    console.log(`nothing runs out of ${folder} any more`);
    return 0;
  }
  if (given.flag("status")) return await status(folder);
  const brokers = wholeNumber(given, "brokers", { fallback: 1, min: 1, max: 3 });
  const started = await startServices({ folder, brokers, jars: given.text("jars") ?? jarsFolder() });
  console.log(exportsOf(started));
  return 0;
}

async function status(folder: string): Promise<number> {
  const services = await findServices(folder);
  if (services === null) {
    console.log(`nothing runs out of ${folder}`);
    return 1;
  }
  for (const launched of services.processes) {
    console.log(`# ${launched.name}: ${isRunning(launched) ? `process ${launched.pid}` : "ended"}`);
  }
  console.log(exportsOf(services));
  return 0;
}

const exportsOf = ({ variables }: Services) =>
  Object.entries(variables).map(([name, value]) => `export ${name}=${value}`).join("\n");
