/**
 * What takes place in all cities, in order of event time: rides step by step, and drivers who send a point
 * each in turn. Undisturbed; what happens to events on their way is disturb.ts.
 */
import { minuteMs, secondMs } from "../time.ts";
import { type City, dailyWave, zipfShares } from "./cities.ts";
import { newFleet } from "./fleet.ts";
import type { Happening } from "./happening.ts";
import { randomFrom } from "./random.ts";
import { eventsPerRide } from "./ride_plan.ts";
import { live, type Market, type Moment, newRides, newWorld } from "./world.ts";

export type CityLifeOptions = {
  seed: number;
  ratePerMinute: number;
  cities: readonly City[];
  startMs: number;
  endMs: number;
  positionsShare: number;
  withoutCity: number;
  withoutEventId: number;
  /** When demand is that of the day's mean in every city, whatever the hour there. */
  usualAtMs?: number;
};

export type CityLife = {
  happenings: Iterable<Happening>;
  drivers: number;
  /** Between two points of one driver. */
  positionIntervalMs: number;
};

/** Between two points of a driver, unless the rides need more drivers than that leaves. */
const intervalMs = 5 * secondMs;
/** Minutes a driver is busy with one ride, on average; checked by a test. */
const busyMinutes = 18;
/** Drivers for each busy one: enough for the evening peak, and just what the default rate and share amount to. */
const driversPerBusy = 1.7;
/** Riders for each ride a minute: in an hour many ride more than once. */
const ridersPerRide = 60;

/** `moment` is told when its time has come, before anything takes place at it. */
export function cityLife(options: CityLifeOptions, moment: Moment | null = null): CityLife {
  const { seed, startMs, endMs, withoutCity, withoutEventId } = options;
  const random = randomFrom(seed, "life");
  const positionsPerMinute = options.ratePerMinute * options.positionsShare;
  const ridesPerMinute = options.ratePerMinute * (1 - options.positionsShare) / eventsPerRide;
  const driversWanted = Math.max(
    positionsPerMinute * intervalMs / minuteMs,
    ridesPerMinute * busyMinutes * driversPerBusy,
  );
  const shares = zipfShares(options.cities.length);
  const markets = options.cities.map((city, i): Market => ({
    fleet: newFleet(city, Math.max(2, Math.round(driversWanted * shares[i]!)), startMs, random),
    ridesPerMinute: ridesPerMinute * shares[i]! /
      (options.usualAtMs === undefined ? 1 : dailyWave(city, options.usualAtMs)),
    riders: Math.max(20, Math.round(ridesPerMinute * shares[i]! * ridersPerRide)),
    riding: new Set(),
  }));
  const drivers = markets.reduce((sum, market) => sum + market.fleet.drivers.length, 0);
  const positionIntervalMs = positionsPerMinute > 0 ? drivers / positionsPerMinute * minuteMs : Infinity;
  const rides = newRides({ seed, ids: `ride-${seed}`, random, withoutCity, withoutEventId });
  const gaps = randomFrom(seed, "gps");
  const world = newWorld(markets, { startMs, positionIntervalMs, random, gaps, rides, staging: null });
  return { happenings: live(world, endMs, moment), drivers, positionIntervalMs };
}
