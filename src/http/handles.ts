/**
 * What the HTTP doors may ask for: read-only views, and one way to append. Built by src/node.ts.
 *
 * The shapes here are the answers' shapes (snake_case, ISO 8601 UTC); the doors add nothing but status codes.
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { Ledger } from "../windows/ledger.ts";

/** Who answers, and as of which position. */
export type Provenance = {
  node: string;
  topic: string;
  partition: number;
  /** Offset of the next record to be folded: everything before it is contained. */
  offset: number;
  watermark: string | null;
};

export type SeenEvent = {
  event_type: string;
  event_time: string;
  record_time: string;
  topic: string;
  partition: number;
  offset: number;
};

export type Refusal = { code: string; topic: string; partition: number; offset: number; at: string };

export type RideView = {
  ride_id: string;
  state: string;
  city: string | null;
  user_id: string | null;
  driver_id: string | null;
  requested_at: string | null;
  accepted_at: string | null;
  started_at: string | null;
  ended_at: string | null;
  outcome: string | null;
  reason: string | null;
  attempts: number;
  estimated_fare: number | null;
  fare: number | null;
  marks: string[];
  /** Until when the request counts as open; null when it does not any more. */
  open_until: string | null;
  events: SeenEvent[];
  /** Why the last refused event of this ride was refused. */
  refused: Refusal | null;
  owner: Provenance;
};

export type TrailPoint = {
  event_time: string;
  record_time: string;
  offset: number;
  lat: number;
  lng: number;
  status: string | null;
};

export type DriverView = {
  driver_id: string;
  city: string | null;
  status: string | null;
  lat: number;
  lng: number;
  /** H3 cell, resolution 8. */
  cell: string;
  speed_kmh: number | null;
  heading: number | null;
  ride_id: string | null;
  last_seen_at: string;
  jumps: number;
  trail: TrailPoint[];
  refused: Refusal | null;
  owner: Provenance;
};

/** `missing`: no such actor in memory. `not_ready`: the partition that would know is still being restored or has stopped. */
export type Looked<T> = { found: "yes"; view: T } | { found: "missing"; owner: Provenance } | {
  found: "not_ready";
  topic: string;
  partition: number;
};

export type PartitionView = {
  topic: string;
  partition: number;
  stage: string;
  owner: string;
  state: "running" | "warming_up" | "restoring" | "stopped";
  /** Next offset to fold, and the log's end. */
  position: number;
  log_end: number;
  lag_records: number;
  /** Age of the oldest record not folded yet, log time; 0 without lag. */
  lag_seconds: number;
  watermark: string | null;
  /** Seconds the watermark is behind the wall clock. */
  watermark_behind_seconds: number | null;
  idle: boolean;
  /** Whether it is the source that holds a city's watermark back. */
  holds_watermark: boolean;
  snapshot_age_seconds: number | null;
  snapshot_offset: number;
  actors: Record<string, number>;
  error: { code: string; message: string } | null;
};

export type LedgerView = {
  partitions: ({ topic: string; partition: number } & Ledger)[];
  total: Record<string, Omit<Ledger, "since_offset">>;
  missed_after_idle: { source: string; city: string; minute: string; events: number }[];
  /** Set while the sum `read = counted + duplicates + too_late + dead_lettered` holds everywhere: always. */
  balanced: boolean;
};

/** The newest version of each published window that this node has read, and the alerts. */
export type Board = {
  cities(): string[];
  /** Oldest first. */
  windows(city: string, range: { fromMs: number; untilMs: number; limit: number }): CityWindow[];
  /** The newest open window with a full length of data, and the newest closed one, for a city. */
  current(city: string): { live: CityWindow | null; closed: CityWindow | null };
  alerts(): AlertTransition[];
  /** Windows with an end before this may be incomplete here, for one city or for all: older ones are in ClickHouse. */
  completeFromMs(city?: string): number;
  /** Log time of the newest version read of a city's windows; null when there is none. */
  changedMs(city: string): number | null;
  /** Called for each newer version; returns how to stop. */
  subscribe(listener: (change: BoardChange) => void): () => void;
};

export type BoardChange = { kind: "window"; window: CityWindow } | { kind: "alert"; alert: AlertTransition };

/** Cities' watermark: everything before it is complete. Null before the first. */
export type CityWatermarks = { rides: string | null; all: string | null; held_by: string | null };

export type SinkView = {
  state: "off" | "running" | "behind" | "failing";
  rows: number;
  lag_records: number;
  oldest_seconds: number;
  error: string | null;
};

export type Handles = {
  node: string;
  version: string;
  nowMs(): number;
  ride(id: string): Looked<RideView>;
  driver(id: string): Looked<DriverView>;
  partitions(): PartitionView[];
  ledger(): LedgerView;
  watermarks(): CityWatermarks;
  board: Board;
  sink(): SinkView;
  /** Windows older than the board, from ClickHouse; null when it cannot be asked. */
  history(
    city: string,
    range: { fromMs: number; untilMs: number; limit: number },
  ): Promise<CityWindow[] | null>;
  /** Resolves when the records are acknowledged by the log; throws WaymarkError log_unavailable when they are not. */
  append(
    topic: "ride-events" | "driver-locations",
    items: { key: string; value: Uint8Array }[],
  ): Promise<void>;
  /** Started: every assigned partition is restored. Ready: and none has stopped, and the log answers. Draining: not ready. */
  health(): { started: boolean; ready: boolean; draining: boolean; causes: string[] };
};
