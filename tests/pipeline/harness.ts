/**
 * The real pipeline over a list of items, in one process, with owners, crashes and wiped snapshots.
 *
 *   items ─► feed ─► log ─► pipeline ──► crash (dropped without drain, members expelled) ─► a new pipeline … ─► done
 *
 * A crash keeps the log and the snapshot store and nothing else. What a run leaves is read from the log alone, by
 * the readers' rules (greatest rev, fact id), and from the ledgers of the last pipeline.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityCells } from "../../schemas/city_cells.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { RideFact } from "../../schemas/ride_fact.ts";
import type { Config } from "../../src/config.ts";
import type { LedgerView } from "../../src/http/handles.ts";
import { memoryLog } from "../../src/log/memory.ts";
import type { Log, TopicPartition } from "../../src/log/port.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { topicName } from "../../src/log/topics.ts";
import { type Pipeline, startPipeline } from "../../src/node/pipeline.ts";
import { feed, lastWindows } from "../../src/node/replay.ts";
import { replayDone } from "../../src/node/replay_done.ts";
import { ledgerView } from "../../src/node/views.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { openSqliteSnapshots } from "../../src/snapshots/sqlite.ts";
import { type Clock, type ManualClock, manualClock, secondMs, systemClock } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { eventually } from "../conformance/eventually.ts";
import { alertsOf, cellsOf, factsOf, type Published, publishedOn, recordsOf } from "./published.ts";
import { quick } from "./quick.ts";

export type ExpellingLog = Log & { expel(memberId: string): void };

/** The moment of a crash: after `items` were appended, and then at once, amid folding, or after a snapshot. */
export type Crash = { items: number; when: "at_once" | "folding" | "snapshotted"; wipe?: boolean };

export type RunOptions = {
  owners?: number;
  crashes?: readonly Crash[];
  parts?: "memory" | "sqlite";
  config?: Partial<Config>;
  /** Event time per time that passes, on a clock whose hands are turned as fast as it goes; default: all at once. */
  speed?: number;
};

export type Run = {
  windows: CityWindow[];
  alerts: AlertTransition[];
  cells: CityCells[];
  facts: RideFact[];
  ledger: LedgerView;
  late: Published[];
  dead: Published[];
  log: ExpellingLog;
  pipeline: Pipeline;
  /** Ends the run; what was read stays. */
  dispose(): Promise<void>;
};

/** Plays the items to their end and reads what is left. */
export async function play(items: readonly SentItem[], options: RunOptions = {}): Promise<Run> {
  const parts = await openParts(options.parts ?? "memory");
  const config = { ...quick, ...options.config, WAYMARK_OWNERS: options.owners ?? 1 };
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const input = { complete: false };
  const start = () =>
    startPipeline({
      config,
      log: parts.log,
      store: parts.store,
      clock: systemClock,
      input: { kind: "replay", complete: () => input.complete },
      onStopped: (_, error) => failed.reject(error),
    });
  try {
    let pipeline = await start();
    for (const crash of options.crashes ?? []) {
      await fill(parts.log, pipeline, items.slice(0, crash.items));
      await Promise.race([moment(crash.when, pipeline, parts.log), failed.promise]);
      crashNow(pipeline, parts.log);
      if (crash.wipe) parts.wipe();
      pipeline = await start();
    }
    await fill(parts.log, pipeline, items, options.speed ?? null);
    input.complete = true;
    await Promise.race([
      eventually("every source has ended and every city has folded", () => replayDone(pipeline, parts.log)),
      failed.promise,
    ]);
    await flushCities(pipeline);
    return { ...await leftBy(pipeline, parts.log), pipeline, log: parts.log, dispose: parts.dispose };
  } catch (error) {
    await parts.dispose();
    throw error;
  }
}

/** The same, and ended. */
export async function outcome(items: readonly SentItem[], options: RunOptions = {}): Promise<Run> {
  const run = await play(items, options);
  run.pipeline.abandon();
  await run.dispose();
  return run;
}

/** Drops the pipeline as a killed process would: no drain, and the group is told that its members are gone. */
export function crashNow(pipeline: Pipeline, log: ExpellingLog): void {
  pipeline.abandon();
  for (const host of hostsOf(pipeline)) log.expel(host.memberId);
}

export const hostsOf = (pipeline: Pipeline) => [
  ...pipeline.cities,
  ...pipeline.rides,
  ...pipeline.locations,
];

export const actorsOf = (pipeline: Pipeline) =>
  hostsOf(pipeline).flatMap((host) => [...host.actors.values()]);

export async function flushCities(pipeline: Pipeline): Promise<void> {
  await Promise.all(pipeline.cities.flatMap((h) => [...h.actors.values()]).map((actor) => actor.flush()));
}

/** What a pipeline left, by the readers' rules. */
export async function leftBy(pipeline: Pipeline, log: Log) {
  const on = (topic: Parameters<typeof publishedOn>[1]) => publishedOn(log, topic, pipeline.naming);
  return {
    windows: await lastWindows(log, pipeline),
    alerts: alertsOf(await on("alerts")),
    cells: cellsOf(await on("city-cells")),
    facts: factsOf(await on("ride-facts")),
    late: recordsOf(await on("late-events")),
    dead: recordsOf(await on("dead-letters")),
    ledger: ledgerView(pipeline),
  };
}

async function fill(
  log: Log,
  pipeline: Pipeline,
  items: readonly SentItem[],
  speed: number | null = null,
): Promise<void> {
  async function* chunks() {
    for (let from = 0; from < items.length; from += 1_000) yield items.slice(from, from + 1_000);
  }
  const clock = speed === null ? systemClock : manualClock();
  const feeding = feed(log, pipeline, clock, { chunks: chunks(), speed, fed: async () => {} });
  if (speed !== null) await turnHands(clock as ManualClock, feeding);
  await feeding;
}

/** What is fed in one step is folded in one, so that many steps cut the input at many places. */
async function turnHands(clock: ManualClock, work: Promise<unknown>): Promise<void> {
  let over = false;
  work.then(() => over = true, () => over = true);
  while (!over) await clock.advance(secondMs);
}

async function moment(when: Crash["when"], pipeline: Pipeline, log: Log): Promise<void> {
  if (when === "at_once") return;
  const startedMs = systemClock.nowMs();
  const snapshotted = (actor: { snapshotAtMs: number | null }) => (actor.snapshotAtMs ?? 0) >= startedMs;
  const some = (hosts: Pipeline["rides"] | Pipeline["cities"]) =>
    hosts.some((host) => [...host.actors.values()].some(snapshotted));
  const reached = when === "folding"
    ? () => actorsOf(pipeline).some((actor) => actor.nextOffset > actor.snapshotOffset)
    : () => some(pipeline.rides) && some(pipeline.cities);
  await eventually(`a pipeline is caught ${when}`, async () => reached() || await nothingLeft(pipeline, log));
}

/** Everything is folded and in a snapshot: waiting for more would be in vain. */
export async function nothingLeft(pipeline: Pipeline, log: Log): Promise<boolean> {
  const actors = actorsOf(pipeline);
  const ends = new Map<string, number>();
  for (const topic of ["ride-events", "driver-locations", "city-partials"] as const) {
    const name = topicName(topic, pipeline.naming);
    for (const [partition, { end }] of (await log.bounds(name)).entries()) {
      ends.set(`${name}/${partition}`, end);
    }
  }
  return actors.length === ends.size &&
    actors.every(({ tp, nextOffset, snapshotOffset }) =>
      nextOffset === ends.get(nameOf(tp)) && snapshotOffset === nextOffset
    );
}

type Parts = { log: ExpellingLog; store: SnapshotStore; wipe(): void; dispose(): Promise<void> };

export async function openParts(kind: "memory" | "sqlite", clock: Clock = systemClock): Promise<Parts> {
  const parts = { wipe: () => void (parts.store = memorySnapshots()) } as Parts;
  if (kind === "memory") {
    parts.log = memoryLog({ clock });
    parts.store = memorySnapshots();
    parts.dispose = () => parts.log.close();
    return parts;
  }
  const folder = await mkdtemp(join(tmpdir(), "waymark-pipeline-"));
  parts.log = openSqliteLog({ path: join(folder, "log.db"), clock, fsync: false });
  const store = openSqliteSnapshots({ path: join(folder, "snapshots.db"), fsync: false });
  parts.store = store;
  parts.dispose = async () => {
    await store.close();
    await parts.log.close();
    await rm(folder, { recursive: true, force: true });
  };
  return parts;
}

export const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
