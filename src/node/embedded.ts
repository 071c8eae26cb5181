/** Log and snapshots of one process: embedded under one data directory, snapshots in Redis where that is set. */
import { join } from "node:path";
import type { Config } from "../config.ts";
import { openSqliteLog, type SqliteLog } from "../log/sqlite.ts";
import type { SnapshotStore } from "../snapshots/port.ts";
import { openRedisSnapshots } from "../snapshots/redis.ts";
import { openSqliteSnapshots } from "../snapshots/sqlite.ts";
import type { Clock } from "../time.ts";

export type EmbeddedParts = { log: SqliteLog; store: SnapshotStore; close(): Promise<void> };

/** Throws data_dir_in_use when another process works in the directory. */
export async function openEmbeddedParts(
  dataDir: string,
  config: Config,
  clock: Clock,
): Promise<EmbeddedParts> {
  const fsync = config.WAYMARK_LOG_FSYNC === "on";
  const log = openSqliteLog({ path: join(dataDir, "log.db"), clock, fsync });
  try {
    const store = config.REDIS_URL === ""
      ? openSqliteSnapshots({ path: join(dataDir, "snapshots.db"), fsync })
      : openRedisSnapshots({ url: config.REDIS_URL, prefix: config.WAYMARK_REDIS_PREFIX });
    return {
      log,
      store,
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

export const clickHousePath = (dataDir: string): string => join(dataDir, "clickhouse");
