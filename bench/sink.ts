/**
 * The ClickHouse sink alone: what a row costs, and whether its memory stays where it is.
 *
 *   deno run -A bench/sink.ts [--to embedded | door] [--rows 1000000]          a backlog, as fast as it goes
 *   deno run -A bench/sink.ts [--to embedded | door] --minutes 20 [--rate 2000] rows a second, for that long
 *
 * The log is the embedded one, in a folder of its own, nine positions to a ride event. With `embedded` ClickHouse
 * works in this process, and its CPU and memory are in the figures; with `door` it is the server of `waymark
 * services`, in a process of its own, and they are not.
 *
 * Prints rows a second, CPU a row, the longest time the event loop was held, and the resident memory every 10 s; at
 * the end of a long run its slope over the second half, in MB an hour.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { clickHouseAnswers, startClickHouseServer } from "../src/commands/services/clickhouse_server.ts";
import { end, type Launched } from "../src/commands/services/launched.ts";
import { utf8 } from "../src/ids.ts";
import { limits } from "../src/limits.ts";
import type { NewRecord } from "../src/log/port.ts";
import { openSqliteLog } from "../src/log/sqlite.ts";
import { topicSpecs } from "../src/log/topics.ts";
import { type Analytics, openEmbedded, openServer } from "../src/sinks/analytics.ts";
import { type Sink, startSink } from "../src/sinks/clickhouse.ts";
import { applyMigrations } from "../src/sinks/migrations.ts";
import { isoTime, minuteMs, secondMs, systemClock } from "../src/time.ts";
import { until } from "../tests/chaos/workers.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

const { values } = parseArgs({
  options: {
    to: { type: "string", default: "embedded" },
    rows: { type: "string", default: "1000000" },
    minutes: { type: "string" },
    rate: { type: "string", default: "2000" },
  },
});
const clock = systemClock;
const naming = { prefix: "", generation: 1 };
const logBytesMax = 1024 ** 3;
const tickMs = 100;
const probeMs = 10;

const folder = await mkdtemp(join(tmpdir(), "waymark-bench-sink-"));
let server: Launched | null = null;
const log = openSqliteLog({ path: join(folder, "log.db"), clock, fsync: false });
await log.ensureTopics(topicSpecs(naming, logBytesMax));
const analytics = await openAnalytics();
const over = new AbortController();
try {
  console.log(
    `${cpus().length} cores, ${cpus()[0]!.model.trim()}; Deno ${Deno.version.deno}; to ${values.to}`,
  );
  await applyMigrations(analytics);
  if (values.minutes === undefined) await backlog(Number(values.rows));
  else await soak(Number(values.minutes) * minuteMs, Number(values.rate));
} finally {
  over.abort();
  await analytics.close();
  await log.close();
  if (server !== null) await end([server]);
  await rm(folder, { recursive: true, force: true });
}

async function openAnalytics(): Promise<Analytics> {
  if (values.to === "embedded") return openEmbedded({ path: join(folder, "clickhouse") });
  const started = await startClickHouseServer(folder);
  server = started.process;
  await until("ClickHouse answers", () => clickHouseAnswers(started.port), minuteMs);
  return openServer({ url: started.url });
}

async function backlog(rows: number): Promise<void> {
  for (let at = 0; at < rows; at += limits.appendRecordsMax) {
    await log.append(records(at, Math.min(limits.appendRecordsMax, rows - at)));
  }
  const held = watchLoop();
  const [before, startedMs] = [process.cpuUsage(), clock.monotonicMs()];
  const sink = await begin();
  await until("all rows are inserted", () => Promise.resolve(inserted(sink) >= rows), 60 * minuteMs);
  const [cpu, seconds] = [process.cpuUsage(before), (clock.monotonicMs() - startedMs) / secondMs];
  await sink.stop();
  console.log(
    `${n(rows)} rows in ${seconds.toFixed(1)} s: ${n(rows / seconds)} a second, ` +
      `${((cpu.user + cpu.system) / rows).toFixed(2)} µs of CPU a row; ` +
      `event loop held ${held().toFixed(0)} ms at most; resident ${residentMb().toFixed(0)} MB`,
  );
  await check(rows);
}

async function soak(forMs: number, rate: number): Promise<void> {
  const held = watchLoop();
  const sink = await begin();
  const startedMs = clock.monotonicMs();
  const samples: { hours: number; mb: number }[] = [];
  let sent = 0;
  let [saidMs, saidRows, saidCpu] = [startedMs, 0, process.cpuUsage()];
  for (let passedMs = 0; passedMs < forMs; passedMs = clock.monotonicMs() - startedMs) {
    const due = Math.floor(passedMs / secondMs * rate);
    for (; sent < due; sent = Math.min(due, sent + limits.appendRecordsMax)) {
      await log.append(records(sent, Math.min(limits.appendRecordsMax, due - sent)));
    }
    await clock.sleep(tickMs);
    const nowMs = clock.monotonicMs();
    if (nowMs - saidMs < 10 * secondMs) continue;
    const [rows, cpu, mb] = [inserted(sink), process.cpuUsage(saidCpu), residentMb()];
    samples.push({ hours: (nowMs - startedMs) / (60 * minuteMs), mb });
    console.log(
      `${((nowMs - startedMs) / secondMs).toFixed(0).padStart(5)} s  ` +
        `${n((rows - saidRows) / (nowMs - saidMs) * secondMs)} rows/s  ` +
        `${((cpu.user + cpu.system) / 1_000 / (nowMs - saidMs) * 100).toFixed(0)} % of a core  ` +
        `behind ${n(sent - rows)}  loop held ${held().toFixed(0)} ms  resident ${mb.toFixed(0)} MB`,
    );
    [saidMs, saidRows, saidCpu] = [nowMs, rows, process.cpuUsage()];
  }
  await until("all rows are inserted", () => Promise.resolve(inserted(sink) >= sent), minuteMs);
  await sink.stop();
  const late = samples.slice(samples.length >> 1);
  console.log(`resident memory over the second half: ${slope(late).toFixed(1)} MB an hour`);
  await check(sent);
}

async function begin(): Promise<Sink> {
  return await startSink({
    log,
    analytics,
    clock,
    group: "bench",
    naming,
    logEpoch: 1,
    poisoned: (row) => {
      throw new Error(`refused: ${row.message}`);
    },
    failed: (_, error) => {
      throw error;
    },
  });
}

function inserted(sink: Sink): number {
  return sink.status().tables.reduce((sum, table) => sum + table.rowsInserted, 0);
}

/** The bench is worth nothing when rows are missing or there twice. */
async function check(rows: number): Promise<void> {
  const [found] = await analytics.query<{ n: string }>(
    "SELECT (SELECT count() FROM ride_events FINAL) + (SELECT count() FROM driver_locations FINAL) AS n",
  );
  console.log(
    found?.n === String(rows) ? `${n(rows)} rows are there, once` : `WRONG: ${found?.n} rows of ${rows}`,
  );
  if (found?.n !== String(rows)) Deno.exitCode = 1;
}

function records(from: number, count: number): NewRecord[] {
  const timestamp = isoTime(clock.nowMs());
  return Array.from({ length: count }, (_, at) => {
    const i = from + at;
    const driver = `driver-${i % 5_000}`;
    const value = i % 10 === 0
      ? {
        ...{
          event_type: "requested",
          ride_id: `ride-${i}`,
          timestamp,
          city: "bratislava",
          user_id: `rider-${i % 9_999}`,
        },
        ...{
          pickup: { lat: 48.1486, lng: 17.1077 },
          dropoff: { lat: 48.1586, lng: 17.1177 },
          estimated_fare: 8.5,
        },
      }
      : {
        ...{ driver_id: driver, timestamp, lat: 48.1 + (i % 997) / 1e4, lng: 17.1, city: "bratislava" },
        ...{ status: "available", speed_kmh: i % 90, heading: i % 360 },
      };
    return {
      topic: i % 10 === 0 ? "ride-events" : "driver-locations",
      partition: i % (i % 10 === 0 ? 12 : 24),
      key: utf8(driver),
      value: utf8(JSON.stringify(value)),
    };
  });
}

/** The longest time, since it was last asked, by which a timer came late. */
function watchLoop(): () => number {
  let worst = 0;
  void (async () => {
    while (!over.signal.aborted) {
      const askedMs = clock.monotonicMs();
      await clock.sleep(probeMs, over.signal);
      worst = Math.max(worst, clock.monotonicMs() - askedMs - probeMs);
    }
  })();
  return () => {
    const told = worst;
    worst = 0;
    return told;
  };
}

function residentMb(): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? NaN) / 1024;
}

/** Least squares. */
function slope(samples: { hours: number; mb: number }[]): number {
  const mean = (of: number[]) => of.reduce((sum, x) => sum + x, 0) / of.length;
  const [x, y] = [mean(samples.map((s) => s.hours)), mean(samples.map((s) => s.mb))];
  const over = samples.reduce((sum, s) => sum + (s.hours - x) * (s.mb - y), 0);
  return over / samples.reduce((sum, s) => sum + (s.hours - x) ** 2, 0);
}

function n(value: number): string {
  return Math.round(value).toLocaleString("en");
}
