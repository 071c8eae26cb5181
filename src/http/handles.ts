/**
 * What the HTTP doors may ask for: read-only views, and one way to append. Built by src/node/service.ts.
 *
 * The shapes are those of schemas/http.ts; the doors add nothing but status codes.
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { DriverView, LedgerView, PartitionView, Provenance, RideView } from "../../schemas/http.ts";

export type {
  DriverView,
  LedgerView,
  PartitionView,
  Provenance,
  Refusal,
  RideView,
  SeenEvent,
  TrailPoint,
} from "../../schemas/http.ts";

/** `missing`: no such actor in memory. `not_ready`: the partition that would know is still being restored or has stopped. */
export type Looked<T> = { found: "yes"; view: T } | { found: "missing"; owner: Provenance } | {
  found: "not_ready";
  topic: string;
  partition: number;
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
