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
import { eachOn } from "../pipeline/published.ts";

type Held = LogRecord & { partition: number };
/** Figures by table and name, as decimal text: sums go beyond what a number holds. */
export type Figures = Record<string, Record<string, string>>;

// deno-lint-ignore no-explicit-any
type Json = any;

/** Reads every topic once, record by record: what is kept is one version of each key, and sums. */
export async function figuresOfTopics(log: Log, topic: (of: TopicName) => string): Promise<Figures> {
  const each = (of: TopicName) => eachOn(log, topic(of));
  return {
    ride_events: await rawFigures(each("ride-events"), "rides", (value) => {
      const read = decodeRideEvent(value);
      return read.ok ? json({ value }).ride_id : null;
    }),
    driver_locations: await rawFigures(each("driver-locations"), "drivers", (value) => {
      const read = decodeDriverLocation(value);
      return read.ok ? json({ value }).driver_id : null;
    }),
    city_windows: windowFigures(
      await newest(each("analytics-aggregated"), {
        key: (value) => `${value.city}|${value.window_start}`,
        version: (value) => BigInt(value.rev),
        kept: ({ total_events, revenue, rev }) => ({ total_events, revenue, rev: BigInt(rev) }),
      }),
    ),
    ride_facts: factFigures(
      await newest(each("ride-facts"), {
        key: (value) => value.fact_id,
        version: (value) => BigInt(value.generation),
        kept: ({ fare, generation }) => ({ fare, generation }),
      }),
    ),
    alerts: alertFigures(
      await newest(each("alerts"), {
        key: (value) =>
          ["rule", "city", "window_end", "alert_id", "state"].map((name) => value[name]).join("|"),
        version: (value) => BigInt(value.rev),
        kept: ({ rev }) => BigInt(rev),
      }),
    ),
    dead_letters: await remarks(each("dead-letters")),
    late_events: await remarks(each("late-events")),
  };
}

/** `idOf` is null for what is no event. */
async function rawFigures(
  records: AsyncIterable<Held>,
  ids: "rides" | "drivers",
  idOf: (value: Uint8Array) => string | null,
): Promise<Record<string, string>> {
  const distinct = new Set<string>();
  let rows = 0;
  let offsets = 0n;
  for await (const { value, offset } of records) {
    const id = idOf(value);
    if (id === null) continue;
    distinct.add(id);
    rows++;
    offsets += BigInt(offset);
  }
  // A record's partition and offset are its key, and a log has each once.
  return { rows: text(rows), keys: text(rows), [ids]: text(distinct.size), offsets: text(offsets) };
}

const windowFigures = (windows: { total_events: number; revenue: number; rev: bigint }[]) => ({
  rows: text(windows.length),
  keys: text(windows.length),
  events: sum(windows, (w) => w.total_events),
  cents: sum(windows, (w) => Math.round(w.revenue * 100)),
  revs: wrapped(windows.map((w) => w.rev)),
});

const factFigures = (facts: { fare: number | null; generation: number }[]) => ({
  rows: text(facts.length),
  keys: text(facts.length),
  cents: sum(facts, (f) => Math.round((f.fare ?? 0) * 100)),
  generations: sum(facts, (f) => f.generation),
});

const alertFigures = (revs: bigint[]) => ({
  rows: text(revs.length),
  keys: text(revs.length),
  revs: wrapped(revs),
});

/** Of dead letters and late events: one for each source record. */
async function remarks(records: AsyncIterable<Held>): Promise<Record<string, string>> {
  const kept = new Map<string, { offset: number; bytes: number; reason: string; generation: bigint }>();
  for await (const record of records) {
    const headers = record.headers!;
    const key = ["log_epoch", "topic", "partition", "offset"].map((name) => sourceOf(record, name)).join("|");
    const generation = BigInt(headers.generation!);
    if (generation <= (kept.get(key)?.generation ?? -1n)) continue;
    const [offset, bytes] = [Number(headers.source_offset), record.value.length];
    kept.set(key, { offset, bytes, reason: headers.reason!, generation });
  }
  const all = [...kept.values()];
  return {
    rows: text(all.length),
    keys: text(all.length),
    offsets: sum(all, (r) => r.offset),
    bytes: sum(all, (r) => r.bytes),
    reasons: text(new Set(all.map((r) => r.reason)).size),
    generations: text(all.reduce((total, r) => total + r.generation, 0n)),
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

const json = ({ value }: { value: Uint8Array }): Json => JSON.parse(fromUtf8(value));
const text = (value: number | bigint | string): string => String(value);
const sum = <T>(of: readonly T[], figure: (one: T) => number): string =>
  text(of.reduce((total, one) => total + BigInt(figure(one)), 0n));
/** As ClickHouse adds up unsigned numbers of 64 bits. */
const wrapped = (values: readonly bigint[]): string =>
  text(values.reduce((total, value) => BigInt.asUintN(64, total + value), 0n));

/** The readers' rule: of each key the record with the greatest version. */
async function newest<T>(
  records: AsyncIterable<Held>,
  { key, version, kept }: { key(value: Json): string; version(value: Json): bigint; kept(value: Json): T },
): Promise<T[]> {
  const held = new Map<string, { kept: T; version: bigint }>();
  for await (const record of records) {
    const value = json(record);
    const [name, of] = [key(value), version(value)];
    const known = held.get(name);
    if (known === undefined || of > known.version) held.set(name, { kept: kept(value), version: of });
  }
  return [...held.values()].map(({ kept }) => kept);
}
