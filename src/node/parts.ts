/**
 * Log and snapshots of one process: Kafka where KAFKA_BROKERS says so, Redis where REDIS_URL does, else files in the
 * data directory.
 */
import { join } from "node:path";
import type { Config } from "../config.ts";
import type { WaymarkError } from "../errors.ts";
import { contractTopicSettings, openKafkaLog } from "../log/kafka/log.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { openSqliteLog, type SqliteLog } from "../log/sqlite.ts";
import type { SnapshotStore } from "../snapshots/port.ts";
import { openSqliteSnapshots } from "../snapshots/sqlite.ts";
import type { Clock } from "../time.ts";
import type { SyncOptions } from "../wal_sync.ts";
import { kafkaSecurity } from "./kafka_security.ts";
import { openConfiguredRedis } from "./redis_store.ts";

export type Parts<L extends Log = Log> = {
  log: L;
  store: SnapshotStore;
  /** Drops what the log need not keep. A broker does that by itself. */
  housekeep(floors: (tp: TopicPartition) => number): Promise<void>;
  close(): Promise<void>;
};

export type PartsOptions = Pick<SyncOptions, "openWal"> & {
  config: Config;
  dataDir: string;
  clock: Clock;
  /** Where the other processes of the group reach this one. */
  address?: string;
  /** Names this process among them, the same after a restart. */
  instance?: string;
  /** Told of what the log goes on trying for long. */
  onTrouble?(message: string): void;
  /** Told of a disk that did not keep what it was given: the process can only be started again. */
  onDiskLost?(error: WaymarkError): void;
};

/** Throws data_dir_in_use when another process works in the directory, log_unavailable when no broker answers. */
export async function openParts(options: PartsOptions): Promise<Parts> {
  if (options.config.KAFKA_BROKERS.length === 0) return await openEmbeddedParts(options);
  const log = await openConfiguredKafka(options);
  return await withStore(log, options, () => Promise.resolve());
}

/** Everything in files, whatever the settings say of Kafka: for replays, which bring their own log. */
export async function openEmbeddedParts(options: PartsOptions): Promise<Parts<SqliteLog>> {
  const { dataDir, clock } = options;
  const log = openSqliteLog({ path: join(dataDir, "log.db"), clock, ...durability(options) });
  return await withStore(log, options, (floors) => log.housekeep(floors));
}

/** The Kafka that the settings name. Throws config_invalid, log_unavailable. */
export async function openConfiguredKafka(
  { config, clock, address, instance, onTrouble }: Omit<PartsOptions, "dataDir">,
): Promise<Log> {
  return await openKafkaLog({
    brokers: config.KAFKA_BROKERS,
    clock,
    security: await kafkaSecurity(config),
    topicSettings: contractTopicSettings({
      prefix: config.WAYMARK_TOPIC_PREFIX,
      generation: config.WAYMARK_GENERATION,
    }),
    timing: { sessionMs: config.WAYMARK_SESSION_MS },
    ...(address !== undefined && { address }),
    ...(instance !== undefined && { instance }),
    ...(onTrouble !== undefined && { onTrouble }),
  });
}

async function withStore<L extends Log>(
  log: L,
  options: PartsOptions,
  housekeep: Parts["housekeep"],
): Promise<Parts<L>> {
  try {
    const store = await openStore(options);
    return {
      log,
      store,
      housekeep,
      async close() {
        await store.close();
        await log.close();
      },
    };
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function openStore(options: PartsOptions): Promise<SnapshotStore> {
  const { config, dataDir } = options;
  if (config.REDIS_URL !== "") return await openConfiguredRedis(config);
  return openSqliteSnapshots({ path: join(dataDir, "snapshots.db"), ...durability(options) });
}

const durability = ({ config, onDiskLost, openWal }: PartsOptions) => ({
  fsync: config.WAYMARK_LOG_FSYNC === "on",
  ...(onDiskLost && { syncFailed: onDiskLost }),
  ...(openWal && { openWal }),
});

export const clickHousePath = (dataDir: string): string => join(dataDir, "clickhouse");
