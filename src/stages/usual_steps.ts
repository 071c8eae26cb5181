/**
 * The usual steps of a ride on its row, for events in their plain form: requested → accepted → started → completed, and
 * a cancel before the start. Nine of ten events are one of these, and need no object and no table.
 *
 * What is odd about a ride or an event is refused here and goes to decideRide(), which decides the same for the usual
 * ones too (tests/unit/stages/usual_steps_test.ts holds the two together).
 */
import { openRequestMs, type Outcome } from "../../actors/ride.ts";
import { type RideState, rideStates } from "../../actors/ride_table.ts";
import type { RideEventType } from "../../schemas/ride_event.ts";
import { type RideEventScan, rideTexts } from "../codec/scan_ride_event.ts";
import * as at from "./ride_columns.ts";
import type { RidePage } from "./ride_columns.ts";
import { noRow, type RideRows } from "./ride_rows.ts";

/** From and event of each step that is usual for a ride that is known. */
const steps: readonly [from: RideState, on: RideEventType, to: RideState][] = [
  ["requested", "accepted", "accepted"],
  ["accepted", "started", "started"],
  ["started", "completed", "completed"],
  ["requested", "cancelled", "cancelled"],
  ["accepted", "cancelled", "cancelled"],
];

const nextStates: readonly Partial<Record<RideEventType, number>>[] = rideStates.map((state) =>
  Object.fromEntries(
    steps.filter(([from]) => from === state).map(([, on, to]) => [on, rideStates.indexOf(to)]),
  )
);
const requestedState = rideStates.indexOf("requested");

export class UsualSteps {
  /** An interval of the open request that begins to count (1), no longer counts (-1), or nothing of it (0). */
  openBy: 1 | 0 | -1 = 0;
  openCity: string | null = null;
  openFromMs = 0;
  openUntilMs = 0;
  /** From request to accept, in seconds; -1 when it is not this event that tells it. */
  waitSeconds = -1;
  outcome: Outcome | null = null;
  revenueCents = 0;
  readonly #rides: RideRows;

  constructor(rides: RideRows) {
    this.#rides = rides;
  }

  /** Whether the event is a usual step of the ride in the row; `noRow` for one that is not known. */
  isUsual(row: number, { type }: RideEventScan): boolean {
    if (row === noRow) return type === "requested";
    const { times, states } = this.#rides.columns.page(row);
    const [t, s] = [this.#rides.columns.timesAt(row), this.#rides.columns.statesAt(row)];
    if (nextStates[states[s + at.state]!]![type] === undefined || states[s + at.outcome] !== 0) return false;
    return type === "accepted"
      ? times[t + at.acceptedMs]! < 0 && states[s + at.waitCounted] === 0
      : times[t + at.endedMs]! < 0 && !this.#owesWait(times, t, states[s + at.waitCounted]!);
  }

  /** Takes the step; what else it asks for stands in the fields afterwards. */
  take(row: number, event: RideEventScan, bytes: Uint8Array, city: string): void {
    const rides = this.#rides;
    const page = rides.columns.page(row);
    const t = rides.columns.timesAt(row);
    this.openBy = 0;
    this.waitSeconds = -1;
    this.outcome = null;
    this.revenueCents = 0;
    this.#note(row, page, event, bytes);
    const { times, states } = page;
    const s = rides.columns.statesAt(row);
    switch (event.type) {
      case "requested":
        times[t + at.requestedMs] = event.timeMs;
        this.#open(row, times, t, event.timeMs);
        states[s + at.state] = requestedState;
        return;
      case "accepted":
        times[t + at.acceptedMs] = event.timeMs;
        rides.setWord(row, at.acceptedCity, city);
        page.ints[rides.columns.intsAt(row) + at.attempts] = Math.max(1, rides.columns.int(row, at.attempts));
        this.#wait(times, t, states, s);
        break;
      case "started":
        if (times[t + at.startedMs]! < 0) times[t + at.startedMs] = event.timeMs;
        break;
      default:
        this.#end(row, page, event, city);
    }
    this.#close(row, times, t, event.timeMs);
    states[s + at.state] = nextStates[states[s + at.state]!]![event.type]!;
  }

  /** What an event tells about the ride whatever its step: the first word stands, except for the driver who accepts. */
  #note(row: number, { times, ints }: RidePage, event: RideEventScan, bytes: Uint8Array): void {
    const rides = this.#rides;
    const [t, i] = [rides.columns.timesAt(row), rides.columns.intsAt(row)];
    times[t + at.latestMs] = Math.max(times[t + at.latestMs]!, event.timeMs);
    if (ints[i + at.city] === 0 && event.city !== null) rides.setWord(row, at.city, event.city);
    if (ints[i + at.userRef] === 0 && event.has(rideTexts.user_id)) {
      rides.setText(row, at.userRef, bytes, event.from(rideTexts.user_id), event.to(rideTexts.user_id));
    }
    if (event.has(rideTexts.driver_id) && (ints[i + at.driverRef] === 0 || event.type === "accepted")) {
      rides.setText(row, at.driverRef, bytes, event.from(rideTexts.driver_id), event.to(rideTexts.driver_id));
    }
    if (ints[i + at.estimatedFare]! < 0 && event.estimatedFareCents !== null) {
      ints[i + at.estimatedFare] = event.estimatedFareCents;
    }
    if (event.type === "completed" && ints[i + at.fare]! < 0 && event.fareCents !== null) {
      ints[i + at.fare] = event.fareCents;
    }
  }

  #open(row: number, times: Float64Array, t: number, timeMs: number): void {
    const rides = this.#rides;
    this.openBy = 1;
    this.openCity = rides.words.word(rides.columns.int(row, at.city)) ?? "unknown";
    this.openFromMs = timeMs;
    this.openUntilMs = timeMs + openRequestMs;
    rides.setWord(row, at.openCity, this.openCity);
    times[t + at.openUntilMs] = this.openUntilMs;
  }

  /** Whatever comes after the request ends its being open. */
  #close(row: number, times: Float64Array, t: number, timeMs: number): void {
    const openCity = this.#rides.columns.int(row, at.openCity);
    const untilMs = Math.max(timeMs, times[t + at.requestedMs]!);
    if (openCity === 0 || times[t + at.requestedMs]! < 0 || untilMs >= times[t + at.openUntilMs]!) return;
    this.openBy = -1;
    this.openCity = this.#rides.words.word(openCity);
    this.openFromMs = untilMs;
    this.openUntilMs = times[t + at.openUntilMs]!;
    times[t + at.openUntilMs] = untilMs;
  }

  #wait(times: Float64Array, t: number, states: Uint8Array, s: number): void {
    if (!this.#owesWait(times, t, states[s + at.waitCounted]!)) return;
    states[s + at.waitCounted] = 1;
    this.waitSeconds = (times[t + at.acceptedMs]! - times[t + at.requestedMs]!) / 1_000;
  }

  #owesWait(times: Float64Array, t: number, counted: number): boolean {
    const [requested, accepted] = [times[t + at.requestedMs]!, times[t + at.acceptedMs]!];
    return counted === 0 && requested >= 0 && accepted >= 0 && accepted >= requested;
  }

  #end(row: number, { times, states }: RidePage, event: RideEventScan, city: string): void {
    const rides = this.#rides;
    const [t, s] = [rides.columns.timesAt(row), rides.columns.statesAt(row)];
    const reason = event.text(rideTexts.reason);
    // A rider who did not show up cancelled, whoever reported it: cancelledBy() of actors/ride.ts.
    const by = reason === "no_show" ? "rider" : event.cancelledBy ?? "rider";
    this.outcome = event.type === "completed" ? "completed" : by;
    if (event.type === "completed") this.revenueCents = event.fareCents ?? 0;
    times[t + at.endedMs] = times[t + at.outcomeMs] = event.timeMs;
    states[s + at.outcome] = at.outcomes.indexOf(this.outcome);
    states[s + at.cancelledBy] = event.type === "completed" ? 0 : at.outcomes.indexOf(by) - 1;
    rides.setWord(row, at.reason, reason);
    rides.setWord(row, at.outcomeCity, city);
  }
}
