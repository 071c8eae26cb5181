/**
 * Closes the ways around the virtual clock: the turns and timers of the real event loop, digests that come from a
 * thread, the real clock and real chance. A seed must decide everything, or it cannot be replayed.
 *
 * A seed runs in one synchronous stretch: between two events the microtasks are drained by the runtime's own means,
 * which costs a third of a microsecond where a turn of the event loop would cost six.
 */
import { createHash } from "node:crypto";
import type { Schedule } from "./schedule.ts";

type Core = { runMicrotasks(): void };
type Internals = Record<PropertyKey, { core: Core }>;

const { core } = (Deno as unknown as Internals)[(Deno as unknown as { internal: symbol }).internal]!;

/** Runs every promise callback that is ready, and those that they make ready. Not from inside a promise callback. */
export const drainMicrotasks: () => void = () => core.runMicrotasks();

/** Chances of a digest to come at once, and else how late it may come: the thread pool is not ours. */
const digestMsMax = 2;

const stackFrames = 0;

/** Runs `work` in a macrotask of its own with the ways around closed; they are open again when it returns. */
export function sealed<T>(schedule: Schedule, jitter: () => number, work: () => T): T {
  const open = {
    setImmediate: globalThis.setImmediate,
    setTimeout: globalThis.setTimeout,
    now: Date.now,
    performanceNow: performance.now,
    random: Math.random,
    digest: crypto.subtle.digest,
    stackTraceLimit: Error.stackTraceLimit,
  };
  // Every abort makes an error with a stack, which costs more than all the rest.
  Error.stackTraceLimit = stackFrames;
  const forbidden = (name: string) => () => {
    throw new Error(`${name} goes around the virtual clock: the seed does not decide it`);
  };
  globalThis.setImmediate = ((run: () => void) => {
    schedule.at(0, "turn", run, schedule.current());
  }) as never;
  globalThis.setTimeout = forbidden("setTimeout") as never;
  Date.now = forbidden("Date.now");
  performance.now = forbidden("performance.now");
  Math.random = forbidden("Math.random");
  crypto.subtle.digest = ((_: unknown, bytes: Uint8Array) =>
    new Promise((resolve) => {
      const digest = new Uint8Array(createHash("sha256").update(bytes).digest()).buffer;
      schedule.at(digestMsMax * jitter(), "digest", () => resolve(digest), schedule.current());
    })) as never;
  try {
    return work();
  } finally {
    globalThis.setImmediate = open.setImmediate;
    globalThis.setTimeout = open.setTimeout;
    Date.now = open.now;
    performance.now = open.performanceNow;
    Math.random = open.random;
    crypto.subtle.digest = open.digest;
    Error.stackTraceLimit = open.stackTraceLimit;
  }
}

/** Does `work` in a macrotask: from inside of a promise callback the microtasks cannot be drained. */
export function outside<T>(work: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    setTimeout(() => {
      try {
        resolve(work());
      } catch (error) {
        reject(error);
      }
    }, 0);
  });
}
