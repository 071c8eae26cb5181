/** What a process shows of its actors, partitions and ledgers: the answers behind the HTTP doors. */
import { cellOf } from "../../actors/driver.ts";
import { marksOf, openRequestMs } from "../../actors/ride.ts";
import { driverStatuses } from "../../schemas/driver_location.ts";
import { rideEventTypes } from "../../schemas/ride_event.ts";
import { fromCents } from "../codec/money.ts";
import type { Fold } from "../fold.ts";
import type {
  CityWatermarks,
  DriverView,
  LedgerView,
  Looked,
  PartitionView,
  Provenance,
  Refusal,
  RideView,
} from "../http/handles.ts";
import { utf8 } from "../ids.ts";
import { type TopicName, topicName, topicPartitions } from "../log/topics.ts";
import type { Host } from "../runtime/host.ts";
import type { PartitionActor } from "../runtime/partition.ts";
import { type DriverMemory, trailStride } from "../stages/locations.ts";
import type { Refused } from "../stages/intake.ts";
import { type RideMemory, seenStride } from "../stages/rides.ts";
import { isoTime } from "../time.ts";
import { type Ledger, sumLedgers } from "../windows/ledger.ts";
import { effectiveWatermark, holder } from "../windows/sources.ts";
import type { Pipeline } from "./pipeline.ts";

const isoOrNull = (ms: number | null): string | null => ms === null ? null : isoTime(ms);
const moneyOrNull = (cents: number | null): number | null => cents === null ? null : fromCents(cents);

export function provenance(actor: PartitionActor, node: string): Provenance {
  const { topic, partition } = actor.tp;
  return {
    node,
    topic,
    partition,
    offset: actor.nextOffset,
    watermark: isoOrNull(actor.fold.status().watermarkMs),
  };
}

/** Finds an actor on the partition of its key, else (a misplaced key) on any other. */
function look<F extends Fold, M, V>(
  hosts: Host<F>[],
  topic: TopicName,
  partition: number,
  node: string,
  find: (fold: F) => M | undefined,
  show: (memory: M, actor: PartitionActor<F>) => V,
): Looked<V> {
  const actors = hosts.flatMap((host) => [...host.actors.values()]);
  const home = actors.find((actor) => actor.tp.partition === partition);
  for (const actor of home === undefined ? actors : [home, ...actors]) {
    const memory = find(actor.fold);
    if (memory !== undefined) return { found: "yes", view: show(memory, actor) };
  }
  if (home === undefined) return { found: "not_ready", topic, partition };
  return { found: "missing", owner: provenance(home, node) };
}

export function lookRide(pipeline: Pipeline, node: string, id: string): Looked<RideView> {
  const partition = pipeline.context.partitionOf("ride-events", utf8(id));
  return look(
    pipeline.rides,
    "ride-events",
    partition,
    node,
    (fold) => fold.ride(id),
    (memory, actor) => rideView(memory, provenance(actor, node)),
  );
}

export function lookDriver(pipeline: Pipeline, node: string, id: string): Looked<DriverView> {
  const partition = pipeline.context.partitionOf("driver-locations", utf8(id));
  return look(
    pipeline.locations,
    "driver-locations",
    partition,
    node,
    (fold) => fold.driver(id),
    (memory, actor) => driverView(memory, provenance(actor, node)),
  );
}

function rideView({ ride, seen, refused }: RideMemory, owner: Provenance): RideView {
  const { topic, partition } = owner;
  const events = Array.from({ length: seen.length / seenStride }, (_, i) => {
    const [, , type, eventMs, recordMs, offset] = seen.slice(i * seenStride, (i + 1) * seenStride) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    return {
      event_type: rideEventTypes[type]!,
      event_time: isoTime(eventMs),
      record_time: isoTime(recordMs),
      topic,
      partition,
      offset,
    };
  });
  return {
    ride_id: ride.id,
    state: ride.state,
    city: ride.city,
    user_id: ride.userId,
    driver_id: ride.driverId,
    requested_at: isoOrNull(ride.requestedMs),
    accepted_at: isoOrNull(ride.acceptedMs),
    started_at: isoOrNull(ride.startedMs),
    ended_at: isoOrNull(ride.endedMs),
    outcome: ride.outcome === null || ride.outcome === "completed"
      ? ride.outcome
      : `cancelled by ${ride.outcome}`,
    reason: ride.reason,
    attempts: ride.attempts,
    estimated_fare: moneyOrNull(ride.estimatedFareCents),
    fare: moneyOrNull(ride.fareCents),
    marks: marksOf(ride),
    open_until: ride.state === "requested" && ride.requestedMs !== null
      ? isoTime(ride.requestedMs + openRequestMs)
      : null,
    events,
    refused: refusalView(refused, owner),
    owner,
  };
}

function driverView({ driver, trail, refused }: DriverMemory, owner: Provenance): DriverView {
  return {
    driver_id: driver.id,
    city: driver.city,
    status: driver.status,
    lat: driver.lat,
    lng: driver.lng,
    cell: cellOf(driver),
    speed_kmh: driver.speedKmh,
    heading: driver.heading,
    ride_id: driver.rideId,
    last_seen_at: isoTime(driver.latestMs),
    jumps: driver.jumps,
    trail: Array.from({ length: trail.length / trailStride }, (_, i) => {
      const [eventMs, recordMs, offset, lat, lng, status] = trail.slice(
        i * trailStride,
        (i + 1) * trailStride,
      ) as [number, number, number, number, number, number];
      return {
        event_time: isoTime(eventMs),
        record_time: isoTime(recordMs),
        offset,
        lat,
        lng,
        status: driverStatuses[status] ?? null,
      };
    }),
    refused: refusalView(refused, owner),
    owner,
  };
}

function refusalView(refused: Refused | null, { topic, partition }: Provenance): Refusal | null {
  return refused === null
    ? null
    : { code: refused.code, topic, partition, offset: refused.offset, at: isoTime(refused.atMs) };
}

/** Every partition of every stage, whether this process owns it or not. */
export function partitionViews(pipeline: Pipeline, node: string, nowMs: number): PartitionView[] {
  const holding = holdingSources(pipeline);
  const stages = [["rides", "ride-events", pipeline.rides], [
    "locations",
    "driver-locations",
    pipeline.locations,
  ], ["cities", "city-partials", pipeline.cities]] as const;
  return stages.flatMap(([stage, topic, hosts]) => {
    const name = topicName(topic, pipeline.naming);
    return Array.from({ length: topicPartitions[topic] }, (_, partition) => {
      const host = hosts.find((h) => h.actors.has(partition));
      const actor = host?.actors.get(partition);
      const stopped = hosts.map((h) => h.stopped.get(partition)).find((s) => s !== undefined);
      return partitionView({
        name,
        stage,
        partition,
        actor,
        stopped,
        node,
        nowMs,
        holds: holding.has(`${topic}/${partition}`),
      });
    });
  });
}

type Seat = {
  name: string;
  stage: string;
  partition: number;
  actor: PartitionActor | undefined;
  stopped: { code: string; message: string } | undefined;
  node: string;
  nowMs: number;
  holds: boolean;
};

function partitionView({ name, stage, partition, actor, stopped, node, nowMs, holds }: Seat): PartitionView {
  const watermarkMs = actor?.fold.status().watermarkMs ?? null;
  const lag = actor === undefined ? 0 : Math.max(0, actor.logEnd - actor.nextOffset);
  return {
    topic: name,
    partition,
    stage,
    owner: actor === undefined ? "" : node,
    state: stopped !== undefined
      ? "stopped"
      : actor === undefined
      ? "restoring"
      : actor.publishFrom !== null
      ? "warming_up"
      : "running",
    position: actor?.nextOffset ?? 0,
    log_end: actor?.logEnd ?? 0,
    lag_records: lag,
    lag_seconds: lag === 0 || actor?.lastRecordMs == null
      ? 0
      : Math.max(0, (nowMs - actor.lastRecordMs) / 1_000),
    watermark: isoOrNull(watermarkMs),
    watermark_behind_seconds: watermarkMs === null ? null : Math.max(0, (nowMs - watermarkMs) / 1_000),
    idle: actor?.idleSinceMs != null || actor?.ended === true,
    holds_watermark: holds,
    snapshot_age_seconds: actor?.snapshotAtMs == null
      ? null
      : Math.max(0, (nowMs - actor.snapshotAtMs) / 1_000),
    snapshot_offset: actor?.snapshotOffset ?? 0,
    actors: actor?.fold.status().actors ?? {},
    error: stopped === undefined ? null : { code: stopped.code, message: stopped.message },
  };
}

function holdingSources(pipeline: Pipeline): Set<string> {
  const names = new Set<string>();
  for (const actor of pipeline.cities.flatMap((host) => [...host.actors.values()])) {
    const source = holder(actor.fold.sources);
    if (source !== null) names.add(`${source.topic}/${source.partition}`);
  }
  return names;
}

/** The watermark that all cities of this process have passed, and the source that holds it back. */
export function cityWatermarks(pipeline: Pipeline): CityWatermarks {
  const folds = pipeline.cities.flatMap((host) => [...host.actors.values()]).map((actor) => actor.fold);
  const lowest = (of: (fold: (typeof folds)[number]) => number | null): number | null => {
    const all = folds.map(of);
    return all.length === 0 || all.includes(null) ? null : Math.min(...all as number[]);
  };
  const shown = (ms: number | null): string | null =>
    ms === null || !Number.isFinite(ms) ? null : isoTime(ms);
  const slowest =
    folds.map((fold) => holder(fold.sources.filter((s) => s.topic === "ride-events"))).find((s) =>
      s !== null
    ) ?? null;
  return {
    rides: shown(lowest((fold) => fold.watermarks.rideMs)),
    all: shown(lowest((fold) => fold.watermarks.allMs)),
    held_by: slowest === null
      ? null
      : `${slowest.topic}/${slowest.partition}${
        effectiveWatermark(slowest) === null ? " (not heard of yet)" : ""
      }`,
  };
}

export function ledgerView(pipeline: Pipeline): LedgerView {
  const partitions = [
    ...pipeline.rides.flatMap((host) => [...host.actors.values()]),
    ...pipeline.locations.flatMap((host) => [...host.actors.values()]),
  ].map((actor) => ({ topic: actor.tp.topic, partition: actor.tp.partition, ...actor.fold.ledger }))
    .sort((a, b) => (a.topic < b.topic ? 1 : a.topic > b.topic ? -1 : a.partition - b.partition));
  const topics = [...new Set(partitions.map((p) => p.topic))];
  return {
    partitions,
    total: Object.fromEntries(
      topics.map((topic) => [topic, sumLedgers(partitions.filter((p) => p.topic === topic))]),
    ),
    missed_after_idle: pipeline.cities.flatMap((host) => [...host.actors.values()]).flatMap((actor) =>
      actor.fold.missed
    ),
    balanced: partitions.every(balanced),
  };
}

const balanced = (l: Ledger): boolean => l.read === l.counted + l.duplicates + l.too_late + l.dead_lettered;
