/**
 * Third phase: the actor of one partition. Folds batches, publishes what changed, snapshots, commits.
 *
 *   acquire ─► restore ─► run ─► drain
 *
 * The order is publish (acknowledged) → snapshot → commit, always: whatever a snapshot contains has been published,
 * whatever is committed has been snapshotted. Everything here takes turns: while a snapshot is taken in slices the
 * partition does not fold; while it is stored, it does.
 */
import type { Fold, Output, Stage } from "../fold.ts";
import { Outbox } from "../fold.ts";
import { contentHash, fingerprint } from "../ids.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import type { Commit, LogRecords, TopicPartition } from "../log/port.ts";
import type { SnapshotKey, SnapshotStore } from "../snapshots/port.ts";
import { metrics } from "../telemetry/metrics.ts";
import type { Clock } from "../time.ts";
import { sliceTurn } from "../turns.ts";
import type { Identity } from "./acquire.ts";
import { encodeManifest, type Manifest, snapshotFormat } from "./manifest.ts";
import type { Publisher } from "./publisher.ts";
import type { Restored } from "./restore.ts";
import { packEntries } from "./segments.ts";

export type PartitionOptions<F extends Fold> = {
  stage: Stage<F>;
  tp: TopicPartition;
  partitions: number;
  key: SnapshotKey;
  identity: Identity;
  restored: Restored<F>;
  /** Offsets of the snapshots that are in the store, newest first. */
  restartOffsets: readonly number[];
  store: SnapshotStore;
  publisher: Publisher;
  clock: Clock;
  flushMs: number;
  commit(commit: Commit): Promise<void>;
};

type Frozen = { manifest: Manifest; segments: { hash: string; bytes: Uint8Array }[] };

/** Records folded between two looks at the clock. */
const sliceRecords = 64;
/** How long one slice may hold the event loop. */
const sliceMs = 4;
/** The same for putting a snapshot together, which nobody waits for. */
const packMs = 3;

export class PartitionActor<F extends Fold = Fold> {
  readonly tp: TopicPartition;
  readonly fold: F;
  nextOffset: number;
  /** Log end as of the last fetch. */
  logEnd: number;
  snapshotOffset: number;
  snapshotAtMs: number | null;
  /** The last snapshot: CPU time of its slices in all, and how many actors it held. */
  #snapshotCost: { busyMs: number; actors: number } | null = null;
  idleSinceMs: number | null = null;
  ended = false;
  /** Records that the log has acknowledged since this owner has the partition. */
  published = 0;
  /** The restart offsets of the snapshots that are kept, newest first. */
  readonly restartOffsets: number[];
  readonly #options: PartitionOptions<F>;
  readonly #outbox = new Outbox();
  readonly #stop = new AbortController();
  #publishFrom: number | null;
  #last: Manifest["last"];
  #turn: Promise<unknown> = Promise.resolve();
  #storing: Promise<unknown> = Promise.resolve();
  #flushedAtMs: number;
  #declaredAtMs = -Infinity;
  /** The record that moved the watermark last, and how old it was then by which clock. */
  #movedAt: { recordMs: number; ageMs: number; atMs: number };

  constructor(options: PartitionOptions<F>) {
    const { restored, tp, clock } = options;
    this.#options = options;
    this.tp = tp;
    this.fold = restored.fold;
    this.nextOffset = this.logEnd = this.snapshotOffset = restored.nextOffset;
    this.snapshotAtMs = restored.snapshotAtMs;
    this.restartOffsets = options.restartOffsets.length === 0
      ? [restored.nextOffset]
      : [...options.restartOffsets];
    this.#publishFrom = restored.publishFrom;
    this.#last = restored.last;
    this.#flushedAtMs = clock.monotonicMs();
    this.#movedAt = this.#seen(restored.last?.timestamp_ms ?? 0);
  }

  /** Null when everything folded is published; else the offset from which a cold start publishes. */
  get publishFrom(): number | null {
    return this.#publishFrom;
  }

  /** CPU time that a snapshot would take now, as far as the last one tells; null before the first. Nothing new: nothing. */
  get snapshotExpectedMs(): number | null {
    if (this.nextOffset === this.snapshotOffset) return 0;
    if (this.#snapshotCost === null) return null;
    const { busyMs, actors } = this.#snapshotCost;
    // Not in proportion: the first snapshot of a process is of few actors and takes long, since its code is cold.
    return busyMs + Math.max(0, this.#actors() - actors) / limits.snapshotActorsPerMs;
  }

  #actors(): number {
    let sum = 0;
    for (const count of Object.values(this.fold.status().actors)) sum += count;
    return sum;
  }

  get lastRecordMs(): number | null {
    return this.#last?.timestamp_ms ?? null;
  }

  /** Whether the records moved the watermark: repeats and refused records do not, and leave a source as quiet as it was. */
  async batch(records: LogRecords, end: number): Promise<boolean> {
    let moved = false;
    await this.#inTurn(async () => {
      this.logEnd = end;
      const before = this.fold.status().watermarkMs;
      let folded = 0;
      let sliceFrom = this.#options.clock.monotonicMs();
      for (let i = 0; i < records.length; i++) {
        const record = records.at(i)!;
        invariant(
          record.offset >= this.nextOffset,
          () => `offset ${record.offset} came after ${this.nextOffset - 1} was folded`,
        );
        // Before the fold, and by what is passed: the log may have a gap where publishing begins.
        if (this.#publishFrom !== null && record.offset >= this.#publishFrom) await this.#beginToPublish();
        this.fold.fold(record, this.#outbox);
        this.nextOffset = record.offset + 1;
        if (++folded % sliceRecords === 0 && this.#options.clock.monotonicMs() - sliceFrom > sliceMs) {
          await sliceTurn(this.#options.clock);
          sliceFrom = this.#options.clock.monotonicMs();
        }
        if (this.#outbox.records >= limits.outboxRecordsMax || this.#outbox.bytes >= limits.outboxBytesMax) {
          await this.#publish();
        }
      }
      const last = records.at(-1);
      if (last !== undefined) {
        this.#last = {
          offset: last.offset,
          timestamp_ms: last.timestampMs,
          fingerprint: fingerprint(last.value),
        };
        moved = this.fold.status().watermarkMs !== before;
        if (moved) {
          this.idleSinceMs = null;
          this.#movedAt = this.#seen(last.timestampMs);
        }
      }
      metrics.recordsFolded.inc({ stage: this.#options.stage.name }, records.length);
      if (this.#options.clock.monotonicMs() - this.#flushedAtMs >= this.#options.flushMs) await this.#flush();
    });
    return moved;
  }

  /** Publishes what changed; resolves when it is acknowledged. */
  flush(): Promise<void> {
    return this.#inTurn(() => this.#flush());
  }

  /**
   * Takes a snapshot and stores it; one at a time. Folding goes on while it is being stored. A store that is down,
   * slow or wiped in between costs this snapshot, counted, and nothing else: the next one is whole again. Nothing is
   * done where nothing was folded since the last one, unless it is to be taken `evenSo`.
   */
  snapshot({ evenSo = false } = {}): Promise<void> {
    const stored = this.#storing.then(async () => {
      let frozen: Frozen | null = null;
      await this.#inTurn(async () => void (frozen = await this.#freeze(evenSo)));
      if (frozen !== null) {
        await this.#store(frozen).catch(() =>
          metrics.snapshotFailures.inc({ stage: this.#options.stage.name })
        );
      }
    });
    this.#storing = stored.catch(() => {});
    return stored;
  }

  /** Whether the store has lost every snapshot that it had of this partition. Throws what the store throws. */
  async isForgotten(): Promise<boolean> {
    const { store, key } = this.#options;
    return this.snapshotAtMs !== null && (await store.manifests(key)).length === 0;
  }

  /**
   * Changes what is no part of any output's numbers, and leaves no snapshot of before: one of the state as it is now
   * takes the place of all. Null while a cold start is warming up, whose state is not to be kept yet.
   */
  async rewrite(change: (fold: F) => Iterable<unknown>): Promise<boolean> {
    let rewritten = false;
    const stored = this.#storing.then(async () => {
      let frozen: Frozen | null = null;
      await this.#inTurn(async () => {
        if (this.#publishFrom !== null) return;
        let sliceFrom = this.#options.clock.monotonicMs();
        for (const _ of change(this.fold)) {
          if (this.#options.clock.monotonicMs() - sliceFrom <= sliceMs) continue;
          await sliceTurn(this.#options.clock);
          sliceFrom = this.#options.clock.monotonicMs();
        }
        frozen = await this.#freeze(true);
      });
      if (frozen === null) return;
      // Segments of before are kept through two rounds; rounds of the same snapshot let them go.
      for (let round = 0; round < 3; round++) await this.#store(frozen);
      const { store, key } = this.#options;
      for (const { offset } of await store.manifests(key)) {
        if (offset < this.snapshotOffset) await store.discard(key, offset);
      }
      this.restartOffsets.splice(0, this.restartOffsets.length, this.snapshotOffset);
      rewritten = true;
    });
    this.#storing = stored.catch(() => {});
    await stored;
    return rewritten;
  }

  /** An empty fetch at the log end, sent at `sentAtMs` by the log's clock, after `quietForMs` without records. */
  idle(sentAtMs: number, repeatMs: number): Promise<void> {
    return this.#inTurn(async () => {
      const nowMs = this.#options.clock.monotonicMs();
      if (nowMs - this.#declaredAtMs < repeatMs || this.#publishFrom !== null || this.ended) return;
      this.#declaredAtMs = nowMs;
      await this.#flush();
      this.fold.idle?.({ nextOffset: this.nextOffset, quiet: this.#quiet(sentAtMs, nowMs) }, this.#outbox);
      await this.#publish();
      this.idleSinceMs ??= this.#options.clock.nowMs();
    });
  }

  /** The source has no more records: tells the cities, and snapshots. */
  end(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.ended) return;
      if (this.#publishFrom !== null) await this.#beginToPublish();
      await this.#flush();
      this.fold.end?.(this.nextOffset, this.#outbox);
      await this.#publish();
      this.ended = true;
    });
  }

  /** A wall clock that is behind the log's must not make the record younger than new: its quiet would begin later. */
  #seen(recordMs: number): { recordMs: number; ageMs: number; atMs: number } {
    const { clock } = this.#options;
    return { recordMs, ageMs: Math.max(0, clock.nowMs() - recordMs), atMs: clock.monotonicMs() };
  }

  /** The wall clock may have stepped since the record that counts; by the other one no more than this has passed. */
  #quiet(sentAtMs: number, nowMs: number): { forMs: number; logMs: number } | null {
    if (this.#last === null) return null;
    const { recordMs, ageMs, atMs } = this.#movedAt;
    const forMs = Math.min(sentAtMs - recordMs, ageMs + nowMs - atMs);
    return { forMs, logMs: recordMs + forMs };
  }

  /** Ends for good: nothing is published, snapshotted or committed after this. */
  abandon(): void {
    this.#stop.abort();
  }

  #inTurn(task: () => Promise<void>): Promise<void> {
    const turn = this.#turn.then(() => {
      this.#stop.signal.throwIfAborted();
      return task();
    });
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #flush(): Promise<void> {
    this.#flushedAtMs = this.#options.clock.monotonicMs();
    if (this.#publishFrom !== null && this.nextOffset >= this.#publishFrom) await this.#beginToPublish();
    while (this.#publishFrom === null && !this.fold.flush(this.#outbox)) await this.#publish();
    await this.#publish();
    const sinceMs = this.fold.takeSinceMs?.() ?? null;
    if (sinceMs !== null) {
      metrics.eventToWindow.observe(Math.max(0, this.#options.clock.nowMs() - sinceMs) / 1_000);
    }
  }

  async #publish(): Promise<void> {
    if (this.#outbox.records === 0) return;
    const outputs: Output[] = this.#outbox.take();
    if (this.#publishFrom !== null) return;
    await this.#options.publisher.publish(outputs, this.#stop.signal);
    this.published += outputs.length;
  }

  /** The warm-up of a cold start is over: what it caused is dropped, what it left is published whole. */
  async #beginToPublish(): Promise<void> {
    while (!this.fold.flush(this.#outbox)) this.#outbox.take();
    this.#outbox.take();
    this.#publishFrom = null;
    this.fold.markAll();
    while (!this.fold.flush(this.#outbox)) await this.#publish();
    await this.#publish();
  }

  /** In turn: everything published, then the state as bytes. Null when nothing was folded since the last time. */
  async #freeze(evenSo = false): Promise<Frozen | null> {
    if (this.#publishFrom !== null || (!evenSo && this.nextOffset === this.snapshotOffset)) return null;
    await this.#flush();
    const { tp, identity, partitions, clock } = this.#options;
    const segments: Frozen["segments"] = [];
    // Partitions of a process that drains begin all at once.
    await sliceTurn(clock);
    let [busyMs, sliceFrom, turnFrom] = [0, clock.threadMs(), clock.monotonicMs()];
    const isLong = () => clock.monotonicMs() - turnFrom > packMs;
    for (const bytes of packEntries(this.fold.entries(), isLong)) {
      busyMs += clock.threadMs() - sliceFrom;
      if (bytes !== null) segments.push({ hash: await contentHash(bytes), bytes });
      await sliceTurn(clock);
      [sliceFrom, turnFrom] = [clock.threadMs(), clock.monotonicMs()];
    }
    this.#snapshotCost = { busyMs, actors: this.#actors() };
    return {
      segments,
      manifest: {
        format: snapshotFormat,
        fold_version: identity.foldVersion,
        generation: identity.generation,
        log_epoch: identity.logEpoch,
        topic: tp.topic,
        partition: tp.partition,
        partitions,
        next_offset: this.nextOffset,
        watermark_ms: this.fold.status().watermarkMs,
        last: this.#last,
        segments: segments.map(({ hash }) => hash),
        taken_at_ms: clock.nowMs(),
      },
    };
  }

  /** Out of turn: a slow store delays snapshots, never the folding. */
  async #store({ manifest, segments }: Frozen): Promise<void> {
    const { store, key, tp, stage } = this.#options;
    for (const { hash, bytes } of segments) {
      this.#stop.signal.throwIfAborted();
      await store.putSegment(key, hash, bytes);
      metrics.snapshotBytes.inc(bytes.length);
    }
    this.#stop.signal.throwIfAborted();
    const offset = manifest.next_offset;
    const bytes = await encodeManifest(manifest);
    const outcome = await store.putManifest(key, { offset, bytes, segments: manifest.segments });
    this.snapshotOffset = offset;
    this.snapshotAtMs = manifest.taken_at_ms;
    if (outcome === "older") return;
    metrics.snapshotsTaken.inc({ stage: stage.name });
    this.restartOffsets.unshift(offset);
    this.restartOffsets.length = Math.min(this.restartOffsets.length, limits.manifestsKept);
    this.#stop.signal.throwIfAborted();
    await this.#options.commit({ ...tp, offset, metadata: manifest.last?.fingerprint ?? "" });
  }
}
