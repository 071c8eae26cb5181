/**
 * Two generations beside each other over one log and one store of snapshots, each of which may crash at any moment.
 *
 *   items ─► log ─┬─► old generation ─┐
 *                 └─► new generation ─┴─► analytics-aggregated, alerts, ride-facts, late-events, dead-letters
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { RideFact } from "../../schemas/ride_fact.ts";
import type { Config } from "../../src/config.ts";
import { fromUtf8 } from "../../src/ids.ts";
import type { Log, LogRecord, TopicPartition } from "../../src/log/port.ts";
import type { TopicName } from "../../src/log/topics.ts";
import { type Pipeline, startPipeline } from "../../src/node/pipeline.ts";
import { feed } from "../../src/node/replay.ts";
import { replayDone } from "../../src/node/replay_done.ts";
import { systemClock } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { newerRev } from "../../src/windows/rev.ts";
import { eventually } from "../conformance/eventually.ts";
import { crashNow, flushCities, openParts } from "./harness.ts";
import { publishedOn } from "./published.ts";
import { quick } from "./quick.ts";

/**
 * After `items` were appended and the generation with that index has folded some of them, and has a snapshot of its
 * cities where that is asked for, it is killed and started again with these settings.
 */
export type Kill = {
  items: number;
  which: number;
  folded?: number;
  snapshotted?: boolean;
  config?: Partial<Config>;
};

export type Plan = {
  /** Settings of each generation, in the order in which they start. */
  generations: readonly Partial<Config>[];
  owners?: number;
  kills?: readonly Kill[];
  /** How many items are appended before all that they lead to has been told; default: all of them. */
  step?: number;
};

/** A fact with the time of the record that caused it. */
export type RecordedFact = RideFact & { recorded: string };

export type Told = {
  windows: CityWindow[];
  alerts: AlertTransition[];
  facts: RecordedFact[];
  late: LogRecord[];
  dead: LogRecord[];
  log: Log;
  dispose(): Promise<void>;
};

/** Plays the items through all generations to their end; every message that was published, in the log's order. */
export async function sideBySide(items: readonly SentItem[], plan: Plan): Promise<Told> {
  const { log, store, dispose } = await openParts("memory");
  const input = { complete: false };
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const start = (config: Partial<Config>): Promise<Pipeline> =>
    startPipeline({
      config: { ...quick, ...config, WAYMARK_OWNERS: plan.owners ?? 1 },
      ...{ log, store, clock: systemClock },
      input: { kind: "replay", complete: () => input.complete },
      onStopped: (_, error) => failed.reject(error),
    });
  const until = (what: string, condition: () => boolean | Promise<boolean>) =>
    Promise.race([eventually(what, condition), failed.promise]);
  const configs = [...plan.generations];
  const running = await Promise.all(configs.map(start));
  try {
    for (const { items: sent, which, folded = 0, snapshotted = false, config } of plan.kills ?? []) {
      const killed = running[which]!;
      await fill(log, killed, items.slice(0, sent));
      await until(
        "the one to be killed has come as far as it may",
        () => foldedBy(killed) >= folded && (!snapshotted || hasSnapshot(killed)),
      );
      crashNow(killed, log);
      configs[which] = { ...configs[which], ...config };
      running[which] = await start(configs[which]);
    }
    for (let sent = plan.step ?? Infinity; sent < items.length; sent += plan.step!) {
      await fill(log, running[0]!, items.slice(0, sent));
      for (const { rides, locations, cities } of running) {
        for (const hosts of [[...rides, ...locations], cities]) {
          const actors = hosts.flatMap((host) => [...host.actors.values()]);
          await until("all that was appended is folded", () => areAtTheEnd(actors, log));
          await Promise.all(actors.map((actor) => actor.flush()));
        }
      }
    }
    await fill(log, running[0]!, items);
    input.complete = true;
    for (const pipeline of running) {
      await until("every source has ended and every city has folded", () => replayDone(pipeline, log));
      await flushCities(pipeline);
    }
    for (const pipeline of running) crashNow(pipeline, log);
    return { ...await toldOn(log), log, dispose };
  } catch (error) {
    for (const pipeline of running) pipeline.abandon();
    await dispose();
    throw error;
  }
}

const foldedBy = (pipeline: Pipeline): number =>
  [...pipeline.rides, ...pipeline.locations].flatMap((host) => [...host.actors.values()])
    .reduce((sum, actor) => sum + actor.nextOffset, 0);

async function areAtTheEnd(
  actors: readonly { tp: TopicPartition; nextOffset: number }[],
  log: Log,
): Promise<boolean> {
  for (const { tp, nextOffset } of actors) {
    if (nextOffset < (await log.bounds(tp.topic))[tp.partition]!.end) return false;
  }
  return true;
}

const hasSnapshot = (pipeline: Pipeline): boolean =>
  pipeline.cities.some((host) => [...host.actors.values()].some((actor) => actor.snapshotOffset > 0));

/** The same, with the log gone. */
export async function toldBy(items: readonly SentItem[], plan: Plan): Promise<Told> {
  const told = await sideBySide(items, plan);
  await told.dispose();
  return told;
}

export async function toldOn(log: Log) {
  const naming = { prefix: "", generation: 0 };
  const on = (topic: TopicName) => publishedOn(log, topic, naming);
  return {
    windows: (await on("analytics-aggregated")).map((r) => parsed<CityWindow>(r)),
    alerts: (await on("alerts")).map((r) => parsed<AlertTransition>(r)),
    facts: (await on("ride-facts")).map((r) => ({
      ...parsed<RideFact>(r),
      recorded: r.headers!.source_timestamp!,
    })),
    late: await on("late-events"),
    dead: await on("dead-letters"),
  };
}

const parsed = <T>({ value }: LogRecord): T => JSON.parse(fromUtf8(value)) as T;

export const generationOf = ({ rev }: { rev: string }): number => Number(rev.slice(0, 4));

/** By the readers' rule, by city and start: the greatest rev. */
export function newestWindows(windows: readonly CityWindow[]): Map<string, CityWindow> {
  return newest(windows, (w) => `${w.city}|${w.window_start}`, (a, b) => newerRev(a.rev, b.rev));
}

/** By the readers' rule, by rule and city: the greatest window end, then rev. */
export function newestAlerts(alerts: readonly AlertTransition[]): Map<string, AlertTransition> {
  return newest(
    alerts,
    (a) => `${a.rule}|${a.city}`,
    (a, b) => `${a.window_end}${a.rev}` > `${b.window_end}${b.rev}`,
  );
}

/** By the readers' rule, by id: the highest generation. */
export function newestFacts(facts: readonly RecordedFact[]): Map<string, RecordedFact> {
  return newest(facts, (fact) => fact.fact_id, (a, b) => a.generation > b.generation);
}

function newest<T>(
  all: readonly T[],
  keyOf: (one: T) => string,
  isNewer: (a: T, b: T) => boolean,
): Map<string, T> {
  const held = new Map<string, T>();
  for (const one of all) {
    const before = held.get(keyOf(one));
    if (before === undefined || isNewer(one, before)) held.set(keyOf(one), one);
  }
  return new Map([...held].sort(([a], [b]) => (a < b ? -1 : 1)));
}

async function fill(log: Log, pipeline: Pipeline, items: readonly SentItem[]): Promise<void> {
  async function* chunks() {
    for (let from = 0; from < items.length; from += 250) {
      yield items.slice(from, from + 250);
      await systemClock.sleep(0);
    }
  }
  await feed(log, pipeline, systemClock, { chunks: chunks(), speed: null, fed: async () => {} });
}
