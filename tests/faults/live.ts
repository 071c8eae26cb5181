/**
 * A live pipeline over the twins in memory, whose time only the test moves.
 *
 * The clock leaps: everything due within a step wakes together, as it would in a process that looks up that seldom.
 * Steps stay well below the idle time, so that a leap is never mistaken for the process's own pause; `pause` is one.
 */
import type { Config } from "../../src/config.ts";
import { utf8 } from "../../src/ids.ts";
import { memoryLog } from "../../src/log/memory.ts";
import { decodePartial } from "../../src/windows/partial.ts";
import type { TopicPartition } from "../../src/log/port.ts";
import { type Pipeline, startPipeline } from "../../src/node/pipeline.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { type Clock, dayMs, secondMs, settle } from "../../src/time.ts";
import type { TrafficTopic } from "../../src/traffic/item.ts";
import { crashNow } from "../pipeline/harness.ts";
import { publishedOn } from "../pipeline/published.ts";
import { quick } from "../pipeline/quick.ts";

export type LeapClock = Clock & {
  /** Moves both clocks; whoever is due wakes afterwards, all at once. */
  leap(ms: number): Promise<void>;
  /** Moves the wall clock alone. */
  stepWall(ms: number): void;
};

export function leapClock(startMs: number): LeapClock {
  let wallMs = startMs;
  let elapsedMs = 0;
  let sleepers: { atMs: number; wake: () => void }[] = [];
  return {
    nowMs: () => wallMs,
    monotonicMs: () => elapsedMs,
    threadMs: () => elapsedMs,
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        sleepers.push({ atMs: elapsedMs + ms, wake: resolve });
        signal?.addEventListener("abort", () => resolve(), { once: true });
      });
    },
    async leap(ms) {
      wallMs += ms;
      elapsedMs += ms;
      const due = sleepers.filter((s) => s.atMs <= elapsedMs);
      sleepers = sleepers.filter((s) => s.atMs > elapsedMs);
      for (const sleeper of due) sleeper.wake();
      for (let turns = 0; turns < 4; turns++) {
        // Behind the hashes of snapshots, which threads compute in a time that is not the test's.
        await crypto.subtle.digest("SHA-256", new Uint8Array(1));
        await settle();
      }
    },
    stepWall: (ms) => void (wallMs += ms),
  };
}

export type Stopped = { tp: TopicPartition; error: unknown };

/** Settings for tests in which minutes pass: seldom flushed, idle after a minute. */
const unhurried: Partial<Config> = {
  WAYMARK_FLUSH_MS: secondMs,
  WAYMARK_SNAPSHOT_MS: 30 * secondMs,
  WAYMARK_IDLE_MS: 60 * secondMs,
};

export const startMs = Date.UTC(2026, 0, 15, 18);

/** `logAheadMs`: how far the log's clock is ahead of the process's wall clock. */
export async function live(given: Partial<Config> = {}, { logAheadMs = 0 } = {}) {
  const clock = leapClock(startMs);
  const log = memoryLog({ clock: { ...clock, nowMs: () => clock.nowMs() + logAheadMs } });
  let store: SnapshotStore = memorySnapshots();
  const config = { ...quick, ...unhurried, ...given };
  const stopped: Stopped[] = [];
  const start = (other: Partial<Config> = {}): Promise<Pipeline> =>
    startPipeline({
      config: { ...config, ...other },
      log,
      store,
      clock,
      input: { kind: "live" },
      onStopped: (tp, error) => void stopped.push({ tp, error }),
    });
  let pipeline = await start();

  return {
    clock,
    log,
    get store() {
      return store;
    },
    stopped,
    start,
    get pipeline() {
      return pipeline;
    },
    /** Crashes and starts again, over another store when one is given. */
    async restart(other: SnapshotStore = store) {
      crashNow(pipeline, log);
      store = other;
      pipeline = await start();
    },
    crash: () => crashNow(pipeline, log),
    /** Appends; the log says when. */
    async send(topic: TrafficTopic, partition: number, value: object | string | Uint8Array): Promise<void> {
      const bytes = value instanceof Uint8Array
        ? value
        : utf8(typeof value === "string" ? value : JSON.stringify(value));
      await log.append([{ topic, partition, key: null, value: bytes }]);
    },
    /** Lets the logs begin where `floorOf` says. */
    async trim(floorOf: (tp: TopicPartition) => number) {
      clock.stepWall(60 * dayMs);
      await log.housekeep(floorOf);
      clock.stepWall(-60 * dayMs);
    },
    /** Lets time pass in steps that leave everybody their turn. */
    async pass(ms: number, stepMs = 5 * secondMs): Promise<void> {
      for (let left = ms; left > 0; left -= stepMs) await clock.leap(Math.min(stepMs, left));
    },
    /** Lets time pass until it is so; throws after `withinMs` of the test's own time. */
    async until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 600 * secondMs) {
      for (let passedMs = 0; !await condition(); passedMs += secondMs) {
        if (passedMs >= withinMs) throw new Error(`${withinMs} ms passed in vain until ${what}`);
        await clock.leap(secondMs);
      }
    },
    /** The sources that have been declared idle so far, once for each declaration. */
    async idleDeclarations(): Promise<string[]> {
      const partials = (await publishedOn(log, "city-partials", pipeline.naming)).map((r) =>
        decodePartial(r.value)!
      );
      return partials.filter((p) => p.idle).map((p) => `${p.source.topic}/${p.source.partition}`);
    },
    async stop(): Promise<void> {
      crashNow(pipeline, log);
      await clock.leap(secondMs);
      await log.close();
    },
  };
}

export type Live = Awaited<ReturnType<typeof live>>;
