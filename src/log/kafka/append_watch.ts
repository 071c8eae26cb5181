/**
 * Readers without a group that wait for the next append: own appends wake them at once, those of other processes by
 * looking up log ends while anybody waits.
 *
 * The invariant: an append between a reader's last read and its waiting is not missed. So what counts as new is
 * measured from the log ends that the reads have seen, not from the first look.
 */
import type { Clock } from "../../time.ts";
import { appendWaiters } from "../append_waiters.ts";
import type { TopicPartition } from "../port.ts";

export type AppendWatch = {
  wait(topic: string, signal?: AbortSignal): Promise<void>;
  wake(topic: string): void;
  /** A read has come to know where the log ends. */
  saw(tp: TopicPartition, end: number): void;
  close(): void;
};

export function appendWatch(
  { clock, pollMs, ends }: { clock: Clock; pollMs: number; ends(topic: string): Promise<number[]> },
): AppendWatch {
  const waiters = appendWaiters();
  const waiting = new Map<string, number>();
  const seen = new Map<string, number[]>();
  const over = new AbortController();

  async function poll(topic: string): Promise<void> {
    while ((waiting.get(topic) ?? 0) > 0 && !over.signal.aborted) {
      try {
        const found = await ends(topic);
        const before = seen.get(topic) ?? [];
        seen.set(topic, found);
        if (found.some((end, partition) => end > (before[partition] ?? end))) waiters.wake(topic);
      } catch {
        // The next look will tell.
      }
      await clock.sleep(pollMs, over.signal);
    }
    waiting.delete(topic);
  }

  return {
    async wait(topic, signal) {
      if (signal?.aborted || over.signal.aborted) return;
      const before = waiting.get(topic);
      waiting.set(topic, (before ?? 0) + 1);
      if (before === undefined) void poll(topic);
      await waiters.wait(topic, signal);
      if (waiting.has(topic)) waiting.set(topic, waiting.get(topic)! - 1);
    },
    wake: waiters.wake,
    saw({ topic, partition }, end) {
      const ends = seen.get(topic) ?? [];
      ends[partition] = end;
      seen.set(topic, ends);
    },
    close() {
      over.abort();
      waiters.close();
    },
  };
}
