/** The layout of a ride pane's values: one number per field, then the histogram of waits. */
import { waitBuckets } from "../windows/histogram.ts";

export const paneFields = [
  "total_events",
  "requests",
  "acceptances",
  "starts",
  "completions",
  "cancellations",
  "fare_cents",
  "fare_events",
  "rides_completed",
  "rides_cancelled_by_rider",
  "rides_cancelled_by_driver",
  "rides_cancelled_by_system",
  "revenue_cents",
  "anomalies",
] as const;

export type PaneField = (typeof paneFields)[number];

export const field = Object.fromEntries(paneFields.map((name, index) => [name, index])) as Record<
  PaneField,
  number
>;

/** Where the histogram of waits from request to accept begins. */
export const waitFrom = paneFields.length;
export const paneWidth = waitFrom + waitBuckets;

/** What a location source counts at a boundary: drivers by what they are doing. */
export const supplyFields = ["available", "en_route", "on_trip"] as const;
