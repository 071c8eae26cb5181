/**
 * The panels over ClickHouse's tables, asked through the door that readers have, give the numbers that the raw events
 * give: the pipeline's windows on one side, on the other every event once, by minute, from the raw rows.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { type ClickHouseClient, createClient } from "@clickhouse/client";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { RideFact } from "../../schemas/ride_fact.ts";
import { type Door, openDoor } from "../../src/clickhouse_door/door.ts";
import { copyToClickHouse } from "../../src/node/clickhouse.ts";
import { clickHousePath } from "../../src/node/parts.ts";
import { type Analytics, openEmbedded } from "../../src/sinks/analytics.ts";
import { readQuery } from "../../src/sinks/queries.ts";
import { hourMs, isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { askable, type Chosen, queryNames } from "../conformance/panel_queries.ts";
import { disturbedTraffic } from "./disturbed.ts";
import { play, type Run } from "./harness.ts";
import { quick } from "./quick.ts";

type Minute = { city: string; startMs: number } & Record<Counter, number>;
const counters = [
  "total_events",
  "requests",
  "acceptances",
  "starts",
  "completions",
  "cancellations",
] as const;
type Counter = typeof counters[number];
/** A point of a chart or a line of a table; numbers of 64 bits are text. */
type Row = Record<string, string | number | null>;

const windowMinutes = 5;

describe("queries for panels", () => {
  let folder: string;
  let run: Run;
  let analytics: Analytics;
  let door: Door;
  let client: ClickHouseClient;
  let minutes: Minute[];
  let chosen: Chosen;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-panels-"));
    run = await play([...disturbedTraffic({ seed: 31, ratePerMinute: 400 }).items], { owners: 2 });
    run.pipeline.abandon();
    await copyToClickHouse(run.log, folder, quick);
    const path = clickHousePath(folder);
    analytics = openEmbedded({ path });
    door = await openDoor({ path, host: "127.0.0.1", port: 0, access: "read", keys: [], clock: systemClock });
    client = createClient({ url: door.url });
    minutes = await eventsByMinute();
    const ends = run.windows.map((w) => Date.parse(w.window_end));
    const cities = [...new Set(run.windows.map((w) => w.city))].sort();
    const [fromMs, toMs] = [Math.min(...ends) - hourMs, Math.max(...ends) + hourMs];
    chosen = { fromMs, toMs, cities, intervalS: 60 };
  });
  after(async () => {
    await client.close();
    await door.stop();
    await analytics.close();
    await run.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  /** Every event once, where it counts, from the raw rows. */
  async function eventsByMinute(): Promise<Minute[]> {
    const rows = await analytics.query<{ window_start: string; city: string } & Record<Counter, number>>(
      await readQuery("city_windows_from_raw"),
      { window_minutes: 1, from: "1970-01-01 00:00:00", to: "2100-01-01 00:00:00" },
    );
    return rows.map((row) => ({ ...row, startMs: Date.parse(row.window_start) }));
  }

  async function rowsOf(name: string, more: Partial<Chosen> = {}): Promise<Row[]> {
    const { text, parameters } = await askable(name, { ...chosen, ...more });
    const answer = await client.query({ query: text, query_params: parameters, format: "JSONEachRow" });
    return await answer.json<Row>();
  }

  const sumOf = (counter: Counter, wanted: (minute: Minute) => boolean) =>
    minutes.filter(wanted).reduce((sum, minute) => sum + minute[counter], 0);
  /** The events of a city's window that ends at `endMs`. */
  const inWindow = (city: unknown, endMs: number) => (minute: Minute) =>
    minute.city === city && minute.startMs < endMs && minute.startMs >= endMs - windowMinutes * minuteMs;
  const timeOf = (row: Row) => Date.parse(`${String(row.time).replace(" ", "T")}Z`);
  const windowAt = (row: Row): CityWindow => {
    const found = run.windows.find((w) => w.city === row.city && Date.parse(w.window_end) === timeOf(row));
    assert.ok(found, `${row.city} ${row.time}`);
    return found;
  };

  it("every query is answered through the door, and the traffic leaves none empty", async () => {
    const empty = [];
    for (const name of await queryNames()) {
      const rows = await rowsOf(name, { toMs: chosen.toMs - hourMs });
      if (rows.length === 0) empty.push(name);
    }
    // 400 events a minute are too few rides in a window for an alert.
    assert.deepEqual(empty, alertsExpected(run));
  });

  it("requests per minute: a fifth of the events in the five minutes, per city and end of window", async () => {
    const rows = await rowsOf("operations_requests_per_minute");
    assert.equal(rows.length, run.windows.length);
    for (const row of rows) {
      const events = sumOf("requests", inWindow(row.city, timeOf(row)));
      assert.ok(
        Math.abs(Number(row.requests_per_minute) - events / windowMinutes) < 1e-9,
        JSON.stringify(row),
      );
    }
  });

  it("events per minute of one city, by kind", async () => {
    const city = chosen.cities[0]!;
    const rows = await rowsOf("city_events_per_minute", { cities: [city] });
    assert.ok(rows.length > 30);
    for (const row of rows) {
      for (
        const [name, counter] of [["requested", "requests"], ["accepted", "acceptances"], [
          "started",
          "starts",
        ], [
          "completed",
          "completions",
        ], ["cancelled", "cancellations"]] as const
      ) {
        const events = sumOf(counter, inWindow(city, timeOf(row)));
        assert.ok(
          Math.abs(Number(row[name]) - events / windowMinutes) < 1e-9,
          `${name} ${JSON.stringify(row)}`,
        );
      }
    }
  });

  it("city_hours: the events of the hour, every event once", async () => {
    const rows = await rowsOf("city_hours");
    assert.ok(rows.length >= chosen.cities.length);
    for (const row of rows) {
      const hour = Date.parse(`${String(row.hour).replace(" ", "T")}Z`);
      for (const counter of counters) {
        const events = sumOf(
          counter,
          (m) => m.city === row.city && Math.floor(m.startMs / hourMs) * hourMs === hour,
        );
        assert.equal(Number(row[counter]), events, `${counter} ${row.city} ${row.hour}`);
      }
    }
    const all = rows.reduce((sum, row) => sum + Number(row.total_events), 0);
    assert.equal(all, minutes.reduce((sum, minute) => sum + minute.total_events, 0));
  });

  it("top cities: the requests of the chosen time, and the outcomes of its rides", async () => {
    const rows = await rowsOf("operations_top_cities");
    assert.deepEqual(rows.map((row) => row.city).sort(), chosen.cities);
    for (const row of rows) {
      assert.equal(Number(row.requests), sumOf("requests", (minute) => minute.city === row.city));
    }
  });

  it("unique riders: those of the window", async () => {
    const riders = new Map(
      (await analytics.query<{ city: string; window_end: string; unique_riders: number }>(
        await readQuery("city_windows_from_raw"),
        { window_minutes: windowMinutes, from: "1970-01-01 00:00:00", to: "2100-01-01 00:00:00" },
      )).map((row) => [`${row.city} ${row.window_end}`, row.unique_riders]),
    );
    for (const row of await rowsOf("operations_unique_riders")) {
      assert.equal(row.riders, riders.get(`${row.city} ${isoTime(timeOf(row))}`), JSON.stringify(row));
    }
  });

  it("rates, times to accept, drivers and revenue: those that the window was published with", async () => {
    for (const row of await rowsOf("operations_completion_rate")) {
      assert.equal(row.completion_rate, windowAt(row).completion_rate);
    }
    for (const row of await rowsOf("operations_cancellation_rate")) {
      assert.equal(row.cancellation_rate, windowAt(row).cancellation_rate);
    }
    for (const row of await rowsOf("operations_request_to_accept")) {
      const { request_to_accept_p50_s, request_to_accept_p90_s } = windowAt(row);
      assert.deepEqual([row.p50, row.p90], [request_to_accept_p50_s, request_to_accept_p90_s]);
    }
    for (const row of await rowsOf("operations_utilisation")) {
      assert.equal(row.utilisation, windowAt(row).utilisation);
    }
    for (const row of await rowsOf("operations_revenue_per_hour")) {
      assert.ok(Math.abs(Number(row.revenue_per_hour) - 12 * windowAt(row).revenue) < 1e-6);
    }
  });

  it("drivers, open requests and cancellations of all cities: sums over the windows with the same end", async () => {
    const ofEnd = (row: Row, field: keyof CityWindow) =>
      run.windows.filter((w) => Date.parse(w.window_end) === timeOf(row)).reduce(
        (sum, w) => sum + Number(w[field]),
        0,
      );
    for (const row of await rowsOf("operations_supply")) {
      for (const field of ["open_requests", "available_drivers", "busy_drivers"] as const) {
        assert.equal(Number(row[field]), ofEnd(row, field), `${field} ${row.time}`);
      }
    }
    for (const row of await rowsOf("operations_cancellations_by_whom")) {
      for (const who of ["rider", "driver", "system"] as const) {
        const cancelled = ofEnd(row, `rides_cancelled_by_${who}`) / windowMinutes;
        assert.ok(Math.abs(Number(row[who]) - cancelled) < 1e-9, `${who} ${row.time}`);
      }
    }
  });

  it("outcomes: every ride once, as its newest fact says", async () => {
    const rows = await rowsOf("city_outcomes");
    const newest = newestFacts(run);
    const ended = [...newest.values()].filter((fact) => fact.outcome !== "taken_back");
    const counted = (outcome: string) =>
      rows.filter((row) => row.outcome === outcome).reduce((sum, row) => sum + Number(row.rides), 0);
    for (const outcome of ["completed", "cancelled"]) {
      assert.equal(counted(outcome), ended.filter((fact) => fact.outcome === outcome).length, outcome);
    }
  });

  it("last cancelled rides: the latest of one city, none that went on", async () => {
    const city = chosen.cities[0]!;
    const rows = await rowsOf("city_last_cancelled_rides", { cities: [city] });
    const newest = newestFacts(run);
    const cancelled = [...newest.values()].filter((fact) =>
      fact.outcome === "cancelled" && fact.city === city
    );
    assert.ok(cancelled.length > 0);
    assert.deepEqual(
      rows.map((row) => row.ride_id),
      cancelled.sort((a, b) => b.ended_at.localeCompare(a.ended_at) || a.ride_id.localeCompare(b.ride_id))
        .slice(0, 50).map((fact) => fact.ride_id),
    );
  });

  it("late events and dead letters: as many as the log has, by reason", async () => {
    const byReason = (rows: { reason: string }[]) =>
      Object.fromEntries(
        [...new Set(rows.map((row) => row.reason))].sort().map((
          reason,
        ) => [reason, rows.filter((row) => row.reason === reason).length]),
      );
    const sums = (rows: Row[], field: string) => {
      const totals: Record<string, number> = {};
      for (const row of rows) {
        totals[String(row.reason)] = (totals[String(row.reason)] ?? 0) + Number(row[field]);
      }
      return Object.fromEntries(Object.entries(totals).sort());
    };
    const day = 24 * hourMs;
    const wide = { fromMs: chosen.fromMs - day, toMs: chosen.toMs + day };
    assert.deepEqual(sums(await rowsOf("pipeline_late_events", wide), "events"), byReason(run.late));
    assert.deepEqual(sums(await rowsOf("pipeline_dead_letters", wide), "records"), byReason(run.dead));
  });

  it("city_minutes: the events as sent, each once, by what they state themselves", async () => {
    const raw = await analytics.query<
      Record<"city" | "timestamp" | "ride_id" | "event_id" | "event_type", string>
    >(
      "SELECT city, timestamp, ride_id, event_id, event_type FROM ride_events",
    );
    const expected: Record<string, Set<string>> = {};
    for (
      const { city, timestamp, ride_id, event_id } of raw.filter((row) => row.event_type === "requested")
    ) {
      const minute = isoTime(Math.floor(Date.parse(timestamp) / minuteMs) * minuteMs);
      (expected[`${city || "unknown"} ${minute}`] ??= new Set()).add(`${ride_id} ${event_id}`);
    }
    const rows = await analytics.query<{ city: string; minute: string; requests: string }>(
      "SELECT city, toDateTime64(minute, 3, 'UTC') AS minute, requests FROM city_minutes WHERE requests > 0",
    );
    assert.deepEqual(
      Object.fromEntries(rows.map((row) => [`${row.city} ${row.minute}`, Number(row.requests)]).sort()),
      Object.fromEntries(Object.entries(expected).map(([key, events]) => [key, events.size]).sort()),
    );
  });

  it("speed and delay of the pipeline come from a row per second, not from the records", async () => {
    for (const name of ["pipeline_ingestion_rate", "pipeline_sink_delay"]) {
      const { text, parameters } = await askable(name, chosen);
      const plan = await analytics.query<{ explain: string }>(`EXPLAIN ${text}`, parameters);
      const read = plan.map(({ explain }) => /ReadFromMergeTree \((.*)\)/.exec(explain)?.[1]).filter((t) =>
        t
      );
      assert.deepEqual(read, ["log_seconds", "log_seconds"], name);
    }
  });

  it("rows that are stored twice change no answer but that about their storing", async () => {
    const names = (await queryNames()).filter((name) => name !== "pipeline_sink_delay");
    // ClickHouse adds fractions up in the order in which its threads come: the last digits are not the answer's.
    const rounded = (row: Row) =>
      Object.fromEntries(
        Object.entries(row).map((
          [key, value],
        ) => [key, typeof value === "number" ? +value.toFixed(9) : value]),
      );
    const answers = async () =>
      Object.fromEntries(
        await Promise.all(names.map(async (n) => [n, (await rowsOf(n)).map(rounded)])),
      );
    const once = await answers();
    for (
      const table of [
        "ride_events",
        "driver_locations",
        "city_windows",
        "ride_facts",
        "late_events",
        "dead_letters",
      ]
    ) {
      await analytics.command(`SYSTEM STOP MERGES ${table}`);
      const columns = await analytics.query<{ name: string }>(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table:String} " +
          "AND default_kind NOT IN ('EPHEMERAL', 'MATERIALIZED')",
        { table },
      );
      const list = columns.map(({ name }) => name).join(", ");
      await analytics.command(
        `INSERT INTO ${table} (${list}) SETTINGS insert_deduplicate = 0 SELECT ${list} FROM ${table}`,
      );
    }
    const [raw] = await analytics.query<{ rows: string; records: string }>(
      "SELECT count() AS rows, uniqExact(partition, offset) AS records FROM ride_events",
    );
    assert.equal(Number(raw?.rows), 2 * Number(raw?.records));
    assert.deepEqual(await answers(), once);
  });
});

/** By ride: the fact of its record furthest in the log. */
function newestFacts({ facts }: Run): Map<string, RideFact> {
  const place = ({ fact_id }: RideFact) => fact_id.split("/").slice(3).map(Number);
  const inOrder = facts.toSorted((a, b) => place(a)[0]! - place(b)[0]! || place(a)[1]! - place(b)[1]!);
  return new Map(inOrder.map((fact) => [fact.ride_id, fact]));
}

/** Queries that have nothing to show for this traffic. */
function alertsExpected({ alerts }: Run): string[] {
  const shown = alerts.filter((alert) => alert.state !== "pending");
  return [
    ...(alerts.length === 0 ? ["city_alerts"] : []),
    ...(shown.length === 0 ? ["operations_alerts"] : []),
  ];
}
