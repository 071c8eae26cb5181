/**
 * The service of one process, from its parts to its doors, and back again in order.
 *
 *   start   log, snapshots ─► pipeline ─► board ─► ClickHouse ─► doors
 *   drain   not ready ─► intake closed ─► finish and publish, snapshot, commit, leave ─► ClickHouse ─► log closed
 *
 * Correctness depends on none of it: a killed process starts where its snapshots stand.
 */
import { hostname } from "node:os";
import process from "node:process";
import type { Config } from "../config.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import type { Handles, SinkView } from "../http/handles.ts";
import { utf8 } from "../ids.ts";
import { limits } from "../limits.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import { type RunningBoard, startBoard } from "../sinks/board.ts";
import { windowsHistory } from "../sinks/windows_history.ts";
import type { Signals } from "../telemetry/signals.ts";
import type { Clock } from "../time.ts";
import type { ClickHouse } from "./clickhouse.ts";
import { type EmbeddedParts, openEmbeddedParts } from "./embedded.ts";
import { restartFloors } from "./floors.ts";
import { type Pipeline, startPipeline } from "./pipeline.ts";
import { refuseReplayDir } from "./replay.ts";
import { cityWatermarks, ledgerView, lookDriver, lookRide, partitionViews } from "./views.ts";
import { version } from "./version.ts";

export type Service = {
  handles: Handles;
  pipeline: Pipeline;
  log: Log;
  /** Rejects with what ends the process: a refusal of a partition. */
  fatal: Promise<never>;
  /** Answers "not ready" and takes nothing in any more. */
  closeIntake(): void;
  /** Everything in order. Resolves when all is stored. */
  drain(): Promise<void>;
};

const housekeepMs = 30_000;

export async function startService(config: Config, clock: Clock, signals: Signals): Promise<Service> {
  const fatal = Promise.withResolvers<never>();
  fatal.promise.catch(() => {});
  const onStopped = (tp: TopicPartition, error: unknown) => {
    signals.partitionStopped(tp, error);
    if (error instanceof WaymarkError && error.exitCode === 3) fatal.reject(error);
  };
  await refuseReplayDir(config.WAYMARK_DATA_DIR);
  const parts = await openEmbeddedParts(config.WAYMARK_DATA_DIR, config, clock);
  try {
    const pipeline = await startPipeline({
      config,
      log: parts.log,
      store: parts.store,
      clock,
      input: { kind: "live" },
      onStopped,
    });
    const board = await startBoard({ log: parts.log, naming: pipeline.naming, clock });
    const clickHouse = config.WAYMARK_CLICKHOUSE === "on"
      ? await openClickHouse(config, parts, clock, signals, onStopped)
      : null;
    const state = { draining: false };
    const keeping = new AbortController();
    const kept = housekeep(parts, pipeline, clickHouse, clock, keeping.signal);
    return {
      handles: handlesOf({ config, clock, parts, pipeline, board, clickHouse, state }),
      pipeline,
      log: parts.log,
      fatal: fatal.promise,
      closeIntake: () => void (state.draining = true),
      async drain() {
        state.draining = true;
        keeping.abort();
        await kept;
        await pipeline.drain();
        await clickHouse?.stop();
        await board.stop();
        await parts.close();
      },
    };
  } catch (error) {
    await parts.close();
    throw error;
  }
}

/** The native part is loaded only where it is wanted. */
async function openClickHouse(
  config: Config,
  parts: EmbeddedParts,
  clock: Clock,
  signals: Signals,
  failed: (tp: TopicPartition, error: unknown) => void,
): Promise<ClickHouse> {
  const { startClickHouse } = await import("./clickhouse.ts");
  return await startClickHouse({
    config,
    log: parts.log,
    dataDir: config.WAYMARK_DATA_DIR,
    clock,
    replayed: false,
    poisoned: (row) => signals.rowRefused(row),
    failed,
  });
}

async function housekeep(
  parts: EmbeddedParts,
  pipeline: Pipeline,
  clickHouse: ClickHouse | null,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(housekeepMs, signal);
    if (!signal.aborted) await parts.log.housekeep(restartFloors(pipeline, clickHouse?.sink ?? null));
  }
}

type Running = {
  config: Config;
  clock: Clock;
  parts: EmbeddedParts;
  pipeline: Pipeline;
  board: RunningBoard;
  clickHouse: ClickHouse | null;
  state: { draining: boolean };
};

function handlesOf({ config, clock, parts, pipeline, board, clickHouse, state }: Running): Handles {
  const node = `${hostname()}:${process.pid}`;
  const partitions = () => partitionViews(pipeline, node, clock.nowMs());
  return {
    node,
    version,
    nowMs: () => clock.nowMs(),
    ride: (id) => lookRide(pipeline, node, id),
    driver: (id) => lookDriver(pipeline, node, id),
    partitions,
    ledger: () => ledgerView(pipeline),
    watermarks: () => cityWatermarks(pipeline),
    board,
    sink: () => sinkView(clickHouse),
    async history(city, { fromMs, untilMs, limit }) {
      if (clickHouse === null) return null;
      return await windowsHistory(clickHouse.analytics, { city, fromMs, toMs: untilMs, limit }).catch(() =>
        null
      );
    },
    async append(topic, items) {
      if (state.draining) {
        throw new WaymarkError(
          "log_unavailable",
          "the process is draining; try another one, or again in a moment",
        );
      }
      const name = topicName(topic, pipeline.naming);
      for (let from = 0; from < items.length; from += limits.appendRecordsMax) {
        await parts.log.append(
          items.slice(from, from + limits.appendRecordsMax).map(({ key, value }) => {
            const bytes = utf8(key);
            return { topic: name, partition: pipeline.context.partitionOf(topic, bytes), key: bytes, value };
          }),
        );
      }
    },
    health() {
      const views = partitions();
      const restoring = views.filter((p) => p.state === "restoring").length;
      const stopped = views.filter((p) => p.state === "stopped");
      const causes = [
        ...(state.draining ? ["draining"] : []),
        ...(restoring > 0 ? [`${restoring} partitions are being restored`] : []),
        ...stopped.map((p) => `${p.topic}/${p.partition} stopped: ${p.error?.code}: ${p.error?.message}`),
      ];
      return { started: restoring === 0, ready: causes.length === 0, draining: state.draining, causes };
    },
  };

  function sinkView(clickHouse: ClickHouse | null): SinkView {
    if (clickHouse === null) return { state: "off", rows: 0, lag_records: 0, oldest_seconds: 0, error: null };
    const { partitions, stopped } = clickHouse.sink.status();
    const oldest = partitions.map((p) => p.oldestWaitingMs).filter((ms) => ms !== null);
    const oldestSeconds = oldest.length === 0
      ? 0
      : Math.max(0, (clock.nowMs() - Math.min(...oldest)) / 1_000);
    const error = stopped[0]?.error ?? partitions.find((p) => p.lastError !== null)?.lastError ?? null;
    return {
      state: error !== null
        ? "failing"
        : oldestSeconds > 4 * config.WAYMARK_INSERT_MS / 1_000
        ? "behind"
        : "running",
      rows: partitions.reduce((sum, p) => sum + p.rowsInserted, 0),
      lag_records: partitions.reduce((sum, p) => sum + p.lag, 0),
      oldest_seconds: oldestSeconds,
      error: error === null ? null : messageOf(error),
    };
  }
}
