/** The answers of the HTTP doors. */
import { z } from "zod";
import { isoUtc } from "./fields.ts";
import { rideFact } from "./ride_fact.ts";

const whole = z.number().int().min(0);
const isoOrNull = isoUtc.nullable();
const textOrNull = z.string().nullable();

/** Who answers, and as of which position. */
export const provenance = z.object({
  node: z.string(),
  topic: z.string(),
  partition: whole,
  /** Offset of the next record to be folded: everything before it is contained. */
  offset: whole,
  watermark: isoOrNull,
  /** When it answered, by its clock: an answer may be older than it looks when its process was paused. */
  as_of: isoUtc,
});
export type Provenance = z.infer<typeof provenance>;

/** What every answer about an actor carries, whether it is known or not. */
export const ownedAnswer = z.object({ owner: provenance });

export const seenEvent = z.object({
  event_type: z.string(),
  event_time: isoUtc,
  record_time: isoUtc,
  topic: z.string(),
  partition: whole,
  offset: whole,
});
export type SeenEvent = z.infer<typeof seenEvent>;

/** Why the last refused event of an actor was refused. */
export const refusal = z.object({
  code: z.string(),
  topic: z.string(),
  partition: whole,
  offset: whole,
  at: isoUtc,
});
export type Refusal = z.infer<typeof refusal>;

export const rideView = z.object({
  ride_id: z.string(),
  state: z.string(),
  city: textOrNull,
  user_id: textOrNull,
  driver_id: textOrNull,
  requested_at: isoOrNull,
  accepted_at: isoOrNull,
  started_at: isoOrNull,
  ended_at: isoOrNull,
  outcome: textOrNull,
  reason: textOrNull,
  attempts: whole,
  estimated_fare: z.number().nullable(),
  fare: z.number().nullable(),
  marks: z.array(z.string()),
  /** Until when the request counts as open; null when it does not any more. */
  open_until: isoOrNull,
  /** Until when the ride is remembered if nothing else comes, in event time. */
  forgotten_at: isoUtc,
  events: z.array(seenEvent),
  refused: refusal.nullable(),
  owner: provenance,
}).meta({ title: "Ride", description: "A ride actor's state, with the position it is at." });
export type RideView = z.infer<typeof rideView>;

export const trailPoint = z.object({
  event_time: isoUtc,
  record_time: isoUtc,
  offset: whole,
  lat: z.number(),
  lng: z.number(),
  status: textOrNull,
});
export type TrailPoint = z.infer<typeof trailPoint>;

export const driverView = z.object({
  driver_id: z.string(),
  city: textOrNull,
  status: textOrNull,
  lat: z.number(),
  lng: z.number(),
  /** H3 cell, of the resolution that supply is counted in. */
  cell: z.string(),
  speed_kmh: z.number().nullable(),
  heading: z.number().nullable(),
  ride_id: textOrNull,
  last_seen_at: isoUtc,
  jumps: whole,
  trail: z.array(trailPoint),
  refused: refusal.nullable(),
  owner: provenance,
}).meta({ title: "Driver", description: "A driver actor's state, with the position it is at." });
export type DriverView = z.infer<typeof driverView>;

/** Of a list: as much of a ride as tells which one it is. */
export const rideRow = rideView.omit({
  forgotten_at: true,
  events: true,
  refused: true,
  marks: true,
  attempts: true,
});
export type RideRow = z.infer<typeof rideRow>;

export const driverRow = driverView.omit({ trail: true, refused: true });
export type DriverRow = z.infer<typeof driverRow>;

const page = {
  /** Given as `cursor`, it answers with the next page; null: there is none. */
  next: textOrNull,
  /** Whether every partition was searched. */
  complete: z.boolean(),
  /** The partitions that nobody searched. */
  missing: z.array(z.string()),
};

export const ridesAnswer = z.object({ rides: z.array(rideRow), ...page }).meta({
  title: "Rides",
  description: "Rides in memory that fit, by id.",
});
export type RidesAnswer = z.infer<typeof ridesAnswer>;

export const driversAnswer = z.object({ drivers: z.array(driverRow), ...page }).meta({
  title: "Drivers",
  description: "Drivers in memory that fit, by id.",
});
export type DriversAnswer = z.infer<typeof driversAnswer>;

/** A cancelled ride on a list: without the rider. */
export const cancelledRide = rideFact.pick({
  ride_id: true,
  ended_at: true,
  requested_at: true,
  cancelled_by: true,
  reason: true,
  driver_id: true,
  attempts: true,
});
export type CancelledRide = z.infer<typeof cancelledRide>;

export const partitionView = z.object({
  topic: z.string(),
  partition: whole,
  stage: z.string(),
  owner: z.string(),
  /** unowned: no node holds it. unknown: a node that may hold it has not answered. */
  state: z.enum(["running", "warming_up", "restoring", "stopped", "unowned", "unknown"]),
  /** Next offset to fold, and the log's end. */
  position: whole,
  log_end: whole,
  lag_records: whole,
  /** How long ago, in log time, the last folded record was appended; 0 without lag. */
  lag_seconds: z.number(),
  watermark: isoOrNull,
  /** Seconds the watermark is behind the wall clock. */
  watermark_behind_seconds: z.number().nullable(),
  idle: z.boolean(),
  /** Whether it is the source that holds a city's watermark back. */
  holds_watermark: z.boolean(),
  snapshot_age_seconds: z.number().nullable(),
  snapshot_offset: whole,
  /** Records that it has published since its owner took it over. A node of an older release does not say. */
  published: whole.default(0),
  /** Records that it passed over: no records of ours, or in the format of a newer release. Only what cities read. */
  unreadable: whole.default(0),
  actors: z.record(z.string(), whole),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
}).meta({ title: "Partition", description: "One partition of one stage." });
export type PartitionView = z.infer<typeof partitionView>;

/** Everything before `rides` is complete in the first counts of a window, before `all` in the gauges too. */
export const cityWatermarks = z.object({ rides: isoOrNull, all: isoOrNull, held_by: textOrNull });
export type CityWatermarks = z.infer<typeof cityWatermarks>;

export const sinkView = z.object({
  state: z.enum(["off", "running", "behind", "failing"]),
  rows: whole,
  lag_records: whole,
  oldest_seconds: z.number(),
  error: textOrNull,
});
export type SinkView = z.infer<typeof sinkView>;

/** A receiver of alerts, as the process that answers knows it: of the partitions of alerts that it holds. */
export const receiverView = z.object({
  receiver: z.string(),
  /** Messages that it is owed and has not taken yet. */
  pending: whole,
  oldest_seconds: z.number(),
  /** What it last answered instead of taking a message; null once it took one. */
  failing: textOrNull,
});
export type ReceiverView = z.infer<typeof receiverView>;

/** A process of the fleet. One that has not answered has no name, and the partitions that its groups gave it. */
export const fleetNode = z.object({
  node: z.string(),
  /** Where the others reach it; null when it does not say. */
  address: textOrNull,
  answered: z.boolean(),
  partitions: whole,
});
export type FleetNode = z.infer<typeof fleetNode>;

export const partitionsAnswer = z.object({
  node: z.string(),
  watermarks: cityWatermarks,
  partitions: z.array(partitionView),
  nodes: z.array(fleetNode),
  sink: sinkView,
}).meta({
  title: "Partitions",
  description: "Every partition of every stage, and the nodes that hold them.",
});
export type PartitionsAnswer = z.infer<typeof partitionsAnswer>;

const ledgerCounts = {
  read: whole,
  counted: whole,
  duplicates: whole,
  too_late: whole,
  dead_lettered: whole,
  late: whole,
  misplaced: whole,
  evicted_by_cap: whole,
};

export const ledgerView = z.object({
  partitions: z.array(
    z.object({ topic: z.string(), partition: whole, since_offset: whole, ...ledgerCounts }),
  ),
  total: z.record(z.string(), z.object(ledgerCounts)),
  missed_after_idle: z.array(
    z.object({ source: z.string(), city: z.string(), minute: isoUtc, events: whole, counted: whole }),
  ),
  /** Whether read = counted + duplicates + too_late + dead_lettered holds everywhere: always. */
  balanced: z.boolean(),
});
export type LedgerView = z.infer<typeof ledgerView>;

export const ledgerAnswer = ledgerView.extend({
  node: z.string(),
  /** Whether every source partition is in it and every node has answered. */
  complete: z.boolean(),
  /** The source partitions that are not in it. */
  missing: z.array(z.string()),
  nodes: z.array(fleetNode),
}).meta({ title: "Ledger", description: "What became of every record, per source partition, of all nodes." });
export type LedgerAnswer = z.infer<typeof ledgerAnswer>;

export const ingestVerdict = z.object({
  accepted: whole,
  rejected: z.array(z.object({ index: whole, code: z.string(), field: textOrNull, message: z.string() })),
}).meta({
  title: "Ingestion verdict",
  description: "The answer to a post: how many items were taken, and why the others were not.",
});
export type IngestVerdict = z.infer<typeof ingestVerdict>;

export const errorAnswer = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    field: z.string().optional(),
    docs: z.string().optional(),
  }).loose(),
}).meta({ title: "Error", description: "Every refusal has this shape; the codes are stable." });
export type ErrorAnswer = z.infer<typeof errorAnswer>;
