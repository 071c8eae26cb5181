/** Readers without a group that wait for the next append to a topic: each wait ends once, by append, abort or close. */

export type AppendWaiters = {
  wait(topic: string, signal?: AbortSignal): Promise<void>;
  wake(topic: string): void;
  close(): void;
};

export function appendWaiters(): AppendWaiters {
  const waiting = new Map<string, Set<() => void>>();

  function wake(topic: string): void {
    const woken = waiting.get(topic);
    waiting.delete(topic);
    for (const done of woken ?? []) done();
  }

  return {
    wait(topic, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const set = waiting.get(topic) ?? new Set();
        waiting.set(topic, set);
        const done = () => {
          set.delete(done);
          signal?.removeEventListener("abort", done);
          resolve();
        };
        set.add(done);
        signal?.addEventListener("abort", done, { once: true });
      });
    },
    wake,
    close() {
      for (const topic of [...waiting.keys()]) wake(topic);
    },
  };
}
