/** The Redis that the settings name: where, under which names, and trusting whom. */
import { readFile } from "node:fs/promises";
import type { Config } from "../config.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import type { SnapshotStore } from "../snapshots/port.ts";
import { openRedisSnapshots } from "../snapshots/redis.ts";

/** Throws config_invalid when the address or the file of authorities cannot be read. */
export async function openConfiguredRedis(config: Config): Promise<SnapshotStore> {
  const { REDIS_URL: url, REDIS_TLS_CA: path, WAYMARK_REDIS_PREFIX: prefix } = config;
  return openRedisSnapshots({ url, prefix, ...(path !== "" && { authorities: await read(path) }) });
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw new WaymarkError(
      "config_invalid",
      `REDIS_TLS_CA is "${path}", which cannot be read: ${messageOf(error)}`,
    );
  }
}
