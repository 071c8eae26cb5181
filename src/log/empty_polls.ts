/**
 * When idle partitions are asked whether they are still empty: all readers of a log at once, by one timer. To wake costs
 * a process more than what a look at a partition takes, and an installation has a hundred of them.
 */
import { type Clock, untilNext } from "../time.ts";

const pollMs = 100;

export type EmptyPolls = {
  /** Calls `wake` at the next poll, once. */
  wait(wake: () => void): void;
  /** Takes back a wait, if there is one. */
  leave(wake: () => void): void;
};

export function emptyPolls(clock: Clock): EmptyPolls {
  let waiting = new Set<() => void>();
  let over: AbortController | null = null;

  function sleep(): void {
    const sleeping = over = new AbortController();
    void clock.sleep(untilNext(clock, pollMs), sleeping.signal).then(() => {
      if (sleeping.signal.aborted) return;
      const due = waiting;
      waiting = new Set();
      over = null;
      for (const wake of due) wake();
    });
  }

  return {
    wait(wake) {
      waiting.add(wake);
      if (over === null) sleep();
    },
    leave(wake) {
      if (!waiting.delete(wake) || waiting.size > 0) return;
      over?.abort();
      over = null;
    },
  };
}
