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

/** Somebody waits for appends to a topic. */
type Awaited = { readers: number; found: readonly number[] };

export function appendWatch(
  { clock, pollMs, ends }: {
    clock: Clock;
    pollMs: number;
    /** Of those topics that can be looked up; never rejects. */
    ends(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>>;
  },
): AppendWatch {
  const waiters = appendWaiters();
  const awaited = new Map<string, Awaited>();
  const seen = new Map<string, number[]>();
  const over = new AbortController();
  let polling = false;

  /** All topics are looked at together: a question to a broker costs more than what is asked. */
  async function poll(): Promise<void> {
    polling = true;
    while (awaited.size > 0 && !over.signal.aborted) {
      for (const [topic, found] of await ends([...awaited.keys()])) look(topic, found);
      await clock.sleep(pollMs, over.signal);
      for (const [topic, { readers }] of awaited) if (readers === 0) awaited.delete(topic);
    }
    polling = false;
  }

  function look(topic: string, found: readonly number[]): void {
    const before = awaited.get(topic)!.found;
    // The topic was made anew: what was seen of it holds no longer.
    const isAnew = found.some((end, partition) => end < (before[partition] ?? end));
    if (isAnew) seen.delete(topic);
    const seenBefore = [...seen.get(topic) ?? []];
    found.forEach((end, partition) => saw({ topic, partition }, end));
    awaited.get(topic)!.found = found;
    if (isAnew || found.some((end, partition) => end > (seenBefore[partition] ?? end))) waiters.wake(topic);
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
      const of = awaited.get(topic) ?? { readers: 0, found: [] };
      awaited.set(topic, of);
      of.readers++;
      if (!polling) void poll();
      await waiters.wait(topic, signal);
      of.readers--;
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
