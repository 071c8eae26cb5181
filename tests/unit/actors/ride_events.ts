/** Rides step by step: events at seconds after t0, and what the actor makes of them. */
import {
  applyRide,
  decideRide,
  newRide,
  type Ride,
  type RideEffect,
  type RideStep,
} from "../../../actors/ride.ts";
import type { RideEvent } from "../../../schemas/ride_event.ts";

export const t0 = Date.UTC(2026, 0, 15, 18);

export function event(type: RideEvent["type"], atS: number, over: Partial<RideEvent> = {}): RideEvent {
  return {
    type,
    rideId: "r",
    timeMs: t0 + atS * 1_000,
    eventId: `${type} ${atS}`,
    city: "x",
    userId: null,
    driverId: null,
    pickup: null,
    dropoff: null,
    estimatedFareCents: null,
    fareCents: null,
    cancelledBy: null,
    reason: null,
    ...over,
  };
}

/** `closedBeforeS`: panes before that second no longer take changes. */
export function step(ride: Ride, next: RideEvent, closedBeforeS = -Infinity): RideStep {
  const done = decideRide(ride, next, {
    city: next.city ?? ride.city ?? "unknown",
    accepts: (timeMs) => timeMs >= t0 + closedBeforeS * 1_000,
  });
  applyRide(ride, done);
  return done;
}

export function rideAfter(...events: RideEvent[]): { ride: Ride; effects: RideEffect[]; last: RideStep } {
  const ride = newRide("r");
  const steps = events.map((e) => step(ride, e));
  return { ride, effects: steps.flatMap((s) => s.effects), last: steps.at(-1)! };
}

export function sumOf(effects: RideEffect[], counter: string): number {
  return effects.reduce((sum, e) => e.kind === "count" && e.counter === counter ? sum + e.by : sum, 0);
}
