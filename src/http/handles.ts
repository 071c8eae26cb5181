/**
 * What the HTTP doors may ask for: read-only views, and one way to append. Built by src/node/service.ts.
 *
 * The shapes are those of schemas/http.ts; the doors add nothing but status codes.
 */
import type { AlertRuleWire } from "../../schemas/alert_rule.ts";
import type { AlertTransition } from "../../schemas/alert.ts";
import type { JournalFact, Silence } from "../../schemas/alert_journal.ts";
import type { NotedAlert } from "../../schemas/alert_notes.ts";
import type { CityCells } from "../../schemas/city_cells.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { ExplainedLate, WindowExplanation } from "../../schemas/explanation.ts";
import type {
  CancelledRide,
  CityWatermarks,
  DriverRow,
  DriverView,
  LedgerView,
  PartitionView,
  Provenance,
  ReceiverView,
  RideRow,
  RideView,
  SinkView,
} from "../../schemas/http.ts";
import type { Erasing } from "./erasure_doors.ts";
import type { Fleet, StageName } from "./fleet_handle.ts";

export type {
  CityWatermarks,
  DriverRow,
  DriverView,
  LedgerView,
  PartitionView,
  Provenance,
  ReceiverView,
  Refusal,
  RideRow,
  RideView,
  SeenEvent,
  SinkView,
  TrailPoint,
} from "../../schemas/http.ts";

/** What this process alone can say of an actor. */
export type Looked<T> = {
  stage: StageName;
  /** As the log names it. */
  topic: string;
  /** The partition that the actor's key hashes to. A misplaced record may have put it on any other. */
  home: number;
  partitions: number;
  view: T | null;
  /**
   * The partitions looked through: they run here, and everything that was in the log when they came here is folded.
   * Of all others this process cannot say that they do not know the actor.
   */
  searched: readonly number[];
  /** The position of the home partition, when it was searched. */
  owner: Provenance | null;
};

/** The next `limit` ids after `after` that fit; null fits all. */
export type RidesWanted = {
  after: string;
  limit: number;
  city: string | null;
  driverId: string | null;
  states: readonly string[] | null;
};
export type DriversWanted = {
  after: string;
  limit: number;
  city: string | null;
  rideId: string | null;
  statuses: readonly string[] | null;
};

/** What this process alone has found: `rows` by id, and whether there are more. */
export type Found<T> = Pick<Looked<T>, "stage" | "topic" | "partitions" | "searched"> & {
  rows: T[];
  more: boolean;
};

/** The newest version of each published window that this node has read, and the alerts. */
export type Board = {
  cities(): string[];
  /** Oldest first. */
  windows(city: string, range: { fromMs: number; untilMs: number; limit: number }): CityWindow[];
  /** The newest open window with a full length of data, and the newest closed one, for a city. */
  current(city: string): { live: CityWindow | null; closed: CityWindow | null };
  alerts(): AlertTransition[];
  /** What people and receivers said about an alert. */
  notes(
    alert: AlertTransition,
    nowMs: number,
  ): Pick<NotedAlert, "silence" | "acknowledgement" | "deliveries">;
  /** Those in force, the first to end first. */
  silences(nowMs: number): Silence[];
  /** Of the newest boundary; null for a city without. */
  cells(city: string): CityCells | null;
  /** The last ones, newest first. */
  cancelled(city: string): readonly CancelledRide[];
  /** Windows with an end before this may be incomplete here, for one city or for all: older ones are in ClickHouse. */
  completeFromMs(city?: string): number;
  /** Log time of the newest version read of a city's windows; null when there is none. */
  changedMs(city: string): number | null;
  /** Called for each newer version; returns how to stop. */
  subscribe(listener: (change: BoardChange) => void): () => void;
};

export type BoardChange = { kind: "window"; window: CityWindow } | { kind: "alert"; alert: AlertTransition };

/** A record of the log as it is. */
export type RawRecord = {
  topic: string;
  partition: number;
  offset: number;
  /** Log time. */
  at: string;
  /** Null without a key, and for one that is not text. */
  key: string | null;
  headers: Record<string, string>;
  bytes: number;
  /** Null when it is not UTF-8. */
  value: string | null;
};

export type Records = {
  /** Of any topic of this installation, by its name in the log or in the contract. */
  one(
    topic: string,
    partition: number,
    offset: number,
  ): Promise<{ found: true; record: RawRecord } | { found: false; why: string }>;
  /** The newest of all partitions, newest first. */
  newest(topic: "dead-letters" | "late-events", count: number): Promise<RawRecord[]>;
};

/** What this process alone shows. */
export type Own = {
  /** What it is assigned. Alone by its settings, every partition. */
  partitions(): PartitionView[];
  ledger(): LedgerView;
  watermarks(): CityWatermarks;
};

export type Handles = {
  node: string;
  version: string;
  nowMs(): number;
  ride(id: string): Looked<RideView>;
  driver(id: string): Looked<DriverView>;
  /** A window that starts then, taken apart; `late` asks ClickHouse for it, null when that cannot be asked. */
  explain(city: string, startMs: number): Looked<Omit<WindowExplanation, "late">>;
  late(
    window: Pick<WindowExplanation, "city" | "window_start" | "window_end">,
  ): Promise<ExplainedLate[] | null>;
  /** What this process finds among its own; the doors put those of all nodes together. */
  findRides(wanted: RidesWanted): Promise<Found<RideRow>>;
  findDrivers(wanted: DriversWanted): Promise<Found<DriverRow>>;
  erasing: Erasing;
  own: Own;
  /** Every partition: own ones as they are, those of the other nodes as last heard of. */
  partitions(): PartitionView[];
  /** Of the cities of all nodes, as last heard of. */
  watermarks(): CityWatermarks;
  /** The other processes of the groups; null for one that is alone by its settings. */
  fleet: Fleet | null;
  board: Board;
  /** The alert rules said last, as this node knows them. */
  rules(): readonly AlertRuleWire[];
  sink(): SinkView;
  /** The log, record by record: any node reads all of it. */
  records: Records;
  /** Those that this process tells of alerts; none where none is set. */
  receivers(): ReceiverView[];
  /** Resolves when the log has what somebody said about the alerts of a city; `*` means all of them. */
  note(fact: JournalFact, city: string): Promise<void>;
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
  /** Whether it is shutting down. Asked at every post, so it looks at nothing else. */
  draining(): boolean;
  /** Started: every assigned partition is restored. Ready: and none has stopped, and the log answers. Draining: not ready. */
  health(): { started: boolean; ready: boolean; draining: boolean; causes: string[] };
};
