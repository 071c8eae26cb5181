/**
 * Items at the moment they are due: what is due by now at once, then a short wait for more.
 *
 *   chunks ─► due(item) ≤ now? ── yes ─► batch ─► full, or nothing more is due: handed over
 *                  └─ no ─► wait until it is, a tick at least, so that a high rate does not end in tiny batches
 *
 * What was taken from the chunks and not handed over when the signal aborts is dropped: who counts must count what
 * was handed over.
 */
import type { Clock } from "../time.ts";
import { breathe } from "../time.ts";
import type { SentItem } from "./item.ts";

export type Paced<S> = { sendings: S[]; /** When each was due, by the monotonic clock. */ dueMs: number[] };

export type PaceOptions = {
  clock: Clock;
  /** Item time per wall time; null: as fast as they are taken. */
  speed: number | null;
  /** The item time that is now; null: that of the first item that has one. */
  nowIs: number | null;
  signal: AbortSignal;
};

/** The least wait: lateness that is never noticed, for batches worth sending. */
const tickMs = 20;
const batchItemsMax = 5_000;

export async function* inTime<S extends { item: SentItem }>(
  chunks: AsyncIterable<S[]> | Iterable<S[]>,
  { clock, speed, nowIs, signal }: PaceOptions,
): AsyncGenerator<Paced<S>> {
  let origin = nowIs === null ? null : { clockMs: clock.monotonicMs(), itemMs: nowIs };
  let batch: Paced<S> = { sendings: [], dueMs: [] };
  let dueMs = -Infinity;
  let nowMs = clock.monotonicMs();
  const taken = () => {
    const full = batch;
    batch = { sendings: [], dueMs: [] };
    return full;
  };
  for await (const chunk of chunks) {
    for (const sending of chunk) {
      if (signal.aborted) return;
      const { recordedAtMs } = sending.item;
      // Without a time of its own it is due with the one before it.
      if (recordedAtMs !== null && speed !== null) {
        origin ??= { clockMs: clock.monotonicMs(), itemMs: recordedAtMs };
        dueMs = origin.clockMs + (recordedAtMs - origin.itemMs) / speed;
      }
      if (dueMs > nowMs) nowMs = clock.monotonicMs();
      if (dueMs > nowMs) {
        if (batch.sendings.length > 0) yield taken();
        await clock.sleep(Math.max(tickMs, dueMs - clock.monotonicMs()), signal);
        if (signal.aborted) return;
        nowMs = clock.monotonicMs();
      }
      batch.sendings.push(sending);
      batch.dueMs.push(Math.max(dueMs, origin?.clockMs ?? nowMs));
      if (batch.sendings.length >= batchItemsMax) {
        yield taken();
        // What is due already must not keep signals and answers from being heard.
        await breathe();
        nowMs = clock.monotonicMs();
      }
    }
  }
  if (batch.sendings.length > 0 && !signal.aborted) yield taken();
}

/** Things one at a time as chunks, made when they are asked for. */
export function* inChunks<T>(things: Iterable<T>, size = 200): Generator<T[]> {
  let chunk: T[] = [];
  for (const thing of things) {
    chunk.push(thing);
    if (chunk.length < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}
