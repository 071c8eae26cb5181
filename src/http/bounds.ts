/** The bounds of the HTTP doors in one record, so that a test can narrow one and watch it hold. */
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import { secondMs } from "../time.ts";

const { bodyBytesMax, bodyItemsMax, bodyMs, requestsMax, streamsMax, streamReplayMax } = limits;
const { bodiesBytesMax, limitedRidesMax } = limits;
const { connectionsMax, headersBytesMax, headersMax, headersMs, idleMs, silentMs } = limits;

export const doorBounds = {
  connectionsMax,
  headersBytesMax,
  headersMax,
  headersMs,
  idleMs,
  silentMs,
  /** Requests of one connection in hand at once; with more it is closed. Their answers wait for each other in memory. */
  pipelinedMax: 8,
  /** How long a connection that was told to go is left open, for its client to read why. */
  partingMs: secondMs,
  bodyBytesMax,
  bodyItemsMax,
  bodyMs,
  requestsMax,
  streamsMax,
  streamReplayMax,
  bodiesBytesMax,
  limitedRidesMax,
  /** Bytes out per byte in of a compressed body, once it is past `inflateFreeBytes`. Real events reach about 30. */
  inflateRatioMax: 100,
  inflateFreeBytes: 64 * 1024,
  /** How long the log may take to acknowledge before the client is told to try again. */
  appendMs: 15 * secondMs,
  /** Lines of the access log a second; more are only counted. */
  accessLinesMax: 200,
  /** How often a live page is told what changed. Alerts do not wait for it. */
  streamTickMs: secondMs,
  heartbeatMs: 15 * secondMs,
  /** How often positions that merely move are told on a stream. */
  partitionTickMs: 5 * secondMs,
  /** Bytes a client may leave unread before it is cut off. */
  streamBufferBytes: 1024 * 1024,
  /** Searches through all actors under way at once; a further one is answered 503. */
  searchesMax: 4,
  /** Rows in one answer of a search. */
  rowsLimitMax: 500,
  /** How long another node may take to search what it has. */
  searchMs: 5 * secondMs,
  /** How often an open page hears that nothing is new. */
  pageBeatMs: 5 * secondMs,
  /** How long the state of a page is kept after the last one left it. */
  pageKeptMs: 30 * secondMs,
  /** Pages kept, before those that nobody looks at go at once. */
  pagesMax: 1_000,
  /** Windows in one answer. */
  windowsLimitMax: 1_440,
} as const;

export type DoorBounds = { readonly [Name in keyof typeof doorBounds]: number };

invariant(doorBounds.silentMs > doorBounds.appendMs, "a request may wait for the log on a silent connection");
invariant(doorBounds.silentMs > doorBounds.heartbeatMs, "a heartbeat keeps a quiet stream alive");
invariant(doorBounds.heartbeatMs >= doorBounds.streamTickMs, "a heartbeat is sent by the tick");
invariant(doorBounds.pagesMax >= doorBounds.streamsMax, "every open page must be kept");
