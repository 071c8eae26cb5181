/** A ride event as producers send it (topic `ride-events`, key = ride_id). Unknown fields are ignored. */
import { z } from "zod";
import { cityName, id, money, place, timestamp } from "./fields.ts";

export const rideEventTypes = ["requested", "accepted", "started", "completed", "cancelled"] as const;
export type RideEventType = (typeof rideEventTypes)[number];

export const cancellers = ["rider", "driver", "system"] as const;
export type Canceller = (typeof cancellers)[number];

export const rideEventWire = z.object({
  event_type: z.enum(rideEventTypes),
  ride_id: id,
  timestamp,
  event_id: id.nullish(),
  city: cityName.nullish(),
  user_id: id.nullish(),
  driver_id: id.nullish(),
  pickup: place.nullish(),
  dropoff: place.nullish(),
  estimated_fare: money.nullish(),
  fare: money.nullish(),
  cancelled_by: z.enum(cancellers).nullish(),
  reason: z.string().max(256).nullish(),
}).meta({ title: "Ride event", description: "One step of a ride, keyed by ride_id." });

export type RideEventWire = z.infer<typeof rideEventWire>;

/** A ride event after the trust boundary: times in milliseconds, money in cents, null where nothing was said. */
export type RideEvent = {
  type: RideEventType;
  rideId: string;
  timeMs: number;
  /** As given, else derived from ride_id, event_type, timestamp and driver_id. */
  eventId: string;
  city: string | null;
  userId: string | null;
  driverId: string | null;
  pickup: Place | null;
  dropoff: Place | null;
  estimatedFareCents: number | null;
  fareCents: number | null;
  cancelledBy: Canceller | null;
  reason: string | null;
};

export type Place = { lat: number; lng: number };
