/**
 * One member of a stage's consumer group: owns partitions, keeps their actors going, gives them back.
 *
 *   assigned ─► acquire ─► restore ─► actor      every flushMs: flush; snapshot when due; wait when far ahead
 *   batch ────► actor.batch                      empty fetches at the log end ─► idle, or end when input is over
 *   revoked ──► snapshot, commit ─► gone         lost ─► gone at once: someone else may own it already
 */
import type { Fold, Stage } from "../fold.ts";
import { errorCodes, messageOf, WaymarkError } from "../errors.ts";
import { limits } from "../limits.ts";
import type { GroupHandlers, Log, Membership, TopicPartition } from "../log/port.ts";
import { type TopicName, topicName, type TopicNaming } from "../log/topics.ts";
import type { SnapshotStore } from "../snapshots/port.ts";
import { metrics } from "../telemetry/metrics.ts";
import type { Clock } from "../time.ts";
import { acquire, type Identity } from "./acquire.ts";
import type { Alignment } from "./alignment.ts";
import { PartitionActor } from "./partition.ts";
import type { Publisher } from "./publisher.ts";
import { restore } from "./restore.ts";

export type HostOptions<F extends Fold> = {
  stage: Stage<F>;
  log: Log;
  store: SnapshotStore;
  publisher: Publisher;
  clock: Clock;
  naming: TopicNaming;
  identity: Identity;
  group: string;
  partitions: number;
  flushMs: number;
  snapshotMs: number;
  idleMs: number;
  alignment: Alignment;
  /** Whether the input is complete (a replayed file): its sources then end at the log end instead of going idle. */
  inputComplete(): boolean;
  /** A partition stopped. Refusals end the process; anything else ends this partition only. */
  onStopped(tp: TopicPartition, error: unknown): void;
};

export type StoppedPartition = { tp: TopicPartition; code: string; message: string };

export type Host<F extends Fold = Fold> = {
  readonly actors: ReadonlyMap<number, PartitionActor<F>>;
  readonly stopped: ReadonlyMap<number, StoppedPartition>;
  readonly memberId: string;
  /** Snapshots everything, commits, leaves the group. */
  drain(): Promise<void>;
  /** Stops at once, as a crash would: from here on nothing is published, snapshotted or committed. */
  abandon(): void;
};

/** The group of a stage: `<group>-<stage>-g<generation>`. */
export const groupName = (group: string, stage: string, generation: number) =>
  `${group}-${stage}-g${generation}`;

export async function startHost<F extends Fold>(options: HostOptions<F>): Promise<Host<F>> {
  const { stage, log, store, clock, identity, alignment } = options;
  const topic = topicName(stage.source as TopicName, options.naming);
  const group = groupName(options.group, stage.name, identity.generation);
  const actors = new Map<number, PartitionActor<F>>();
  const stopped = new Map<number, StoppedPartition>();
  const quietSince = new Map<number, number>();
  const snapshotDueMs = new Map<number, number>();
  const paused = new Set<number>();
  const end = new AbortController();
  const nameOf = (tp: TopicPartition) => `${tp.topic}/${tp.partition}`;

  const handlers: GroupHandlers = {
    async assigned(tp) {
      const key = `${group}/${nameOf(tp)}`;
      const snapshot = await acquire({ log, store, key, tp, identity });
      const restored = await restore(stage, tp, snapshot, { log, group });
      const actor = new PartitionActor<F>({
        stage,
        tp,
        partitions: options.partitions,
        key,
        identity,
        restored,
        store,
        publisher: options.publisher,
        clock,
        flushMs: options.flushMs,
        commit: (commit) => membership.commit([commit]),
      });
      actors.set(tp.partition, actor);
      stopped.delete(tp.partition);
      // Spread over the interval, so that not all partitions are snapshotted in the same moment.
      snapshotDueMs.set(
        tp.partition,
        clock.monotonicMs() + options.snapshotMs * (1 + tp.partition / options.partitions) / 2,
      );
      return actor.nextOffset;
    },
    async batch(tp, records, logEnd) {
      quietSince.delete(tp.partition);
      await actors.get(tp.partition)?.batch(records, logEnd);
    },
    async empty(tp, at) {
      const actor = actors.get(tp.partition);
      if (actor === undefined) return;
      actor.logEnd = Math.max(actor.logEnd, at.end);
      if (!stage.declaresIdle) return;
      if (options.inputComplete()) return await actor.end();
      const sinceMs = quietSince.get(tp.partition) ?? clock.monotonicMs();
      quietSince.set(tp.partition, sinceMs);
      if (clock.monotonicMs() - sinceMs >= options.idleMs) await actor.idle(at.sentAtMs, options.idleMs / 2);
    },
    async revoked(tp) {
      const actor = actors.get(tp.partition);
      if (actor === undefined) return;
      try {
        await actor.snapshot();
      } finally {
        release(tp);
      }
    },
    lost: (tp) => release(tp),
    failed(tp, error) {
      release(tp);
      const code = error instanceof WaymarkError ? error.code : "invariant_broken";
      stopped.set(tp.partition, { tp, code, message: messageOf(error) });
      metrics.partitionsStopped.inc({ code: code in errorCodes ? code : "invariant_broken" });
      options.onStopped(tp, error);
    },
  };

  /** A failure outside a handler: nothing may be read past it. */
  function stop(tp: TopicPartition, error: unknown): void {
    membership.pause(tp);
    handlers.failed(tp, error);
  }

  function release(tp: TopicPartition): void {
    actors.get(tp.partition)?.abandon();
    actors.delete(tp.partition);
    quietSince.delete(tp.partition);
    paused.delete(tp.partition);
    alignment.forget(nameOf(tp));
  }

  const membership: Membership = await log.join({
    group,
    topics: [topic],
    handlers,
    batchRecordsMax: limits.fetchRecordsMax,
  });
  const ticking = tick();

  async function tick(): Promise<void> {
    while (!end.signal.aborted) {
      const wakeMs = clock.monotonicMs() + options.flushMs;
      await clock.sleep(options.flushMs, end.signal);
      if (end.signal.aborted) return;
      metrics.loopDelay.set(Math.max(0, clock.monotonicMs() - wakeMs) / 1_000);
      await Promise.all([...actors.values()].map(tend));
    }
  }

  /** What is due for one partition. A failed snapshot costs a longer replay, never the partition. */
  async function tend(actor: PartitionActor<F>): Promise<void> {
    const { tp } = actor;
    try {
      if (stage.declaresIdle) align(actor);
      await actor.flush();
    } catch (error) {
      if (actors.get(tp.partition) === actor) stop(tp, error);
      return;
    }
    if (clock.monotonicMs() < (snapshotDueMs.get(tp.partition) ?? 0)) return;
    snapshotDueMs.set(tp.partition, clock.monotonicMs() + options.snapshotMs);
    try {
      await actor.snapshot();
    } catch (error) {
      if (actors.get(tp.partition) !== actor) return;
      if (error instanceof WaymarkError && error.kind === "invariant") stop(tp, error);
      else metrics.snapshotFailures.inc({ stage: stage.name });
    }
  }

  function align(actor: PartitionActor<F>): void {
    const { tp } = actor;
    alignment.report(nameOf(tp), actor.fold.status().watermarkMs, actor.nextOffset < actor.logEnd);
    const ahead = alignment.isAhead(nameOf(tp));
    if (ahead && !paused.has(tp.partition)) {
      paused.add(tp.partition);
      membership.pause(tp);
    } else if (!ahead && paused.delete(tp.partition)) {
      membership.resume(tp);
    }
  }

  return {
    actors,
    stopped,
    memberId: membership.memberId,
    async drain() {
      end.abort();
      await ticking;
      await membership.leave();
    },
    abandon() {
      end.abort();
      for (const actor of actors.values()) actor.abandon();
    },
  };
}
