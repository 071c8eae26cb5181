/** What a process shows of its actors, partitions and ledgers: the answers behind the HTTP doors. */
import type { AlertRuleWire } from "../../schemas/alert_rule.ts";
import { builtInWire } from "../alerts/built_in.ts";
import { cellOf } from "../../actors/driver.ts";
import { marksOf, openRequestMs } from "../../actors/ride.ts";
import { driverStatuses } from "../../schemas/driver_location.ts";
import { rideEventTypes } from "../../schemas/ride_event.ts";
import { fromCents } from "../codec/money.ts";
import type { Fold } from "../fold.ts";
import type { Seat, StageName } from "../http/fleet_handle.ts";
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
import { type TopicName, topicName } from "../log/topics.ts";
import type { Host } from "../runtime/host.ts";
import type { PartitionActor } from "../runtime/partition.ts";
import type { DriverMemory } from "../stages/driver_rows.ts";
import type { Refused } from "../stages/intake.ts";
import { type RideMemory, seenStride } from "../stages/ride_rows.ts";
import { forgottenMs } from "../stages/rides.ts";
import { trailStride } from "../stages/trail_points.ts";
import { isoTime } from "../time.ts";
import { type Ledger, sumLedgers } from "../windows/ledger.ts";
import { effectiveWatermark, holder } from "../windows/sources.ts";
import { explainWindow, explanationOf, type HeldExplanation } from "./explain.ts";
import type { Pipeline } from "./pipeline.ts";

const isoOrNull = (ms: number | null): string | null => ms === null ? null : isoTime(ms);
const moneyOrNull = (cents: number | null): number | null => cents === null ? null : fromCents(cents);

/** Who says so, and when. */
export type Speaker = { node: string; nowMs: number };

export function provenance(actor: PartitionActor, { node, nowMs }: Speaker): Provenance {
  const { topic, partition } = actor.tp;
  return {
    node,
    topic,
    partition,
    offset: actor.nextOffset,
    watermark: isoOrNull(actor.fold.status().watermarkMs),
    as_of: isoTime(nowMs),
  };
}

type Looking<F extends Fold, M, V> = {
  stage: StageName;
  source: TopicName;
  hosts: Host<F>[];
  find(fold: F): M | undefined;
  show(memory: M, owner: Provenance): V;
};

/** Finds an actor on the partition of its key, else (a misplaced key) on any other. */
function look<F extends Fold, M, V>(
  pipeline: Pipeline,
  speaker: Speaker,
  id: string,
  { stage, source, hosts, find, show }: Looking<F, M, V>,
): Looked<V> {
  const partition = pipeline.context.partitionOf(source, utf8(id));
  const held = hosts.flatMap((host) => [...host.actors.values()].map((actor) => ({ actor, host })));
  const searched = held.filter(({ actor, host }) =>
    actor.publishFrom === null && !host.isBehind(actor.tp.partition)
  ).map(({ actor }) => actor);
  const isHome = (actor: PartitionActor<F>) => actor.tp.partition === partition;
  const home = searched.find(isHome);
  const homeFirst = held.map(({ actor }) => actor).sort((a, b) => Number(isHome(b)) - Number(isHome(a)));
  const found = homeFirst.find((actor) => find(actor.fold) !== undefined);
  return {
    stage,
    topic: topicName(source, pipeline.naming),
    home: partition,
    partitions: pipeline.context.partitions[source],
    view: found === undefined ? null : show(find(found.fold)!, provenance(found, speaker)),
    searched: searched.map((actor) => actor.tp.partition),
    owner: home === undefined ? null : provenance(home, speaker),
  };
}

export const lookRide = (pipeline: Pipeline, speaker: Speaker, id: string): Looked<RideView> =>
  look(pipeline, speaker, id, {
    stage: "rides",
    source: "ride-events",
    hosts: pipeline.rides,
    find: (fold) => fold.ride(id),
    show: (memory, owner) => rideView(memory, owner, pipeline.context),
  });

export const lookDriver = (pipeline: Pipeline, speaker: Speaker, id: string): Looked<DriverView> =>
  look(pipeline, speaker, id, {
    stage: "locations",
    source: "driver-locations",
    hosts: pipeline.locations,
    find: (fold) => fold.driver(id),
    show: (memory, owner) => driverView(memory, owner, pipeline.context.cellResolution),
  });

export const lookWindow = (
  pipeline: Pipeline,
  speaker: Speaker,
  { city, startMs }: { city: string; startMs: number },
): Looked<HeldExplanation> =>
  look(pipeline, speaker, city, {
    stage: "cities",
    source: "city-partials",
    hosts: pipeline.cities,
    find: (fold) => explainWindow(fold, city, startMs + pipeline.context.windows.windowMs) ?? undefined,
    show: explanationOf,
  });

export function rideView(
  memory: RideMemory,
  owner: Provenance,
  context: Parameters<typeof forgottenMs>[1],
): RideView {
  const { ride, seen, refused } = memory;
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
    forgotten_at: isoTime(forgottenMs(memory, context)),
    events,
    refused: refusalView(refused, owner),
    owner,
  };
}

export function driverView(
  { driver, trail, refused }: Omit<DriverMemory, "seen">,
  owner: Provenance,
  resolution: number,
): DriverView {
  return {
    driver_id: driver.id,
    city: driver.city,
    status: driver.status,
    lat: driver.lat,
    lng: driver.lng,
    cell: cellOf(driver, resolution),
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

const stages = [["rides", "ride-events"], ["locations", "driver-locations"], [
  "cities",
  "city-partials",
]] as const;

/** Every partition of every stage, whoever holds it. */
export function partitionSeats({ context, naming }: Pick<Pipeline, "context" | "naming">): Seat[] {
  return stages.flatMap(([stage, source]) =>
    Array.from({ length: context.partitions[source] }, (_, partition) => ({
      stage,
      topic: topicName(source, naming),
      source,
      partition,
    }))
  );
}

/** What this process is assigned. Alone, every partition: one that it does not have yet it is about to get. */
export function partitionViews(
  pipeline: Pipeline,
  node: string,
  nowMs: number,
  isAlone = true,
): PartitionView[] {
  const holding = holdingSources(pipeline);
  return partitionSeats(pipeline).flatMap((seat) => {
    const hosts: Host[] = pipeline[seat.stage];
    const has = (host: Host) =>
      host.actors.has(seat.partition) || host.restoring.has(seat.partition) ||
      host.stopped.has(seat.partition);
    const host = hosts.find((host) => host.actors.has(seat.partition)) ?? hosts.find(has);
    if (host === undefined && !isAlone) return [];
    const holds = holding.has(`${seat.source}/${seat.partition}`);
    return [partitionView(seat, host, { node, nowMs }, holds)];
  });
}

function partitionView(
  { stage, topic, partition }: Seat,
  host: Host | undefined,
  { node, nowMs }: Speaker,
  holds: boolean,
): PartitionView {
  const actor = host?.actors.get(partition);
  const stopped = host?.stopped.get(partition);
  const watermarkMs = actor?.fold.status().watermarkMs ?? null;
  const lag = actor === undefined ? 0 : Math.max(0, actor.logEnd - actor.nextOffset);
  return {
    topic,
    partition,
    stage,
    owner: host === undefined ? "" : node,
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
    published: actor?.published ?? 0,
    unreadable: actor?.fold.status().unreadable ?? 0,
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

/** Those that any of this process's city partitions was told last; the built-in ones where none was. */
export function rulesOf(pipeline: Pipeline): readonly AlertRuleWire[] {
  const sets = pipeline.cities.flatMap((host) => [...host.actors.values()])
    .map((actor) => actor.fold.rules.newest)
    .filter((set) => set !== null);
  return sets.sort((a, b) => b.version - a.version)[0]?.rules ?? builtInWire;
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
