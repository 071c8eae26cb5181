/** A merged window in its published form. */
import { cancellationRate, completionRate, utilisation } from "../../actors/city.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import { fromCents, meanCents } from "../codec/money.ts";
import { isoTime } from "../time.ts";
import { percentile } from "../windows/histogram.ts";
import type { MergedWindow } from "../windows/merge.ts";
import { formatRev, type Phase } from "../windows/rev.ts";
import type { Gauges } from "./city.ts";
import { field, type PaneField, waitFrom } from "./pane_fields.ts";

export type WindowFacts = {
  city: string;
  endMs: number;
  windowMs: number;
  merged: MergedWindow;
  gauges: Gauges | undefined;
  phase: Phase;
  kind: CityWindow["kind"];
  watermarkMs: number | null;
  generation: number;
  /** A remark on an open window: what surge would be if it closed now. */
  surgeProvisional: number | null;
};

export function cityWindowOf(facts: WindowFacts): CityWindow {
  const { merged, gauges, phase } = facts;
  const value = (name: PaneField) => merged.values[field[name]]!;
  const cancelled = value("rides_cancelled_by_rider") + value("rides_cancelled_by_driver") +
    value("rides_cancelled_by_system");
  const supply = phase === 2 ? gauges?.supply ?? [0, 0, 0] : null;
  const busy = supply === null ? null : supply[1] + supply[2];
  return {
    city: facts.city,
    window_start: isoTime(facts.endMs - facts.windowMs),
    window_end: isoTime(facts.endMs),
    kind: facts.kind,
    rev: formatRev(facts.generation, merged.positions, phase),
    watermark: facts.watermarkMs === null ? null : isoTime(facts.watermarkMs),
    total_events: value("total_events"),
    requests: value("requests"),
    acceptances: value("acceptances"),
    starts: value("starts"),
    completions: value("completions"),
    cancellations: value("cancellations"),
    avg_fare: value("fare_events") === 0
      ? null
      : fromCents(meanCents(value("fare_cents"), value("fare_events"))),
    unique_riders: merged.riders,
    unique_riders_error: 0,
    rides_completed: value("rides_completed"),
    rides_cancelled_by_rider: value("rides_cancelled_by_rider"),
    rides_cancelled_by_driver: value("rides_cancelled_by_driver"),
    rides_cancelled_by_system: value("rides_cancelled_by_system"),
    completion_rate: completionRate(value("rides_completed"), cancelled),
    cancellation_rate: cancellationRate(value("rides_completed"), cancelled),
    revenue: fromCents(value("revenue_cents")),
    request_to_accept_p50_s: percentile(merged.values, waitFrom, 0.5),
    request_to_accept_p90_s: percentile(merged.values, waitFrom, 0.9),
    anomalies: value("anomalies"),
    open_requests: phase === 0 ? null : gauges?.open ?? 0,
    available_drivers: supply === null ? null : supply[0],
    busy_drivers: busy,
    utilisation: supply === null ? null : utilisation(busy!, supply[0]),
    surge: phase === 2 ? gauges?.surge ?? 1 : null,
    ...(facts.surgeProvisional !== null && { surge_provisional: facts.surgeProvisional }),
  };
}
