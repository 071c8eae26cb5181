/** The embedded parts of one process, under one data directory. */
import { join } from "node:path";
import type { Config } from "../config.ts";
import { openSqliteLog, type SqliteLog } from "../log/sqlite.ts";
import type { SnapshotStore } from "../snapshots/port.ts";
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
    const store = openSqliteSnapshots({ path: join(dataDir, "snapshots.db"), fsync });
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
