/**
 * A driver who moves: always on a leg, a straight line from one place and time to another.
 *
 * A position is a point of the current leg, so that speed, direction and arrival agree with the ride the
 * driver serves: the leg to the rider ends when the ride starts, the leg to the destination when it ends.
 */
import type { DriverStatus } from "../../schemas/driver_location.ts";
import type { Place } from "../../schemas/ride_event.ts";
import { hourMs, minuteMs, secondMs } from "../time.ts";
import { bearing, distanceKm, placeAt, roundDegrees } from "./geography.ts";
import type { City } from "./cities.ts";
import type { Random } from "./random.ts";
import type { Happening } from "./happening.ts";

export type Driver = {
  id: string;
  city: City;
  status: DriverStatus;
  rideId: string | null;
  leg: Leg;
  /** Silent until then: a break, after one last point that says `offline`. */
  offlineUntilMs: number;
  /** Place in the fleet's list of free drivers; -1 when not in it. */
  freeAt: number;
};

type Leg = { from: Place; to: Place; fromMs: number; toMs: number; speedKmh: number; heading: number };

/** GPS noise to either side, degrees: about three metres. */
const noiseDegrees = 0.00003;
const breakMs = { least: 5 * minuteMs, most: 30 * minuteMs };

export function legBetween(from: Place, to: Place, times: { fromMs: number; toMs: number }): Leg {
  const hours = (times.toMs - times.fromMs) / hourMs;
  const degrees = bearing(from, to) * 180 / Math.PI;
  return {
    from,
    to,
    ...times,
    speedKmh: hours > 0 ? Math.round(distanceKm(from, to) / hours * 10) / 10 : 0,
    heading: Math.round((degrees + 360) % 360),
  };
}

/** Where the driver is; at the leg's end once its time is over. */
export function placeOf(driver: Driver, timeMs: number): Place {
  const { from, to, fromMs, toMs } = driver.leg;
  if (timeMs >= toMs) return to;
  const part = (timeMs - fromMs) / (toMs - fromMs);
  return { lat: from.lat + (to.lat - from.lat) * part, lng: from.lng + (to.lng - from.lng) * part };
}

/** What a free driver does next: waits, or cruises to a place nearby, back towards the centre if far out. */
export function cruise(driver: Driver, timeMs: number, random: Random): void {
  const here = placeOf(driver, timeMs);
  if (random.chance(0.3)) {
    driver.leg = legBetween(here, here, { fromMs: timeMs, toMs: timeMs + random.between(1, 5) * minuteMs });
    return;
  }
  const farOut = distanceKm(here, driver.city.centre) > driver.city.radiusKm;
  const direction = farOut ? bearing(here, driver.city.centre) : random.between(0, 2 * Math.PI);
  const km = random.between(0.2, 1.2);
  const durationMs = km / random.between(10, 32) * hourMs;
  driver.leg = legBetween(here, placeAt(here, direction, km), { fromMs: timeMs, toMs: timeMs + durationMs });
}

export function breakLengthMs(random: Random): number {
  return Math.round(random.between(breakMs.least, breakMs.most) / secondMs) * secondMs;
}

/** The driver's next GPS point. */
export function positionOf(driver: Driver, timeMs: number, random: Random): Happening {
  const place = placeOf(driver, timeMs);
  const lat = roundDegrees(place.lat + (random.uniform() - 0.5) * 2 * noiseDegrees);
  const lng = roundDegrees(place.lng + (random.uniform() - 0.5) * 2 * noiseDegrees);
  const leg = driver.leg;
  const moving = timeMs < leg.toMs && leg.speedKmh > 0;
  const ride = driver.rideId === null ? "" : `,"ride_id":"${driver.rideId}"`;
  return {
    topic: "driver-locations",
    key: driver.id,
    city: driver.city.name,
    timeMs,
    head: `{"driver_id":"${driver.id}","timestamp":"`,
    tail: `","lat":${lat},"lng":${lng},"city":"${driver.city.name}","status":"${driver.status}","speed_kmh":${
      moving ? leg.speedKmh : 0
    },"heading":${leg.heading},"accuracy_m":${3 + random.below(20)}${ride}}`,
  };
}
