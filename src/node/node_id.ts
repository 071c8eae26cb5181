/**
 * Which ClickHouse a node's own one is: where every node copies the whole log into its own ClickHouse, each needs a
 * consumer group of its own, and a group's progress belongs to the rows that it has brought there.
 *
 *   data/node-id        a random id
 *   data/clickhouse/    the rows; without this folder the id is a new one, so that all is read again
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { clickHousePath } from "./parts.ts";

/** To be asked before ClickHouse is opened, which makes its folder. */
export async function claimNodeId(dataDir: string): Promise<string> {
  const file = join(dataDir, "node-id");
  const known = existsSync(clickHousePath(dataDir)) && existsSync(file)
    ? (await readFile(file, "utf8")).trim()
    : "";
  if (/^[0-9a-f]{12}$/.test(known)) return known;
  const id = crypto.randomUUID().replaceAll("-", "").slice(0, 12);
  await mkdir(dataDir, { recursive: true });
  await writeFile(`${file}.new`, `${id}\n`);
  await rename(`${file}.new`, file);
  return id;
}
