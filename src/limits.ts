/**
 * Every bound of the system, with its unit in its name, and the relations that must hold between them.
 * A bound that people may want to move is a setting (config.ts) whose default stands here.
 */
import { invariant } from "./invariant.ts";
import { hourMs, minuteMs, secondMs } from "./time.ts";

export const limits = {
  /** A record's value; larger ones are dead letters `record_too_large`. */
  recordBytesMax: 64 * 1024,
  /** Nesting of a JSON value; deeper ones are dead letters `json_too_deep`. */
  jsonDepthMax: 16,
  /** Keys in one JSON record, all levels together; more are dead letters `json_too_many_keys`. */
  jsonKeysMax: 256,
  /** Characters of an id. */
  idCharsMax: 128,
  /** Characters of a city name. */
  cityCharsMax: 64,
  /** Characters of a cancellation reason kept; longer reasons are dead letters `field_invalid`. */
  reasonCharsMax: 256,
  /** A fare in cents: 1,000,000.00. */
  fareCentsMax: 100_000_000,

  /** Records handed to a fold in one batch. */
  fetchRecordsMax: 2_000,
  /** Records of one flush appended to the log at once. */
  appendRecordsMax: 5_000,
  /** Outputs a fold may hold before it is flushed regardless of time. */
  outboxRecordsMax: 2_000,
  outboxBytesMax: 4 * 1024 * 1024,
  /** Registers in one partial record; more go into further records. */
  partialRegistersMax: 200,

  /** Events one ride may have; further ones are dead letters `ride_events_exceeded`. */
  rideEventsMax: 500,
  /** Points of a driver kept as its trail. */
  driverTrailMax: 24,
  /** Ride actors of one partition; the one that came first leaves, counted as inexact. */
  ridesPerPartitionMax: 1_000_000,
  driversPerPartitionMax: 1_000_000,
  /**
   * Panes (city and minute) one partition holds, some 600 bytes each: of 10,000 cities while late events still count.
   * An event that needs a further one is a dead letter `cities_exceeded`.
   */
  panesPerPartitionMax: 250_000,
  /** H3 cells of one city counted in one minute by one partition; what falls into a further one is in no cell. */
  cellsPerCityMax: 1_000,
  /** H3 cells of one city told of per boundary; the busiest ones. */
  cellsPublishedMax: 1_000,
  /** Points of one driver that can still come again in time; further ones are dead letters `driver_points_exceeded`. */
  driverPointsMax: 2_000,
  /** Panes listed as missed, per target partition; the first listed leaves the list. */
  missedPanesMax: 10_000,
  /** Counts kept of panes that left while their source could still tell more. */
  leftPanesMax: 100_000,
  /** Consecutive records on which a handler may throw before its partition stops. */
  handlerFailuresMax: 10,

  /** Percent of a host's time that taking snapshots may take; with more state they are taken less often. */
  snapshotSharePercentMax: 5,
  /** Actors which came since the last snapshot that are taken to add a millisecond of CPU time to the next one. */
  snapshotActorsPerMs: 200,
  /**
   * Records that a new owner has folded within a sixth of the interval, or a third, at which it is snapshotted then
   * already: where owners die again and again, or snapshots were lost, a partition would never get on otherwise.
   */
  snapshotEarlyRecords: 5_000,
  /** Between two looks whether the store still has the snapshots of a partition: one that was emptied gets new ones. */
  snapshotLookMs: 10 * secondMs,
  /** Manifests kept per partition, of whatever format. */
  manifestsKept: 3,
  /** Bytes of a snapshot segment before compression. */
  segmentBytesMax: 512 * 1024,

  /** Body of one ingestion request after decompression. */
  bodyBytesMax: 5 * 1024 * 1024,
  /** Items of one ingestion request. */
  bodyItemsMax: 10_000,
  /** Connections of one process; a further one takes the place of one that asks nothing, or has not asked all yet. */
  connectionsMax: 2_000,
  /** Bytes of a request's first line and headers, and how many headers. */
  headersBytesMax: 16 * 1024,
  headersMax: 100,
  /** Time a client has for sending its headers. */
  headersMs: 10 * secondMs,
  /** How long a connection may stay open without a request. Longer than proxies keep theirs, which is a minute. */
  idleMs: 75 * secondMs,
  /** How long nothing may move on a connection with a request: a client that does not read its answer. */
  silentMs: 60 * secondMs,
  /** Time a client has for sending its body. */
  bodyMs: 10 * secondMs,
  /** Requests being handled at once, bodies that are on their way aside; more are answered 503. */
  requestsMax: 1_000,
  /** Bytes of all bodies held at once, until the log has answered for them; more are answered 503. */
  bodiesBytesMax: 64 * 1024 * 1024,
  /** Rides whose rate is remembered; with more at once the oldest are forgiven. */
  limitedRidesMax: 100_000,
  /** Live pages at once; more are answered 503. */
  streamsMax: 500,
  /** Events kept for a stream that comes back with Last-Event-ID. */
  streamReplayMax: 2_000,
  /** Windows of history per city a node keeps in memory. */
  boardWindowsMax: 180,
  /** Cities a node shows; of further ones it shows nothing, and counts what it passes over. They are counted all the same. */
  boardCitiesMax: 5_000,

  /** Riders that may be erased within the retention of topic `erasures`. */
  erasuresMax: 100_000,

  /** Rows of one insert into ClickHouse. */
  insertRowsMax: 20_000,
  /** Age at which a smaller batch is inserted. */
  insertAgeMs: 5 * secondMs,
  /**
   * After a commit of the sink that was not answered, its offsets are committed once more: the request may have been
   * under way all the time, and have set them back when it arrived.
   */
  commitAgainMs: 30 * secondMs,

  /** One request to a receiver of alerts. */
  notifyRequestMs: 10 * secondMs,
  /** Characters read of a receiver's answer. */
  notifyAnswerChars: 256 * 1024,
  /** Nothing is sent to a receiver unless both logs were read to their end so recently. */
  notifyFreshMs: 5 * secondMs,
  /** Longest pause between tries at a receiver that fails; at one that says it is told too much. */
  notifyFailingMs: 30 * secondMs,
  notifyLimitedMs: 10 * minuteMs,

  /** SIGTERM to exit. */
  drainMs: 25 * secondMs,
  /** Longest ride: part of the warm-up. */
  rideMsMax: 4 * hourMs,
} as const;

invariant(limits.outboxRecordsMax <= limits.appendRecordsMax, "a full outbox must fit into one append");
invariant(limits.bodyBytesMax >= limits.recordBytesMax, "a body must be able to carry one whole record");
invariant(
  limits.connectionsMax >= limits.requestsMax + limits.streamsMax,
  "there is a connection for every request and stream that is let in",
);
invariant(
  limits.bodiesBytesMax >= 2 * limits.bodyBytesMax,
  "all bodies together leave room for one of the greatest size",
);
invariant(
  limits.silentMs > 2 * limits.bodyMs,
  "nothing moves on a connection while its request is worked on",
);
invariant(limits.notifyRequestMs < limits.drainMs, "a message on its way is waited for in a drain");
invariant(limits.rideMsMax > 60 * minuteMs, "the longest ride outlasts every shorter time-out");
