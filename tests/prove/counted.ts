/** The recount of a traffic file, with what a finished replay of it published as too late or dead. */
import assert from "node:assert/strict";
import { join } from "node:path";
import type { CityWindow } from "../../schemas/city_window.ts";
import { readConfig } from "../../src/config.ts";
import { utf8 } from "../../src/ids.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { stageContext } from "../../src/node/context.ts";
import { namingOf } from "../../src/node/pipeline.ts";
import { systemClock } from "../../src/time.ts";
import { type TrafficFormatName, trafficFormats } from "../../src/traffic/formats.ts";
import { publishedOn, recordsOf } from "../pipeline/published.ts";
import { firstGroup } from "../pipeline/recounted.ts";
import { recount, type RecountRecord } from "../recount/recount.ts";

/** Throws an assertion that names the first window or ledger entry that differs. Returns how many windows agree. */
export async function assertCounted(
  file: string,
  dataDir: string,
  lines: string,
  format: TrafficFormatName = "jsonl",
): Promise<number> {
  const counted = recount(await rideRecords(file, format), await excludedIn(dataDir));
  const windows = lines.trimEnd().split("\n").map((line) => JSON.parse(line) as CityWindow);
  for (const window of windows) {
    const key = `${window.city}|${window.window_start}`;
    assert.deepEqual(firstGroup(window), counted.windows.get(key), key);
  }
  assert.equal(windows.length, counted.windows.size);
  return windows.length;
}

/** The ride events of the file as the log numbers them: an independent count must not ask the log. */
async function rideRecords(file: string, format: TrafficFormatName): Promise<RecountRecord[]> {
  const { partitionOf, partitions } = stageContext(readConfig({}));
  const ends = new Array<number>(partitions["ride-events"]).fill(0);
  const records: RecountRecord[] = [];
  for await (const chunk of (await trafficFormats[format].open(file)).chunks) {
    for (const { topic, key, value, recordedAtMs } of chunk) {
      if (topic !== "ride-events") continue;
      const partition = partitionOf("ride-events", utf8(key));
      const bytes = typeof value === "string" ? utf8(value) : value.slice();
      records.push({ partition, offset: ends[partition]!++, value: bytes, timestampMs: recordedAtMs ?? 0 });
    }
  }
  return records;
}

async function excludedIn(dataDir: string): Promise<Set<string>> {
  const log = openSqliteLog({ path: join(dataDir, "log.db"), clock: systemClock, fsync: false });
  try {
    const naming = namingOf(readConfig({}));
    const late = recordsOf(await publishedOn(log, "late-events", naming));
    const dead = recordsOf(await publishedOn(log, "dead-letters", naming));
    const sources = [...late.filter((l) => l.reason === "too_late"), ...dead].map((l) => l.source);
    return new Set(
      sources.filter((s) => s.startsWith("ride-events/")).map((s) => s.slice("ride-events/".length)),
    );
  } finally {
    await log.close();
  }
}
