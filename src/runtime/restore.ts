/**
 * Second phase: a fold at the offset where reading begins.
 *
 *   acquire ─► restore ─► run ─► drain
 *
 * From a snapshot: exactly the fold that was. Without one: from the log's first record if it still has offset 0,
 * else a cold start, which folds one warm-up before the committed position without publishing, so that what is
 * published afterwards is as complete as if nothing had been lost.
 */
import type { Fold, Stage } from "../fold.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { breathe } from "../time.ts";
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

export async function restore<F extends Fold>(
  stage: Stage<F>,
  tp: TopicPartition,
  snapshot: Snapshot | null,
  origin: { log: Log; group: string },
): Promise<Restored<F>> {
  const fold = stage.create(tp.partition);
  if (snapshot === null) return await start(fold, stage, tp, origin);
  for (const segment of snapshot.segments) {
    for (const entry of unpackEntries(segment)) fold.restore(entry);
    await breathe();
  }
  const { next_offset, last, taken_at_ms } = snapshot.manifest;
  return { fold, nextOffset: next_offset, publishFrom: null, last, snapshotAtMs: taken_at_ms };
}

async function start<F extends Fold>(
  fold: F,
  stage: Stage<F>,
  tp: TopicPartition,
  { log, group }: { log: Log; group: string },
): Promise<Restored<F>> {
  const bounds = (await log.bounds(tp.topic))[tp.partition]!;
  const nowhere = { last: null, snapshotAtMs: null };
  if (bounds.start === 0) {
    fold.since(0);
    return { fold, nextOffset: 0, publishFrom: null, ...nowhere };
  }
  const { from, publishFrom } = await coldStart(
    log,
    tp,
    bounds,
    stage.warmUpMs,
    (await log.committed(group, tp.topic))[tp.partition]?.offset ?? null,
  );
  fold.since(from);
  return { fold, nextOffset: from, publishFrom, ...nowhere };
}

/** Where to begin folding and where to begin publishing, in a log that no longer has offset 0. */
async function coldStart(
  log: Log,
  tp: TopicPartition,
  bounds: { start: number; end: number },
  warmUpMs: number,
  committed: number | null,
): Promise<{ from: number; publishFrom: number }> {
  const timeAt = async (offset: number) => (await log.read(tp, offset, 1))[0]?.timestampMs ?? null;
  const firstMs = await timeAt(bounds.start);
  const warmAt = firstMs === null ? bounds.end : await log.offsetAt(tp, firstMs + warmUpMs);
  if (committed === null || committed <= bounds.start) return { from: bounds.start, publishFrom: warmAt };
  const committedMs = await timeAt(Math.min(committed, bounds.end) - 1);
  if (committedMs === null || firstMs === null || committedMs - firstMs < warmUpMs) {
    return { from: bounds.start, publishFrom: Math.max(committed, warmAt) };
  }
  return { from: await log.offsetAt(tp, committedMs - warmUpMs), publishFrom: committed };
}
