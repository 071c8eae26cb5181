/**
 * Carries erasures out in what this process owns, and says so in the log.
 *
 *   partitions of `rides`   actors, then every snapshot: one of the state without the rider takes the place of all
 *   ClickHouse              once what was a row before is stored, so that nothing comes after the rewriting
 *
 * What is owed follows from the log alone, so a killed process owes the same when it is back, and so does whoever has
 * the partition then. A process that hears of an erasure late has folded on with the rider in it: it forgets whatever
 * another one said. ClickHouse is looked through again from time to time: rows of a process that was late may have come.
 */
import type { Config } from "../config.ts";
import type { ErasedRider } from "../erased.ts";
import { messageOf } from "../errors.ts";
import { topicName } from "../log/topics.ts";
import { groupName } from "../runtime/host.ts";
import type { PartitionActor } from "../runtime/partition.ts";
import { eraseRows } from "../sinks/erase_rows.ts";
import type { RidesFold } from "../stages/rides.ts";
import type { Signals } from "../telemetry/signals.ts";
import { type Clock, hourMs, secondMs } from "../time.ts";
import type { ClickHouse } from "./clickhouse.ts";
import type { Erasures } from "./erasures.ts";
import { namingOf, type Pipeline } from "./pipeline.ts";

export type EraseWork = {
  /** The stores that must say so before an erasure is complete, as far as this process knows. */
  stores: readonly string[];
  stop(): Promise<void>;
};

export type EraseWorkOptions = {
  config: Config;
  erasures: Erasures;
  pipeline: Pipeline;
  clickHouse: ClickHouse | null;
  clock: Clock;
  signals: Signals;
};

/** How often a process looks whether it has come to owe something: partitions move. */
const lookMs = secondMs;
const lookAgainMs = hourMs;
const settlePollMs = 100;

export function startEraseWork(options: EraseWorkOptions): EraseWork {
  const { config, erasures, pipeline, clickHouse, clock, signals } = options;
  const stopping = new AbortController();
  const group = groupName(config.WAYMARK_GROUP, "rides", config.WAYMARK_GENERATION);
  const topic = topicName("ride-events", namingOf(config));
  const storeOf = (partition: number) => `${group}/${topic}/${partition}`;
  /** Folds that were going on when an erasure came: what they hold is of before. */
  const unaware = new Set<PartitionActor<RidesFold>>();
  let rowsUnaware = true;
  let rowsLookedMs = -Infinity;
  let said = "";

  const actors = () => pipeline.rides.flatMap((host) => [...host.actors.values()]);
  erasures.onErase(() => {
    for (const actor of actors()) unaware.add(actor);
    rowsUnaware = true;
  });

  async function forgetInPartitions(): Promise<void> {
    const held = new Set(actors());
    for (const actor of unaware) if (!held.has(actor)) unaware.delete(actor);
    for (const actor of held) {
      const store = storeOf(actor.tp.partition);
      const owing = erasures.owing(store);
      if (owing.length === 0 && !unaware.has(actor)) continue;
      unaware.delete(actor);
      try {
        if (await actor.rewrite((fold) => fold.forgetErased())) await erasures.apply(store, owing);
      } catch (error) {
        unaware.add(actor);
        throw error;
      }
    }
  }

  async function forgetInClickHouse({ analytics, name }: ClickHouse): Promise<void> {
    const { riders } = erasures.erased;
    const owing = erasures.owing(name);
    const due = clock.monotonicMs() - rowsLookedMs >= lookAgainMs;
    if (riders.length === 0 || (!due && !rowsUnaware && owing.length === 0)) return;
    rowsUnaware = false;
    try {
      if (!await rowsStored()) return void (rowsUnaware = true);
      const erasedNow: ErasedRider[] = [...riders];
      await eraseRows({ analytics, clock, riders: erasedNow });
      rowsLookedMs = clock.monotonicMs();
      if (owing.length > 0) await erasures.apply(name, owing);
    } catch (error) {
      rowsUnaware = true;
      throw error;
    }
  }

  /** Waits until what had been made into rows is stored; false when this ends first. */
  async function rowsStored(): Promise<boolean> {
    const before = new Map(
      clickHouse!.sink.status().partitions.map((p) => [`${p.topic}/${p.partition}`, p.taken]),
    );
    while (!stopping.signal.aborted) {
      const waiting = clickHouse!.sink.status().partitions.some((p) =>
        p.committed < (before.get(`${p.topic}/${p.partition}`) ?? 0)
      );
      if (!waiting) return true;
      await clock.sleep(settlePollMs, stopping.signal);
    }
    return false;
  }

  /** What fails is tried again: a store may be away for hours. Said once for each reason. */
  async function tried(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const message = `cannot erase in ${what} yet, and trying again: ${messageOf(error)}`;
      if (!stopping.signal.aborted && message !== said) signals.say(said = message);
    }
  }

  async function loop(what: string, work: () => Promise<void>): Promise<void> {
    while (!stopping.signal.aborted) {
      await tried(what, work);
      await clock.sleep(lookMs, stopping.signal);
    }
  }

  const loops = [
    loop("actors and snapshots", forgetInPartitions),
    ...(clickHouse === null ? [] : [loop("ClickHouse", () => forgetInClickHouse(clickHouse))]),
  ];
  const partitions = Array.from({ length: pipeline.context.partitions["ride-events"] }, (_, p) => storeOf(p));
  return {
    stores: [...partitions, ...(clickHouse === null ? [] : [clickHouse.name])],
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}
