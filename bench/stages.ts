/**
 * What each stage costs alone, on the same events: a child of bench.ts.
 *
 *   fetch ─► decode ─► fold ─► tell cities ─► windows ─► publish     snapshot     ClickHouse sink
 *
 * Every stage is done by the code of the service, on what the one before it made, in the same chunks; in between all
 * is held in memory. Prints a line of figures per run, in JSON: microseconds of CPU of all threads, per event unless
 * the name says otherwise, and bytes allocated on the heap where a stage is not asynchronous. The first run warms up
 * and is not printed.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { decodeRideEvent } from "../src/codec/ride_event.ts";
import { type Fold, Outbox, type Output } from "../src/fold.ts";
import { contentHash } from "../src/ids.ts";
import type { GroupHandlers, Log, LogRecord } from "../src/log/port.ts";
import { stageContext } from "../src/node/context.ts";
import { namingOf } from "../src/node/pipeline.ts";
import { createPublisher } from "../src/runtime/publisher.ts";
import { packEntries } from "../src/runtime/segments.ts";
import { openEmbedded } from "../src/sinks/analytics.ts";
import { startSink } from "../src/sinks/clickhouse.ts";
import { applyMigrations } from "../src/sinks/migrations.ts";
import type { SnapshotStore } from "../src/snapshots/port.ts";
import { citiesStage } from "../src/stages/cities.ts";
import { ridesStage } from "../src/stages/rides.ts";
import { secondMs, systemClock } from "../src/time.ts";
import { type BenchLog, configOf, openBenchLog, recordsIn } from "./bench_log.ts";

export type StagesGiven = { log: BenchLog; runs: number; sink: boolean };
export type StageFigures = Record<string, number>;

/** The records that come in the 100 ms between two flushes, at 20,000 a second. */
const flushEvery = 2_000;
const limitMs = 300 * secondMs;

const given = JSON.parse(process.argv[2]!) as StagesGiven;
const config = configOf(given.log);
const context = stageContext(config);
const naming = namingOf(config);
const input = `${config.WAYMARK_TOPIC_PREFIX}ride-events`;
const parts = await openBenchLog(given.log);
const events = await recordsIn(parts.log, input);
for (let run = 0; run <= given.runs; run++) {
  const figures = await measureStages(run);
  if (run > 0) console.log(JSON.stringify(figures));
}
process.exit(0);

async function measureStages(run: number): Promise<StageFigures> {
  const figures: StageFigures = {};
  const records = await fetchAll(`stages-${run}`, figures);
  const decoding = cost();
  for (const [, { value }] of records) {
    if (!decodeRideEvent(value).ok) throw new Error("a record was refused");
  }
  decoding.into(figures, "decode", events);
  const { folds, chunks } = foldAll(records, figures);
  figures["fold"] = figures["decode and fold"]! - figures["decode"]!;
  figures["fold bytes"] = figures["decode and fold bytes"]! - figures["decode bytes"]!;
  delete figures["decode and fold"];
  delete figures["decode and fold bytes"];
  const windows = mergeAll(chunks.flat(), figures);
  await publishAll([...chunks, ...windows], parts.log, figures);
  await snapshotAll(folds, parts.store, run, figures);
  if (given.sink) await sinkAll(parts.log, run, figures);
  return figures;
}

/** As a member of a group, to a handler that keeps what it is given. */
async function fetchAll(group: string, figures: StageFigures): Promise<[number, LogRecord][]> {
  const records: [number, LogRecord][] = [];
  const all = Promise.withResolvers<void>();
  const handlers: GroupHandlers = {
    assigned: () => Promise.resolve(0),
    batch({ partition }, batch) {
      for (const record of batch) records.push([partition, record]);
      if (records.length >= events) all.resolve();
      return Promise.resolve();
    },
    empty: () => Promise.resolve(),
    revoked: () => Promise.resolve(),
    lost() {},
    failed: (_, error) => all.reject(error),
  };
  const fetching = cost();
  const member = await parts.log.join({ group: `${group}-${process.pid}`, topics: [input], handlers });
  await all.promise;
  fetching.into(figures, "fetch", events, false);
  await member.leave();
  return records;
}

function foldAll(
  records: [number, LogRecord][],
  figures: StageFigures,
): { folds: Fold[]; chunks: Output[][] } {
  const stage = ridesStage(context);
  const folds = Array.from({ length: context.partitions["ride-events"] }, (_, partition) => {
    const fold = stage.create(partition);
    fold.since(0);
    return fold;
  });
  const out = new Outbox();
  const chunks: Output[][] = [];
  for (let from = 0; from < records.length; from += flushEvery) {
    const until = Math.min(records.length, from + flushEvery);
    const folding = cost();
    for (let i = from; i < until; i++) folds[records[i]![0]]!.fold(records[i]![1], out);
    folding.into(figures, "decode and fold", events);
    const flushing = cost();
    for (const fold of folds) while (!fold.flush(out));
    flushing.into(figures, "tell cities", events);
    chunks.push(out.take());
  }
  return { folds, chunks };
}

function mergeAll(outputs: readonly Output[], figures: StageFigures): Output[][] {
  const stage = citiesStage(context);
  const folds = Array.from({ length: context.partitions["city-partials"] }, (_, p) => stage.create(p));
  const out = new Outbox();
  const windows: Output[][] = [];
  const partials = outputs.filter(({ topic }) => topic === "city-partials");
  const perFlush = Math.max(1, Math.round(partials.length / Math.ceil(events / flushEvery)));
  for (let from = 0; from < partials.length; from += perFlush) {
    const merging = cost();
    for (let offset = from; offset < Math.min(partials.length, from + perFlush); offset++) {
      const { key, value, partition } = partials[offset]!;
      folds[partition!]!.fold({ offset, timestampMs: 0, key, value, headers: null }, out);
    }
    for (const fold of folds) while (!fold.flush(out));
    merging.into(figures, "windows", events);
    windows.push(out.take());
  }
  return windows;
}

async function publishAll(chunks: readonly Output[][], log: Log, figures: StageFigures): Promise<void> {
  const publisher = createPublisher({ log, clock: systemClock, naming, partitionOf: context.partitionOf });
  const publishing = cost();
  for (const outputs of chunks) await publisher.publish(outputs, new AbortController().signal);
  publishing.into(figures, "publish", events, false);
  figures["published records"] = chunks.reduce((sum, outputs) => sum + outputs.length, 0) / events;
}

/** All partitions, once: how often a service does that is WAYMARK_SNAPSHOT_MS. */
async function snapshotAll(folds: Fold[], store: SnapshotStore, run: number, figures: StageFigures) {
  const actors = folds.reduce(
    (sum, fold) => sum + Object.values(fold.status().actors).reduce((a, b) => a + b, 0),
    0,
  );
  const storing = cost();
  for (const [partition, fold] of folds.entries()) {
    const key = `bench-${run}/ride-events/${partition}`;
    for (const bytes of packEntries(fold.entries())) {
      if (bytes !== null) await store.putSegment(key, await contentHash(bytes), bytes);
    }
  }
  storing.into(figures, "snapshot, per actor", actors, false);
}

async function sinkAll(log: Log, run: number, figures: StageFigures): Promise<void> {
  const path = join(given.log.folder, `clickhouse-${run}`);
  const analytics = openEmbedded({ path });
  await applyMigrations(analytics);
  const sinking = cost();
  const sink = await startSink({
    ...{ log, analytics, clock: systemClock, group: `sink-${process.pid}-${run}`, naming },
    logEpoch: config.WAYMARK_LOG_EPOCH,
    poisoned(row) {
      throw new Error(`refused: ${row.message}`);
    },
    failed(_, error) {
      throw error;
    },
  });
  const untilMs = systemClock.monotonicMs() + limitMs;
  const inserted = () => sink.status().tables.find(({ table }) => table === "ride_events")?.rowsInserted ?? 0;
  while (inserted() < events) {
    if (systemClock.monotonicMs() > untilMs) throw new Error(`${inserted()} of ${events} rows are inserted`);
    await systemClock.sleep(20);
  }
  const rows = sink.status().tables.reduce((sum, { rowsInserted }) => sum + rowsInserted, 0);
  sinking.into(figures, "sink, per row", rows, false);
  await sink.stop();
  await analytics.close();
  await rm(path, { recursive: true, force: true });
}

/** What is done from now until `into`, added to the figures. */
function cost() {
  const [cpu, heap] = [process.cpuUsage(), process.memoryUsage().heapUsed];
  return {
    into(figures: StageFigures, name: string, among: number, withBytes = true): void {
      const { user, system } = process.cpuUsage(cpu);
      figures[name] = (figures[name] ?? 0) + (user + system) / among;
      if (!withBytes) return;
      // A collection in between makes it less: counted is what was not collected, which chunks keep close.
      const grown = Math.max(0, process.memoryUsage().heapUsed - heap);
      figures[`${name} bytes`] = (figures[`${name} bytes`] ?? 0) + grown / among;
    },
  };
}
