/** One city's drivers: who is free, and who of them is sent to a rider. */
import type { Place } from "../../schemas/ride_event.ts";
import type { City } from "./cities.ts";
import { placeIn } from "./cities.ts";
import { breakLengthMs, cruise, type Driver, legBetween, placeOf } from "./driver.ts";
import { distanceKm } from "./geography.ts";
import type { Random } from "./random.ts";

export type Fleet = {
  city: City;
  drivers: Driver[];
  free: Driver[];
  /** They get no further ride. */
  leaving: Set<Driver>;
};

/** Free drivers looked at for one rider; the nearest of them gets the ride. */
const candidatesMax = 8;
/** Chance that a free driver takes a break after a point: once in about seven hours. */
const breakChance = 0.0002;

export function newFleet(city: City, size: number, startMs: number, random: Random): Fleet {
  const fleet: Fleet = { city, drivers: [], free: [], leaving: new Set() };
  for (let i = 0; i < size; i++) {
    const at = placeIn(city, random);
    const driver: Driver = {
      id: `driver-${city.name}-${i + 1}`,
      city,
      status: "available",
      rideId: null,
      leg: legBetween(at, at, { fromMs: startMs, toMs: startMs }),
      offlineUntilMs: 0,
      freeAt: -1,
    };
    fleet.drivers.push(driver);
    setFree(fleet, driver);
  }
  return fleet;
}

function setFree(fleet: Fleet, driver: Driver): void {
  driver.freeAt = fleet.free.length;
  fleet.free.push(driver);
}

function setBusy(fleet: Fleet, driver: Driver): void {
  const last = fleet.free.pop()!;
  if (last !== driver) {
    fleet.free[driver.freeAt] = last;
    last.freeAt = driver.freeAt;
  }
  driver.freeAt = -1;
}

/** Takes the nearest of a few free drivers; null when nobody is free. */
export function takeDriver(
  fleet: Fleet,
  want: { near: Place; timeMs: number },
  random: Random,
): Driver | null {
  let nearest: Driver | null = null;
  let nearestKm = Infinity;
  const tries = Math.min(candidatesMax, fleet.free.length);
  for (let i = 0; i < tries; i++) {
    const driver = fleet.free[random.below(fleet.free.length)]!;
    const km = distanceKm(placeOf(driver, want.timeMs), want.near);
    if (km >= nearestKm) continue;
    nearest = driver;
    nearestKm = km;
  }
  if (nearest !== null) setBusy(fleet, nearest);
  return nearest;
}

/** The driver's ride is over, however it ended. */
export function releaseDriver(fleet: Fleet, driver: Driver, timeMs: number, random: Random): void {
  cruise(driver, timeMs, random);
  driver.status = "available";
  driver.rideId = null;
  if (!fleet.leaving.has(driver)) setFree(fleet, driver);
}

/** A driver without a ride stops working until then; its next point says so. */
export function sendAway(fleet: Fleet, driver: Driver, untilMs: number): void {
  driver.status = "offline";
  driver.offlineUntilMs = untilMs;
  if (driver.freeAt >= 0) setBusy(fleet, driver);
}

/** The driver gets no ride after the one it is on. */
export function holdBack(fleet: Fleet, driver: Driver): void {
  fleet.leaving.add(driver);
  if (driver.freeAt >= 0) setBusy(fleet, driver);
}

/** The driver may have rides again. */
export function letBack(fleet: Fleet, driver: Driver): void {
  fleet.leaving.delete(driver);
  if (driver.status === "available" && driver.freeAt < 0) setFree(fleet, driver);
}

/** Brings the driver up to this time before a point is sent; false during a break, which is silent. */
export function wakeDriver(fleet: Fleet, driver: Driver, timeMs: number, random: Random): boolean {
  if (driver.status === "offline") {
    if (timeMs < driver.offlineUntilMs) return false;
    releaseDriver(fleet, driver, timeMs, random);
  } else if (driver.status === "available") {
    if (random.chance(breakChance)) sendAway(fleet, driver, timeMs + breakLengthMs(random));
    else if (timeMs >= driver.leg.toMs) cruise(driver, timeMs, random);
  }
  return true;
}
