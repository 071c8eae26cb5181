/**
 * What takes place in all cities, in order of event time: rides step by step, and drivers who send a point
 * each in turn. Undisturbed; what happens to events on their way is disturb.ts.
 *
 * Rides wait in a schedule. Points need none: N drivers with an interval of I milliseconds send one point
 * every I / N, round and round, in a shuffled order so that no city comes in bursts.
 */
import { minuteMs, secondMs } from "../time.ts";
import { type City, dailyWave, zipfShares } from "./cities.ts";
import { type Driver, positionOf } from "./driver.ts";
import { type Fleet, newFleet, wakeDriver } from "./fleet.ts";
import type { Happening } from "./happening.ts";
import { type Random, randomFrom } from "./random.ts";
import {
  drawTrip,
  requestStep,
  type Ride,
  rideHappening,
  type StepName,
  type Stepped,
  takeStep,
} from "./ride_life.ts";
import { drawPlan, eventsPerRide } from "./ride_plan.ts";
import { schedule } from "./schedule.ts";

export type CityLifeOptions = {
  seed: number;
  ratePerMinute: number;
  cities: readonly City[];
  startMs: number;
  endMs: number;
  positionsShare: number;
  withoutCity: number;
  withoutEventId: number;
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

type Market = { fleet: Fleet; ridesPerMinute: number; riders: number; riding: Set<number> };
type Due = { market: Market; ride: Ride | null; rider: number; step: StepName };

export function cityLife(options: CityLifeOptions): CityLife {
  const random = randomFrom(options.seed, "life");
  const positionsPerMinute = options.ratePerMinute * options.positionsShare;
  const ridesPerMinute = options.ratePerMinute * (1 - options.positionsShare) / eventsPerRide;
  const driversWanted = Math.max(
    positionsPerMinute * intervalMs / minuteMs,
    ridesPerMinute * busyMinutes * driversPerBusy,
  );
  const shares = zipfShares(options.cities.length);
  const markets = options.cities.map((city, i): Market => ({
    fleet: newFleet(city, Math.max(2, Math.round(driversWanted * shares[i]!)), options.startMs, random),
    ridesPerMinute: ridesPerMinute * shares[i]!,
    riders: Math.max(20, Math.round(ridesPerMinute * shares[i]! * ridersPerRide)),
    riding: new Set(),
  }));
  const drivers = markets.reduce((sum, market) => sum + market.fleet.drivers.length, 0);
  const positionIntervalMs = positionsPerMinute > 0 ? drivers / positionsPerMinute * minuteMs : Infinity;
  return {
    happenings: happenings(options, markets, positionIntervalMs, random),
    drivers,
    positionIntervalMs,
  };
}

function* happenings(
  options: CityLifeOptions,
  markets: Market[],
  positionIntervalMs: number,
  random: Random,
): Generator<Happening> {
  const steps = schedule<Due>();
  const rides = newRides(options, random);
  const wheel = turns(markets, options.startMs, positionIntervalMs, random);
  const gaps = randomFrom(options.seed, "gps");
  for (const market of markets) {
    steps.push(options.startMs + requestGapMs(market, options.startMs, random), request(market));
  }
  for (;;) {
    const stepMs = steps.nextMs();
    const timeMs = Math.min(stepMs, wheel.nextMs());
    if (timeMs >= options.endMs || timeMs === Infinity) return;
    if (stepMs <= timeMs) {
      const due = steps.pop()!;
      const ride = due.ride ?? rides.request(due, timeMs);
      const stepped = due.ride === null
        ? requestStep(ride, random)
        : takeStep(ride, due.step, timeMs, random);
      if (due.ride === null) {
        steps.push(timeMs + requestGapMs(due.market, timeMs, random), request(due.market));
      }
      if (stepped.event !== null) yield rides.happening(ride, stepped.event, timeMs);
      follow(stepped, { ...due, ride });
    } else {
      const turn = wheel.take();
      if (wakeDriver(turn.fleet, turn.driver, timeMs, gaps)) yield positionOf(turn.driver, timeMs, gaps);
    }
  }

  function follow(stepped: Stepped, due: Due): void {
    if (stepped.next !== null) steps.push(stepped.next.atMs, { ...due, step: stepped.next.step });
    if (stepped.over) due.market.riding.delete(due.rider);
  }
}

const request = (market: Market): Due => ({ market, ride: null, rider: -1, step: "accept" });

function requestGapMs(market: Market, timeMs: number, random: Random): number {
  const perMinute = market.ridesPerMinute * dailyWave(market.fleet.city, timeMs);
  return perMinute > 0 ? Math.ceil(random.exponential(minuteMs / perMinute)) : Infinity;
}

function newRides(options: CityLifeOptions, random: Random) {
  const forms = randomFrom(options.seed, "forms");
  let count = 0;
  return {
    /** The ride that `due` asks for; notes in `due` who rides. */
    request(due: Due, timeMs: number): Ride {
      const { market } = due;
      due.rider = drawRider(market, random);
      return {
        id: `ride-${options.seed}-${++count}`,
        fleet: market.fleet,
        plan: drawPlan(random),
        userId: `user-${market.fleet.city.name}-${due.rider + 1}`,
        ...drawTrip(market.fleet.city, random),
        requestedMs: timeMs,
        driver: null,
        attempts: 0,
        eventsSent: 0,
        citySaidOnce: forms.chance(options.withoutCity),
      };
    },
    happening(ride: Ride, fields: NonNullable<Stepped["event"]>, timeMs: number): Happening {
      return rideHappening(ride, fields, { timeMs, withEventId: !forms.chance(options.withoutEventId) });
    },
  };
}

/** Some ride often: the square makes low numbers likely. Who is on a ride is passed over while others are found. */
function drawRider(market: Market, random: Random): number {
  let rider = 0;
  for (let tries = 0; tries < 5; tries++) {
    const u = random.uniform();
    rider = Math.floor(market.riders * u * u);
    if (!market.riding.has(rider)) break;
  }
  market.riding.add(rider);
  return rider;
}

/** Whose turn it is to send a point, and when. */
function turns(markets: Market[], startMs: number, positionIntervalMs: number, random: Random) {
  const ring: { fleet: Fleet; driver: Driver }[] = markets.flatMap(({ fleet }) =>
    fleet.drivers.map((driver) => ({ fleet, driver }))
  );
  for (let i = ring.length - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [ring[i], ring[other]] = [ring[other]!, ring[i]!];
  }
  const stepMs = positionIntervalMs / ring.length;
  let turn = 0;
  let nextMs = stepMs === Infinity ? Infinity : startMs;
  return {
    nextMs: () => nextMs,
    take() {
      const due = ring[turn % ring.length]!;
      turn++;
      nextMs = Math.floor(startMs + turn * stepMs);
      return due;
    },
  };
}
