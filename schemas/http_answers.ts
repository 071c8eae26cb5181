/** The answers of the HTTP doors that are about cities, alerts, records and health. */
import { z } from "zod";
import { alertTransition } from "./alert.ts";
import { cityWindow } from "./city_window.ts";
import { cityName, isoUtc } from "./fields.ts";
import { cityWatermarks } from "./http.ts";

const whole = z.number().int().min(0);
const numberOrNull = z.number().nullable();

export const cityRowAnswer = z.object({
  city: cityName,
  state: z.enum(["firing", "watching", "no_data", "ok", "too_few"]),
  since: isoUtc.nullable(),
  rule: z.string().nullable(),
  watched_minutes: whole.nullable(),
  watch_minutes: whole.nullable(),
  live: cityWindow.nullable(),
  closed: cityWindow.nullable(),
  supply: z.object({
    as_of: isoUtc,
    open_requests: whole.nullable(),
    available_drivers: whole.nullable(),
    busy_drivers: whole.nullable(),
    utilisation: numberOrNull,
    surge: numberOrNull,
  }).nullable(),
  surge_provisional: numberOrNull,
  requests_last_hour: z.object({
    from: isoUtc,
    step_s: z.literal(60),
    values: z.array(whole.nullable()),
  }).nullable(),
}).meta({ title: "City", description: "One city as operations see it." });

export const citiesAnswer = z.object({ watermarks: cityWatermarks, cities: z.array(cityRowAnswer) }).meta({
  title: "Cities",
  description: "Every city, worst first.",
});

export const cityAnswer = cityRowAnswer.extend({
  watermarks: cityWatermarks,
  alerts: z.array(alertTransition),
}).meta({ title: "City and its alerts", description: "One city, with its open and recent alerts." });

export const cityWindowsAnswer = z.object({
  city: cityName,
  windows: z.array(cityWindow),
  /** Windows that start before it may be missing; null: none is. */
  complete_from: isoUtc.nullable(),
}).meta({ title: "Windows of a city", description: "The newest version of each, oldest start first." });

export const rawRecordAnswer = z.object({
  topic: z.string(),
  partition: whole,
  offset: whole,
  at: isoUtc,
  key: z.string().nullable(),
  headers: z.record(z.string(), z.string()),
  bytes: whole,
  value: z.string().nullable(),
}).meta({
  title: "Record",
  description: "One record of the log, masked unless the key is for administration.",
});

export const healthyAnswer = z.object({
  status: z.literal("ok"),
  node: z.string().optional(),
  version: z.string().optional(),
}).meta({ title: "Healthy", description: "The process is well." });

export const unhealthyAnswer = z.object({ status: z.literal("unavailable"), causes: z.array(z.string()) })
  .meta({ title: "Not healthy", description: "Why the process is not started or not ready." });

export type CitiesAnswer = z.infer<typeof citiesAnswer>;
export type CityAnswer = z.infer<typeof cityAnswer>;
export type CityWindowsAnswer = z.infer<typeof cityWindowsAnswer>;
export type RawRecordAnswer = z.infer<typeof rawRecordAnswer>;
