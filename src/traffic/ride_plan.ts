/**
 * How rides end, and how often: drawn once when a ride is requested.
 *
 * Rides that fail split as measured (42 % rider before a driver, 26 % rider after, 32 % no driver found);
 * their level is set so that about 86 of 100 outcomes are completions, a healthy city. Drivers who cancel
 * are mostly replaced.
 */
import type { Random } from "./random.ts";

/** Share of rides and events one such ride sends. */
export const ridePlans = {
  completes: { share: 0.813, events: 4 },
  rider_cancels_before_driver: { share: 0.045, events: 2 },
  rider_cancels_after_driver: { share: 0.028, events: 3 },
  no_driver_found: { share: 0.034, events: 2 },
  driver_cancels: { share: 0.02, events: 3 },
  driver_cancels_and_is_replaced: { share: 0.03, events: 6 },
  reassigned: { share: 0.01, events: 5 },
  no_show: { share: 0.008, events: 3 },
  cancelled_mid_trip: { share: 0.002, events: 4 },
  never_ends: { share: 0.01, events: 3 },
} as const;

export type RidePlan = keyof typeof ridePlans;

const planNames = Object.keys(ridePlans) as RidePlan[];

export const eventsPerRide = planNames.reduce(
  (sum, name) => sum + ridePlans[name].share * ridePlans[name].events,
  0,
);

export function drawPlan(random: Random): RidePlan {
  let rest = random.uniform();
  for (const name of planNames) {
    rest -= ridePlans[name].share;
    if (rest < 0) return name;
  }
  return "completes";
}
