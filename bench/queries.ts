/**
 * How fast the queries of sql/queries/ are over a month of rides in the embedded ClickHouse.
 *
 *   deno run -A bench/queries.ts [--rows 10000000] [--runs 5] [--only NAME,…] [--folder DIR] [--keep]
 *
 * Every query is asked once with ClickHouse's caches dropped (the file cache of the operating system stays) and then
 * `--runs` times. What it is asked: panels for the last six hours with a point per minute, those of the pipeline and
 * the two of the customers for the last hour; all 50 cities, one city where a dashboard is about one. Milliseconds
 * are ClickHouse's own, rows those it read; `cpu` is what all threads of this process took, the answer's parsing
 * included, and says more than the clock where the machine is busy. What ClickHouse remembers of a condition is
 * dropped before each run, because a dashboard asks about another time each time. `granules` = of each table, those
 * left after the last index out of all, from EXPLAIN indexes = 1.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { createClient } from "@clickhouse/client";
import { createChdbConnection } from "chdb/connection";
import { type Analytics, openEmbedded, type QueryParameters } from "../src/sinks/analytics.ts";
import { applyMigrations } from "../src/sinks/migrations.ts";
import { minuteMs, systemClock } from "../src/time.ts";
import { askable, type Chosen, queryNames } from "../tests/conformance/panel_queries.ts";
import { fillHistory, historyEndMs } from "./ride_history.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "10000000" },
    runs: { type: "string", default: "5" },
    only: { type: "string" },
    folder: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
const [rows, runs] = [Number(values.rows), Number(values.runs)];
const path = values.folder ?? await mkdtemp(join(tmpdir(), "waymark-queries-"));
const analytics = openEmbedded({ path });
const client = createClient({ connection: createChdbConnection({ path }) as never });
const cities = Array.from({ length: 50 }, (_, i) => `city-${String(i + 1).padStart(2, "0")}`);
/** The recount reads everything there is, on purpose: it is no panel. */
const leftOut = ["city_windows_from_raw"];
try {
  await fill();
  await measure();
} finally {
  await client.close();
  await analytics.close();
  if (!values.keep) await rm(path, { recursive: true, force: true });
}

async function fill(): Promise<void> {
  await applyMigrations(analytics);
  if (await rowsOf("ride_events") > 0) return console.log(`${path} is filled already`);
  const began = systemClock.monotonicMs();
  await fillHistory(analytics, rows, (line) => console.error(line));
  console.log(`filled in ${((systemClock.monotonicMs() - began) / 1_000).toFixed(0)} s`);
}

async function measure(): Promise<void> {
  // What is being merged after the fill would be counted as the queries' CPU.
  await analytics.command("SYSTEM STOP MERGES");
  console.log(`${cpus().length} cores, ${cpus()[0]!.model.trim()}; ClickHouse ${await version(analytics)}`);
  for (const { table, size, parts, count } of await sizes(analytics)) {
    console.log(
      `${table.padEnd(18)} ${n(Number(count)).padStart(13)} rows  ${size.padStart(10)}  ${parts} parts`,
    );
  }
  console.log(
    `\n${"query".padEnd(34)}${"rows".padStart(6)}${"read".padStart(13)}${"cold ms".padStart(9)}${
      "p50 ms".padStart(8)
    }${"max ms".padStart(8)}${"cpu ms".padStart(8)}  granules`,
  );
  const wanted = values.only?.split(",") ?? (await queryNames()).filter((name) => !leftOut.includes(name));
  for (const name of wanted) await measureQuery(name);
}

async function measureQuery(name: string): Promise<void> {
  const one = name.startsWith("city_") && name !== "city_performance_last_hour";
  const chosen: Chosen = {
    fromMs: historyEndMs - (name.startsWith("pipeline_") ? 60 : 360) * minuteMs,
    toMs: historyEndMs,
    cities: one ? [cities[0]!] : cities,
    intervalS: 60,
  };
  const { text, parameters } = await askable(name, chosen);
  for (const cache of ["MARK", "PRIMARY INDEX", "UNCOMPRESSED", "QUERY CONDITION"]) {
    await analytics.command(`SYSTEM DROP ${cache} CACHE`);
  }
  const cold = await ask(text, parameters);
  const [warm, cpu]: [number[], number[]] = [[], []];
  for (let i = 0; i < runs; i++) {
    await analytics.command("SYSTEM DROP QUERY CONDITION CACHE");
    const before = process.cpuUsage();
    warm.push((await ask(text, parameters)).ms);
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1_000);
  }
  for (const figures of [warm, cpu]) figures.sort((a, b) => a - b);
  console.log(
    name.padEnd(34) + n(cold.rows).padStart(6) + n(cold.read).padStart(13) + cold.ms.toFixed(0).padStart(9) +
      warm[Math.floor(runs / 2)]!.toFixed(0).padStart(8) + warm.at(-1)!.toFixed(0).padStart(8) +
      cpu[Math.floor(runs / 2)]!.toFixed(0).padStart(8) +
      `  ${await granules(text, parameters)}`,
  );
}

async function ask(text: string, parameters: QueryParameters) {
  const answer = await client.query({ query: text, query_params: parameters, format: "JSON" });
  const { rows, statistics } = await answer.json<unknown>();
  return { rows: rows ?? 0, read: statistics?.rows_read ?? 0, ms: (statistics?.elapsed ?? 0) * 1_000 };
}

/** The last count of each table that is read: what is left after the last index. */
async function granules(text: string, parameters: QueryParameters): Promise<string> {
  const lines = await analytics.query<{ explain: string }>(`EXPLAIN indexes = 1 ${text}`, parameters);
  const read: string[] = [];
  for (const { explain } of lines) {
    const table = /ReadFromMergeTree \((?:.*\.)?(\w+)\)/.exec(explain)?.[1];
    if (table !== undefined) read.push(`${table} `);
    const share = /Granules: (\d+)\/(\d+)/.exec(explain);
    if (share !== null && read.length > 0) {
      const [name, all = share[2]] = read.at(-1)!.split(/ (?:\d+\/)?/);
      read[read.length - 1] = `${name} ${share[1]}/${all === "" ? share[2] : all}`;
    }
  }
  return read.join(", ");
}

async function rowsOf(table: string): Promise<number> {
  const [row] = await analytics.query<{ n: string }>(`SELECT count() AS n FROM ${table}`);
  return Number(row!.n);
}

async function version(analytics: Analytics): Promise<string> {
  const [row] = await analytics.query<{ v: string }>("SELECT version() AS v");
  return row!.v;
}

async function sizes(analytics: Analytics) {
  return await analytics.query<{ table: string; size: string; parts: string; count: string }>(
    "SELECT table, formatReadableSize(sum(bytes_on_disk)) AS size, count() AS parts, sum(rows) AS count " +
      "FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table ORDER BY sum(rows) DESC",
  );
}

function n(value: number): string {
  return value.toLocaleString("en");
}
