/** Settings that change a published number: part of the fold version. */
import { setting } from "./setting.ts";
import { decimal, integer, minutes } from "./setting_values.ts";
import { dayMs, hourMs, minuteMs, secondMs } from "./time.ts";

export const foldSettings = {
  WAYMARK_WINDOW_MS: setting({
    fallback: 5 * minuteMs,
    help: "Length of a city window. Longer windows hold more panes.",
    numbers: true,
    ...minutes(minuteMs, dayMs),
  }),
  WAYMARK_WATERMARK_DELAY_MS: setting({
    fallback: 30 * secondMs,
    help: "How far the watermark stays behind the newest event: shorter closes sooner and revises more.",
    numbers: true,
    ...integer(0, hourMs, "ms"),
  }),
  WAYMARK_LATENESS_MS: setting({
    fallback: 10 * minuteMs,
    help: "How long after its pane's end a late event still counts: longer holds more panes.",
    numbers: true,
    ...minutes(0, 6 * hourMs),
  }),
  WAYMARK_SKEW_MS: setting({
    fallback: 5 * minuteMs,
    help: "An event further ahead of its record's time is a dead letter event_time_future.",
    numbers: true,
    ...integer(secondMs, dayMs, "ms"),
  }),
  WAYMARK_HOLD_MS: setting({
    fallback: 2 * hourMs,
    help: "How long panes are held after closing for a source that only counts as idle.",
    numbers: true,
    ...minutes(minuteMs, dayMs),
  }),
  WAYMARK_ENDED_RIDE_MS: setting({
    fallback: hourMs,
    help: "How long an ended ride is remembered after its last event, in event time.",
    numbers: true,
    ...minutes(minuteMs, dayMs),
  }),
  WAYMARK_DRIVER_MS: setting({
    fallback: hourMs,
    help: "How long a driver is remembered after its last position, in event time.",
    numbers: true,
    ...minutes(minuteMs, dayMs),
  }),
  WAYMARK_CELL_RESOLUTION: setting({
    fallback: 8,
    help:
      "H3 resolution of the cells that supply, demand and surge are counted in: 7 for thin cities, 9 for airports.",
    numbers: true,
    ...integer(6, 10, ""),
  }),
  WAYMARK_SURGE_BALANCE: setting({
    fallback: 0.1,
    help: "Requests a minute per available driver up to which surge is 1.0.",
    numbers: true,
    ...decimal(0, 100),
  }),
  WAYMARK_SURGE_GAIN: setting({
    fallback: 5,
    help: "Surge for each further request a minute per available driver.",
    numbers: true,
    ...decimal(0, 1_000),
  }),
  WAYMARK_SURGE_CAP: setting({
    fallback: 3,
    help: "The most that surge can be; 1 switches it off.",
    numbers: true,
    ...decimal(1, 100),
  }),
} as const;
