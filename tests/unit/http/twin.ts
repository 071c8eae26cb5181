/**
 * The doors' handles in memory: what is posted goes into a real (memory) log, the board is the real one reading
 * windows and alerts back from it, rides and drivers are found by the last event posted.
 *
 * Leaves out: folding (windows are published by the test), partitions beyond one per topic, snapshots, ClickHouse
 * (history is a list of windows, or null when the test takes it away).
 */
import type { AlertTransition } from "../../../schemas/alert.ts";
import type { CityWindow } from "../../../schemas/city_window.ts";
import type { WindowExplanation } from "../../../schemas/explanation.ts";
import { builtInWire } from "../../../src/alerts/built_in.ts";
import { decodeDriverLocation } from "../../../src/codec/driver_location.ts";
import { decodeRideEvent } from "../../../src/codec/ride_event.ts";
import { erasedSet } from "../../../src/erased.ts";
import { WaymarkError } from "../../../src/errors.ts";
import type {
  CityWatermarks,
  DriverView,
  Handles,
  LedgerView,
  Looked,
  PartitionView,
  Provenance,
  ReceiverView,
  RideView,
  SinkView,
} from "../../../src/http/handles.ts";
import { utf8 } from "../../../src/ids.ts";
import type { RecordHeaders } from "../../../src/log/port.ts";
import { memoryLog } from "../../../src/log/memory.ts";
import { topicName, topicNames } from "../../../src/log/topics.ts";
import { type RunningBoard, startBoard } from "../../../src/sinks/board.ts";
import { type Clock, dayMs, isoTime, minuteMs, settle } from "../../../src/time.ts";
import { recordsOf } from "../../../src/node/raw_records.ts";
import { erasingTwin, findsAmong } from "./twin_searches.ts";
import { formatRev, type Phase } from "../../../src/windows/rev.ts";
import { newLedger, sumLedgers } from "../../../src/windows/ledger.ts";

export const naming = { prefix: "", generation: 1 };

export type TwinState = {
  logDown: boolean;
  /** Appends neither succeed nor fail. */
  logHangs: boolean;
  notReady: boolean;
  health: ReturnType<Handles["health"]>;
  watermarks: CityWatermarks;
  sink: SinkView;
  receivers: ReceiverView[];
  history: CityWindow[] | null;
  partitions: PartitionView[];
  /** Known actors; those of posted events join them. */
  rides: Map<string, RideView>;
  drivers: Map<string, DriverView>;
  ledger: Partial<LedgerView["partitions"][number]>[];
};

export type Twin = {
  handles: Handles;
  state: TwinState;
  board: RunningBoard;
  /** Everything appended, in order. */
  appended: { topic: string; key: string; value: Uint8Array }[];
  publish(...windows: CityWindow[]): Promise<void>;
  publishAlert(...alerts: AlertTransition[]): Promise<void>;
  /** Appends any record to the topic's first partition. */
  write(topic: string, value: unknown, headers?: RecordHeaders): Promise<void>;
};

export async function createTwin(clock: Clock): Promise<Twin> {
  const log = memoryLog({ clock });
  await log.ensureTopics(
    topicNames.map((name) => topicName(name, naming)).map((topic) => ({
      topic,
      partitions: 2,
      retentionMs: 7 * dayMs,
    })),
  );
  const board = await startBoard({ log, naming, clock });
  const appended: Twin["appended"] = [];
  const counts = new Map<string, number>();
  const owner = (topic: string): Provenance => ({
    node: "node-1",
    topic,
    partition: 0,
    offset: counts.get(topic) ?? 0,
    watermark: state.watermarks.rides,
    as_of: isoTime(clock.nowMs()),
  });
  const state: TwinState = {
    logDown: false,
    logHangs: false,
    notReady: false,
    health: { started: true, ready: true, draining: false, causes: [] },
    watermarks: { rides: null, all: null, held_by: null },
    sink: { state: "running", rows: 0, lag_records: 0, oldest_seconds: 0, error: null },
    receivers: [],
    history: [],
    partitions: [partitionView("ride-events", 0), partitionView("driver-locations", 0)],
    rides: new Map(),
    drivers: new Map(),
    ledger: [],
  };

  function fold(topic: string, value: Uint8Array): void {
    counts.set(topic, (counts.get(topic) ?? 0) + 1);
    if (topic === "ride-events") {
      const decoded = decodeRideEvent(value);
      if (decoded.ok) {
        const { rideId, type, userId, driverId, city, reason } = decoded.event;
        const told = { city, user_id: userId, driver_id: driverId, reason };
        state.rides.set(rideId, { ...rideView(rideId, type, owner(topic)), ...told });
      }
      return;
    }
    const decoded = decodeDriverLocation(value);
    if (!decoded.ok) return;
    const { driverId, lat, lng, timeMs, city, status, rideId } = decoded.event;
    const seen = { driver_id: driverId, lat, lng, last_seen_at: isoTime(timeMs), owner: owner(topic) };
    state.drivers.set(driverId, { ...driverView(seen), city, status, ride_id: rideId });
  }

  const look = <T>(known: Map<string, T>, id: string, stage: Looked<T>["stage"]): Looked<T> => {
    const topic = stage === "rides" ? "ride-events" : "driver-locations";
    const about = { stage, topic, home: 0, partitions: 1 };
    if (state.notReady) return { ...about, view: null, searched: [], owner: null };
    return { ...about, view: known.get(id) ?? null, searched: [0], owner: owner(topic) };
  };

  function ledger(): LedgerView {
    const partitions = ["ride-events", "driver-locations"].map((topic) => {
      const read = counts.get(topic) ?? 0;
      const more = state.ledger.find((one) => one.topic === topic);
      return { ...newLedger(), read, counted: read, ...more, topic, partition: more?.partition ?? 0 };
    });
    return {
      partitions,
      total: Object.fromEntries(partitions.map((p) => [p.topic, sumLedgers([p])])),
      missed_after_idle: [],
      balanced: true,
    };
  }

  const handles: Handles = {
    node: "node-1",
    version: "0.1.0",
    nowMs: () => clock.nowMs(),
    ride: (id) => look(state.rides, id, "rides"),
    driver: (id) => look(state.drivers, id, "locations"),
    explain(city, startMs) {
      const about = { stage: "cities" as const, topic: "city-partials-g1", home: 0, partitions: 1 };
      const window = board.windows(city, { fromMs: startMs, untilMs: startMs + 1, limit: 1 })[0];
      const view = window === undefined ? null : explanationOf(window, owner("city-partials-g1"));
      return { ...about, view, searched: state.notReady ? [] : [0], owner: owner("city-partials-g1") };
    },
    late: async () => state.history === null ? null : [],
    ...findsAmong({ rides: state.rides, drivers: state.drivers, isReady: () => !state.notReady }),
    erasing: erasingTwin(clock),
    own: { partitions: () => state.partitions, ledger, watermarks: () => state.watermarks },
    partitions: () => state.partitions,
    watermarks: () => state.watermarks,
    fleet: null,
    board,
    rules: () => builtInWire,
    sink: () => state.sink,
    records: recordsOf(log, naming, erasedSet()),
    receivers: () => state.receivers,
    async note(fact) {
      if (state.logDown) throw new WaymarkError("log_unavailable", "the log's disk is full");
      await write("alert-journal", fact);
      await settle();
    },
    async history(city, { fromMs, untilMs, limit }) {
      return state.history?.filter((w) =>
        w.city === city && Date.parse(w.window_start) >= fromMs && Date.parse(w.window_start) < untilMs
      ).slice(-limit) ?? null;
    },
    async append(topic, items) {
      if (state.logHangs) return await new Promise(() => undefined);
      if (state.logDown) throw new WaymarkError("log_unavailable", "the log's disk is full");
      for (const item of items) {
        appended.push({ topic, key: item.key, value: item.value.slice() });
        fold(topic, item.value);
      }
    },
    draining: () => state.health.draining,
    health: () => state.health,
  };

  const write = (topic: string, value: unknown, headers: RecordHeaders = {}) =>
    log.append([{
      topic,
      partition: 0,
      key: null,
      value: utf8(typeof value === "string" ? value : JSON.stringify(value)),
      headers,
    }]);

  return {
    handles,
    state,
    board,
    appended,
    write,
    async publish(...windows) {
      for (const window of windows) await write("analytics-aggregated", window);
      await settle();
      await settle();
    },
    async publishAlert(...alerts) {
      for (const alert of alerts) await write("alerts", alert);
      await settle();
      await settle();
    },
  };
}

/** A window of five minutes with a few plausible figures. `rides` = [completed, by rider, by driver, by system]. */
export function windowOf(
  facts: {
    city: string;
    endMs: number;
    phase?: Phase;
    kind?: CityWindow["kind"];
    positions?: number;
    rides?: readonly [number, number, number, number];
    requests?: number;
  } & Partial<CityWindow>,
): CityWindow {
  const { city, endMs, phase = 2, positions = 1, rides = [90, 6, 3, 1], requests = 120, ...more } = facts;
  const [completed, byRider, byDriver, bySystem] = rides;
  const ended = completed + byRider + byDriver + bySystem;
  const rate = (n: number) => ended === 0 ? null : Math.round(n / ended * 10_000) / 10_000;
  return {
    city,
    window_start: isoTime(endMs - 5 * minuteMs),
    window_end: isoTime(endMs),
    kind: phase === 0 ? "update" : "final",
    rev: formatRev(1, positions, phase),
    watermark: null,
    total_events: requests * 4,
    requests,
    acceptances: requests - 4,
    starts: requests - 10,
    completions: completed,
    cancellations: ended - completed,
    avg_fare: 11.25,
    unique_riders: requests - 2,
    unique_riders_error: 0,
    rides_completed: completed,
    rides_cancelled_by_rider: byRider,
    rides_cancelled_by_driver: byDriver,
    rides_cancelled_by_system: bySystem,
    completion_rate: rate(completed),
    cancellation_rate: rate(ended - completed),
    revenue: completed * 12,
    request_to_accept_p50_s: 34,
    request_to_accept_p90_s: 88,
    anomalies: 0,
    open_requests: phase === 0 ? null : 14,
    available_drivers: phase === 2 ? 48 : null,
    busy_drivers: phase === 2 ? 112 : null,
    utilisation: phase === 2 ? 0.7 : null,
    surge: null,
    ...more,
  };
}

export function alertOf(
  facts: { city: string; state: AlertTransition["state"]; sinceMs: number; atMs: number },
): AlertTransition {
  const { city, state, sinceMs, atMs } = facts;
  return {
    alert_id: `cancellation_rate_high/${city}/${isoTime(sinceMs)}`,
    rule: "cancellation_rate_high",
    city,
    state,
    severity: "critical",
    owner: "operations",
    since: isoTime(sinceMs),
    at: isoTime(atMs),
    value: 0.41,
    threshold: 0.3,
    window_start: isoTime(atMs - 5 * minuteMs),
    window_end: isoTime(atMs),
    rev: formatRev(1, 1, 1),
    counts: { completed: 59, cancelled: 41 },
    summary: `${city}: 41.0 % of 100 ended rides were cancelled (limit 30 %), ${state}`,
    dedup_key: `waymark:cancellation_rate_high:${city}`,
    runbook: null,
  };
}

export function partitionView(
  topic: string,
  partition: number,
  more: Partial<PartitionView> = {},
): PartitionView {
  return {
    topic,
    partition,
    stage: topic === "ride-events" ? "rides" : "locations",
    owner: "node-1",
    state: "running",
    position: 100,
    log_end: 100,
    lag_records: 0,
    lag_seconds: 0,
    watermark: null,
    watermark_behind_seconds: null,
    idle: false,
    holds_watermark: false,
    snapshot_age_seconds: 3,
    snapshot_offset: 90,
    published: 0,
    unreadable: 0,
    actors: { ride: 7 },
    error: null,
    ...more,
  };
}

function explanationOf(window: CityWindow, owner: Provenance): Omit<WindowExplanation, "late"> {
  const { city, window_start, window_end } = window;
  const watermarks = { rides: null, all: null };
  const parts = { phase: "open" as const, sources: [], missed: [] };
  return { city, window_start, window_end, window, watermarks, ...parts, owner };
}

export function rideView(id: string, type: string, owner: Provenance): RideView {
  return {
    ride_id: id,
    state: type,
    city: null,
    user_id: null,
    driver_id: null,
    requested_at: null,
    accepted_at: null,
    started_at: null,
    ended_at: null,
    outcome: null,
    reason: null,
    attempts: 1,
    estimated_fare: null,
    fare: null,
    marks: [],
    open_until: null,
    forgotten_at: "2026-01-15T16:00:00.000Z",
    events: [],
    refused: null,
    owner,
  };
}

export function driverView(
  known: Pick<DriverView, "driver_id" | "lat" | "lng" | "last_seen_at" | "owner">,
): DriverView {
  return {
    city: null,
    status: null,
    cell: "881e15b719fffff",
    speed_kmh: null,
    heading: null,
    ride_id: null,
    jumps: 0,
    trail: [],
    refused: null,
    ...known,
  };
}
