/** The services of a chaos run, each a process of its own that is killed, asked to end, and begun again. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { clickHouseAnswers, startClickHouseServer } from "../../src/commands/services/clickhouse_server.ts";
import { startKafka } from "../../src/commands/services/kafka_brokers.ts";
import { end, isRunning, launch, type Launched } from "../../src/commands/services/launched.ts";
import { redisAnswers, startRedis } from "../../src/commands/services/redis_server.ts";
import { jarsFolder } from "../../src/commands/services.ts";
import { kafkaAnswers, kafkaNodes, type Nodes } from "../../src/log/kafka/nodes.ts";
import { secondMs } from "../../src/time.ts";
import { until } from "./workers.ts";

export type Server = {
  name: string;
  port: number;
  isRunning(): boolean;
  /** Ends it, and waits until it is gone. */
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Begins it again at its place and waits until it answers. */
  begin(): Promise<void>;
};

export type Broker = Server & { id: number; advertisedPort: number };

export type Cluster = {
  brokers: Broker[];
  /** Of the listener that no proxy is before. */
  addresses: string[];
  nodes: Nodes;
  /** Of the quorum: what its voters have written down last. */
  controller(): Promise<number>;
  close(): Promise<void>;
};

const goneMs = 40 * secondMs;
const backMs = 90 * secondMs;

export async function redisServer(folder: string): Promise<Server> {
  const first = await startRedis(folder);
  const start = async () => (await startRedis(folder, first.port)).process;
  return server({ process: first.process, port: first.port, start, answers: () => redisAnswers(first.port) });
}

export async function clickHouseServer(folder: string): Promise<Server> {
  const first = await startClickHouseServer(folder);
  const start = async () => (await startClickHouseServer(folder, first.port)).process;
  const answers = () => clickHouseAnswers(first.port);
  return server({ process: first.process, port: first.port, start, answers });
}

export async function kafkaCluster(folder: string, count: number): Promise<Cluster> {
  const started = await startKafka({ folder, jars: jarsFolder(), brokers: count });
  const addresses = started.brokers.split(",");
  await until("all brokers answer", () => kafkaAnswers(addresses, count), backMs);
  const brokers = started.processes.map((first, i): Broker => {
    const [program, ...args] = readFileSync(`/proc/${first.pid}/cmdline`, "utf8").split("\0").slice(0, -1);
    const log = join(folder, `kafka-${i + 1}`, "kafka.log");
    const start = () => launch(first.name, [program!, ...args], { log, mark: first.mark });
    const answers = () => kafkaAnswers([addresses[i]!], count > 1 ? 2 : 1);
    const { port, advertisedPort } = started.proxied[i]!;
    return { ...server({ process: first, port, start, answers }), id: i + 1, advertisedPort };
  });
  const timing = { connectMs: 2 * secondMs, requestMs: 5 * secondMs };
  const nodes = kafkaNodes({ brokers: addresses, clientId: "waymark-chaos", security: {}, ...timing });
  return {
    brokers,
    addresses,
    nodes,
    controller: () => controllerIn(folder, count),
    close: () => nodes.close(),
  };
}

async function controllerIn(folder: string, count: number): Promise<number> {
  const states = await Promise.all(Array.from({ length: count }, async (_, i) => {
    const path = join(folder, `kafka-${i + 1}`, "data", "__cluster_metadata-0", "quorum-state");
    return JSON.parse(await readFile(path, "utf8")) as { leaderId: number; leaderEpoch: number };
  }));
  return states.sort((a, b) => b.leaderEpoch - a.leaderEpoch).find(({ leaderId }) => leaderId > 0)
    ?.leaderId ?? 1;
}

function server(
  { process: first, port, start, answers }: {
    process: Launched;
    port: number;
    start(): Promise<Launched>;
    answers(): Promise<boolean>;
  },
): Server {
  let running = first;
  return {
    name: first.name,
    port,
    isRunning: () => isRunning(running),
    async end(signal) {
      if (!isRunning(running)) return;
      process.kill(running.pid, signal);
      await until(`${first.name} is gone`, async () => !isRunning(running), goneMs)
        .catch(() => end([running]));
    },
    async begin() {
      await until(`${first.name} answers again`, async () => {
        // Also one that ended while it was beginning: whoever holds its port or its disk lets go of it sometime.
        if (!isRunning(running)) running = await start();
        return await answers();
      }, backMs);
    },
  };
}
