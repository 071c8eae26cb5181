/**
 * One partition at one group member: assigned → batch | empty … → revoked, or lost, or failed.
 *
 * The invariant: callbacks never overlap, and none is begun after `revoked` was, or `lost`, or `failed`. Whether
 * the reader still owns the partition is therefore looked at after every await, right before the next callback.
 */
import type { Clock } from "../time.ts";
import type { EmptyPolls } from "./empty_polls.ts";
import type { GroupHandlers, LogRecord, TopicPartition } from "./port.ts";
import { beyondEnd } from "./refusals.ts";

export type ReaderSource = {
  clock: Clock;
  read(tp: TopicPartition, offset: number, recordsMax: number): LogRecord[];
  end(tp: TopicPartition): number;
};

export type PartitionReader = {
  /** Resolves when the partition may go to somebody else. */
  released: Promise<void>;
  /** Whether the partition is still this member's: until `revoked` has returned, or `lost`. */
  owns(): boolean;
  /** Looks for records now: they were appended. */
  wake(): void;
  pause(): void;
  resume(): void;
  /** Finishes the callback that is running, then calls `revoked`. */
  release(): void;
  /** Calls `lost`, even while another callback is running. */
  lose(): void;
};

export type ReaderOptions = {
  tp: TopicPartition;
  handlers: GroupHandlers;
  source: ReaderSource;
  batchRecordsMax: number;
  /** Resolves when it is this reader's turn to hold the event loop for a batch. */
  turn(): Promise<void>;
  /** When a partition is asked whether it is still empty. Appends wake a reader without that. */
  polls: EmptyPolls;
};

type Phase = "reading" | "releasing" | "failed" | "released" | "lost";

export function startReader(
  { tp, handlers, source, batchRecordsMax, turn, polls }: ReaderOptions,
): PartitionReader {
  const at: { phase: Phase; paused: boolean; woken: boolean; rouse(): void } = {
    phase: "reading",
    paused: false,
    woken: false,
    rouse() {},
  };
  const released = Promise.withResolvers<void>();
  const reading = () => at.phase === "reading";
  const releasing = () => at.phase === "releasing";

  async function run(): Promise<void> {
    // The owner is entered as such before its first callback, which may commit.
    await Promise.resolve();
    if (releasing()) return finish("released");
    if (!reading()) return;
    try {
      let offset = await handlers.assigned({ ...tp });
      if (offset > source.end(tp)) throw beyondEnd(tp, offset, source.end(tp));
      while (reading()) offset = await step(offset);
      if (releasing()) await handlers.revoked({ ...tp });
      if (releasing()) finish("released");
    } catch (error) {
      fail(error);
    }
  }

  async function step(offset: number): Promise<number> {
    at.woken = false;
    if (at.paused) return await rest(offset);
    if (offset < source.end(tp)) {
      await turn();
      if (!reading() || at.paused) return offset;
    }
    const next = await fetchOnce(offset);
    return reading() && next >= source.end(tp) ? await rest(next) : next;
  }

  async function fetchOnce(offset: number): Promise<number> {
    const sentAtMs = source.clock.nowMs();
    const end = source.end(tp);
    // A partition that is asked and still empty costs no look into the store.
    const records = offset < end ? source.read(tp, offset, batchRecordsMax) : [];
    const last = records.at(-1);
    if (last === undefined) await handlers.empty({ ...tp }, { end, sentAtMs });
    else await handlers.batch({ ...tp }, records, end);
    return last === undefined ? offset : last.offset + 1;
  }

  async function rest(offset: number): Promise<number> {
    if (at.woken || !reading()) return offset;
    if (!at.paused) polls.wait(wake);
    await new Promise<void>((resolve) => at.rouse = resolve);
    return offset;
  }

  function wake(): void {
    at.woken = true;
    at.rouse();
  }

  function fail(error: unknown): void {
    // After `lost` a throw is what a refused commit looks like; the partition is somebody else's concern.
    if (at.phase === "lost") return;
    if (at.phase === "releasing") finish("released");
    else at.phase = "failed";
    polls.leave(wake);
    handlers.failed({ ...tp }, error);
  }

  function finish(phase: Phase): void {
    at.phase = phase;
    polls.leave(wake);
    released.resolve();
    wake();
  }

  void run();
  return {
    released: released.promise,
    owns: () => at.phase !== "lost" && at.phase !== "released",
    wake,
    pause() {
      at.paused = true;
    },
    resume() {
      at.paused = false;
      wake();
    },
    release() {
      if (at.phase === "failed") finish("released");
      if (!reading()) return;
      at.phase = "releasing";
      wake();
    },
    lose() {
      if (at.phase === "released" || at.phase === "lost") return;
      const told = at.phase !== "failed";
      finish("lost");
      if (told) handlers.lost({ ...tp });
    },
  };
}
