/**
 * The ride actor: (ride, event) → changes and effects, pure.
 *
 * The actor decides before anything is written: `decideRide` returns the fields that change and what else is
 * wanted (counts in a city's pane, an interval of an open request, an outcome to publish) as data, and
 * `applyRide` writes the fields. Each ride is counted once, in the pane of the event that decided it; a cancel
 * taken back by a redispatch is uncounted only while its pane still accepts changes.
 */
import { minuteMs } from "../src/time.ts";
import type { Canceller, RideEvent } from "../schemas/ride_event.ts";
import {
  anomalyMarks,
  type Condition,
  type Mark,
  marks,
  type RideState,
  type Row,
  rowsFor,
} from "./ride_table.ts";

/** A request nobody accepts leaves the gauge of open requests after this long, in event time. */
export const openRequestMs = 5 * minuteMs;

export type Outcome = "completed" | Canceller;

export type Ride = {
  id: string;
  state: RideState;
  /** The first city an event of this ride named. */
  city: string | null;
  userId: string | null;
  driverId: string | null;
  requestedMs: number | null;
  acceptedMs: number | null;
  /** Where that accept was counted. */
  acceptedCity: string | null;
  startedMs: number | null;
  endedMs: number | null;
  /** Who the cancel that ended the ride is counted for; null when it goes on or was completed. */
  cancelledBy: Canceller | null;
  /** Drivers that accepted, one after the other. */
  attempts: number;
  /** The outcome that is counted, with the pane it is counted in. */
  outcome: Outcome | null;
  outcomeCity: string | null;
  outcomeMs: number;
  reason: string | null;
  estimatedFareCents: number | null;
  fareCents: number | null;
  /** Where the interval of the open request is counted, and until when; null when there is none. */
  openCity: string | null;
  openUntilMs: number;
  /** Whether the wait from request to accept is counted. */
  waitCounted: boolean;
  /** Bits in the order of the keys of `marks`. */
  marks: number;
  /** Latest event time. */
  latestMs: number;
};

export type RideCounter =
  | "rides_completed"
  | "rides_cancelled_by_rider"
  | "rides_cancelled_by_driver"
  | "rides_cancelled_by_system"
  | "revenue_cents"
  | "anomalies";

export type RideEffect =
  /** Add to a counter of the pane (city, minute of atMs). */
  | { kind: "count"; counter: RideCounter; by: number; city: string; atMs: number }
  /** One wait from request to accept, in the pane of the accept. */
  | { kind: "wait"; seconds: number; city: string; atMs: number }
  /** A request is (by 1) or is no longer (by −1) open in [fromMs, untilMs). */
  | { kind: "open"; by: 1 | -1; city: string; fromMs: number; untilMs: number }
  /** The ride's outcome became known, or was taken back. */
  | { kind: "outcome"; taken_back: boolean };

export type RideStep = { row: Row; changes: Partial<Ride>; effects: RideEffect[] };

export type RideContext = {
  /** The event's city: its own, else the ride's first, else `unknown`. */
  city: string;
  /** Whether the pane of that event time still takes changes. */
  accepts(timeMs: number): boolean;
};

export function newRide(id: string): Ride {
  return {
    id,
    state: "new",
    city: null,
    userId: null,
    driverId: null,
    requestedMs: null,
    acceptedMs: null,
    acceptedCity: null,
    startedMs: null,
    endedMs: null,
    cancelledBy: null,
    attempts: 0,
    outcome: null,
    outcomeCity: null,
    outcomeMs: 0,
    reason: null,
    estimatedFareCents: null,
    fareCents: null,
    openCity: null,
    openUntilMs: 0,
    waitCounted: false,
    marks: 0,
    latestMs: 0,
  };
}

/** What the event does to the ride. Writes nothing. */
export function decideRide(ride: Ride, event: RideEvent, context: RideContext): RideStep {
  const row = rowsFor(ride.state, event.type).find((candidate) => holds(candidate.when, ride, event))!;
  const noted = new Set<Mark>(row.marks);
  const effects: RideEffect[] = [];
  const changes: Partial<Ride> = {
    state: row.to,
    latestMs: Math.max(ride.latestMs, event.timeMs),
    ...facts(ride, event, row),
    ...times(ride, event, row, context.city),
  };
  if (ride.outcome !== null && noted.has("redispatched")) takeBack(ride, context, changes, effects, noted);
  if (isEnd(row.to) && !isEnd(ride.state)) decideOutcome(ride, event, context, changes, effects);
  const next = { ...ride, ...changes };
  openRequest(ride, next, event, changes, effects);
  countWait(next, context, changes, effects);
  for (const mark of noted) {
    if (anomalyMarks.includes(mark)) {
      effects.push({ kind: "count", counter: "anomalies", by: 1, city: context.city, atMs: event.timeMs });
    }
  }
  changes.marks = ride.marks | markBits(noted);
  return { row, changes, effects };
}

/** Writes what was decided. */
export function applyRide(ride: Ride, step: RideStep): void {
  Object.assign(ride, step.changes);
}

/** The marks a ride carries, by name. */
export function marksOf(ride: Ride): Mark[] {
  return markNames.filter((_, bit) => (ride.marks & (1 << bit)) !== 0);
}

const markNames = Object.keys(marks) as Mark[];

function markBits(noted: Set<Mark>): number {
  let bits = 0;
  for (const mark of noted) bits |= 1 << markNames.indexOf(mark);
  return bits;
}

const isEnd = (state: RideState) => state === "completed" || state === "cancelled";

function holds(condition: Condition, ride: Ride, event: RideEvent): boolean {
  switch (condition) {
    case "always":
      return true;
    case "another_driver":
      return event.driverId !== null && ride.driverId !== null && event.driverId !== ride.driverId;
    case "step_unknown":
      return stepTime(ride, event.type) === null && (ride.endedMs === null || event.timeMs <= ride.endedMs);
    case "after_driver_cancel":
      return ride.cancelledBy === "driver" && ride.endedMs !== null && event.timeMs > ride.endedMs;
  }
}

function stepTime(ride: Ride, type: RideEvent["type"]): number | null {
  switch (type) {
    case "requested":
      return ride.requestedMs;
    case "accepted":
      return ride.acceptedMs;
    case "started":
      return ride.startedMs;
    default:
      return ride.endedMs;
  }
}

/** What an event tells about the ride whatever its step: the first word stands, except for the driver. */
function facts(ride: Ride, event: RideEvent, row: Row): Partial<Ride> {
  return {
    city: ride.city ?? event.city,
    userId: ride.userId ?? event.userId,
    driverId: takesOver(ride, event, row) ? event.driverId ?? ride.driverId : ride.driverId ?? event.driverId,
    estimatedFareCents: ride.estimatedFareCents ?? event.estimatedFareCents,
    fareCents: event.type === "completed" ? ride.fareCents ?? event.fareCents : ride.fareCents,
  };
}

/** An accept names the driver while the ride waits for its start, unless it is older than the one that is known. */
function takesOver(ride: Ride, event: RideEvent, row: Row): boolean {
  return event.type === "accepted" && row.to === "accepted" &&
    (ride.acceptedMs === null || event.timeMs >= ride.acceptedMs);
}

function times(ride: Ride, event: RideEvent, row: Row, city: string): Partial<Ride> {
  if (row.marks.includes("redispatched")) {
    const anew = { startedMs: null, endedMs: null, cancelledBy: null, reason: null };
    return { ...anew, acceptedMs: event.timeMs, acceptedCity: city, attempts: ride.attempts + 1 };
  }
  switch (event.type) {
    case "requested":
      return { requestedMs: ride.requestedMs ?? event.timeMs };
    case "accepted":
      if (row.marks.includes("reassigned")) return { attempts: ride.attempts + 1 };
      return ride.acceptedMs === null && !row.marks.includes("after_end")
        ? { acceptedMs: event.timeMs, acceptedCity: city, attempts: Math.max(1, ride.attempts) }
        : {};
    case "started":
      return row.marks.includes("after_end") ? {} : { startedMs: ride.startedMs ?? event.timeMs };
    default:
      return isEnd(ride.state) ? {} : {
        endedMs: event.timeMs,
        cancelledBy: event.type === "cancelled" ? cancelledBy(event) : null,
        reason: event.reason,
      };
  }
}

/** Who a cancel is counted for. A rider who did not show up cancelled, whoever reported it. */
export function cancelledBy(event: RideEvent): Canceller {
  if (event.reason === "no_show") return "rider";
  return event.cancelledBy ?? "rider";
}

const counterOf: Record<Outcome, RideCounter> = {
  completed: "rides_completed",
  rider: "rides_cancelled_by_rider",
  driver: "rides_cancelled_by_driver",
  system: "rides_cancelled_by_system",
};

function decideOutcome(
  ride: Ride,
  event: RideEvent,
  context: RideContext,
  changes: Partial<Ride>,
  effects: RideEffect[],
): void {
  const kept = changes.outcome === undefined ? ride.outcome : changes.outcome;
  if (kept !== null) return;
  const outcome: Outcome = event.type === "completed" ? "completed" : cancelledBy(event);
  const at = { city: context.city, atMs: event.timeMs };
  changes.outcome = outcome;
  changes.outcomeCity = context.city;
  changes.outcomeMs = event.timeMs;
  effects.push({ kind: "count", counter: counterOf[outcome], by: 1, ...at });
  if (outcome === "completed" && event.fareCents !== null) {
    effects.push({ kind: "count", counter: "revenue_cents", by: event.fareCents, ...at });
  }
  effects.push({ kind: "outcome", taken_back: false });
}

function takeBack(
  ride: Ride,
  context: RideContext,
  changes: Partial<Ride>,
  effects: RideEffect[],
  noted: Set<Mark>,
): void {
  if (!context.accepts(ride.outcomeMs)) {
    noted.add("outcome_stands");
    return;
  }
  const at = { city: ride.outcomeCity!, atMs: ride.outcomeMs };
  effects.push({ kind: "count", counter: counterOf[ride.outcome!], by: -1, ...at });
  effects.push({ kind: "outcome", taken_back: true });
  changes.outcome = null;
  changes.outcomeCity = null;
}

/** A request is open from `requested` to whatever comes next, for `openRequestMs` at most. */
function openRequest(
  ride: Ride,
  next: Ride,
  event: RideEvent,
  changes: Partial<Ride>,
  effects: RideEffect[],
): void {
  const requestedMs = next.requestedMs;
  if (requestedMs === null) return;
  if (ride.requestedMs === null) {
    const left = [next.acceptedMs, next.startedMs, next.endedMs].filter((ms) => ms !== null);
    const untilMs = Math.min(requestedMs + openRequestMs, ...left.map((ms) => Math.max(ms, requestedMs)));
    changes.openCity = next.city ?? "unknown";
    changes.openUntilMs = untilMs;
    effects.push({ kind: "open", by: 1, city: changes.openCity, fromMs: requestedMs, untilMs });
  } else if (ride.openCity !== null && event.type !== "requested") {
    const untilMs = Math.max(event.timeMs, requestedMs);
    if (untilMs >= ride.openUntilMs) return;
    effects.push({ kind: "open", by: -1, city: ride.openCity, fromMs: untilMs, untilMs: ride.openUntilMs });
    changes.openUntilMs = untilMs;
  }
}

/** The wait counts once, in the pane of the first accept, as soon as both ends are known. */
function countWait(next: Ride, context: RideContext, changes: Partial<Ride>, effects: RideEffect[]): void {
  if (
    next.waitCounted || next.requestedMs === null || next.acceptedMs === null ||
    next.acceptedMs < next.requestedMs
  ) return;
  changes.waitCounted = true;
  if (!context.accepts(next.acceptedMs)) return;
  const seconds = (next.acceptedMs - next.requestedMs) / 1_000;
  effects.push({ kind: "wait", seconds, city: next.acceptedCity!, atMs: next.acceptedMs });
}
