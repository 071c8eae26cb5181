/**
 * What a scenario changes in the life of one city, asked for by the world as it goes on.
 *
 * Each kind changes one thing and leaves the rest to follow: a concert brings requests and no drivers, so that
 * riders wait; drivers who leave finish their rides first; drivers who cancel are free for the next rider.
 */
import { minuteMs } from "../time.ts";
import type { Driver } from "./driver.ts";
import { type Fleet, holdBack, letBack, sendAway } from "./fleet.ts";
import type { Happening } from "./happening.ts";
import type { Random } from "./random.ts";
import type { Ride, RideFields, StepName } from "./ride_life.ts";
import type { CityScenario } from "./scenario.ts";

export type Staging = {
  /** Demand against what it would be at this time, and when that changes. */
  demand(timeMs: number): { factor: number; untilMs: number };
  /** Whether the driver goes offline at this turn; has sent it away then. */
  leaves(fleet: Fleet, driver: Driver, timeMs: number): boolean;
  /** The step the ride takes at this time. */
  step(ride: Ride, step: StepName, timeMs: number): StepName;
  /** An event of the staged city. */
  told(ride: Ride, event: RideFields, timeMs: number): void;
  /** An event of the city before the scenario began. */
  witnessed(happening: Happening): void;
  /** The city as it is when the scenario begins. */
  begin(fleet: Fleet, random: Random): void;
};

const nothing: Staging = {
  demand: () => ({ factor: 1, untilMs: Infinity }),
  leaves: () => false,
  step: (_, step) => step,
  told: () => {},
  witnessed: () => {},
  begin: () => {},
};

export function stagingOf(scenario: CityScenario): Staging {
  switch (scenario.name) {
    case "concert":
      return concert(scenario);
    case "supply-drop":
      return supplyDrop(scenario);
    case "cancellation-burst":
      return cancellationBurst(scenario);
  }
}

function concert({ fromMs, untilMs, factor }: CityScenario): Staging {
  return {
    ...nothing,
    demand: (timeMs) =>
      timeMs >= fromMs && timeMs < untilMs ? { factor, untilMs } : { factor: 1, untilMs: Infinity },
  };
}

/** Drivers come back one after the other. */
const returnMs = 2 * minuteMs;

function supplyDrop({ untilMs, share }: CityScenario): Staging {
  const backAtMs = new Map<Driver, number>();
  return {
    ...nothing,
    begin(fleet, random) {
      const drivers = [...fleet.drivers];
      for (let left = Math.round(drivers.length * share); left > 0; left--) {
        const [driver] = drivers.splice(random.below(drivers.length), 1);
        const awayUntilMs = untilMs + random.below(returnMs);
        backAtMs.set(driver!, awayUntilMs);
        holdBack(fleet, driver!);
        if (driver!.status === "offline") {
          driver!.offlineUntilMs = Math.max(driver!.offlineUntilMs, awayUntilMs);
        }
      }
    },
    leaves(fleet, driver, timeMs) {
      const awayUntilMs = backAtMs.get(driver);
      if (awayUntilMs === undefined) return false;
      if (timeMs >= awayUntilMs) {
        backAtMs.delete(driver);
        letBack(fleet, driver);
      }
      if (timeMs >= awayUntilMs || driver.status !== "available") return false;
      sendAway(fleet, driver, awayUntilMs);
      return true;
    },
  };
}

/** As long as a window: the share of cancelled rides is held over it. */
const heldOverMs = 5 * minuteMs;

/**
 * A driver who has come to the rider cancels instead of starting, as long as fewer than `share` of the rides that
 * ended in the last five minutes were cancelled.
 */
function cancellationBurst({ fromMs, untilMs, share }: CityScenario): Staging {
  const ends = newEnds(heldOverMs);
  return {
    ...nothing,
    witnessed({ topic, head, timeMs }) {
      if (topic !== "ride-events") return;
      const type = /^\{"event_type":"([a-z]+)"/.exec(head)?.[1];
      if (type === "completed" || type === "cancelled") ends.add(timeMs, type === "cancelled");
    },
    told(ride, event, timeMs) {
      // The one whom the service takes back when another driver accepts.
      if (event.type === "cancelled" && ride.plan === "driver_cancels_and_is_replaced") return;
      if (event.type === "completed" || event.type === "cancelled") {
        ends.add(timeMs, event.type === "cancelled");
      }
    },
    step(ride, step, timeMs) {
      if (step !== "start" || timeMs < fromMs || timeMs >= untilMs) return step;
      if (ends.cancelledShare(timeMs) >= share) return step;
      ride.plan = "driver_cancels";
      return "cancel";
    },
  };
}

/** Ends of rides in the time before now; times never go back. */
function newEnds(spanMs: number) {
  const ends: { timeMs: number; cancelled: boolean }[] = [];
  let cancelledCount = 0;
  return {
    add(timeMs: number, cancelled: boolean): void {
      ends.push({ timeMs, cancelled });
      if (cancelled) cancelledCount++;
    },
    cancelledShare(timeMs: number): number {
      while (ends.length > 0 && ends[0]!.timeMs <= timeMs - spanMs) {
        if (ends.shift()!.cancelled) cancelledCount--;
      }
      return ends.length === 0 ? 0 : cancelledCount / ends.length;
    },
  };
}
