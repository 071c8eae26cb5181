/**
 * One member of a stage's consumer group: owns partitions, keeps their actors going, gives them back.
 *
 *   assigned ─► acquire ─► restore ─► actor      every flushMs: flush; snapshot when due; wait when far ahead
 *   batch ────► actor.batch                      empty fetches at the log end ─► idle, or end when input is over
 *   revoked ──► snapshot, commit ─► gone         lost ─► gone at once: someone else may own it already
 */
import type { Fold, Stage } from "../fold.ts";
import { errorCodes, messageOf, WaymarkError } from "../errors.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import type { GroupHandlers, Log, Membership, TopicPartition } from "../log/port.ts";
import { isCompacted, type TopicName, topicName, type TopicNaming } from "../log/topics.ts";
import type { SnapshotStore } from "../snapshots/port.ts";
import { metrics } from "../telemetry/metrics.ts";
import { type Clock, untilNext } from "../time.ts";
import { acquire, type Identity } from "./acquire.ts";
import type { Alignment } from "./alignment.ts";
import { PartitionActor } from "./partition.ts";
import type { Publisher } from "./publisher.ts";
import { restore } from "./restore.ts";
import { snapshotPauseMs } from "./snapshot_pace.ts";

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

const retryMsMax = 5_000;

export type StoppedPartition = { tp: TopicPartition; code: string; message: string };

export type Host<F extends Fold = Fold> = {
  readonly actors: ReadonlyMap<number, PartitionActor<F>>;
  readonly stopped: ReadonlyMap<number, StoppedPartition>;
  /** Assigned, and not restored yet: with what the last try failed, or null. */
  readonly restoring: ReadonlyMap<number, string | null>;
  /**
   * Whether a partition has yet to fold what was in the log when it was first read here: until then it may not know
   * what its last owner knew.
   */
  isBehind(partition: number): boolean;
  readonly memberId: string;
  /** Whether the group has said which partitions are this host's: none may be. */
  hasJoined(): boolean;
  /** Snapshots everything, commits, leaves the group. */
  drain(): Promise<void>;
  /** Stops at once, as a crash would: from here on nothing is published, snapshotted or committed. */
  abandon(): void;
};

/** The group of a stage: `<group>-<stage>-g<generation>`. */
export const groupName = (group: string, stage: string, generation: number) =>
  `${group}-${stage}-g${generation}`;

/** Also where no partition has a snapshot that says how many there were. */
const partitionBeyond = ({ topic, partition }: TopicPartition, partitions: number) =>
  new WaymarkError(
    "partition_count_changed",
    `cannot fold ${topic}/${partition}: ${topic} had ${partitions} partitions when this process started; keys have ` +
      `moved. Start a new WAYMARK_GENERATION on a new topic`,
  );

export async function startHost<F extends Fold>(options: HostOptions<F>): Promise<Host<F>> {
  const { stage, log, store, clock, identity, alignment } = options;
  const topic = topicName(stage.source as TopicName, options.naming);
  const compacted = isCompacted(stage.source as TopicName);
  const recalled = stage.recalls && topicName(stage.recalls, options.naming);
  const group = groupName(options.group, stage.name, identity.generation);
  const actors = new Map<number, PartitionActor<F>>();
  /** The assignment that holds a partition: one that was lost while it was restored must not come back. */
  const claims = new Map<number, symbol>();
  const stopped = new Map<number, StoppedPartition>();
  const restoring = new Map<number, string | null>();
  /** The log end of the first fetch, for partitions that have not been there; null before that fetch. */
  const firstEnd = new Map<number, number | null>();
  /** Since when a partition has been found empty, look after look, and when it was looked at last. */
  const quiet = new Map<number, { sinceMs: number; lookedMs: number }>();
  /** When each partition was snapshotted last, or is taken to have been when it began. */
  const snapshottedMs = new Map<number, number>();
  /** Once for each owner: when a partition that has come far is snapshotted before it is due. */
  const snapshotEarlyMs = new Map<number, number>();
  const paused = new Set<number>();
  const end = new AbortController();
  const ended = new Promise<never>((_, reject) =>
    end.signal.addEventListener("abort", () => reject(end.signal.reason), { once: true })
  );
  ended.catch(() => {});
  const nameOf = (tp: TopicPartition) => `${tp.topic}/${tp.partition}`;

  const handlers: GroupHandlers = {
    async assigned(tp) {
      if (tp.partition >= options.partitions) throw partitionBeyond(tp, options.partitions);
      const key = `${group}/${nameOf(tp)}`;
      const claim = Symbol(nameOf(tp));
      claims.set(tp.partition, claim);
      restoring.set(tp.partition, null);
      const { restored, restartOffsets } = await whenAvailable(tp, async () => {
        const snapshot = await acquire({ log, store, key, tp, identity, compacted });
        const restartOffsets = (await store.manifests(key)).map((manifest) => manifest.offset);
        return {
          restored: await restore(stage, tp, snapshot, { log, group, recalled, clock }),
          restartOffsets,
        };
      });
      const actor = new PartitionActor<F>({
        stage,
        tp,
        partitions: options.partitions,
        key,
        identity,
        restored,
        restartOffsets,
        store,
        publisher: options.publisher,
        clock,
        flushMs: options.flushMs,
        commit: (commit) => membership.commit([commit]),
      });
      if (claims.get(tp.partition) !== claim) return actor.nextOffset;
      actors.set(tp.partition, actor);
      firstEnd.set(tp.partition, null);
      restoring.delete(tp.partition);
      stopped.delete(tp.partition);
      snapshotEarlyMs.set(tp.partition, clock.monotonicMs() + spreadMs(tp) / 6);
      snapshottedMs.set(tp.partition, clock.monotonicMs() + spreadMs(tp) / 2 - options.snapshotMs);
      return actor.nextOffset;
    },
    async batch(tp, records, logEnd) {
      const actor = actors.get(tp.partition);
      invariant(actor !== undefined, () => `${nameOf(tp)} has records and was never begun`);
      const moved = await actor.batch(records, logEnd);
      if (moved) quiet.delete(tp.partition);
      if (actors.get(tp.partition) === actor) catchUp(actor, logEnd);
    },
    async empty(tp, at) {
      const actor = actors.get(tp.partition);
      if (actor === undefined) return;
      actor.logEnd = Math.max(actor.logEnd, at.end);
      firstEnd.delete(tp.partition);
      if (!stage.declaresIdle) return;
      if (options.inputComplete()) return await actor.end();
      const lookedMs = clock.monotonicMs();
      const before = quiet.get(tp.partition);
      // A long time without a look is our own pause, which is never idleness: it begins anew.
      const anew = before === undefined || lookedMs - before.lookedMs > options.idleMs / 2;
      const sinceMs = anew ? lookedMs : before.sinceMs;
      quiet.set(tp.partition, { sinceMs, lookedMs });
      if (lookedMs - sinceMs >= options.idleMs) await actor.idle(at.sentAtMs, options.idleMs / 2);
    },
    async revoked(tp) {
      const actor = actors.get(tp.partition);
      if (actor === undefined) return;
      try {
        await actor.snapshot();
      } finally {
        // It may have been lost meanwhile, and have come back: then it is another one.
        if (actors.get(tp.partition) === actor) release(tp);
      }
    },
    lost: (tp) => release(tp),
    failed(tp, error) {
      release(tp);
      if (error === end.signal.reason) return;
      const code = error instanceof WaymarkError ? error.code : "invariant_broken";
      stopped.set(tp.partition, { tp, code, message: messageOf(error) });
      metrics.partitionsStopped.inc({ code: code in errorCodes ? code : "invariant_broken" });
      options.onStopped(tp, error);
    },
  };

  function catchUp({ tp: { partition }, nextOffset }: PartitionActor<F>, logEnd: number): void {
    const end = firstEnd.get(partition);
    if (end === undefined) return;
    if (nextOffset >= (end ?? logEnd)) firstEnd.delete(partition);
    else firstEnd.set(partition, end ?? logEnd);
  }

  /** A failure outside a handler: nothing may be read past it. */
  function stop(tp: TopicPartition, error: unknown): void {
    membership.pause(tp);
    handlers.failed(tp, error);
  }

  function release(tp: TopicPartition): void {
    claims.delete(tp.partition);
    actors.get(tp.partition)?.abandon();
    actors.delete(tp.partition);
    restoring.delete(tp.partition);
    firstEnd.delete(tp.partition);
    quiet.delete(tp.partition);
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
  void lookAfterStore();

  async function tick(): Promise<void> {
    while (!end.signal.aborted) {
      const waitMs = untilNext(clock, options.flushMs, stage.flushPhase * options.flushMs);
      const wakeMs = clock.monotonicMs() + waitMs;
      await clock.sleep(waitMs, end.signal);
      if (end.signal.aborted) return;
      forgetStopped();
      metrics.loopDelay.set(Math.max(0, clock.monotonicMs() - wakeMs) / 1_000);
      const pauseMs = snapshotPause();
      await Promise.all([...actors.values()].map((actor) => tend(actor, pauseMs)));
    }
  }

  /** A partition that stopped here and has gone to another member is no trouble of this one any more. */
  function forgetStopped(): void {
    if (stopped.size === 0) return;
    const assigned = new Set(membership.assignment().map((tp) => tp.partition));
    for (const partition of stopped.keys()) if (!assigned.has(partition)) stopped.delete(partition);
  }

  /** What is due for one partition. */
  async function tend(actor: PartitionActor<F>, pauseMs: number): Promise<void> {
    const { tp } = actor;
    try {
      if (stage.declaresIdle) align(actor);
      await actor.flush();
    } catch (error) {
      if (actors.get(tp.partition) === actor) stop(tp, error);
      return;
    }
    const nowMs = clock.monotonicMs();
    if (nowMs >= (snapshottedMs.get(tp.partition) ?? 0) + pauseMs) snapshottedMs.set(tp.partition, nowMs);
    else if (nowMs >= (snapshotEarlyMs.get(tp.partition) ?? Infinity)) {
      snapshotEarlyMs.delete(tp.partition);
      if (actor.nextOffset - actor.snapshotOffset < limits.snapshotEarlyRecords) return;
      // Early ones come close together; those that follow are to be spread again.
      snapshottedMs.set(tp.partition, nowMs + spreadMs(tp) * 5 / 6 - options.snapshotMs);
    } else return;
    void snapshot(actor);
  }

  /** From one interval to two, in the order of the partitions, so that not all are snapshotted in the same moment. */
  function spreadMs({ partition }: TopicPartition): number {
    return options.snapshotMs * (1 + partition / options.partitions);
  }

  /** By what there is now: partitions that have gone to others leave their share of the time to those that stayed. */
  function snapshotPause(): number {
    return snapshotPauseMs(
      options.snapshotMs,
      [...actors.values()].map(({ snapshotExpectedMs }) => snapshotExpectedMs),
    );
  }

  /** One after the other, so that an emptied store does not make this process do nothing else. */
  async function lookAfterStore(): Promise<void> {
    while (!end.signal.aborted) {
      await clock.sleep(limits.snapshotLookMs, end.signal);
      for (const actor of [...actors.values()]) {
        if (end.signal.aborted) return;
        if (actors.get(actor.tp.partition) !== actor || !await actor.isForgotten().catch(() => false)) {
          continue;
        }
        metrics.snapshotsForgotten.inc({ stage: stage.name });
        await snapshot(actor, { evenSo: true });
      }
    }
  }

  async function snapshot(actor: PartitionActor<F>, options?: { evenSo: boolean }): Promise<void> {
    try {
      await actor.snapshot(options);
    } catch (error) {
      if (actors.get(actor.tp.partition) === actor) stop(actor.tp, error);
    }
  }

  /** A store or log that is away for a while keeps a partition waiting, while it is ours, not from ever starting. */
  async function whenAvailable<T>({ partition }: TopicPartition, work: () => Promise<T>): Promise<T> {
    const claim = claims.get(partition);
    for (let retryMs = 100;; retryMs = Math.min(2 * retryMs, retryMsMax)) {
      try {
        // A store that says nothing must not hold up a drain for as long as a call may take.
        return await Promise.race([work(), ended]);
      } catch (error) {
        const again = error instanceof WaymarkError && error.kind === "retryable";
        if (!again || claims.get(partition) !== claim) throw error;
        restoring.set(partition, messageOf(error));
        metrics.acquireRetries.inc({ stage: stage.name });
        await clock.sleep(retryMs, end.signal);
      }
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
    restoring,
    isBehind: (partition) => firstEnd.has(partition),
    get memberId() {
      return membership.memberId;
    },
    hasJoined: () => membership.hasJoined(),
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
