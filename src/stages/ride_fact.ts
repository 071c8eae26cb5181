/** The published form of a ride's outcome. */
import { marksOf, type Ride } from "../../actors/ride.ts";
import { anomalyMarks } from "../../actors/ride_table.ts";
import type { RideFact } from "../../schemas/ride_fact.ts";
import { fromCents } from "../codec/money.ts";
import { isoTime } from "../time.ts";

export type FactSource = { logEpoch: number; partition: number; offset: number; n: number };

/** `ride` as it stands with its outcome; for one taken back, as it stood before. */
export function rideFactOf(ride: Ride, takenBack: boolean, source: FactSource, generation: number): RideFact {
  const outcome = ride.outcome!;
  return {
    fact_id: `${source.logEpoch}/ride-events/${source.partition}/${source.offset}/${source.n}`,
    generation,
    ride_id: ride.id,
    city: ride.outcomeCity!,
    outcome: takenBack ? "taken_back" : outcome === "completed" ? "completed" : "cancelled",
    cancelled_by: outcome === "completed" ? null : outcome,
    reason: ride.reason,
    driver_id: ride.driverId,
    user_id: ride.userId,
    ended_at: isoTime(ride.outcomeMs),
    requested_at: isoOrNull(ride.requestedMs),
    accepted_at: isoOrNull(ride.acceptedMs),
    started_at: isoOrNull(ride.startedMs),
    request_to_accept_s: secondsBetween(ride.requestedMs, ride.acceptedMs),
    accept_to_start_s: secondsBetween(ride.acceptedMs, ride.startedMs),
    start_to_end_s: secondsBetween(ride.startedMs, ride.outcomeMs),
    attempts: ride.attempts,
    estimated_fare: ride.estimatedFareCents === null ? null : fromCents(ride.estimatedFareCents),
    fare: ride.fareCents === null ? null : fromCents(ride.fareCents),
    anomalies: marksOf(ride).filter((mark) => anomalyMarks.includes(mark)),
  };
}

const isoOrNull = (ms: number | null) => ms === null ? null : isoTime(ms);

function secondsBetween(fromMs: number | null, toMs: number | null): number | null {
  return fromMs === null || toMs === null ? null : Math.max(0, toMs - fromMs) / 1_000;
}
