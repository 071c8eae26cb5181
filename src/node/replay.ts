/**
 * Plays recorded traffic through the real pipeline, as fast as it goes or paced, and can be killed at any moment.
 *
 * Items are appended in the file's order, one call a chunk, and a call is atomic: so the log always holds a prefix
 * of the file, and how far a killed replay came is simply how many records there are.
 */
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { CityWindow } from "../../schemas/city_window.ts";
import { parseTimestamp } from "../codec/timestamp.ts";
import { WaymarkError } from "../errors.ts";
import { fromUtf8, utf8 } from "../ids.ts";
import type { Log, NewRecord } from "../log/port.ts";
import { type TopicName, topicName } from "../log/topics.ts";
import type { Clock } from "../time.ts";
import { newerRev } from "../windows/rev.ts";
import type { SentItem } from "../traffic/item.ts";
import type { Pipeline } from "./pipeline.ts";

export type Feed = {
  chunks: AsyncIterable<SentItem[]>;
  /** Event time per wall time; null: as fast as it goes. */
  speed: number | null;
  /** Called after each chunk; may wait, to hold the feed back. */
  fed(items: number, appended: number): Promise<void>;
};

/** How many records of the input topics are there already. */
export async function recordsFed(log: Log, pipeline: Pick<Pipeline, "naming">): Promise<number> {
  let records = 0;
  for (const topic of ["ride-events", "driver-locations"] as const) {
    for (const { end } of await log.bounds(topicName(topic, pipeline.naming))) records += end;
  }
  return records;
}

/** Appends the items that are not in the log yet. Returns how many items had no time of their own. */
export async function feed(
  log: Log,
  pipeline: Pipeline,
  clock: Clock,
  { chunks, speed, fed }: Feed,
): Promise<{ items: number; fresh: number; untimed: number }> {
  const skip = await recordsFed(log, pipeline);
  const paced = pace(clock, speed);
  const timed = { untimed: 0, lastMs: 0 };
  let items = 0;
  for await (const chunk of chunks) {
    // What is there already is looked at all the same: a record without a time has that of the one before.
    const records = chunk.map((item) => toRecord(item, pipeline, timed)).slice(Math.max(0, skip - items));
    items += chunk.length;
    for (const due of paced(records)) {
      const waitMs = due.atMs - clock.monotonicMs();
      if (waitMs > 0) await clock.sleep(waitMs);
      await log.append(due.records);
    }
    await fed(items, records.length);
  }
  return { items, fresh: Math.max(0, items - skip), untimed: timed.untimed };
}

function toRecord(item: SentItem, pipeline: Pipeline, timed: Timed): NewRecord {
  const topic: TopicName = item.topic;
  const key = utf8(item.key);
  const value = typeof item.value === "string" ? utf8(item.value) : item.value;
  return {
    topic: topicName(topic, pipeline.naming),
    partition: pipeline.context.partitionOf(topic, key),
    key,
    value,
    timestampMs: recordedTime({ ...item, value }, timed),
  };
}

/** What is remembered from item to item: how many had no time of their own, and the time of the one before. */
export type Timed = { untimed: number; lastMs: number };

/** When the item was recorded; without a time of its own when its event says, else when the one before it was. */
export function recordedTime({ value, recordedAtMs }: SentItem, timed: Timed): number {
  if (recordedAtMs === null) timed.untimed++;
  timed.lastMs = recordedAtMs ?? eventTimeIn(typeof value === "string" ? utf8(value) : value) ?? timed.lastMs;
  return timed.lastMs;
}

/** The event time a value states, without a time of recording: the record then counts as just in time. */
function eventTimeIn(value: Uint8Array): number | null {
  const stated = /"timestamp"\s*:\s*"([^"]{1,40})"/.exec(fromUtf8(value))?.[1];
  return stated === undefined ? null : parseTimestamp(stated);
}

type Due = { atMs: number; records: NewRecord[] };

/** Cuts records into what is due together: all at once, or in steps of 50 ms of wall time. */
function pace(clock: Clock, speed: number | null): (records: NewRecord[]) => Due[] {
  if (speed === null) return (records) => records.length === 0 ? [] : [{ atMs: 0, records }];
  let origin: { wallMs: number; recordMs: number } | null = null;
  const stepMs = 50;
  return (records) => {
    const due: Due[] = [];
    for (const record of records) {
      origin ??= { wallMs: clock.monotonicMs(), recordMs: record.timestampMs! };
      const atMs = origin.wallMs +
        Math.floor((record.timestampMs! - origin.recordMs) / speed / stepMs) * stepMs;
      const last = due.at(-1);
      if (last !== undefined && atMs <= last.atMs) last.records.push(record);
      else due.push({ atMs, records: [record] });
    }
    return due;
  };
}

/** A replay ends its sources for good: its directory cannot become that of a service. */
export async function refuseReplayDir(dataDir: string): Promise<void> {
  const held = await readFile(join(dataDir, "replay.json"), "utf8").catch(() => null);
  if (held === null) return;
  throw new WaymarkError(
    "replay_source_differs",
    `${dataDir} holds a replay of ${held}; a service needs a directory of its own`,
  );
}

/** Refuses to go on with another file than the one this directory was begun with, or in a directory of a service. */
export async function claimSource(
  dataDir: string,
  source: Record<string, string | number>,
  holdsRecords = false,
): Promise<void> {
  const path = join(dataDir, "replay.json");
  const wanted = JSON.stringify(source);
  const held = await readFile(path, "utf8").catch(() => null);
  if (held === wanted) return;
  if (held !== null || holdsRecords) {
    const what = held === null ? "the records of a service" : `a replay of ${held}`;
    throw new WaymarkError(
      "replay_source_differs",
      `${dataDir} holds ${what}, not a replay of ${wanted}. Choose another --data-dir, or remove it`,
    );
  }
  await writeFile(`${path}.new`, wanted);
  await rename(`${path}.new`, path);
}

/** The newest version of every window on `analytics-aggregated`, sorted by city and start. */
export async function lastWindows(log: Log, pipeline: Pick<Pipeline, "naming">): Promise<CityWindow[]> {
  const topic = topicName("analytics-aggregated", pipeline.naming);
  const newest = new Map<string, CityWindow>();
  for (const [partition, { start, end }] of (await log.bounds(topic)).entries()) {
    for (let offset = start; offset < end;) {
      const records = await log.read({ topic, partition }, offset, 5_000);
      if (records.length === 0) break;
      for (const record of records) {
        const window = JSON.parse(fromUtf8(record.value)) as CityWindow;
        const key = `${window.city}|${window.window_start}`;
        const held = newest.get(key);
        if (held === undefined || newerRev(window.rev, held.rev)) newest.set(key, window);
      }
      offset = records.at(-1)!.offset + 1;
    }
  }
  return [...newest.values()].sort((a, b) =>
    compare(a.city, b.city) || compare(a.window_start, b.window_start)
  );
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** A window as a line that is the same for any number of owners: without the remarks and the version. */
export function windowLine(
  { watermark: _, kind: __, rev: ___, surge_provisional: ____, ...value }: CityWindow,
): string {
  return JSON.stringify(value);
}
