/**
 * What a chaos run takes place in: real services, the processes of Waymark, and a network of ours in between.
 *
 *   worker 1 ─┐            ┌─ kafka 1, 2, 3    each broker advertises its proxy as its address
 *   worker 2 ─┼─ proxies ──┼─ redis            a proxy for each worker
 *   worker 3 ─┘            └─ clickhouse       a proxy for each worker
 *
 * Traffic and whoever looks on go straight to the services: they are to see what is, also while the network is broken.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Config, readConfig } from "../../src/config.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import type { TopicNaming } from "../../src/log/topics.ts";
import { namingOf } from "../../src/node/pipeline.ts";
import { systemClock } from "../../src/time.ts";
import { type SteppedClock, steppedClock } from "./clocks.ts";
import { type Disk, mountDisk } from "./disks.ts";
import { type Network, openNetwork } from "./networks.ts";
import { type Embedded, startEmbedded } from "./embedded.ts";
import { clickHouseServer, type Cluster, kafkaCluster, redisServer, type Server } from "./servers.ts";
import { makeWorkers, type Worker } from "./workers.ts";

export type Bed = {
  config: Config;
  naming: TopicNaming;
  /** Of a process that goes straight to the services. */
  variables: Record<string, string>;
  workers: Worker[];
  cluster: Cluster;
  redis: Server;
  clickHouse: Server;
  /** Kafka, Redis and the workers alone: no ClickHouse, no networks in between, no process beside them. */
  plain: boolean;
  networks: { kafka: Network; redis: Network; clickhouse: Network };
  /** Why there is none is told in a string. */
  disks: { broker: Disk | string; clickHouse: Disk | string };
  /** Beside all of them, with nothing but its own data directory; null in a plain bed. */
  embedded: Embedded | null;
  /** Of the last worker. */
  clock: SteppedClock | string;
  log: Log;
  close(): Promise<void>;
};

export type BedOptions = Pick<Bed, "plain"> & { folder: string; processes: number; brokers: number };

export async function makeBed({ folder, processes, brokers, plain }: BedOptions): Promise<Bed> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const end of closing.splice(0).reverse()) await end().catch((error) => console.error(error));
  };
  try {
    const home = join(folder, "services");
    await mkdir(home, { recursive: true });
    // The disk of the last broker and that of ClickHouse: both are mounted before anything is on them.
    const disks = {
      broker: await mountDisk(join(home, `kafka-${brokers}`)),
      clickHouse: await mountDisk(join(home, "clickhouse")),
    };
    for (const disk of Object.values(disks)) if (typeof disk !== "string") closing.push(() => disk.unmount());
    const redis = await redisServer(home);
    closing.push(() => redis.end("SIGTERM"));
    const clickHouse = await clickHouseServer(home);
    closing.push(() => clickHouse.end("SIGTERM"));
    const cluster = await kafkaCluster(home, brokers);
    closing.push(() => Promise.all(cluster.brokers.map((broker) => broker.end("SIGKILL"))), cluster.close);
    if (!plain) await clickHouse.begin();

    const ways = (to: number) =>
      Array.from({ length: processes }, (_, i) => ({ to, name: `way of worker ${i + 1}` }));
    const networks = {
      kafka: await openNetwork(
        cluster.brokers.map(({ name, port, advertisedPort }) => ({
          to: port,
          port: advertisedPort,
          name: `way to ${name}`,
        })),
      ),
      redis: await openNetwork(ways(redis.port)),
      clickhouse: await openNetwork(ways(clickHouse.port)),
    };
    closing.push(...Object.values(networks).map((network) => network.close));

    const variables = {
      KAFKA_BROKERS: cluster.addresses.join(","),
      REDIS_URL: `redis://127.0.0.1:${redis.port}`,
      ...(!plain && { CLICKHOUSE_URL: `http://127.0.0.1:${clickHouse.port}` }),
      // Caught up is also what ClickHouse has: batches that wait for company would only be waited for.
      WAYMARK_INSERT_MS: "1000",
      ...(plain && { WAYMARK_CLICKHOUSE: "off" }),
    };
    const config = readConfig(variables);
    const last = join(folder, `worker-${processes}`);
    await mkdir(last, { recursive: true });
    const clock = await steppedClock(last);
    const workers = await makeWorkers(processes, {
      folder,
      variables,
      own: (i) => ({
        ...(!plain && {
          KAFKA_BROKERS: cluster.brokers.map(({ advertisedPort }) => `127.0.0.1:${advertisedPort}`).join(","),
          REDIS_URL: `redis://127.0.0.1:${networks.redis.ports[i]}`,
          CLICKHOUSE_URL: `http://127.0.0.1:${networks.clickhouse.ports[i]}`,
        }),
        ...(i === processes - 1 && typeof clock !== "string" && clock.variables),
      }),
    });
    closing.push(async () => workers.forEach((worker) => worker.signal("SIGKILL")));
    const log = await openKafkaLog({ brokers: cluster.addresses, clock: systemClock });
    closing.push(() => log.close());
    const naming = namingOf(config);
    const embedded = plain ? null : await startEmbedded(join(folder, "embedded"));
    if (embedded !== null) closing.push(embedded.close);
    return {
      embedded,
      config,
      naming,
      variables,
      workers,
      cluster,
      redis,
      clickHouse,
      plain,
      networks,
      disks,
      clock,
      log,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
