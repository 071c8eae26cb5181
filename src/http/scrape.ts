/** `GET /metrics`: counters as they stand, and gauges filled from the state itself at the moment of the scrape. */
import { metrics, registry } from "../telemetry/metrics.ts";
import type { Handles } from "./handles.ts";

export async function scrape(handles: Handles): Promise<Response> {
  fillPartitions(handles);
  fillLedger(handles);
  const sink = handles.sink();
  metrics.sinkRows.set(sink.rows);
  metrics.sinkLag.set(sink.lag_records);
  metrics.sinkAge.set(sink.oldest_seconds);
  return new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
}

/** A partition that has moved to another node must leave our page, so the gauges are emptied first. */
function fillPartitions(handles: Handles): void {
  for (
    const gauge of [
      metrics.partitionLag,
      metrics.partitionWatermark,
      metrics.partitionActors,
      metrics.snapshotAge,
    ]
  ) gauge.reset();
  for (const view of handles.own.partitions()) {
    const labels = { topic: view.topic, partition: String(view.partition) };
    metrics.partitionLag.set(labels, view.lag_records);
    if (view.watermark !== null) metrics.partitionWatermark.set(labels, Date.parse(view.watermark) / 1_000);
    metrics.partitionActors.set(labels, Object.values(view.actors).reduce((sum, count) => sum + count, 0));
    if (view.snapshot_age_seconds !== null) metrics.snapshotAge.set(labels, view.snapshot_age_seconds);
  }
}

function fillLedger(handles: Handles): void {
  const gauges = {
    read: metrics.partitionRead,
    counted: metrics.partitionCounted,
    duplicates: metrics.partitionDuplicates,
    too_late: metrics.partitionTooLate,
    dead_lettered: metrics.partitionDeadLettered,
    late: metrics.partitionLate,
    misplaced: metrics.partitionMisplaced,
  } as const;
  const names = Object.keys(gauges) as (keyof typeof gauges)[];
  const ledger = handles.own.ledger();
  for (const name of names) gauges[name].reset();
  for (const partition of ledger.partitions) {
    const labels = { topic: partition.topic, partition: String(partition.partition) };
    for (const name of names) gauges[name].set(labels, partition[name]);
  }
  metrics.missedAfterIdle.set(ledger.missed_after_idle.length);
}
