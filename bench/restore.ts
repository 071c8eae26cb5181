/**
 * How long a process takes to have a million rides back, and what snapshots of them cost.
 *
 *   deno run -A bench/restore.ts [--rides 1000000] [--redis redis://host:port]
 *
 * A log is filled with a request, and for every second ride an accept. One process folds it and drains: that takes one
 * snapshot of everything. A second process starts on it until every partition is restored. The event loop's delay is how
 * late a timer of 5 ms comes. Snapshots are in the embedded store, or in Redis.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readConfig } from "../src/config.ts";
import { utf8 } from "../src/ids.ts";
import type { NewRecord } from "../src/log/port.ts";
import { stageContext } from "../src/node/context.ts";
import { openParts } from "../src/node/parts.ts";
import { type Pipeline, specsOf, startPipeline } from "../src/node/pipeline.ts";
import { hourMs, isoTime, minuteMs, secondMs, systemClock } from "../src/time.ts";
import { peakMb } from "./process_cost.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

type Given = { folder: string; rides: number; redis: string | null };

const pollMs = 5;
const appendRecords = 10_000;
const limitMs = 10 * minuteMs;

const { values } = parseArgs({
  options: {
    rides: { type: "string", default: "1000000" },
    redis: { type: "string" },
    fold: { type: "string" },
    restore: { type: "string" },
  },
});
if (values.fold !== undefined) {
  await foldAll(JSON.parse(values.fold) as Given);
} else if (values.restore !== undefined) {
  await restoreAll(JSON.parse(values.restore) as Given);
} else {
  const folder = await mkdtemp(join(tmpdir(), "waymark-restore-"));
  const given: Given = { folder, rides: Number(values.rides), redis: values.redis ?? null };
  try {
    console.log(
      `${given.rides.toLocaleString("en")} rides, snapshots ${
        given.redis === null ? "embedded" : "in Redis"
      }`,
    );
    await inChild("--fold", given);
    await inChild("--restore", given);
    console.log(`load ${loadavg()[0]!.toFixed(1)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function inChild(as: "--fold" | "--restore", given: Given): Promise<void> {
  const args = ["run", "--no-check", "-A", fileURLToPath(import.meta.url), as, JSON.stringify(given)];
  const { code } = await new Deno.Command(Deno.execPath(), { args, stdout: "inherit", stderr: "inherit" })
    .output();
  if (code !== 0) throw new Error(`${as} ended with ${code}`);
}

async function open({ folder, redis }: Given) {
  const config = readConfig({
    WAYMARK_CLICKHOUSE: "off",
    // The one snapshot is that of the drain.
    WAYMARK_SNAPSHOT_MS: String(hourMs),
    ...(redis !== null &&
      { REDIS_URL: redis, WAYMARK_GROUP: `restore${folder.replaceAll(/[^A-Za-z0-9]/g, "")}` }),
  });
  const parts = await openParts({ config, dataDir: folder, clock: systemClock });
  await parts.log.ensureTopics(specsOf(config));
  return { config, parts };
}

async function started({ config, parts }: Awaited<ReturnType<typeof open>>): Promise<Pipeline> {
  return await startPipeline({
    ...{ config, log: parts.log, store: parts.store, clock: systemClock, input: { kind: "live" } },
    onStopped(tp, error) {
      throw new Error(`${tp.topic}/${tp.partition} stopped`, { cause: error });
    },
  });
}

async function foldAll(given: Given): Promise<void> {
  const opened = await open(given);
  const { log } = opened.parts;
  const context = stageContext(opened.config);
  const partitionOf = (key: Uint8Array) => context.partitionOf("ride-events", key);
  for (let from = 0; from < given.rides; from += appendRecords) {
    await log.append(eventsOf(from, given.rides, partitionOf));
  }
  const pipeline = await started(opened);
  const { partitions } = pipeline.context;
  await until(() => ridesIn(pipeline) === given.rides && ready(pipeline, partitions["ride-events"]));
  // The cities have what there was, too.
  await systemClock.sleep(2 * secondMs);
  const [cpu, loop, beganMs] = [process.cpuUsage(), watchLoop(), systemClock.monotonicMs()];
  await pipeline.drain();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (systemClock.monotonicMs() - beganMs) / secondMs;
  console.log(
    `snapshot of all   ${((user + system) / 1e6).toFixed(2)} s of CPU, ${seconds.toFixed(2)} s; ` +
      `event loop late by ${loop.end()} ms at most; resident at most ${peakMb(process.pid)} MB`,
  );
  await opened.parts.close();
  Deno.exit(0);
}

async function restoreAll(given: Given): Promise<void> {
  const opened = await open(given);
  const [cpu, loop, beganMs] = [process.cpuUsage(), watchLoop(), systemClock.monotonicMs()];
  const pipeline = await started(opened);
  await until(() => ridesIn(pipeline) === given.rides);
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (systemClock.monotonicMs() - beganMs) / secondMs;
  console.log(
    `restore of all    ${((user + system) / 1e6).toFixed(2)} s of CPU, ${seconds.toFixed(2)} s; ` +
      `event loop late by ${loop.end()} ms at most; resident at most ${peakMb(process.pid)} MB`,
  );
  pipeline.abandon();
  Deno.exit(0);
}

function eventsOf(from: number, rides: number, partitionOf: (key: Uint8Array) => number): NewRecord[] {
  const startMs = Date.UTC(2026, 0, 15, 18);
  const records: NewRecord[] = [];
  for (let n = from; n < Math.min(rides, from + appendRecords); n++) {
    const [id, timeMs] = [
      `ride-${String(n).padStart(10, "0")}`,
      startMs + Math.floor(n * 10 * minuteMs / rides),
    ];
    const event = (type: string, driver: object) => ({
      ...{ event_type: type, ride_id: id, timestamp: isoTime(timeMs), event_id: `${id}-${type}` },
      ...{
        city: `city-${n % 50}`,
        user_id: `user-${String(n % 92_000).padStart(6, "0")}`,
        estimated_fare: 12.5,
      },
      ...driver,
    });
    const key = utf8(id);
    const partition = partitionOf(key);
    const push = (value: unknown) =>
      records.push({
        ...{ topic: "ride-events", partition, key },
        ...{ value: utf8(JSON.stringify(value)), timestampMs: timeMs },
      });
    push(event("requested", {}));
    if (n % 2 === 0) push(event("accepted", { driver_id: `driver-${n % 20_000}` }));
  }
  return records;
}

function actorsIn(pipeline: Pipeline) {
  return pipeline.rides.flatMap((host) => [...host.actors.values()]);
}

function ridesIn(pipeline: Pipeline): number {
  return actorsIn(pipeline).reduce((sum, { fold }) => sum + (fold.status().actors.ride ?? 0), 0);
}

function ready(pipeline: Pipeline, partitions: number): boolean {
  const actors = actorsIn(pipeline);
  return actors.length === partitions && actors.every(({ nextOffset, logEnd }) => nextOffset === logEnd);
}

async function until(done: () => boolean): Promise<void> {
  const untilMs = systemClock.monotonicMs() + limitMs;
  while (!done()) {
    if (systemClock.monotonicMs() > untilMs) throw new Error(`not done after ${limitMs} ms`);
    await systemClock.sleep(pollMs);
  }
}

function watchLoop() {
  const over = new AbortController();
  let latest = 0;
  void (async () => {
    while (!over.signal.aborted) {
      const askedMs = systemClock.monotonicMs();
      await systemClock.sleep(pollMs);
      if (!over.signal.aborted) latest = Math.max(latest, systemClock.monotonicMs() - askedMs - pollMs);
    }
  })();
  return {
    end() {
      over.abort();
      return Math.round(latest);
    },
  };
}
