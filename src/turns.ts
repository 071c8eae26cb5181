/**
 * Lets one waiter pass per turn of the event loop, in order of arrival: partitions take turns, and between two batches
 * timers, sockets and heartbeats are served.
 */
import { breathe, type Clock } from "./time.ts";

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

/**
 * Of a process, by its clock: whoever does long work in slices waits for its turn before each, so that there is one at a
 * time. Never of the module: processes that are simulated share it, and one that is killed in its turn would keep it.
 */
export function sliceTurn(clock: Clock): Promise<void> {
  let turn = sliceTurns.get(clock);
  if (turn === undefined) sliceTurns.set(clock, turn = eventLoopTurns());
  return turn();
}

const sliceTurns = new WeakMap<Clock, () => Promise<void>>();
