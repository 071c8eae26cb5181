/**
 * The service of one process, from its parts to its doors, and back again in order.
 *
 *   start   log, snapshots ─► pipeline, board ─► ClickHouse ─► doors
 *   drain   not ready ─► intake closed ─► finish and publish, snapshot, commit, leave ─► ClickHouse ─► log closed
 *
 * Correctness depends on none of it: a killed process starts where its snapshots stand.
 */
import { hostname } from "node:os";
import process from "node:process";
import type { Config } from "../config.ts";
import type { Erased } from "../erased.ts";
import { messageOf, WaymarkError } from "../errors.ts";
import type { Fleet } from "../http/fleet_handle.ts";
import { wholePartitions } from "../http/fleet_view.ts";
import type { Handles, SinkView } from "../http/handles.ts";
import { utf8 } from "../ids.ts";
import { sendableKey } from "../keys.ts";
import { limits } from "../limits.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { topicName } from "../log/topics.ts";
import { type RunningBoard, startBoard } from "../sinks/board.ts";
import { windowsHistory } from "../sinks/windows_history.ts";
import type { Signals } from "../telemetry/signals.ts";
import type { Clock } from "../time.ts";
import type { ClickHouse } from "./clickhouse.ts";
import { startEraseWork } from "./erase_work.ts";
import { erasingOf, startConfiguredErasures } from "./erasing.ts";
import { lateEvents } from "./explain.ts";
import { findDrivers, findRides } from "./find_actors.ts";
import type { SyncOptions } from "../wal_sync.ts";
import { createFleet } from "./fleet.ts";
import { openParts, type Parts } from "./parts.ts";
import { restartFloors } from "./floors.ts";
import { noteAlert, type Notifiers, startNotifiers } from "./notifiers.ts";
import { namingOf, type Pipeline, specsOf, startPipeline } from "./pipeline.ts";
import { groupName } from "../runtime/host.ts";
import { recordsOf } from "./raw_records.ts";
import { refuseReplayDir } from "./replay.ts";
import { watchPipeline } from "./pipeline_watch.ts";
import { keepRules } from "./rules_keeper.ts";
import {
  cityWatermarks,
  ledgerView,
  lookDriver,
  lookRide,
  lookWindow,
  partitionSeats,
  partitionViews,
  rulesOf,
} from "./views.ts";
import { version } from "./version.ts";

export type Service = {
  handles: Handles;
  pipeline: Pipeline;
  log: Log;
  /** Where ClickHouse clients read the embedded ClickHouse; null where they do not. */
  clickHouseUrl: string | null;
  /** Rejects with what ends the process: a refusal of a partition. */
  fatal: Promise<never>;
  /** Answers "not ready" and takes nothing in any more. */
  closeIntake(): void;
  /** Everything in order. Resolves when all is stored. */
  drain(): Promise<void>;
};

const housekeepMs = 30_000;

export type ServiceOptions = Pick<SyncOptions, "openWal"> & {
  config: Config;
  clock: Clock;
  signals: Signals;
  /** Where the other processes of the group reach this one; without, none asks it. */
  address?: string;
  /** Names this process among the others of its groups, the same after a restart. */
  instance?: string;
  /** What the process is called in its answers. Default: host and process id. */
  node?: string;
  /** A log and a store that are open already and may be shared; by default those of the settings. */
  parts?: Parts;
};

export async function startService(options: ServiceOptions): Promise<Service> {
  const { config, clock, signals, address } = options;
  const fatal = Promise.withResolvers<never>();
  fatal.promise.catch(() => {});
  const onStopped = (tp: TopicPartition, error: unknown) => {
    signals.partitionStopped(tp, error);
    if (error instanceof WaymarkError && error.exitCode === 3) fatal.reject(error);
  };
  if (options.parts === undefined) await refuseReplayDir(config.WAYMARK_DATA_DIR);
  const parts = options.parts ?? await openParts({
    config,
    dataDir: config.WAYMARK_DATA_DIR,
    clock,
    ...(address !== undefined && { address }),
    ...(options.instance !== undefined && { instance: options.instance }),
    onTrouble: (message) => signals.say(message),
    onDiskLost: fatal.reject,
    ...(options.openWal && { openWal: options.openWal }),
  });
  let boarding: Promise<RunningBoard> | null = null;
  try {
    const node = options.node ?? `${hostname()}:${process.pid}`;
    await parts.log.ensureTopics(specsOf(config));
    // Before anything is folded: what is read from the log must not bring back who was erased.
    const erasures = await startConfiguredErasures({ config, log: parts.log, clock, node });
    // Begins before anything is folded: partitions that catch up leave little of the event loop to other readers.
    boarding = startBoard({ log: parts.log, naming: namingOf(config), clock });
    boarding.catch(() => {});
    const pipeline = await startPipeline({
      config,
      erased: erasures.erased,
      log: parts.log,
      store: parts.store,
      clock,
      input: { kind: "live" },
      onStopped,
    });
    const board = await boarding;
    const clickHouse = config.WAYMARK_CLICKHOUSE === "on"
      ? await openClickHouse({ config, parts, clock, signals, erased: erasures.erased }, onStopped)
      : null;
    const eraseWork = startEraseWork({ config, erasures, pipeline, clickHouse, clock, signals });
    // The embedded log has one process only, whatever it is told.
    const isShared = options.parts !== undefined || config.KAFKA_BROKERS.length > 0;
    const fleet = isShared && address !== undefined
      ? fleetOf({ config, clock, parts, pipeline, node, address })
      : null;
    const notifiers = await startNotifiers({
      config,
      log: parts.log,
      clock,
      signals,
      node,
      failed: onStopped,
    });
    const state = { draining: false };
    const keeping = new AbortController();
    const handles = handlesOf({
      ...{ config, clock, parts, pipeline, board, clickHouse, notifiers, state, node, fleet },
      erased: erasures.erased,
      erasing: erasingOf(erasures, eraseWork.stores, signals),
    });
    const { context, naming } = pipeline;
    const kept = Promise.all([
      watchPipeline({ log: parts.log, context, naming, handles, clock, signals, signal: keeping.signal }),
      housekeep(parts, pipeline, clickHouse, clock, keeping.signal),
      keepRules({
        log: parts.log,
        pipeline,
        clock,
        signals,
        path: config.WAYMARK_RULES,
        signal: keeping.signal,
      }),
    ]);
    return {
      handles,
      pipeline,
      log: parts.log,
      clickHouseUrl: clickHouse?.doorUrl ?? null,
      fatal: fatal.promise,
      closeIntake: () => void (state.draining = true),
      async drain() {
        state.draining = true;
        keeping.abort();
        await kept;
        await eraseWork.stop();
        await erasures.stop();
        await Promise.all([pipeline.drain(), notifiers.stop()]);
        await clickHouse?.stop();
        await board.stop();
        await parts.close();
      },
    };
  } catch (error) {
    await parts.close();
    void boarding?.then((board) => board.stop(), () => {});
    throw error;
  }
}

/** The native part is loaded only where it is wanted. */
async function openClickHouse(
  { config, parts, clock, signals, erased }:
    & Pick<Running, "config" | "parts" | "clock">
    & { signals: Signals; erased: Erased },
  failed: (tp: TopicPartition, error: unknown) => void,
): Promise<ClickHouse> {
  const { startClickHouse } = await import("./clickhouse.ts");
  return await startClickHouse({
    config,
    log: parts.log,
    dataDir: config.WAYMARK_DATA_DIR,
    clock,
    replayed: false,
    erased,
    poisoned: (row) => signals.rowRefused(row),
    gapFound: ({ topic, partition }, { from, to }) =>
      signals.say(
        `ClickHouse lacks ${topic}/${partition} from offset ${from} to ${to}: the log had forgotten them`,
      ),
    failed,
  });
}

async function housekeep(
  parts: Parts,
  pipeline: Pipeline,
  clickHouse: ClickHouse | null,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(housekeepMs, signal);
    if (!signal.aborted) await parts.housekeep(restartFloors(pipeline, clickHouse?.sink ?? null));
  }
}

function fleetOf(
  { config, clock, parts, pipeline, node, address }:
    & Pick<Running, "config" | "clock" | "parts" | "pipeline" | "node">
    & { address: string },
): Fleet {
  const groupOf = (stage: "rides" | "locations" | "cities") => ({
    name: groupName(config.WAYMARK_GROUP, stage, config.WAYMARK_GENERATION),
    memberIds: () => pipeline[stage].map((host) => host.memberId),
  });
  return createFleet({
    log: parts.log,
    clock,
    node,
    address,
    groups: { rides: groupOf("rides"), locations: groupOf("locations"), cities: groupOf("cities") },
    seats: partitionSeats(pipeline),
    own: () => ({
      partitions: partitionViews(pipeline, node, clock.nowMs(), false),
      watermarks: cityWatermarks(pipeline),
    }),
    readKey: config.WAYMARK_FLEET_KEYS[0] ?? sendableKey(config.WAYMARK_READ_KEYS),
  });
}

type Running = {
  config: Config;
  clock: Clock;
  parts: Parts;
  pipeline: Pipeline;
  board: RunningBoard;
  clickHouse: ClickHouse | null;
  notifiers: Notifiers;
  state: { draining: boolean };
  node: string;
  fleet: Fleet | null;
  erasing: Handles["erasing"];
  erased: Erased;
};

function handlesOf(running: Running): Handles {
  const { config, clock, parts, pipeline, board, clickHouse, notifiers, state, node, fleet } = running;
  const speaker = () => ({ node, nowMs: clock.nowMs() });
  const own: Handles["own"] = {
    partitions: () => partitionViews(pipeline, node, clock.nowMs(), fleet === null),
    ledger: () => ledgerView(pipeline),
    watermarks: () => cityWatermarks(pipeline),
  };
  return {
    node,
    version,
    nowMs: () => clock.nowMs(),
    ride: (id) => lookRide(pipeline, speaker(), id),
    driver: (id) => lookDriver(pipeline, speaker(), id),
    explain: (city, startMs) => lookWindow(pipeline, speaker(), { city, startMs }),
    async late({ city, window_start, window_end }) {
      if (clickHouse === null) return null;
      const [fromMs, untilMs] = [Date.parse(window_start), Date.parse(window_end)];
      const topic = topicName("ride-events", pipeline.naming);
      return await lateEvents(clickHouse.analytics, { city, fromMs, untilMs, topic }).catch(() => null);
    },
    findRides: (wanted) => findRides({ pipeline, clock, speaker }, wanted),
    findDrivers: (wanted) => findDrivers({ pipeline, clock, speaker }, wanted),
    erasing: running.erasing,
    own,
    partitions() {
      if (fleet === null) return own.partitions();
      const report = { partitions: own.partitions(), watermarks: own.watermarks() };
      return wholePartitions(fleet.seats, report, fleet.seen()?.reports ?? null);
    },
    watermarks: () => fleet?.seen()?.watermarks ?? own.watermarks(),
    fleet,
    board,
    rules: () => rulesOf(pipeline),
    sink: () => sinkView(clickHouse),
    records: recordsOf(parts.log, pipeline.naming, running.erased),
    receivers: () => notifiers.view(),
    note: (fact, city) =>
      noteAlert({ log: parts.log, context: pipeline.context, naming: pipeline.naming }, fact, city),
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
    draining: () => state.draining,
    health() {
      const views = own.partitions();
      const restoring = views.filter((p) => p.state === "restoring").length;
      const stopped = views.filter((p) => p.state === "stopped");
      const hosts = [...pipeline.rides, ...pipeline.locations, ...pipeline.cities];
      const waiting = new Set(
        hosts.flatMap((host) => [...host.restoring.values()]).filter((why) => why !== null),
      );
      const isJoining = !state.draining && hosts.some((host) => !host.hasJoined());
      const causes = [
        ...(state.draining ? ["draining"] : []),
        ...(isJoining ? ["the groups have yet to say which partitions this process has"] : []),
        ...(restoring > 0 ? [`${restoring} partitions are being restored`] : []),
        ...[...waiting].map((why) => `waiting, and trying again: ${why}`),
        ...stopped.map((p) => `${p.topic}/${p.partition} stopped: ${p.error?.code}: ${p.error?.message}`),
      ];
      return {
        started: !isJoining && restoring === 0,
        ready: causes.length === 0,
        draining: state.draining,
        causes,
      };
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
