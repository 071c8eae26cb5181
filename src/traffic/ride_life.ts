/**
 * The life of one simulated ride, step by step: requested, accepted, started, completed or cancelled, with
 * redispatch and reassignment. Each step happens at its time, may send one event and says what comes next.
 *
 *   request ─► accept ─► start ─► complete
 *      │         │  ▲       └──► cancel (mid-trip)
 *      └► cancel ◄┘  └ again: another driver after a driver's cancel, or instead of the first one
 *
 * Invariant: a driver serves one ride at a time, is `en_route` from accepted to started and `on_trip` from
 * started to the end, and every event of a ride lies at least a second after the one before it.
 */
import type { Canceller, Place, RideEventType } from "../../schemas/ride_event.ts";
import { hourMs, minuteMs, secondMs } from "../time.ts";
import { type City, placeIn } from "./cities.ts";
import { type Driver, legBetween, placeOf } from "./driver.ts";
import { estimatedFareCents, fareCents, moneyText, streetKmOf } from "./fare.ts";
import { type Fleet, releaseDriver, takeDriver } from "./fleet.ts";
import { bearing, distanceKm, placeAt, roundDegrees } from "./geography.ts";
import type { Happening } from "./happening.ts";
import type { Random } from "./random.ts";
import type { RidePlan } from "./ride_plan.ts";
import { drawWaitMs, waits } from "./waits.ts";

export type Ride = {
  id: string;
  fleet: Fleet;
  plan: RidePlan;
  userId: string;
  pickup: Place;
  dropoff: Place;
  streetKm: number;
  tripMs: number;
  requestedMs: number;
  driver: Driver | null;
  attempts: number;
  eventsSent: number;
  /** Its events after `requested` carry no city. */
  citySaidOnce: boolean;
};

export type StepName = "accept" | "start" | "complete" | "cancel" | "release";

/** What a step caused: at most one event, and at most one next step. */
export type Stepped = {
  event: RideFields | null;
  next: { atMs: number; step: StepName } | null;
  /** The ride needs nothing more. */
  over: boolean;
};

/** The fields of an event that not every event has. */
export type RideFields = {
  type: RideEventType;
  driverId?: string;
  userId?: string;
  estimatedFare?: number;
  fare?: number;
  places?: { pickup: Place; dropoff: Place };
  cancelledBy?: Canceller;
  reason?: string;
};

/** Nobody drives faster than this to a rider, by straight line. */
const pickupKmhMax = 40;
/** After this the platform gives up looking for a driver. */
const searchMsMax = 270 * secondMs;

/** Draws where a ride goes: its length follows from the time it takes, its direction leads back into the city. */
export function drawTrip(
  city: City,
  random: Random,
): Pick<Ride, "pickup" | "dropoff" | "streetKm" | "tripMs"> {
  const pickup = rounded(placeIn(city, random));
  const tripMs = drawWaitMs(random, waits.trip);
  const km = tripMs / hourMs * random.between(11, 28);
  const outside = km > city.radiusKm || distanceKm(pickup, city.centre) > city.radiusKm / 2;
  const direction = outside
    ? bearing(pickup, city.centre) + random.between(-0.6, 0.6)
    : random.between(0, 2 * Math.PI);
  const dropoff = rounded(placeAt(pickup, direction, km));
  return { pickup, dropoff, streetKm: streetKmOf(distanceKm(pickup, dropoff)), tripMs };
}

const rounded = (place: Place): Place => ({ lat: roundDegrees(place.lat), lng: roundDegrees(place.lng) });

export function requestStep(ride: Ride, random: Random): Stepped {
  const event: RideFields = {
    type: "requested",
    userId: ride.userId,
    places: ride,
    estimatedFare: estimatedFareCents(ride.streetKm),
  };
  const wait = ride.plan === "rider_cancels_before_driver"
    ? { step: "cancel" as const, ms: drawWaitMs(random, waits.cancelBeforeDriver) }
    : ride.plan === "no_driver_found"
    ? { step: "cancel" as const, ms: random.between(2, 4.8) * minuteMs }
    : { step: "accept" as const, ms: drawWaitMs(random, waits.accept) };
  return { event, next: { atMs: Math.floor(ride.requestedMs + wait.ms), step: wait.step }, over: false };
}

export function takeStep(ride: Ride, step: StepName, nowMs: number, random: Random): Stepped {
  switch (step) {
    case "accept":
      return acceptStep(ride, nowMs, random);
    case "start":
      return startStep(ride, nowMs, random);
    case "complete":
      return completeStep(ride, nowMs, random);
    case "cancel":
      return cancelStep(ride, nowMs, random);
    case "release":
      letDriverGo(ride, nowMs, random);
      return { event: null, next: null, over: true };
  }
}

function acceptStep(ride: Ride, nowMs: number, random: Random): Stepped {
  const previous = ride.driver;
  const driver = takeDriver(ride.fleet, { near: ride.pickup, timeMs: nowMs }, random);
  if (driver === null) {
    if (ride.attempts === 0 && nowMs - ride.requestedMs > searchMsMax) return nobodyFound;
    return { event: null, next: { atMs: nowMs + 15 * secondMs, step: "accept" }, over: false };
  }
  if (previous !== null) letDriverGo(ride, nowMs, random);
  const from = placeOf(driver, nowMs);
  const driveMs = distanceKm(from, ride.pickup) / pickupKmhMax * hourMs;
  const arriveMs = Math.floor(nowMs + Math.max(driveMs, drawWaitMs(random, waits.pickup)));
  driver.leg = legBetween(from, ride.pickup, { fromMs: nowMs, toMs: arriveMs });
  driver.status = "en_route";
  driver.rideId = ride.id;
  ride.driver = driver;
  ride.attempts++;
  const next = afterAccept(ride, { nowMs, arriveMs }, random);
  return { event: { type: "accepted", driverId: driver.id }, next, over: false };
}

const nobodyFound: Stepped = {
  event: { type: "cancelled", cancelledBy: "system", reason: "no_driver" },
  next: null,
  over: true,
};

function afterAccept(ride: Ride, at: { nowMs: number; arriveMs: number }, random: Random): Stepped["next"] {
  const { nowMs, arriveMs } = at;
  const soonMs = Math.floor(nowMs + random.between(20, 150) * secondMs);
  if (ride.attempts === 1) {
    switch (ride.plan) {
      case "rider_cancels_after_driver":
        return { atMs: nowMs + drawWaitMs(random, waits.cancelAfterDriver), step: "cancel" };
      case "driver_cancels":
      case "driver_cancels_and_is_replaced":
        return { atMs: soonMs, step: "cancel" };
      case "reassigned":
        return { atMs: soonMs, step: "accept" };
      case "no_show":
        return { atMs: arriveMs + 5 * minuteMs, step: "cancel" };
    }
  }
  return { atMs: arriveMs, step: "start" };
}

function startStep(ride: Ride, nowMs: number, random: Random): Stepped {
  const driver = ride.driver!;
  const endMs = nowMs + ride.tripMs;
  driver.leg = legBetween(ride.pickup, ride.dropoff, { fromMs: nowMs, toMs: endMs });
  driver.status = "on_trip";
  const event: RideFields = { type: "started", driverId: driver.id };
  if (ride.plan === "cancelled_mid_trip") {
    const atMs = Math.floor(nowMs + ride.tripMs * random.between(0.1, 0.9));
    return { event, next: { atMs, step: "cancel" }, over: false };
  }
  return {
    event,
    next: { atMs: endMs, step: ride.plan === "never_ends" ? "release" : "complete" },
    over: false,
  };
}

function completeStep(ride: Ride, nowMs: number, random: Random): Stepped {
  const driverId = ride.driver!.id;
  letDriverGo(ride, nowMs, random);
  const fare = fareCents({ streetKm: ride.streetKm, minutes: ride.tripMs / minuteMs });
  return { event: { type: "completed", driverId, fare }, next: null, over: true };
}

function cancelStep(ride: Ride, nowMs: number, random: Random): Stepped {
  const driver = ride.driver;
  const event: RideFields = { type: "cancelled", ...cancelledBy(ride.plan) };
  if (event.cancelledBy === "rider") event.userId = ride.userId;
  if (driver === null) return { event, next: null, over: true };
  event.driverId = driver.id;
  letDriverGo(ride, nowMs, random);
  if (ride.plan !== "driver_cancels_and_is_replaced") return { event, next: null, over: true };
  // The same driver is free again, and may even get the ride back: legal, and rare.
  return {
    event,
    next: { atMs: Math.floor(nowMs + random.between(5, 60) * secondMs), step: "accept" },
    over: false,
  };
}

function cancelledBy(plan: RidePlan): { cancelledBy: Canceller; reason: string } {
  switch (plan) {
    case "no_driver_found":
      return { cancelledBy: "system", reason: "no_driver" };
    case "driver_cancels":
    case "driver_cancels_and_is_replaced":
      return { cancelledBy: "driver", reason: "driver_changed_mind" };
    case "no_show":
      return { cancelledBy: "driver", reason: "no_show" };
    case "cancelled_mid_trip":
      return { cancelledBy: "rider", reason: "left_early" };
    default:
      return { cancelledBy: "rider", reason: "rider_changed_mind" };
  }
}

function letDriverGo(ride: Ride, nowMs: number, random: Random): void {
  if (ride.driver === null) return;
  releaseDriver(ride.fleet, ride.driver, nowMs, random);
  ride.driver = null;
}

/** The ride's next event as it will be sent. */
export function rideHappening(
  ride: Ride,
  fields: RideFields,
  at: { timeMs: number; withEventId: boolean },
): Happening {
  ride.eventsSent++;
  let tail = '"';
  if (at.withEventId) tail += `,"event_id":"${ride.id}-${ride.eventsSent}"`;
  if (fields.userId !== undefined) tail += `,"user_id":"${fields.userId}"`;
  if (fields.driverId !== undefined) tail += `,"driver_id":"${fields.driverId}"`;
  if (fields.places !== undefined) {
    tail += `,"pickup":${placeText(fields.places.pickup)},"dropoff":${placeText(fields.places.dropoff)}`;
  }
  if (fields.estimatedFare !== undefined) tail += `,"estimated_fare":${moneyText(fields.estimatedFare)}`;
  if (fields.fare !== undefined) tail += `,"fare":${moneyText(fields.fare)}`;
  if (fields.cancelledBy !== undefined) tail += `,"cancelled_by":"${fields.cancelledBy}"`;
  if (fields.reason !== undefined) tail += `,"reason":"${fields.reason}"`;
  if (fields.type === "requested" || !ride.citySaidOnce) tail += `,"city":"${ride.fleet.city.name}"`;
  return {
    topic: "ride-events",
    key: ride.id,
    city: ride.fleet.city.name,
    timeMs: at.timeMs,
    head: `{"event_type":"${fields.type}","ride_id":"${ride.id}","timestamp":"`,
    tail: tail + "}",
  };
}

const placeText = (place: Place) => `{"lat":${place.lat},"lng":${place.lng}}`;
