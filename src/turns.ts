/**
 * Lets one waiter pass per turn of the event loop, in order of arrival: partitions take turns, and between two batches
 * timers, sockets and heartbeats are served.
 */
import { breathe } from "./time.ts";

export function eventLoopTurns(): () => Promise<void> {
  const waiting: (() => void)[] = [];
  async function admit(): Promise<void> {
    while (waiting.length > 0) {
      await breathe();
      waiting[0]!();
      waiting.shift();
    }
  }
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (waiting.length === 1) void admit();
    });
}

/** Of this process: whoever does long work in slices waits for its turn before each, so that there is one at a time. */
export const sliceTurn = eventLoopTurns();
