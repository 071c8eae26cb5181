/**
 * One partition at one member of a Kafka group: assigned → batch | empty … → revoked, or lost, or failed.
 *
 * What src/log/partition_reader.ts is for logs that can be read at once, this is for one that has to be asked: records
 * arrive ahead of the handlers, up to a bound, and wait here.
 *
 *   wanted() ─► fetch ─► arrived(…) ─► waiting records ─► batch        nothing at the log end ─► empty
 *
 * The invariant: callbacks never overlap, and none is begun after `revoked` was, or `lost`, or `failed`; whether the
 * partition is still ours is looked at right before each, since records of a partition that has gone may be waiting.
 * Positions are kept here and nowhere else, so a rebalance or a reconnection cannot move them, and an offset that the
 * log does not have is refused, never replaced by the newest. So is a log that was replaced: see continuity.ts. A
 * log that begins beyond the position is told of only when the group has confirmed that the partition is still ours: a
 * process that was cut off for long finds it so, and another one has gone on meanwhile. A log that is another one is
 * told of at once, before what stands there is taken for what was.
 */
import { WaymarkError } from "../../errors.ts";
import type { Clock } from "../../time.ts";
import type { GroupHandlers, LogBounds, LogRecords, TopicPartition } from "../port.ts";
import { belowStart, beyondEnd, logReplaced } from "../refusals.ts";
import { type Continuity, continuityFrom } from "./continuity.ts";
import type { Fetched } from "./fetch.ts";
import { RecordRange } from "./record_views.ts";

/** Between two `empty` callbacks, however often the fetches of a busy member come back. */
const emptyPauseMs = 50;
const boundsRetryMs = 1_000;

/** A fetch: from which offset on, and when it was sent by the log's clock and by the monotonic one. */
export type Sent = { offset: number; atMs: number; monotonicMs: number };

export type KafkaReader = {
  tp: TopicPartition;
  /** Resolves when the partition may go to somebody else. */
  released: Promise<void>;
  owns(): boolean;
  /** Where the next fetch begins; null while nothing is to be fetched. */
  wanted(): number | null;
  /** Whether records wait or are being handled. */
  isBusy(): boolean;
  /** The answer to a fetch from the offset that was wanted when it was sent. */
  arrived(fetched: Fetched, sent: Sent): void;
  /** A fetch of the topic failed, or could not be sent: who knows what has become of it. */
  doubt(): void;
  /** The broker does not have the offset that was wanted. */
  outOfRange(): Promise<void>;
  /** What arrived cannot be decoded: the partition stops. */
  fail(error: unknown): void;
  pause(): void;
  resume(): void;
  /** Finishes the callback that is running, then calls `revoked`. */
  release(): void;
  /** Calls `lost`, even while another callback is running. */
  lose(): void;
};

export type KafkaReaderOptions = {
  tp: TopicPartition;
  handlers: GroupHandlers;
  batchRecordsMax: number;
  clock: Clock;
  bounds(tp: TopicPartition): Promise<LogBounds>;
  /** Resolves when the group, asked after the call, has answered, and `lose` was called if it answered so. */
  confirmed(): Promise<void>;
  /** Told each time that `bounds` has lost its patience. */
  onTrouble(message: string): void;
  /** Something is wanted again. */
  wake(): void;
  /** Resolves when it is this reader's turn to hold the event loop for a batch. */
  turn(): Promise<void>;
};

type Phase = "starting" | "reading" | "releasing" | "failed" | "released" | "lost";

export function startKafkaReader(options: KafkaReaderOptions): KafkaReader {
  const { tp, handlers, batchRecordsMax, clock } = options;
  const at = {
    phase: "starting" as Phase,
    paused: false,
    handling: false,
    isFailureTold: false,
    /** The next offset to be fetched. */
    offset: 0,
    end: 0,
    rouse() {},
  };
  let continuity: Continuity = continuityFrom(0, 0);
  /** What was fetched, each from the record on that is to be handed over next. */
  let waiting: { records: LogRecords; from: number }[] = [];
  let empty: { end: number; sentAtMs: number } | null = null;
  let emptyAtMs = -Infinity;
  const released = Promise.withResolvers<void>();
  const reading = () => at.phase === "reading";
  const releasing = () => at.phase === "releasing";

  async function run(): Promise<void> {
    // The owner is entered as such before its first callback, which may commit.
    await Promise.resolve();
    if (releasing()) return finish("released");
    if (at.phase !== "starting") return;
    try {
      const from = await handlers.assigned({ ...tp });
      if (at.phase === "starting") await begin(from);
      while (reading()) await step();
      if (releasing()) await handlers.revoked({ ...tp });
      if (releasing()) finish("released");
    } catch (error) {
      fail(error);
    }
  }

  async function begin(from: number): Promise<void> {
    const bounds = await boundsWhile(() => at.phase === "starting");
    if (at.phase !== "starting" || bounds === null) return;
    refuseOutside(from, bounds);
    at.offset = from;
    continuity = continuityFrom(from, bounds.start);
    at.phase = "reading";
    options.wake();
  }

  /** However long the brokers are away; null when it no longer matters. */
  async function boundsWhile(needed: () => boolean): Promise<LogBounds | null> {
    while (needed()) {
      try {
        return await options.bounds(tp);
      } catch (error) {
        if (!(error instanceof WaymarkError && error.kind === "retryable")) throw error;
        options.onTrouble(error.message);
        await clock.sleep(boundsRetryMs);
      }
    }
    return null;
  }

  function refuseOutside(offset: number, { start, end }: LogBounds): void {
    if (offset < start) throw belowStart(tp, offset, start);
    if (offset > end) throw beyondEnd(tp, offset, end);
  }

  async function outOfRange(): Promise<void> {
    const { offset } = at;
    try {
      const bounds = await options.bounds(tp);
      // Where reading has gone on meanwhile, they are bounds of before: a position may lie beyond them by right.
      if (!reading() || at.offset !== offset) return;
      refuseOutside(at.offset, bounds);
      continuity.trimmed(bounds.start);
    } catch (error) {
      // Bounds that cannot be looked up now are looked up after the next fetch.
      if (!(error instanceof WaymarkError && error.kind === "retryable")) fail(error);
    }
  }

  /** Takes what follows the position, of what was asked for from there or from before it. */
  function take({ records, nextOffset }: Fetched): void {
    let from = 0;
    while (from < records.length && records.at(from)!.offset < at.offset) from++;
    if (from < records.length) waiting.push({ records, from });
    at.offset = Math.max(at.offset, nextOffset);
  }

  async function step(): Promise<void> {
    if (at.paused || (waiting.length === 0 && empty === null)) {
      return await new Promise<void>((resolve) => at.rouse = resolve);
    }
    if (waiting.length > 0) await options.turn();
    if (!reading() || at.paused) return;
    at.handling = true;
    try {
      if (waiting.length > 0) await handOver();
      else if (empty !== null) await tellEmpty(empty);
    } finally {
      at.handling = false;
    }
  }

  async function handOver(): Promise<void> {
    const first = waiting[0]!;
    const to = Math.min(first.from + batchRecordsMax, first.records.length);
    const records = new RecordRange(first.records, first.from, to);
    first.from = to;
    if (to === first.records.length) waiting.shift();
    options.wake();
    await handlers.batch({ ...tp }, records, Math.max(at.end, records.at(-1)!.offset + 1));
  }

  function waitingRecords(): number {
    let sum = 0;
    for (const { records, from } of waiting) sum += records.length - from;
    return sum;
  }

  async function tellEmpty(found: { end: number; sentAtMs: number }): Promise<void> {
    empty = null;
    emptyAtMs = clock.monotonicMs();
    await handlers.empty({ ...tp }, found);
  }

  function fail(error: unknown): void {
    // After `lost` a throw is what a refused commit looks like; the partition is somebody else's concern.
    if (at.phase === "lost" || at.phase === "failed" || at.phase === "released") return;
    if (at.phase === "releasing") finish("released");
    else at.phase = "failed";
    waiting = [];
    at.rouse();
    void tellFailure(error);
  }

  async function tellFailure(error: unknown): Promise<void> {
    const isTrimmed = error instanceof WaymarkError && error.code === "log_trimmed";
    if (isTrimmed && at.phase === "failed") {
      await options.confirmed();
      if (at.phase !== "failed") return;
    }
    at.isFailureTold = true;
    handlers.failed({ ...tp }, error);
  }

  function finish(phase: Phase): void {
    at.phase = phase;
    waiting = [];
    released.resolve();
    at.rouse();
  }

  void run();
  return {
    tp,
    released: released.promise,
    owns: () => at.phase !== "lost" && at.phase !== "released",
    wanted: () =>
      reading() && !at.paused && waitingRecords() < batchRecordsMax
        ? continuity.from(at.offset, clock.monotonicMs())
        : null,
    isBusy: () => reading() && (at.handling || waiting.length > 0),
    arrived(fetched, { offset, atMs: sentAtMs, monotonicMs: sentMs }) {
      if (!reading()) return;
      const { end, isEmpty } = fetched;
      const verdict = continuity.judge({ offset, sentMs }, fetched, clock.monotonicMs());
      if (verdict === "replaced") return fail(logReplaced(tp, offset, "read"));
      if (verdict === "continues") take(fetched);
      // A new leader may not know yet how far it may hand out; a log that has become shorter never will.
      else if (end < at.offset) return void outOfRange();
      at.end = end;
      // Only what came back empty at the log end, unasked-for pauses of ours aside, speaks for idleness.
      const isAtEnd = isEmpty && at.offset >= end && waiting.length === 0 && !at.paused && !at.handling;
      empty = isAtEnd && clock.monotonicMs() - emptyAtMs >= emptyPauseMs ? { end, sentAtMs } : null;
      at.rouse();
    },
    doubt: () => continuity.doubt(),
    outOfRange,
    fail,
    pause() {
      at.paused = true;
      empty = null;
    },
    resume() {
      at.paused = false;
      at.rouse();
      options.wake();
    },
    release() {
      if (at.phase === "failed") {
        finish("released");
        if (!at.isFailureTold) handlers.lost({ ...tp });
      }
      if (at.phase !== "starting" && !reading()) return;
      at.phase = "releasing";
      at.rouse();
    },
    lose() {
      if (at.phase === "released" || at.phase === "lost") return;
      finish("lost");
      if (!at.isFailureTold) handlers.lost({ ...tp });
    },
  };
}
