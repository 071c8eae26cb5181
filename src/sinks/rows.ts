/**
 * Records to rows: one table of ClickHouse per topic, as data. Pure.
 *
 * A row is a function of the record, its source and the installation (log epoch, replayed or not) and of
 * nothing else: the same record gives the same row, whenever and by whomever it is inserted. That is what
 * lets rows replace themselves. Of erased riders (src/erased.ts) a row has a pseudonym and no place, so that a
 * row that comes again after an erasure does not bring them back. What cannot become a row is said why; the original is in
 * `dead-letters`, or is one.
 *
 * Cells: times in milliseconds (ClickHouse's own count for DateTime64(3)), money in units from whole cents,
 * '' for an absent text, null for an absent number.
 */
import { z } from "zod";
import { alertTransition } from "../../schemas/alert.ts";
import { cityWindow } from "../../schemas/city_window.ts";
import { rideFact } from "../../schemas/ride_fact.ts";
import { decodeDriverLocation } from "../codec/driver_location.ts";
import { decodeRideEvent } from "../codec/ride_event.ts";
import { type Erased, pseudonymIn } from "../erased.ts";
import { fromUtf8 } from "../ids.ts";
import type { LogRecord } from "../log/port.ts";
import type { TopicName } from "../log/topics.ts";

/** What is the same for all records of a partition. */
export type RowSource = {
  logEpoch: number;
  topic: string;
  partition: number;
  /** Whether a replay states the records' times: then ClickHouse keeps the rows for ever. */
  replayed: boolean;
  erased?: Erased;
};

export type Cell = string | number | null | string[] | Record<string, number>;

/** A row as a line of JSONCompactEachRow, or why there is none. */
export type RowResult = { ok: true; line: string } | { ok: false; code: string; message: string };

export type SinkTable = {
  topic: TopicName;
  table: string;
  columns: readonly string[];
  row(record: LogRecord, source: RowSource): RowResult;
};

type Read<T> = { ok: true; event: T } | { ok: false; code: string; message: string };
type CellOf<T> = (value: T, record: LogRecord, source: RowSource) => Cell;

function sinkTable<T>(
  topic: TopicName,
  table: string,
  read: (record: LogRecord) => Read<T>,
  cells: Record<string, CellOf<T>>,
  forget: (event: T, erased: Erased, record: LogRecord) => T = (event) => event,
): SinkTable {
  const makers = Object.values(cells);
  return {
    topic,
    table,
    columns: Object.keys(cells),
    row(record, source) {
      const decoded = read(record);
      if (!decoded.ok) return decoded;
      const event = source.erased === undefined
        ? decoded.event
        : forget(decoded.event, source.erased, record);
      return { ok: true, line: lineOf(makers.map((cell) => cell(event, record, source))) };
    },
  };
}

/**
 * A lone surrogate would be written as an escape that ClickHouse refuses, in names as well as in values. Pairs are never
 * escaped, so an escape that is one is lone.
 */
function lineOf(cells: Cell[]): string {
  const line = JSON.stringify(cells);
  return line.includes("\\ud") ? line.replaceAll(/(?<!\\)((?:\\\\)*)\\ud[0-9a-f]{3}/g, "$1\ufffd") : line;
}

const units = (cents: number | null): number | null => cents === null ? null : cents / 100;
const time = (iso: string): number => Date.parse(iso);
const timeOrNull = (iso: string | null): number | null => iso === null ? null : Date.parse(iso);

/** Where a raw row comes from: the record itself. */
const ownSource: Record<string, CellOf<unknown>> = {
  log_epoch: (_, __, source) => source.logEpoch,
  topic: (_, __, source) => source.topic,
  partition: (_, __, source) => source.partition,
  offset: (_, record) => record.offset,
  log_time: (_, record) => record.timestampMs,
  replayed: (_, __, source) => source.replayed ? 1 : 0,
};

const rideEvents = sinkTable("ride-events", "ride_events", (record) => decodeRideEvent(record.value), {
  ...ownSource,
  event_type: (event) => event.type,
  ride_id: (event) => event.rideId,
  timestamp: (event) => event.timeMs,
  event_id: (event) => event.eventId,
  city: (event) => event.city ?? "",
  user_id: (event) => event.userId ?? "",
  driver_id: (event) => event.driverId ?? "",
  pickup_lat: (event) => event.pickup?.lat ?? null,
  pickup_lng: (event) => event.pickup?.lng ?? null,
  dropoff_lat: (event) => event.dropoff?.lat ?? null,
  dropoff_lng: (event) => event.dropoff?.lng ?? null,
  estimated_fare: (event) => units(event.estimatedFareCents),
  fare: (event) => units(event.fareCents),
  cancelled_by: (event) => event.cancelledBy ?? "",
  reason: (event) => event.reason ?? "",
}, (event, erased) => {
  const userId = erased.pseudonymOf(event.userId);
  return userId === null ? event : { ...event, userId, pickup: null, dropoff: null, reason: null };
});

const driverLocations = sinkTable(
  "driver-locations",
  "driver_locations",
  (record) => decodeDriverLocation(record.value),
  {
    ...ownSource,
    driver_id: (point) => point.driverId,
    timestamp: (point) => point.timeMs,
    event_id: (point) => point.eventId ?? "",
    lat: (point) => point.lat,
    lng: (point) => point.lng,
    city: (point) => point.city ?? "",
    status: (point) => point.status ?? "",
    speed_kmh: (point) => point.speedKmh,
    heading: (point) => point.heading,
    accuracy_m: (point) => point.accuracyM,
    ride_id: (point) => point.rideId ?? "",
  },
);

const cityWindows = sinkTable("analytics-aggregated", "city_windows", readJson(cityWindow), {
  city: (w) => w.city,
  window_start: (w) => time(w.window_start),
  window_end: (w) => time(w.window_end),
  kind: (w) => w.kind,
  rev: (w) => w.rev,
  watermark: (w) => timeOrNull(w.watermark),
  total_events: (w) => w.total_events,
  requests: (w) => w.requests,
  acceptances: (w) => w.acceptances,
  starts: (w) => w.starts,
  completions: (w) => w.completions,
  cancellations: (w) => w.cancellations,
  avg_fare: (w) => w.avg_fare,
  unique_riders: (w) => w.unique_riders,
  unique_riders_error: (w) => w.unique_riders_error,
  rides_completed: (w) => w.rides_completed,
  rides_cancelled_by_rider: (w) => w.rides_cancelled_by_rider,
  rides_cancelled_by_driver: (w) => w.rides_cancelled_by_driver,
  rides_cancelled_by_system: (w) => w.rides_cancelled_by_system,
  completion_rate: (w) => w.completion_rate,
  cancellation_rate: (w) => w.cancellation_rate,
  revenue: (w) => w.revenue,
  request_to_accept_p50_s: (w) => w.request_to_accept_p50_s,
  request_to_accept_p90_s: (w) => w.request_to_accept_p90_s,
  anomalies: (w) => w.anomalies,
  open_requests: (w) => w.open_requests,
  available_drivers: (w) => w.available_drivers,
  busy_drivers: (w) => w.busy_drivers,
  utilisation: (w) => w.utilisation,
  surge: (w) => w.surge,
});

/** A fact's time is that of the record that caused it; a publisher that does not say has only the event's. */
const factTime = (headers: LogRecord["headers"], endedAt: string): number => {
  const stated = Date.parse(headers?.["source_timestamp"] ?? "");
  return Number.isNaN(stated) ? Date.parse(endedAt) : stated;
};

const factSource = /^(\d{1,5})\/([^/]+)\/(\d{1,9})\/(\d{1,16})\/(\d{1,9})$/;
const sourceOf = (factId: string) => factSource.exec(factId) ?? [];

const rideFacts = sinkTable(
  "ride-facts",
  "ride_facts",
  readJson(rideFact.refine((fact) => factSource.test(fact.fact_id), "fact_id names no source record")),
  {
    fact_id: (fact) => fact.fact_id,
    generation: (fact) => fact.generation,
    source_log_epoch: (fact) => sourceOf(fact.fact_id)[1] ?? "",
    source_topic: (fact) => sourceOf(fact.fact_id)[2] ?? "",
    source_partition: (fact) => sourceOf(fact.fact_id)[3] ?? "",
    source_offset: (fact) => sourceOf(fact.fact_id)[4] ?? "",
    source_n: (fact) => sourceOf(fact.fact_id)[5] ?? "",
    log_time: (fact, record) => factTime(record.headers, fact.ended_at),
    replayed: (_, __, source) => source.replayed ? 1 : 0,
    ride_id: (fact) => fact.ride_id,
    city: (fact) => fact.city,
    outcome: (fact) => fact.outcome,
    cancelled_by: (fact) => fact.cancelled_by ?? "",
    reason: (fact) => fact.reason ?? "",
    driver_id: (fact) => fact.driver_id ?? "",
    user_id: (fact) => fact.user_id ?? "",
    ended_at: (fact) => time(fact.ended_at),
    requested_at: (fact) => timeOrNull(fact.requested_at),
    accepted_at: (fact) => timeOrNull(fact.accepted_at),
    started_at: (fact) => timeOrNull(fact.started_at),
    request_to_accept_s: (fact) => fact.request_to_accept_s,
    accept_to_start_s: (fact) => fact.accept_to_start_s,
    start_to_end_s: (fact) => fact.start_to_end_s,
    attempts: (fact) => fact.attempts,
    estimated_fare: (fact) => fact.estimated_fare,
    fare: (fact) => fact.fare,
    anomalies: (fact) => fact.anomalies,
  },
  (fact, erased) => {
    const pseudonym = erased.pseudonymOf(fact.user_id);
    return pseudonym === null ? fact : { ...fact, user_id: pseudonym, reason: null };
  },
);

const alerts = sinkTable("alerts", "alerts", readJson(alertTransition), {
  alert_id: (alert) => alert.alert_id,
  rule: (alert) => alert.rule,
  city: (alert) => alert.city,
  state: (alert) => alert.state,
  since: (alert) => time(alert.since),
  at: (alert) => time(alert.at),
  value: (alert) => alert.value,
  threshold: (alert) => alert.threshold,
  window_start: (alert) => time(alert.window_start),
  window_end: (alert) => time(alert.window_end),
  rev: (alert) => alert.rev,
  counts: (alert) => alert.counts,
  summary: (alert) => alert.summary,
  dedup_key: (alert) => alert.dedup_key,
});

/** What the headers of a dead letter or late event say about the record it was. */
const sourceHeaders = z.object({
  reason: z.string().min(1),
  message: z.string().default(""),
  source_topic: z.string().min(1),
  source_partition: z.coerce.number().int().min(0),
  source_offset: z.coerce.number().int().min(0),
  source_timestamp: z.iso.datetime(),
  log_epoch: z.coerce.number().int().min(0).max(65_535).optional(),
  generation: z.coerce.number().int().min(0).max(65_535).default(0),
});
const lateHeaders = sourceHeaders.extend({
  event_time: z.iso.datetime(),
  late_ms: z.coerce.number().int().min(0),
});
/** `forgotten`: the record names an erased rider, and its bytes are left out. */
type SourceHeaders = z.infer<typeof sourceHeaders> & { forgotten?: true };

/** A publisher of before there were generations in headers states neither: then the epoch is that of this installation. */
const statedSource: Record<string, CellOf<SourceHeaders>> = {
  log_epoch: (headers, _, source) => headers.log_epoch ?? source.logEpoch,
  generation: (headers) => headers.generation,
  topic: (headers) => headers.source_topic,
  partition: (headers) => headers.source_partition,
  offset: (headers) => headers.source_offset,
  log_time: (headers) => time(headers.source_timestamp),
  replayed: (_, __, source) => source.replayed ? 1 : 0,
  reason: (headers) => headers.reason,
  message: (headers) => headers.message,
};
const originalBytes: Record<string, CellOf<SourceHeaders>> = {
  key_base64: (_, record) => record.key === null ? "" : base64(record.key),
  value_base64: (headers, record) => headers.forgotten === true ? "" : base64(record.value),
};

function forgetBytes<H extends SourceHeaders>(headers: H, erased: Erased, { value }: LogRecord): H {
  if (erased.riders.length === 0 || pseudonymIn(fromUtf8(value), erased) === null) return headers;
  return { ...headers, message: "", forgotten: true };
}

const deadLetters = sinkTable("dead-letters", "dead_letters", readHeaders(sourceHeaders), {
  ...statedSource,
  ...originalBytes,
}, forgetBytes);

const lateEvents = sinkTable("late-events", "late_events", readHeaders(lateHeaders), {
  ...statedSource,
  event_time: (headers) => time(headers.event_time),
  late_ms: (headers) => headers.late_ms,
  ...originalBytes,
}, forgetBytes);

/** Every topic that goes to ClickHouse, with its table. */
export const sinkTables: readonly SinkTable[] = [
  rideEvents,
  driverLocations,
  cityWindows,
  rideFacts,
  alerts,
  deadLetters,
  lateEvents,
];

function readJson<T>(schema: z.ZodType<T>): (record: LogRecord) => Read<T> {
  return (record) => {
    let value: unknown;
    try {
      value = JSON.parse(fromUtf8(record.value));
    } catch {
      return { ok: false, code: "json_invalid", message: "the value is not JSON" };
    }
    return checked(schema, value, "field_invalid");
  };
}

function readHeaders<T>(schema: z.ZodType<T>): (record: LogRecord) => Read<T> {
  return (record) => checked(schema, record.headers ?? {}, "headers_invalid");
}

function checked<T>(schema: z.ZodType<T>, value: unknown, code: string): Read<T> {
  const result = schema.safeParse(value);
  if (result.success) return { ok: true, event: result.data };
  const issue = result.error.issues[0];
  return {
    ok: false,
    code,
    message: `${issue?.path.join(".") ?? ""}: ${issue?.message ?? "not as the schema says"}`,
  };
}

const base64 = (bytes: Uint8Array): string => bytes.toBase64();
