/**
 * How long a process takes to have a million rides back, and what snapshots of them cost.
 *
 *   deno run -A bench/restore.ts [--rides 1000000] [--redis redis://host:port]
 *
 * A log is filled with a request, and for every second ride an accept. One process folds it, with a snapshot of everything
 * after each part of the accepts, so that the later ones replace what the first ones named, and drains: that takes one
 * more. A second process starts on it until every partition is restored. The event loop's delay is how late a timer of 5
 * ms comes. Snapshots are in the embedded store, or in Redis.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readConfig } from "../src/config.ts";
import { utf8 } from "../src/ids.ts";
import { limits } from "../src/limits.ts";
import type { NewRecord } from "../src/log/port.ts";
import { stageContext } from "../src/node/context.ts";
import { openParts } from "../src/node/parts.ts";
import { type Pipeline, specsOf, startPipeline } from "../src/node/pipeline.ts";
import { hourMs, isoTime, minuteMs, secondMs, systemClock } from "../src/time.ts";
import { peakMb } from "./process_cost.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

type Opened = Awaited<ReturnType<typeof open>>;
type Given = { folder: string; rides: number; redis: string | null };

const pollMs = 5;
const appendRecords = 10_000;
/** Of accepts, with a snapshot after each: more than snapshots are kept. */
const rounds = limits.manifestsKept + 2;
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

async function started({ config, parts }: Opened): Promise<Pipeline> {
  return await startPipeline({
    ...{ config, log: parts.log, store: parts.store, clock: systemClock, input: { kind: "live" } },
    onStopped(tp, error) {
      throw new Error(`${tp.topic}/${tp.partition} stopped`, { cause: error });
    },
  });
}

async function foldAll(given: Given): Promise<void> {
  const opened = await open(given);
  await appendAll(opened, given, requestOf);
  const pipeline = await started(opened);
  for (let round = 0; round < rounds; round++) {
    await appendAll(
      opened,
      given,
      (n) => n % 2 === 0 && n / 2 % rounds === round ? acceptOf(n, given.rides) : null,
    );
    await folded(opened, pipeline, given.rides);
    if (round === rounds - 1) break;
    const cost = startCost();
    await Promise.all(actorsIn(pipeline).map((actor) => actor.snapshot()));
    console.log(`snapshot ${round + 1} of all ${cost.end()}`);
  }
  // The cities have what there was, too.
  await systemClock.sleep(2 * secondMs);
  const cost = startCost();
  await pipeline.drain();
  console.log(`snapshot of all   ${cost.end()}`);
  await opened.parts.close();
  Deno.exit(0);
}

/** All that is in the log, whether the actors have heard of it yet or not. */
async function folded({ parts }: Opened, pipeline: Pipeline, rides: number): Promise<void> {
  const bounds = await parts.log.bounds("ride-events");
  await until(() => {
    const actors = actorsIn(pipeline);
    return ridesIn(pipeline) === rides && actors.length === bounds.length &&
      actors.every(({ tp, nextOffset }) => nextOffset === bounds[tp.partition]!.end);
  });
}

async function restoreAll(given: Given): Promise<void> {
  const opened = await open(given);
  const cost = startCost();
  const pipeline = await started(opened);
  await until(() => ridesIn(pipeline) === given.rides);
  console.log(`restore of all    ${cost.end()}`);
  pipeline.abandon();
  Deno.exit(0);
}

function startCost() {
  const [cpu, loop, beganMs] = [process.cpuUsage(), watchLoop(), systemClock.monotonicMs()];
  return {
    end() {
      const { user, system } = process.cpuUsage(cpu);
      const seconds = (systemClock.monotonicMs() - beganMs) / secondMs;
      return `${((user + system) / 1e6).toFixed(2)} s of CPU, ${seconds.toFixed(2)} s; ` +
        `event loop late by ${loop.end()} ms at most; resident at most ${peakMb(process.pid)} MB`;
    },
  };
}

type RideEvent = { key: Uint8Array; value: Uint8Array; timestampMs: number };

async function appendAll(
  { config, parts }: Opened,
  { rides }: Given,
  eventOf: (n: number, rides: number) => RideEvent | null,
): Promise<void> {
  const context = stageContext(config);
  let records: NewRecord[] = [];
  for (let n = 0; n < rides; n++) {
    const event = eventOf(n, rides);
    if (event === null) continue;
    records.push({
      topic: "ride-events",
      partition: context.partitionOf("ride-events", event.key),
      ...event,
    });
    if (records.length < appendRecords) continue;
    await parts.log.append(records);
    records = [];
  }
  if (records.length > 0) await parts.log.append(records);
}

function requestOf(n: number, rides: number): RideEvent {
  return eventOf(n, rides, { event_type: "requested" });
}

function acceptOf(n: number, rides: number): RideEvent {
  return eventOf(n, rides, { event_type: "accepted", driver_id: `driver-${n % 20_000}` });
}

function eventOf(n: number, rides: number, its: { event_type: string; driver_id?: string }): RideEvent {
  const id = `ride-${String(n).padStart(10, "0")}`;
  const timestampMs = Date.UTC(2026, 0, 15, 18) + Math.floor(n * 10 * minuteMs / rides);
  const event = {
    ...{ ride_id: id, timestamp: isoTime(timestampMs), event_id: `${id}-${its.event_type}`, ...its },
    ...{
      city: `city-${n % 50}`,
      user_id: `user-${String(n % 92_000).padStart(6, "0")}`,
      estimated_fare: 12.5,
    },
  };
  return { key: utf8(id), value: utf8(JSON.stringify(event)), timestampMs };
}

function actorsIn(pipeline: Pipeline) {
  return pipeline.rides.flatMap((host) => [...host.actors.values()]);
}

function ridesIn(pipeline: Pipeline): number {
  return actorsIn(pipeline).reduce((sum, { fold }) => sum + (fold.status().actors.ride ?? 0), 0);
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
