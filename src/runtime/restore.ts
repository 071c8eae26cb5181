/**
 * Second phase: a fold at the offset where reading begins.
 *
 *   acquire ─► restore ─► run ─► drain
 *
 * From a snapshot: exactly the fold that was. Without one: from the log's first record if it still has offset 0,
 * else a cold start, which folds one warm-up before the committed position without publishing, so that what is
 * published afterwards is as complete as if nothing had been lost.
 */
import { WaymarkError } from "../errors.ts";
import type { Fold, Stage } from "../fold.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { readNext } from "../log/read_next.ts";
import { type Clock, isoTime, minuteMs } from "../time.ts";
import { sliceTurn } from "../turns.ts";
import type { Snapshot } from "./acquire.ts";
import type { Manifest } from "./manifest.ts";
import { unpackEntries } from "./segments.ts";

export type Restored<F extends Fold> = {
  fold: F;
  nextOffset: number;
  /** Nothing is published before this offset; afterwards everything held is published once. Null: no cold start. */
  publishFrom: number | null;
  last: Manifest["last"];
  snapshotAtMs: number | null;
};

export type Origin = {
  log: Log;
  group: string;
  /** The name in the log of the topic that the stage recalls; absent when it recalls none. */
  recalled?: string | undefined;
  /** Of the process that restores: it takes its slices in turn. */
  clock: Clock;
};

/** What is restored in one go is what others of the process wait for. */
const sliceMs = 4;

export async function restore<F extends Fold>(
  stage: Stage<F>,
  tp: TopicPartition,
  snapshot: Snapshot | null,
  origin: Origin,
): Promise<Restored<F>> {
  const fold = stage.create(tp.partition);
  while (snapshot === null) {
    try {
      return await start(fold, stage, tp, origin);
    } catch (error) {
      // Retention has passed between two looks at the log: it begins elsewhere, and all is looked at anew.
      if (!(error instanceof WaymarkError && error.code === "log_trimmed")) throw error;
    }
  }
  const { clock } = origin;
  for (const segment of snapshot.segments) {
    await sliceTurn(clock);
    let sliceFrom = clock.monotonicMs();
    for (const entry of unpackEntries(segment)) {
      fold.restore(entry);
      if (clock.monotonicMs() - sliceFrom <= sliceMs) continue;
      await sliceTurn(clock);
      sliceFrom = clock.monotonicMs();
    }
  }
  const { next_offset, last, taken_at_ms } = snapshot.manifest;
  return { fold, nextOffset: next_offset, publishFrom: null, last, snapshotAtMs: taken_at_ms };
}

async function start<F extends Fold>(
  fold: F,
  stage: Stage<F>,
  tp: TopicPartition,
  { log, group, recalled, clock }: Origin,
): Promise<Restored<F>> {
  const bounds = (await log.bounds(tp.topic))[tp.partition]!;
  const nowhere = { last: null, snapshotAtMs: null };
  if (bounds.start === 0) {
    fold.since(0);
    return { fold, nextOffset: 0, publishFrom: null, ...nowhere };
  }
  const committed = (await log.committed(group, tp.topic))[tp.partition]?.offset ?? null;
  const { from, publishFrom, warmMs, committedMs } = await coldStart(
    log,
    tp,
    bounds,
    stage.warmUpMs,
    committed,
  );
  const { atMs: cutMs, aheadMs } = stage.takesOver ?? { atMs: null, aheadMs: 0 };
  // What was committed after the cut has been taken over already: this start is cold for another reason.
  if (
    cutMs !== null && warmMs !== null && cutMs < warmMs + aheadMs &&
    !(committedMs !== null && committedMs > cutMs)
  ) {
    await refuseCut(log, tp.topic, cutMs, stage.warmUpMs + aheadMs);
  }
  fold.since(from);
  if (recalled !== undefined) await recall(fold, { log, clock }, recalled);
  return { fold, nextOffset: from, publishFrom, ...nowhere };
}

/** Records of one read while a stage recalls. */
const recordsRead = 1_000;

/** What the stage said before, from every partition: the rules of one city lie in one, in their order. */
async function recall(
  fold: Fold,
  { log, clock }: Pick<Origin, "log" | "clock">,
  topic: string,
): Promise<void> {
  for (const [partition, { start, end }] of (await log.bounds(topic)).entries()) {
    for (let offset = start; offset < end;) {
      const records = await readNext(log, { topic, partition }, offset, recordsRead);
      if (records.length === 0) break;
      for (const record of records) fold.recall?.(record);
      offset = records.at(-1)!.offset + 1;
      await sliceTurn(clock);
    }
  }
}

type ColdStart = {
  from: number;
  publishFrom: number;
  /** When a fold from the log's first record has seen one warm-up; null: the log is empty. */
  warmMs: number | null;
  /** Time of the last record before the committed position; null: none, or the log no longer has it. */
  committedMs: number | null;
};

/** Where to begin folding and where to begin publishing, in a log that no longer has offset 0. */
async function coldStart(
  log: Log,
  tp: TopicPartition,
  bounds: { start: number; end: number },
  warmUpMs: number,
  committed: number | null,
): Promise<ColdStart> {
  const firstMs = await timeAt(log, tp, bounds.start);
  const warmMs = firstMs === null ? null : firstMs + warmUpMs;
  const warmAt = warmMs === null ? bounds.end : await log.offsetAt(tp, warmMs);
  if (committed === null || committed <= bounds.start) {
    return { from: bounds.start, publishFrom: warmAt, warmMs, committedMs: null };
  }
  const committedMs = await timeAt(log, tp, Math.min(committed, bounds.end) - 1);
  if (committedMs === null || warmMs === null || committedMs < warmMs) {
    return { from: bounds.start, publishFrom: Math.max(committed, warmAt), warmMs, committedMs };
  }
  return {
    from: await log.offsetAt(tp, committedMs - warmUpMs),
    publishFrom: committed,
    warmMs,
    committedMs,
  };
}

async function timeAt(log: Log, tp: TopicPartition, offset: number): Promise<number | null> {
  return (await log.read(tp, offset, 1))[0]?.timestampMs ?? null;
}

/** Names the earliest boundary that suits every partition, so that the second try is not refused for another one. */
async function refuseCut(log: Log, topic: string, cutMs: number, warmUpMs: number): Promise<never> {
  const bounds = await log.bounds(topic);
  const firsts = await Promise.all(
    bounds.map(({ start }, partition) => start === 0 ? null : timeAt(log, { topic, partition }, start)),
  );
  const warmMs = Math.max(...firsts.filter((ms) => ms !== null)) + warmUpMs;
  throw new WaymarkError(
    "cut_before_warm_up",
    `WAYMARK_PUBLISH_FROM is ${
      isoTime(cutMs)
    }, but ${topic} no longer begins with its first record, and what is ` +
      `folded from the middle is exact from ${isoTime(Math.ceil(warmMs / minuteMs) * minuteMs)} on: ` +
      `take that minute or a later one, here and as WAYMARK_PUBLISH_UNTIL of the old generation. ` +
      `If this generation took over long ago, leave WAYMARK_PUBLISH_FROM out`,
  );
}
