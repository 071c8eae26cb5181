/** A city window: one shape on `analytics-aggregated`, in ClickHouse and over HTTP. */
import { z } from "zod";
import { cityName, isoUtc } from "./fields.ts";

const count = z.number().int().min(0);
const ratio = z.number().min(0).max(1).nullable();
const gauge = count.nullable();

export const cityWindow = z.object({
  city: cityName,
  window_start: isoUtc,
  window_end: isoUtc,
  /**
   * Whether the window's end had been passed by the city's watermark when this version was published. An update is of a
   * window that is open: the one that ends next is told of with every flush, those after it when they begin.
   */
  kind: z.enum(["update", "final", "revision"]),
  /** 19 digits; of two versions of one window the greater is the newer. */
  rev: z.string().regex(/^\d{19}$/),
  /** The city's watermark when this version was published; null before the first. */
  watermark: isoUtc.nullable(),
  total_events: count,
  requests: count,
  acceptances: count,
  starts: count,
  completions: count,
  cancellations: count,
  avg_fare: z.number().min(0).nullable(),
  unique_riders: count,
  unique_riders_error: z.number().min(0),
  rides_completed: count,
  rides_cancelled_by_rider: count,
  rides_cancelled_by_driver: count,
  rides_cancelled_by_system: count,
  completion_rate: ratio,
  cancellation_rate: ratio,
  revenue: z.number(),
  request_to_accept_p50_s: z.number().nullable(),
  request_to_accept_p90_s: z.number().nullable(),
  anomalies: count,
  open_requests: gauge,
  available_drivers: gauge,
  busy_drivers: gauge,
  utilisation: ratio,
  surge: z.number().nullable(),
  /** On updates only, and no part of the value: what surge would be if the window closed as it stands. */
  surge_provisional: z.number().min(1).optional(),
}).meta({ title: "City window", description: "The figures of one city in one sliding window." });

export type CityWindow = z.infer<typeof cityWindow>;
