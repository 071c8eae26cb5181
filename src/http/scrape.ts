/** `GET /metrics`: counters as they stand, and gauges filled from the state itself at the moment of the scrape. */
import { metrics, registry } from "../telemetry/metrics.ts";
import { minuteMs } from "../time.ts";
import type { Handles } from "./handles.ts";

export async function scrape(handles: Handles): Promise<Response> {
  fillPartitions(handles);
  fillLedger(handles);
  fillWindowClosed(handles);
  const sink = handles.sink();
  metrics.sinkRows.set(sink.rows);
  metrics.sinkLag.set(sink.lag_records);
  metrics.sinkAge.set(sink.oldest_seconds);
  metrics.sinkState.reset();
  metrics.sinkState.set({ state: sink.state }, 1);
  for (const { receiver, pending, oldest_seconds } of handles.receivers()) {
    metrics.notificationsPending.set({ receiver }, pending);
    metrics.notificationsOldest.set({ receiver }, oldest_seconds);
  }
  return new Response(await registry.metrics(), { headers: { "content-type": registry.contentType } });
}

/** A partition that has moved to another node must leave our page, so the gauges are emptied first. */
function fillPartitions(handles: Handles): void {
  for (
    const gauge of [
      metrics.partitionLag,
      metrics.partitionLagSeconds,
      metrics.partitionState,
      metrics.partitionIdle,
      metrics.partitionWatermark,
      metrics.partitionActors,
      metrics.partitionUnreadable,
      metrics.snapshotAge,
      metrics.snapshotBehind,
    ]
  ) gauge.reset();
  for (const view of handles.own.partitions()) {
    const labels = { topic: view.topic, partition: String(view.partition) };
    metrics.partitionState.set({ ...labels, state: view.state }, 1);
    if (view.state !== "running" && view.state !== "warming_up") continue;
    metrics.partitionLag.set(labels, view.lag_records);
    metrics.partitionLagSeconds.set(labels, view.lag_seconds);
    metrics.partitionIdle.set(labels, view.idle ? 1 : 0);
    if (view.watermark !== null) metrics.partitionWatermark.set(labels, Date.parse(view.watermark) / 1_000);
    metrics.partitionUnreadable.set(labels, view.unreadable);
    metrics.partitionActors.set(labels, Object.values(view.actors).reduce((sum, count) => sum + count, 0));
    if (view.snapshot_age_seconds !== null) metrics.snapshotAge.set(labels, view.snapshot_age_seconds);
    metrics.snapshotBehind.set(labels, Math.max(0, view.position - view.snapshot_offset));
  }
}

/** A process that owns no cities closes no windows. */
function fillWindowClosed(handles: Handles): void {
  const { rides } = handles.own.watermarks();
  // Without labels there is no emptying a gauge: a removed one is left out until it is set again.
  metrics.windowClosed.remove();
  if (rides === null) return;
  metrics.windowClosed.set(Math.floor(Date.parse(rides) / minuteMs) * minuteMs / 1_000);
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
    evicted_by_cap: metrics.partitionEvicted,
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
