/**
 * Ride events made from recorded rides: what the file knows, and the two steps before the start that it lacks.
 *
 * The waits are drawn from the seed and the ride alone, so a ride has the same life whichever rows stand
 * around it. Sending time is event time: recorded files know no other.
 */
import type { Place, RideEventType } from "../../schemas/ride_event.ts";
import { isoTime } from "../time.ts";
import { estimatedFareCents, moneyText, streetKmOf } from "./fare.ts";
import { distanceKm } from "./geography.ts";
import type { SentItem } from "./item.ts";
import { randomFrom } from "./random.ts";
import { drawWaitMs, waits } from "./waits.ts";

export type RecordedRide = {
  rideId: string;
  userId: string;
  driverId: string;
  city: string;
  /** Null where the recorder had no position. */
  pickup: Place | null;
  dropoff: Place | null;
};

export type TimedItem = { timeMs: number; item: SentItem };

/** requested, accepted, started: at most `waitHorizonMs` before the start. */
export function beginning(ride: RecordedRide, startMs: number, seed: number): TimedItem[] {
  const random = randomFrom(`${seed}/${ride.rideId}`);
  const acceptedMs = startMs - drawWaitMs(random, waits.pickup);
  const requestedMs = acceptedMs - drawWaitMs(random, waits.accept);
  const known = ride.pickup !== null && ride.dropoff !== null;
  const fare = known ? estimatedFareCents(streetKmOf(distanceKm(ride.pickup!, ride.dropoff!))) : null;
  return [
    rideItem(ride, "requested", requestedMs, {
      user_id: JSON.stringify(ride.userId),
      pickup: placeText(ride.pickup),
      dropoff: placeText(ride.dropoff),
      estimated_fare: fare === null ? null : moneyText(fare),
    }),
    rideItem(ride, "accepted", acceptedMs, { driver_id: JSON.stringify(ride.driverId) }),
    rideItem(ride, "started", startMs, { driver_id: JSON.stringify(ride.driverId) }),
  ];
}

export function completion(ride: RecordedRide, endMs: number, fareCents: number): TimedItem {
  return rideItem(ride, "completed", endMs, {
    driver_id: JSON.stringify(ride.driverId),
    fare: moneyText(fareCents),
  });
}

/** `fields` are JSON texts; null leaves a field out. A ride has each type once, which names its event. */
function rideItem(
  ride: RecordedRide,
  type: RideEventType,
  timeMs: number,
  fields: Record<string, string | null>,
): TimedItem {
  const id = JSON.stringify(ride.rideId);
  let text = `{"event_type":"${type}","ride_id":${id},"timestamp":"${isoTime(timeMs)}","event_id":${
    JSON.stringify(`${ride.rideId}-${type}`)
  }`;
  for (const [name, value] of Object.entries(fields)) if (value !== null) text += `,"${name}":${value}`;
  text += `,"city":${JSON.stringify(ride.city)}}`;
  return { timeMs, item: { topic: "ride-events", key: ride.rideId, value: text, recordedAtMs: timeMs } };
}

const placeText = (place: Place | null) => place === null ? null : `{"lat":${place.lat},"lng":${place.lng}}`;
