/**
 * A world of cities that lives: rides step by step, and drivers who send a point each in turn, in order of
 * event time.
 *
 * Rides wait in a schedule. Points need none: N drivers with an interval of I milliseconds send one point
 * every I / N, round and round, in a shuffled order so that no city comes in bursts.
 */
import { minuteMs } from "../time.ts";
import { dailyWave } from "./cities.ts";
import { type Driver, positionOf } from "./driver.ts";
import { type Fleet, wakeDriver } from "./fleet.ts";
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
import { drawPlan } from "./ride_plan.ts";
import { type Schedule, schedule } from "./schedule.ts";
import type { Staging } from "./staging.ts";

export type Market = { fleet: Fleet; ridesPerMinute: number; riders: number; riding: Set<number> };

/** A step of a ride; without a ride it is somebody's request for one. */
export type Due = { market: Market; ride: Ride | null; rider: number; step: StepName };

export type World = {
  markets: Market[];
  steps: Schedule<Due>;
  wheel: Wheel;
  rides: NewRides;
  random: Random;
  /** Chance of positions, apart from that of rides. */
  gaps: Random;
  /** What a scenario changes in it; null: nothing. */
  staging: Staging | null;
};

/** Called once, before anything takes place at or after `atMs`. */
export type Moment = { atMs: number; come(world: World): void };

export function newWorld(
  markets: Market[],
  from: {
    startMs: number;
    positionIntervalMs: number;
    random: Random;
    gaps: Random;
    rides: NewRides;
    staging: Staging | null;
  },
): World {
  const { startMs, positionIntervalMs, random, gaps, rides, staging } = from;
  const wheel = turns(markets, startMs, positionIntervalMs, random);
  const world: World = { markets, steps: schedule(), wheel, rides, random, gaps, staging };
  for (const market of markets) world.steps.push(nextRequestMs(world, market, startMs), request(market));
  return world;
}

export function* live(world: World, endMs: number, moment: Moment | null): Generator<Happening> {
  const { steps, wheel, rides, random, gaps, staging } = world;
  let momentMs = moment?.atMs ?? Infinity;
  for (;;) {
    const stepMs = steps.nextMs();
    const timeMs = Math.min(stepMs, wheel.nextMs());
    if (timeMs >= endMs || timeMs === Infinity) return;
    if (timeMs >= momentMs) {
      momentMs = Infinity;
      moment!.come(world);
    }
    if (stepMs <= timeMs) {
      const due = steps.pop()!;
      const ride = due.ride ?? rides.request(due, timeMs);
      const stepped = due.ride === null
        ? requestStep(ride, random)
        : takeStep(ride, staging === null ? due.step : staging.step(ride, due.step, timeMs), timeMs, random);
      if (due.ride === null) {
        steps.push(nextRequestMs(world, due.market, timeMs), request(due.market));
      }
      if (stepped.event !== null) {
        staging?.told(ride, stepped.event, timeMs);
        yield rides.happening(ride, stepped.event, timeMs);
      }
      follow(steps, stepped, { ...due, ride });
    } else {
      const { fleet, driver } = wheel.take();
      if (staging !== null && staging.leaves(fleet, driver, timeMs)) yield positionOf(driver, timeMs, gaps);
      else if (wakeDriver(fleet, driver, timeMs, gaps)) yield positionOf(driver, timeMs, gaps);
    }
  }
}

function follow(steps: Schedule<Due>, stepped: Stepped, due: Due): void {
  if (stepped.next !== null) steps.push(stepped.next.atMs, { ...due, step: stepped.next.step });
  if (stepped.over) due.market.riding.delete(due.rider);
}

const request = (market: Market): Due => ({ market, ride: null, rider: -1, step: "accept" });

function nextRequestMs(world: World, market: Market, timeMs: number): number {
  const { random, staging } = world;
  if (staging === null) return timeMs + requestGapMs(market, timeMs, random, 1);
  const { factor, untilMs } = staging.demand(timeMs);
  const nextMs = timeMs + requestGapMs(market, timeMs, random, factor);
  // Arrivals without memory may be drawn anew from the moment at which their rate changes.
  return nextMs < untilMs ? nextMs : nextRequestMs(world, market, untilMs);
}

function requestGapMs(market: Market, timeMs: number, random: Random, factor: number): number {
  const perMinute = market.ridesPerMinute * dailyWave(market.fleet.city, timeMs) * factor;
  return perMinute > 0 ? Math.ceil(random.exponential(minuteMs / perMinute)) : Infinity;
}

export type NewRides = {
  /** The ride that `due` asks for; notes in `due` who rides. */
  request(due: Due, timeMs: number): Ride;
  happening(ride: Ride, fields: NonNullable<Stepped["event"]>, timeMs: number): Happening;
};

export function newRides(
  { seed, ids, random, withoutCity, withoutEventId }: {
    seed: number | string;
    /** What ids of rides begin with. */
    ids: string;
    random: Random;
    withoutCity: number;
    withoutEventId: number;
  },
): NewRides {
  const forms = randomFrom(seed, "forms");
  let count = 0;
  return {
    request(due, timeMs) {
      const { market } = due;
      due.rider = drawRider(market, random);
      return {
        id: `${ids}-${++count}`,
        fleet: market.fleet,
        plan: drawPlan(random),
        userId: `user-${market.fleet.city.name}-${due.rider + 1}`,
        ...drawTrip(market.fleet.city, random),
        requestedMs: timeMs,
        driver: null,
        attempts: 0,
        eventsSent: 0,
        citySaidOnce: forms.chance(withoutCity),
      };
    },
    happening: (ride, fields, timeMs) =>
      rideHappening(ride, fields, { timeMs, withEventId: !forms.chance(withoutEventId) }),
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

type Wheel = { nextMs(): number; take(): { fleet: Fleet; driver: Driver } };

/** Whose turn it is to send a point, and when. */
function turns(markets: Market[], startMs: number, positionIntervalMs: number, random: Random): Wheel {
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
