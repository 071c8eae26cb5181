/**
 * ClickHouse of one process: opened, migrated, filled by the sink, and offered to readers where a port is set.
 *
 *   CLICKHOUSE_URL   a server: the processes share its filling, one group                 `<group>-clickhouse`
 *   none             in this process, beside those of other nodes: all partitions each    `<group>-clickhouse-<id>`
 *
 * The id is that of the folder with the rows (node_id.ts): without the folder everything is copied again.
 */
import { type Door, openDoor } from "../clickhouse_door/door.ts";
import type { Config } from "../config.ts";
import { keysOf } from "../http/auth.ts";
import type { Erased } from "../erased.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { type Analytics, openEmbedded, openServer } from "../sinks/analytics.ts";
import { personalTables } from "../sinks/personal_tables.ts";
import { type Sink, type SinkOptions, startSink } from "../sinks/clickhouse.ts";
import { applyMigrations } from "../sinks/migrations.ts";
import type { Gap } from "../sinks/resume.ts";
import type { PoisonRow } from "../sinks/table_feed.ts";
import { type Clock, systemClock } from "../time.ts";
import { claimNodeId } from "./node_id.ts";
import { clickHousePath } from "./parts.ts";
import { startPatiently } from "./patient_sink.ts";
import { namingOf } from "./pipeline.ts";
import { deadLetterRefused } from "./refused_row.ts";

export type ClickHouse = {
  analytics: Analytics;
  sink: Sink;
  /** What erasures call it: `clickhouse`, or with the id of the node whose own it is. */
  name: string;
  /** Where readers reach the embedded ClickHouse; null without WAYMARK_CLICKHOUSE_PORT. */
  doorUrl: string | null;
  /** The door first, then the sink, then ClickHouse. */
  stop(): Promise<void>;
};

export type ClickHouseOptions = {
  config: Config;
  log: Log;
  dataDir: string;
  clock: Clock;
  /** The records' times are those of a recording: keep the rows whatever their age. */
  replayed: boolean;
  erased?: Erased;
  /** A row that ClickHouse refuses; its record is a dead letter by then. */
  poisoned(row: PoisonRow): void;
  /** Records that the log had forgotten before ClickHouse got them. */
  gapFound?(tp: TopicPartition, gap: Gap): void;
  failed(tp: TopicPartition, error: unknown): void;
};

/**
 * A server that is away delays the copying, never the start. Throws data_dir_in_use, config_invalid,
 * migration_mismatch, and analytics_unavailable when the embedded one cannot be migrated.
 */
export async function startClickHouse(options: ClickHouseOptions): Promise<ClickHouse> {
  const { config, log, clock, dataDir } = options;
  const { analytics, ownId } = await openConfiguredAnalytics(config, dataDir);
  const stops = [() => analytics.close()];
  const stop = async () => {
    for (let last = stops.pop(); last !== undefined; last = stops.pop()) await last();
  };
  const sinkOptions: SinkOptions = {
    log,
    analytics,
    clock,
    group: config.WAYMARK_GROUP,
    ...(ownId !== null && { ownId }),
    naming: namingOf(config),
    logEpoch: config.WAYMARK_LOG_EPOCH,
    replayed: options.replayed,
    insertMs: config.WAYMARK_INSERT_MS,
    poisoned: async (row) => {
      await deadLetterRefused(log, row, config);
      options.poisoned(row);
    },
    ...(options.gapFound && { gapFound: options.gapFound }),
    ...(options.erased && { erased: options.erased }),
    failed: options.failed,
  };
  const start = async () => {
    await applyMigrations(analytics);
    return await startSink(sinkOptions);
  };
  try {
    const sink = ownId === null ? await startPatiently(start, sinkOptions) : await start();
    stops.push(() => sink.stop());
    const door = await startClickHouseDoor({ config, dataDir, clock });
    if (door !== null) stops.push(() => door.stop());
    const name = sinkOptions.ownId === undefined ? "clickhouse" : `clickhouse/${sinkOptions.ownId}`;
    return { analytics, sink, name, doorUrl: door?.url ?? null, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The ClickHouse that the settings name; `ownId` tells an embedded one from those of other nodes. */
export async function openConfiguredAnalytics(
  config: Config,
  dataDir: string,
): Promise<{ analytics: Analytics; ownId: string | null }> {
  if (config.CLICKHOUSE_URL !== "") {
    return { analytics: openServer({ url: config.CLICKHOUSE_URL }), ownId: null };
  }
  const ownId = await claimNodeId(dataDir);
  return { analytics: openEmbedded({ path: clickHousePath(dataDir) }), ownId };
}

/** Null when no port is set. Throws config_invalid when the port cannot be taken. */
async function startClickHouseDoor(
  { config, dataDir, clock }: Pick<ClickHouseOptions, "config" | "dataDir" | "clock">,
): Promise<Door | null> {
  const { WAYMARK_CLICKHOUSE_PORT: port, WAYMARK_HOST: host } = config;
  if (port === null) return null;
  const keys = keysOf(config);
  const door = {
    ...{ path: clickHousePath(dataDir), host, port, access: "read" as const, clock },
    keys: keys.readKeys,
    adminKeys: config.WAYMARK_ADMIN_KEYS,
    // As with the other doors: without any keys, who is on this machine may do everything.
    people: Object.values(keys).some((list) => list.length > 0) ? personalTables : [],
  };
  return await openDoor(door).catch((error) => {
    if (error instanceof WaymarkError) throw error;
    const why = error instanceof Deno.errors.AddrInUse ? "another program listens there" : messageOf(error);
    throw new WaymarkError(
      "config_invalid",
      `cannot listen on ${host}:${port}: ${why}; choose another WAYMARK_CLICKHOUSE_PORT or WAYMARK_HOST`,
    );
  });
}

/** Copies everything that is in the log into the ClickHouse of the directory; returns the rows inserted. */
export async function copyToClickHouse(log: Log, dataDir: string, config: Config): Promise<number> {
  const clock = systemClock;
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  // The directory's own, whatever is set for the service.
  const own = { CLICKHOUSE_URL: "", KAFKA_BROKERS: [], WAYMARK_CLICKHOUSE_PORT: null };
  const quick = { ...config, ...own, WAYMARK_INSERT_MS: 200 };
  const clickHouse = await startClickHouse({
    config: quick,
    log,
    dataDir,
    clock,
    replayed: true,
    poisoned: (row) => failed.reject(new Error(`ClickHouse refuses a row of ${row.table}: ${row.message}`)),
    failed: (_, error) => failed.reject(error),
  });
  try {
    for (;;) {
      const { partitions } = clickHouse.sink.status();
      const bounds = await allBounds(log, [...new Set(partitions.map((p) => p.topic))]);
      if (
        partitions.length > 0 &&
        partitions.every((p) => p.committed >= bounds.get(p.topic)![p.partition]!.end)
      ) break;
      await Promise.race([clock.sleep(50), failed.promise]);
    }
    return clickHouse.sink.status().partitions.reduce((sum, p) => sum + p.rowsInserted, 0);
  } finally {
    await clickHouse.stop();
  }
}

async function allBounds(log: Log, topics: string[]): Promise<Map<string, { end: number }[]>> {
  return new Map(await Promise.all(topics.map(async (topic) => [topic, await log.bounds(topic)] as const)));
}
