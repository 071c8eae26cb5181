/**
 * One process of the installation: the real pipeline and the real ClickHouse sink over this process's wires and clocks.
 *
 *   start ──► pipeline, sink ──► killed (its place is gone) | drained | refused (exit 3) | failed (exit 1) ──► start again
 */
import type { Config } from "../../src/config.ts";
import { messageOf, WaymarkError } from "../../src/errors.ts";
import { type Pipeline, startPipeline } from "../../src/node/pipeline.ts";
import { deadLetterRefused } from "../../src/node/refused_row.ts";
import { namingOf } from "../../src/node/pipeline.ts";
import { type Sink, startSink } from "../../src/sinks/clickhouse.ts";
import type { Clock } from "../../src/time.ts";
import type { Log } from "../../src/log/port.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import type { Analytics } from "../../src/sinks/analytics.ts";
import type { Place, Schedule } from "./schedule.ts";

export type Process = {
  place: Place;
  /** Which start of it this is. */
  life: number;
  clock: Clock & { stepWall(ms: number): void };
  pipeline: Pipeline | null;
  sink: Sink | null;
  busy: { append: number; store: number; commit: number };
  /** Told to end in order. Once is enough: told twice, it would be started again twice, under one name. */
  drains: boolean;
};

export type Ending = "killed" | "drained" | "refused" | "failed";

export type ProcessOptions = {
  schedule: Schedule;
  name: string;
  life: number;
  startMs: number;
  config: Config;
  insertRowsMax: number;
  wires(place: Place, process: Process): { log: Log; store: SnapshotStore; analytics: Analytics };
  /** It has ended by itself. */
  ended(process: Process, how: Ending, why: unknown): void;
};

/** A process's clocks: sleeping is an event of its own, and so is waking up. */
function clockOf(schedule: Schedule, place: Place, startMs: number): Process["clock"] {
  let stepMs = 0;
  // Counted from its start, as a process does: what happens at whole multiples must not be in step with all others.
  const bornMs = schedule.nowMs();
  return {
    nowMs: () => Math.floor(startMs + schedule.nowMs() + stepMs),
    monotonicMs: () => schedule.nowMs() - bornMs,
    threadMs: () => schedule.nowMs() - bornMs,
    stepWall: (ms) => void (stepMs += ms),
    sleep(ms, signal) {
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        let over = false;
        const done = () => {
          if (over) return;
          over = true;
          signal?.removeEventListener("abort", done);
          resolve();
        };
        // Timers have whole milliseconds, one at least: a rest of a rounding must not be waited for for ever.
        schedule.at(Math.max(1, Math.floor(ms)), "wake", done, place, () => over);
        signal?.addEventListener("abort", done);
      });
    },
  };
}

export function startProcess(options: ProcessOptions): Process {
  const { schedule, name, life, startMs, config } = options;
  const place: Place = { name: `${name}${life}`, state: "running", parked: [] };
  const process: Process = {
    place,
    life,
    clock: clockOf(schedule, place, startMs),
    pipeline: null,
    sink: null,
    busy: { append: 0, store: 0, commit: 0 },
    drains: false,
  };
  const { log, store, analytics } = options.wires(place, process);
  const { clock } = process;
  const stopped = (where: string, error: unknown) => {
    if (place.state === "gone") return;
    const refuses = error instanceof WaymarkError && error.exitCode === 3;
    options.ended(
      process,
      refuses ? "refused" : "failed",
      new Error(`${where}: ${messageOf(error)}`, { cause: error }),
    );
  };

  async function run(): Promise<void> {
    process.pipeline = await startPipeline({
      ...{ config, log, store, clock, input: { kind: "live" } as const },
      onStopped: (tp, error) => stopped(`${tp.topic}/${tp.partition}`, error),
    });
    process.sink = await startSink({
      log,
      analytics,
      clock,
      group: config.WAYMARK_GROUP,
      naming: namingOf(config),
      logEpoch: config.WAYMARK_LOG_EPOCH,
      insertMs: config.WAYMARK_INSERT_MS,
      insertRowsMax: options.insertRowsMax,
      poisoned: (row) => deadLetterRefused(log, row, config),
      failed: (tp, error) => stopped(`the sink at ${tp.topic}/${tp.partition}`, error),
    });
  }

  schedule.at(0, "start", () => {
    run().catch((error) => {
      // A log that is away when a process starts ends it with exit code 1, and it is started again.
      if (place.state !== "gone") options.ended(process, "failed", error);
    });
  }, place);
  return process;
}

/** In order, as a signal does it. */
export async function drainProcess({ pipeline, sink }: Process): Promise<void> {
  await pipeline?.drain();
  await sink?.stop();
}
