/**
 * What ClickHouse must hold, counted from the topics themselves by the readers' rules, and what it does hold.
 *
 * Counts, distinct keys and sums of both sides are compared, table by table (FINAL). Nothing of the sink is used to
 * count: of the product only the decoders are, which say whether bytes are an event at all.
 */
import { decodeDriverLocation } from "../../src/codec/driver_location.ts";
import { decodeRideEvent } from "../../src/codec/ride_event.ts";
import { fromUtf8 } from "../../src/ids.ts";
import type { Log, LogRecord } from "../../src/log/port.ts";
import type { TopicName } from "../../src/log/topics.ts";
import type { Analytics } from "../../src/sinks/analytics.ts";

type Held = LogRecord & { partition: number };
/** Figures by table and name, as decimal text: sums go beyond what a number holds. */
export type Figures = Record<string, Record<string, string>>;

// deno-lint-ignore no-explicit-any
type Json = any;

export async function readTopic(log: Log, topic: string): Promise<Held[]> {
  const all: Held[] = [];
  for (const [partition, { start, end }] of (await log.bounds(topic)).entries()) {
    for (let offset = start; offset < end;) {
      const records = await log.read({ topic, partition }, offset, 5_000);
      all.push(...records.map((record) => ({ ...record, value: record.value.slice(), partition })));
      offset = records.at(-1)!.offset + 1;
    }
  }
  return all;
}

export async function figuresOfTopics(log: Log, topic: (of: TopicName) => string): Promise<Figures> {
  const held = (of: TopicName) => readTopic(log, topic(of));
  const events = (await held("ride-events")).filter((r) => decodeRideEvent(r.value).ok);
  const points = (await held("driver-locations")).filter((r) => decodeDriverLocation(r.value).ok);
  const windows = newest(await held("analytics-aggregated"), {
    key: (r) => `${json(r).city}|${json(r).window_start}`,
    version: (r) => BigInt(json(r).rev),
  });
  const facts = newest(await held("ride-facts"), {
    key: (r) => json(r).fact_id,
    version: (r) => BigInt(json(r).generation),
  });
  const alerts = newest(await held("alerts"), {
    key: (r) => ["rule", "city", "window_end", "alert_id", "state"].map((name) => json(r)[name]).join("|"),
    version: (r) => BigInt(json(r).rev),
  });
  return {
    ride_events: {
      rows: text(events.length),
      keys: text(new Set(events.map((r) => `${r.partition}/${r.offset}`)).size),
      rides: text(new Set(events.map((r) => json(r).ride_id)).size),
      offsets: sum(events, (r) => r.offset),
    },
    driver_locations: {
      rows: text(points.length),
      keys: text(new Set(points.map((r) => `${r.partition}/${r.offset}`)).size),
      drivers: text(new Set(points.map((r) => json(r).driver_id)).size),
      offsets: sum(points, (r) => r.offset),
    },
    city_windows: {
      rows: text(windows.length),
      keys: text(windows.length),
      events: sum(windows, (r) => json(r).total_events),
      cents: sum(windows, (r) => Math.round(json(r).revenue * 100)),
      revs: text(windows.reduce((total, r) => BigInt.asUintN(64, total + BigInt(json(r).rev)), 0n)),
    },
    ride_facts: {
      rows: text(facts.length),
      keys: text(facts.length),
      cents: sum(facts, (r) => Math.round((json(r).fare ?? 0) * 100)),
      generations: sum(facts, (r) => json(r).generation),
    },
    alerts: {
      rows: text(alerts.length),
      keys: text(alerts.length),
      revs: text(alerts.reduce((total, r) => BigInt.asUintN(64, total + BigInt(json(r).rev)), 0n)),
    },
    dead_letters: remarks(await held("dead-letters")),
    late_events: remarks(await held("late-events")),
  };
}

/** Of dead letters and late events: one for each source record. */
function remarks(records: Held[]): Record<string, string> {
  const kept = newest(records, {
    key: (r) => ["log_epoch", "topic", "partition", "offset"].map((name) => sourceOf(r, name)).join("|"),
    version: (r) => BigInt(r.headers!.generation!),
  });
  return {
    rows: text(kept.length),
    keys: text(kept.length),
    offsets: sum(kept, (r) => Number(r.headers!.source_offset)),
    bytes: sum(kept, (r) => r.value.length),
    reasons: text(new Set(kept.map((r) => r.headers!.reason)).size),
    generations: sum(kept, (r) => Number(r.headers!.generation)),
  };
}

const sourceOf = ({ headers }: Held, name: string) => headers![name] ?? headers![`source_${name}`];

const queries: Record<string, string> = {
  ride_events: "count() AS rows, uniqExact(topic, partition, offset) AS keys, uniqExact(ride_id) AS rides, " +
    "sum(offset) AS offsets",
  driver_locations: "count() AS rows, uniqExact(topic, partition, offset) AS keys, " +
    "uniqExact(driver_id) AS drivers, sum(offset) AS offsets",
  city_windows: "count() AS rows, uniqExact(city, window_start) AS keys, sum(total_events) AS events, " +
    "toInt64(sum(revenue) * 100) AS cents, sum(rev) AS revs",
  ride_facts: "count() AS rows, uniqExact(fact_id) AS keys, toInt64(sum(ifNull(fare, 0)) * 100) AS cents, " +
    "sum(generation) AS generations",
  alerts: "count() AS rows, uniqExact(rule, city, window_end, alert_id, state) AS keys, sum(rev) AS revs",
  dead_letters: remarkColumns(),
  late_events: remarkColumns(),
};

function remarkColumns(): string {
  return "count() AS rows, uniqExact(log_epoch, topic, partition, offset) AS keys, sum(offset) AS offsets, " +
    "sum(length(value)) AS bytes, uniqExact(reason) AS reasons, sum(generation) AS generations";
}

export async function figuresOfTables(analytics: Analytics): Promise<Figures> {
  const figures: Figures = {};
  for (const [table, columns] of Object.entries(queries)) {
    const [row] = await analytics.query<Record<string, string>>(`SELECT ${columns} FROM ${table} FINAL`);
    figures[table] = Object.fromEntries(Object.entries(row!).map(([name, value]) => [name, text(value)]));
  }
  return figures;
}

const json = ({ value }: Held): Json => JSON.parse(fromUtf8(value));
const text = (value: number | bigint | string): string => String(value);
const sum = (records: Held[], of: (record: Held) => number): string =>
  text(records.reduce((total, record) => total + BigInt(of(record)), 0n));

/** The readers' rule: of each key the record with the greatest version. */
function newest(
  records: Held[],
  { key, version }: { key(record: Held): string; version(record: Held): bigint },
): Held[] {
  const kept = new Map<string, { record: Held; version: bigint }>();
  for (const record of records) {
    const [name, of] = [key(record), version(record)];
    const known = kept.get(name);
    if (known === undefined || of > known.version) kept.set(name, { record, version: of });
  }
  return [...kept.values()].map(({ record }) => record);
}
