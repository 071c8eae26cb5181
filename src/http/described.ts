/**
 * What the description of the interface says of each route beyond the table of routes: parameters, bodies, answers and
 * refusals. Every route for programs has an entry here and none has one that is not in the table; a test holds the two
 * together, and every answer to its schema (tests/unit/http/openapi_test.ts).
 */
import { z } from "zod";
import { acknowledgement, silence } from "../../schemas/alert_journal.ts";
import {
  acknowledgementRequest,
  notedAlertsAnswer,
  silenceEnding,
  silenceRequest,
  silencesAnswer,
} from "../../schemas/alert_notes.ts";
import { driverLocationWire, driverStatuses } from "../../schemas/driver_location.ts";
import { erasureRequest, erasuresAnswer, erasureView } from "../../schemas/erasure.ts";
import { windowExplanation } from "../../schemas/explanation.ts";
import { cityName, id, isoUtc, timestamp } from "../../schemas/fields.ts";
import {
  driversAnswer,
  driverView,
  errorAnswer,
  ingestVerdict,
  ledgerAnswer,
  partitionsAnswer,
  ridesAnswer,
  rideView,
} from "../../schemas/http.ts";
import {
  citiesAnswer,
  cityAnswer,
  cityWindowsAnswer,
  healthyAnswer,
  rawRecordAnswer,
  unhealthyAnswer,
} from "../../schemas/http_answers.ts";
import { rideEventWire } from "../../schemas/ride_event.ts";
import { doorBounds } from "./bounds.ts";
import type { HttpErrorCode } from "./errors.ts";
import { rideStates } from "./search_doors.ts";
import { streamEvents } from "./stream_feed.ts";

export type Parameter = { schema: z.ZodType; says: string };

export type Described = {
  /** Unique; what clients call it. */
  operation: string;
  tag: "events" | "state" | "pipeline" | "people" | "health" | "description";
  path?: Readonly<Record<string, Parameter>>;
  query?: Readonly<Record<string, Parameter>>;
  body?: { schema: z.ZodType; types: readonly string[]; says: string };
  /** By status; what is no JSON by media type. */
  answers: Readonly<Record<number, { says: string; schema?: z.ZodType; type?: string }>>;
  /** Of this route; those that every route may answer with are added. */
  refusals: readonly HttpErrorCode[];
};

const words = (some: readonly string[]) =>
  z.string().regex(new RegExp(`^(${some.join("|")})(,(${some.join("|")}))*$`));
const rowLimit = z.number().int().min(1).max(doorBounds.rowsLimitMax).default(50);
const windowLimit = z.number().int().min(1).max(doorBounds.windowsLimitMax).default(60);
const cursor = { schema: id, says: "`next` of the page before." };
const rideId = { schema: id, says: "The ride's id." };
const driverId = { schema: id, says: "The driver's id." };
const inCity = { schema: cityName, says: "The city's name." };

const posted = (schema: z.ZodType, what: string): Pick<Described, "body" | "answers" | "refusals"> => ({
  body: {
    schema: z.union([schema, z.array(schema)]),
    types: ["application/json", "application/x-ndjson"],
    says: `One ${what}, an array of them, or one a line (NDJSON). May be compressed with gzip or zstd. ` +
      "Repeating a request is safe where events carry an event_id.",
  },
  answers: { 202: { says: "Everything accepted is acknowledged by the log.", schema: ingestVerdict } },
  refusals: [
    "no_valid_items",
    "content_type_unsupported",
    "encoding_unsupported",
    "body_too_large",
    "body_ratio_exceeded",
    "body_items_exceeded",
    "body_timeout",
    "body_unreadable",
    "body_empty",
    "body_not_json",
    "ride_rate_exceeded",
    "log_unavailable",
    "draining",
    "origin_refused",
  ],
});

const noting = (
  schema: z.ZodType,
  says: string,
  ...more: readonly HttpErrorCode[]
): Pick<Described, "body" | "refusals"> => ({
  body: { schema, types: ["application/json"], says },
  refusals: [
    "alert_note_invalid",
    ...more,
    "content_type_unsupported",
    "encoding_unsupported",
    "body_too_large",
    "body_ratio_exceeded",
    "body_timeout",
    "body_unreadable",
    "log_unavailable",
    "origin_refused",
  ],
});

const answer = (schema: z.ZodType, says: string): Described["answers"] => ({ 200: { says, schema } });
const healthAnswers: Described["answers"] = {
  200: { says: "Yes.", schema: healthyAnswer },
  503: { says: "No, and why.", schema: unhealthyAnswer },
};

export const described: Readonly<Record<string, Described>> = {
  "POST /v1/events": { operation: "postEvents", tag: "events", ...posted(rideEventWire, "ride event") },
  "POST /v1/locations": {
    ...{ operation: "postLocations", tag: "events" },
    ...posted(driverLocationWire, "driver position"),
  },
  "GET /v1/rides": {
    ...{ operation: "rides", tag: "state" },
    query: {
      city: inCity,
      state: { schema: words(rideStates), says: `Some of ${rideStates.join(", ")}, separated by commas.` },
      driver_id: driverId,
      limit: { schema: rowLimit, says: "Rows of a page." },
      cursor,
    },
    answers: answer(ridesAnswer, "Rides in memory, by id."),
    refusals: ["query_invalid"],
  },
  "GET /v1/drivers": {
    ...{ operation: "drivers", tag: "state" },
    query: {
      city: inCity,
      status: {
        schema: words(driverStatuses),
        says: `Some of ${driverStatuses.join(", ")}, separated by commas.`,
      },
      ride_id: rideId,
      limit: { schema: rowLimit, says: "Rows of a page." },
      cursor,
    },
    answers: answer(driversAnswer, "Drivers in memory, by id."),
    refusals: ["query_invalid"],
  },
  "GET /v1/rides/:id": {
    ...{ operation: "ride", tag: "state" },
    path: { id: rideId },
    answers: answer(rideView, "The ride, and the position it is at."),
    refusals: ["path_invalid", "ride_not_found", "partition_not_ready"],
  },
  "GET /v1/drivers/:id": {
    ...{ operation: "driver", tag: "state" },
    path: { id: driverId },
    answers: answer(driverView, "The driver, and the position it is at."),
    refusals: ["path_invalid", "driver_not_found", "partition_not_ready"],
  },
  "GET /v1/cities": {
    ...{ operation: "cities", tag: "state" },
    answers: answer(citiesAnswer, "Every city, worst first."),
    refusals: [],
  },
  "GET /v1/cities/:city": {
    ...{ operation: "city", tag: "state" },
    path: { city: inCity },
    answers: answer(cityAnswer, "The city."),
    refusals: ["path_invalid", "city_not_found"],
  },
  "GET /v1/cities/:city/windows": {
    ...{ operation: "windows", tag: "state" },
    path: { city: inCity },
    query: {
      from: { schema: timestamp, says: "Windows that start at or after it." },
      to: { schema: timestamp, says: "Windows that start before it." },
      limit: { schema: windowLimit, says: "Windows at most; the latest." },
    },
    answers: answer(cityWindowsAnswer, "The newest version of each window."),
    refusals: ["path_invalid", "query_invalid", "city_not_found"],
  },
  "GET /v1/cities/:city/windows/:start/explain": {
    ...{ operation: "explain", tag: "state" },
    path: { city: inCity, start: { schema: isoUtc, says: "When the window starts: a whole minute." } },
    answers: answer(windowExplanation, "The window, taken apart."),
    refusals: ["path_invalid", "window_not_found", "partition_not_ready"],
  },
  "GET /v1/partitions": {
    ...{ operation: "partitions", tag: "pipeline" },
    answers: answer(partitionsAnswer, "Every partition of every stage, of all nodes; worst first."),
    refusals: [],
  },
  "GET /v1/ledger": {
    ...{ operation: "ledger", tag: "pipeline" },
    answers: answer(
      ledgerAnswer,
      "read = counted + duplicates + too_late + dead_lettered, for each partition.",
    ),
    refusals: [],
  },
  "GET /v1/alerts": {
    ...{ operation: "alerts", tag: "state" },
    answers: answer(notedAlertsAnswer, "Open and recent alerts."),
    refusals: [],
  },
  "GET /v1/alerts/silences": {
    ...{ operation: "silences", tag: "people" },
    answers: answer(silencesAnswer, "The silences in force."),
    refusals: [],
  },
  "POST /v1/alerts/silences": {
    ...{ operation: "silence", tag: "people" },
    ...noting(silenceRequest, "What is not to page, who says so, why and until when."),
    answers: { 201: { says: "The silence, once the log has it.", schema: silence } },
  },
  "POST /v1/alerts/silences/:id/end": {
    ...{ operation: "endSilence", tag: "people" },
    path: { id: { schema: id, says: "The silence's id." } },
    ...noting(silenceEnding, "Who ends it.", "path_invalid", "silence_not_found"),
    answers: answer(silence, "The silence that was ended."),
  },
  "POST /v1/alerts/acknowledgements": {
    ...{ operation: "acknowledge", tag: "people" },
    ...noting(acknowledgementRequest, "The incident, or its rule and city.", "alert_not_found"),
    answers: { 201: { says: "The acknowledgement, once the log has it.", schema: acknowledgement } },
  },
  "GET /v1/stream": {
    ...{ operation: "stream", tag: "state" },
    query: {
      events: {
        schema: words(streamEvents),
        says: `Some of ${streamEvents.join(", ")}, separated by commas; the first three if it is not given.`,
      },
    },
    answers: {
      200: {
        says:
          "Server-sent events, resumable with Last-Event-ID. `event` names the kind, `data` is its JSON: a " +
          "window, an alert transition, a partition, a city or the status line; `reset` begins anew.",
        type: "text/event-stream",
      },
    },
    refusals: ["query_invalid", "draining", "streams_exceeded"],
  },
  "GET /v1/records/:topic/:partition/:offset": {
    ...{ operation: "record", tag: "pipeline" },
    path: {
      topic: { schema: z.string().min(1).max(249), says: "By its name in the contract or in the log." },
      partition: { schema: z.number().int().min(0), says: "Its number." },
      offset: { schema: z.number().int().min(0), says: "The record's offset." },
    },
    answers: answer(rawRecordAnswer, "The record."),
    refusals: ["path_invalid", "record_not_found", "log_unavailable"],
  },
  "POST /v1/erasures": {
    ...{ operation: "erase", tag: "people" },
    body: { schema: erasureRequest, types: ["application/json"], says: "Whose data is to be erased." },
    answers: {
      202: {
        says: "The log has the request; `pending` names what is still to be done.",
        schema: erasureView,
      },
    },
    refusals: [
      "erasure_invalid",
      "content_type_unsupported",
      "encoding_unsupported",
      "body_too_large",
      "body_ratio_exceeded",
      "body_timeout",
      "body_unreadable",
      "log_unavailable",
      "origin_refused",
    ],
  },
  "GET /v1/erasures": {
    ...{ operation: "erasures", tag: "people" },
    answers: answer(erasuresAnswer, "The newest first."),
    refusals: [],
  },
  "GET /v1/erasures/:id": {
    ...{ operation: "erasure", tag: "people" },
    path: { id: { schema: id, says: "The erasure's id." } },
    answers: answer(erasureView, "How far it is."),
    refusals: ["path_invalid", "erasure_not_found"],
  },
  "GET /metrics": {
    ...{ operation: "metrics", tag: "health" },
    answers: { 200: { says: "Prometheus' text format.", type: "text/plain" } },
    refusals: [],
  },
  "GET /livez": {
    ...{ operation: "livez", tag: "health" },
    answers: { 200: { says: "It answers.", schema: healthyAnswer } },
    refusals: [],
  },
  "GET /readyz": { operation: "readyz", tag: "health", answers: healthAnswers, refusals: [] },
  "GET /startupz": { operation: "startupz", tag: "health", answers: healthAnswers, refusals: [] },
  "GET /openapi.json": {
    ...{ operation: "description", tag: "description" },
    answers: { 200: { says: "OpenAPI 3.1.", type: "application/json" } },
    refusals: [],
  },
};

/** Schemas with a name of their own in the description. */
export const components: Readonly<Record<string, z.ZodType>> = {
  RideEvent: rideEventWire,
  DriverLocation: driverLocationWire,
  IngestVerdict: ingestVerdict,
  Ride: rideView,
  Rides: ridesAnswer,
  Driver: driverView,
  Drivers: driversAnswer,
  Cities: citiesAnswer,
  City: cityAnswer,
  CityWindows: cityWindowsAnswer,
  WindowExplanation: windowExplanation,
  Partitions: partitionsAnswer,
  Ledger: ledgerAnswer,
  Alerts: notedAlertsAnswer,
  SilenceRequest: silenceRequest,
  Silence: silence,
  Silences: silencesAnswer,
  AcknowledgementRequest: acknowledgementRequest,
  Acknowledgement: acknowledgement,
  Record: rawRecordAnswer,
  ErasureRequest: erasureRequest,
  Erasure: erasureView,
  Erasures: erasuresAnswer,
  Healthy: healthyAnswer,
  Unhealthy: unhealthyAnswer,
  Error: errorAnswer,
};
