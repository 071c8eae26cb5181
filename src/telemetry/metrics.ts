/**
 * Every metric in one file: name, unit, help. docs/METRICS.md is held to this list by a test.
 *
 * Names follow Prometheus: `waymark_<noun>_<unit>_total` for counters, base units (seconds, bytes); `process_…` where
 * every client library has the same metric. Gauges that mirror state (ledgers, watermarks, lags) are filled when they
 * are scraped, from the state itself.
 */
import { getHeapStatistics } from "node:v8";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

export const registry = new Registry();

const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
  new Counter({ name, help, labelNames: [...labelNames], registers: [registry] });
const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
  new Gauge({ name, help, labelNames: [...labelNames], registers: [registry] });
/** Filled by itself at every scrape. */
const measured = (name: string, help: string, measure: () => number) =>
  new Gauge({
    ...{ name, help, registers: [registry] },
    collect() {
      this.set(measure());
    },
  });

export const metrics = {
  heap: measured(
    "process_heap_bytes",
    "Heap in use, with what the next collection will free. Rides and drivers are not in it.",
    () => getHeapStatistics().used_heap_size,
  ),
  heapLimit: measured(
    "waymark_heap_limit_bytes",
    "Heap at which the runtime ends the process.",
    () => getHeapStatistics().heap_size_limit,
  ),
  residentMemory: measured(
    "process_resident_memory_bytes",
    "Memory of the process, all of it: heap, rides, drivers, buffers, libraries.",
    () => Deno.memoryUsage().rss,
  ),
  recordsFolded: counter("waymark_records_folded_total", "Records a stage has folded in this process.", [
    "stage",
  ]),
  recordsPublished: counter(
    "waymark_records_published_total",
    "Records published and acknowledged, by topic.",
    ["topic"],
  ),
  publishRetries: counter("waymark_publish_retries_total", "Appends that failed and were tried again."),
  snapshotsTaken: counter("waymark_snapshots_taken_total", "Snapshots stored.", ["stage"]),
  snapshotBytes: counter(
    "waymark_snapshot_bytes_total",
    "Bytes of snapshot segments written, after compression.",
  ),
  acquireRetries: counter(
    "waymark_acquire_retries_total",
    "Starts of a partition that waited for its log or snapshot store.",
    ["stage"],
  ),
  snapshotFailures: counter(
    "waymark_snapshot_failures_total",
    "Snapshots that could not be stored; the next one is tried in turn.",
    [
      "stage",
    ],
  ),
  boardPassedOver: counter(
    "waymark_board_passed_over_records_total",
    "Records of our own topics that the pages do not show: unreadable, or of more cities than a node shows.",
    ["reason"],
  ),
  snapshotsForgotten: counter(
    "waymark_snapshots_forgotten_total",
    "Partitions whose snapshots the store had lost, and that were snapshotted again at once.",
    ["stage"],
  ),
  snapshotsDiscarded: counter(
    "waymark_snapshots_discarded_total",
    "Snapshots found unusable at a start, by reason.",
    ["reason"],
  ),
  partitionsStopped: counter(
    "waymark_partitions_stopped_total",
    "Partitions stopped over an error, by code.",
    ["code"],
  ),
  eventToWindow: new Histogram({
    name: "waymark_event_to_window_seconds",
    help:
      "From an event's log time to the acknowledged window update that counts it first (the oldest event of each flush).",
    buckets: [0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2, 5, 15, 60],
    registers: [registry],
  }),
  rulesRefused: gauge(
    "waymark_rules_refused",
    "1 while the file of alert rules cannot be read or is refused: the rules in force stay.",
  ),
  loopDelay: gauge("waymark_event_loop_delay_seconds", "How late the last turn of the flush timer came."),
  ingested: counter("waymark_ingest_items_total", "Items posted to the HTTP doors, by verdict.", [
    "door",
    "verdict",
  ]),
  bodiesBytes: gauge(
    "waymark_ingest_held_bytes",
    "Bytes of posted bodies held: being read, or waiting for the log to acknowledge.",
  ),
  requests: counter("waymark_http_requests_total", "HTTP requests answered, by route and status.", [
    "route",
    "status",
  ]),
  requestSeconds: new Histogram({
    name: "waymark_http_request_seconds",
    help: "From a request's headers to its answer handed to the system, by route; streams are left out.",
    labelNames: ["route"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  }),
  httpDefects: counter("waymark_http_defects_total", "Requests answered 500: bugs of ours."),
  unmaskedReads: counter("waymark_http_unmasked_reads_total", "Answers that showed people as they are.", [
    "key",
    "route",
  ]),
  connections: gauge("waymark_http_connections", "Connections open at the HTTP doors."),
  connectionsRefused: counter(
    "waymark_http_connections_refused_total",
    "Connections turned away before there was a request, by code.",
    ["code"],
  ),
  connectionsEvicted: counter(
    "waymark_http_connections_evicted_total",
    "Connections without a whole request closed to make room for another one, by what they were doing.",
    ["state"],
  ),
  erasures: counter("waymark_erasures_asked_total", "Requests to erase a rider's data."),
  streams: gauge("waymark_http_streams", "Live pages connected."),
  partitionRead: gauge("waymark_partition_read_records", "Ledger: records read.", ["topic", "partition"]),
  partitionCounted: gauge("waymark_partition_counted_records", "Ledger: events counted.", [
    "topic",
    "partition",
  ]),
  partitionDuplicates: gauge("waymark_partition_duplicates_records", "Ledger: repeats of a known event.", [
    "topic",
    "partition",
  ]),
  partitionTooLate: gauge("waymark_partition_too_late_records", "Ledger: events behind allowed lateness.", [
    "topic",
    "partition",
  ]),
  partitionDeadLettered: gauge("waymark_partition_dead_lettered_records", "Ledger: records refused.", [
    "topic",
    "partition",
  ]),
  partitionLate: gauge("waymark_partition_late_records", "Ledger: counted though behind the watermark.", [
    "topic",
    "partition",
  ]),
  partitionMisplaced: gauge(
    "waymark_partition_misplaced_records",
    "Records on another partition than their key hashes to.",
    [
      "topic",
      "partition",
    ],
  ),
  partitionEvicted: gauge(
    "waymark_partition_evicted_by_cap_records",
    "Ledger: rides or drivers that had to leave memory before their time to keep a bound.",
    ["topic", "partition"],
  ),
  partitionUnreadable: gauge(
    "waymark_partition_unreadable_records",
    "Records of city-partials passed over: not ours, or in the format of a newer release.",
    ["topic", "partition"],
  ),
  partitionLag: gauge("waymark_partition_lag_records", "Offsets behind the log end.", ["topic", "partition"]),
  partitionLagSeconds: gauge(
    "waymark_partition_lag_seconds",
    "How long ago, in log time, the newest folded record of a partition with lag was appended; 0 without lag.",
    ["topic", "partition"],
  ),
  partitionState: gauge(
    "waymark_partition_state",
    "1 for the state a partition is in: running, warming_up, restoring or stopped.",
    ["topic", "partition", "state"],
  ),
  partitionIdle: gauge("waymark_partition_idle", "1 while a partition is declared idle or has ended.", [
    "topic",
    "partition",
  ]),
  partitionWatermark: gauge("waymark_partition_watermark_seconds", "Watermark, seconds since the epoch.", [
    "topic",
    "partition",
  ]),
  partitionActors: gauge("waymark_partition_actors", "Actors in memory.", ["topic", "partition"]),
  snapshotAge: gauge("waymark_snapshot_age_seconds", "Age of the newest snapshot of the partition.", [
    "topic",
    "partition",
  ]),
  snapshotBehind: gauge(
    "waymark_snapshot_behind_records",
    "Records folded since the newest snapshot of the partition: what a crash makes it fold again.",
    ["topic", "partition"],
  ),
  windowClosed: gauge(
    "waymark_window_closed_seconds",
    "End of the newest window that is closed for every city of this process, seconds since the epoch.",
  ),
  missedAfterIdle: gauge(
    "waymark_missed_after_idle_panes",
    "Panes told of after their windows had left memory.",
  ),
  notifications: counter(
    "waymark_notifications_total",
    "Messages to receivers of alerts, by what became of them: accepted, refused for good, failing or limited (both tried again).",
    ["receiver", "outcome"],
  ),
  notificationsPending: gauge(
    "waymark_notifications_pending",
    "Messages that a receiver is owed by this process and has not taken yet.",
    ["receiver"],
  ),
  notificationsOldest: gauge(
    "waymark_notifications_oldest_seconds",
    "How long the oldest message that a receiver has not taken has been owed.",
    ["receiver"],
  ),
  sinkRows: gauge("waymark_sink_rows", "Rows inserted into ClickHouse by this process."),
  sinkRowsRefused: counter(
    "waymark_sink_rows_refused_total",
    "Rows ClickHouse refused for what is in them.",
    ["table"],
  ),
  sinkFailures: counter(
    "waymark_sink_failures_total",
    "Inserts into ClickHouse and commits that failed and were tried again.",
    ["table"],
  ),
  sinkGap: counter(
    "waymark_sink_gap_records_total",
    "Records that the log had forgotten before ClickHouse got them.",
    ["topic"],
  ),
  sinkState: gauge(
    "waymark_sink_state",
    "1 for the state the ClickHouse sink is in: off, running, behind or failing.",
    ["state"],
  ),
  sinkLag: gauge("waymark_sink_lag_records", "Records not inserted into ClickHouse yet."),
  sinkAge: gauge(
    "waymark_sink_oldest_seconds",
    "Sink lag: age, by log time, of the oldest record not inserted into ClickHouse yet.",
  ),
};
