/** Frozen closing sums → the figures that rules may name. Pure. */
import { utilisation } from "../../actors/city.ts";
import type { Figures } from "../alerts/rule.ts";
import { fromCents, meanCents } from "../codec/money.ts";
import { percentile } from "../windows/histogram.ts";
import { field, type PaneField, waitFrom } from "./pane_fields.ts";

/** Closing sums of the ride sources: [open requests, requests of the last minute, window sums …]. */
export type RideSums = readonly number[];
export const sumsFrom = 2;

/** Drivers at the boundary by what they do. */
export type Supply = [available: number, enRoute: number, onTrip: number];

/** The mean of the hour before, null while that is not known. */
export type UsualRides = { requests: number | null; events: number | null };
export type Usual = UsualRides & { available: number | null };

export function endedRides(sums: RideSums): { completed: number; cancelled: number } {
  const at = (name: PaneField) => sums[sumsFrom + field[name]] ?? 0;
  return {
    completed: at("rides_completed"),
    cancelled: at("rides_cancelled_by_rider") + at("rides_cancelled_by_driver") +
      at("rides_cancelled_by_system"),
  };
}

export function rideFigures(sums: RideSums, usual: UsualRides): Figures {
  const at = (name: PaneField) => sums[sumsFrom + field[name]] ?? 0;
  const { completed, cancelled } = endedRides(sums);
  const window = sums.slice(sumsFrom);
  return {
    total_events: at("total_events"),
    requests: at("requests"),
    acceptances: at("acceptances"),
    starts: at("starts"),
    completions: at("completions"),
    cancellations: at("cancellations"),
    rides_completed: completed,
    rides_cancelled_by_rider: at("rides_cancelled_by_rider"),
    rides_cancelled_by_driver: at("rides_cancelled_by_driver"),
    rides_cancelled_by_system: at("rides_cancelled_by_system"),
    ended_rides: completed + cancelled,
    completion_rate: exact(completed, completed + cancelled),
    cancellation_rate: exact(cancelled, completed + cancelled),
    avg_fare: at("fare_events") === 0 ? null : fromCents(meanCents(at("fare_cents"), at("fare_events"))),
    revenue: fromCents(at("revenue_cents")),
    anomalies: at("anomalies"),
    request_to_accept_p50_s: percentile(window, waitFrom, 0.5),
    request_to_accept_p90_s: percentile(window, waitFrom, 0.9),
    open_requests: sums[0] ?? 0,
    usual_requests: usual.requests,
    usual_events: usual.events,
    demand_vs_usual: exact(at("requests"), usual.requests),
  };
}

export function supplyFigures([available, enRoute, onTrip]: Supply, surge: number, usual: Usual): Figures {
  const busy = enRoute + onTrip;
  return {
    available_drivers: available,
    busy_drivers: busy,
    utilisation: utilisation(busy, available),
    surge,
    usual_available_drivers: usual.available,
    supply_vs_usual: exact(available, usual.available),
  };
}

/** Not rounded: a rule compares with what is, not with what is shown. */
const exact = (part: number, whole: number | null): number | null =>
  whole === null || whole === 0 ? null : part / whole;
