/**
 * Readers without a group that wait for the next append: own appends wake them at once, those of other processes by
 * looking up log ends while anybody waits.
 *
 * The invariant: an append between a reader's last read and its waiting is not missed. So what counts as new is
 * measured from the log ends that reads and own appends have seen, not from the first look; and whoever is woken reads
 * up to the end that was seen.
 */
import type { Clock } from "../../time.ts";
import { appendWaiters } from "../append_waiters.ts";
import type { TopicPartition } from "../port.ts";

export type AppendWatch = {
  wait(topic: string, signal?: AbortSignal): Promise<void>;
  wake(topic: string): void;
  /** A read or an append has come to know where the log ends. */
  saw(tp: TopicPartition, end: number): void;
  /** Where the log ends, as far as anybody has seen; undefined before that. */
  endSeen(tp: TopicPartition): number | undefined;
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
    let foundBefore: number[] = [];
    while ((waiting.get(topic) ?? 0) > 0 && !over.signal.aborted) {
      try {
        const found = await ends(topic);
        // The topic was made anew: what was seen of it holds no longer.
        const isAnew = found.some((end, partition) => end < (foundBefore[partition] ?? end));
        if (isAnew) seen.delete(topic);
        const before = [...seen.get(topic) ?? []];
        found.forEach((end, partition) => saw({ topic, partition }, end));
        if (isAnew || found.some((end, partition) => end > (before[partition] ?? end))) waiters.wake(topic);
        foundBefore = found;
      } catch {
        // The next look will tell.
      }
      await clock.sleep(pollMs, over.signal);
    }
    waiting.delete(topic);
  }

  /** What was asked for before an append may be answered after it. */
  function saw({ topic, partition }: TopicPartition, end: number): void {
    const ends = seen.get(topic) ?? [];
    ends[partition] = Math.max(end, ends[partition] ?? 0);
    seen.set(topic, ends);
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
    saw,
    endSeen: ({ topic, partition }) => seen.get(topic)?.[partition],
    close() {
      over.abort();
      waiters.close();
    },
  };
}
