/** Options of deterministic traffic that several commands share. */
import type { Config } from "../config.ts";
import { WaymarkError } from "../errors.ts";
import type { CityTrafficOptions } from "../traffic/city_traffic.ts";
import { type Given, type Option, share, wholeNumber } from "./command.ts";
import { configFromEnvironment } from "./environment.ts";
import { scenarioFrom, scenarioOptions } from "./scenario_options.ts";

export const trafficOptions: Record<string, Option> = {
  rate: {
    type: "string",
    value: "N/min",
    help: "items a minute (or N/s), positions included (default 50000/min)",
  },
  cities: { type: "string", value: "N", help: "cities, Zipf-like in size (default 8)" },
  seed: { type: "string", value: "N", help: "the same seed gives the same traffic (default 1)" },
  positions: { type: "string", value: "SHARE", help: "share of positions (default 0.99)" },
  duplicates: {
    type: "string",
    value: "SHARE",
    help: "items sent again, seconds to minutes later (default 0.005)",
  },
  disorder: { type: "string", value: "SHARE", help: "items up to 20 s out of order (default 0.02)" },
  late: { type: "string", value: "SHARE", help: "items 45 s to 9 min late (default 0.001)" },
  "too-late": { type: "string", value: "SHARE", help: "items 13 to 20 min late (default 0)" },
  "bad-clocks": {
    type: "string",
    value: "SHARE",
    help: "events dated +1 day, +10 years or −1 year (default 0)",
  },
  poison: { type: "string", value: "SHARE", help: "records that are no events (default 0)" },
  "without-city": {
    type: "string",
    value: "SHARE",
    help: "rides whose later events carry no city (default 0)",
  },
  "without-zone": { type: "string", value: "SHARE", help: "timestamps without zone (default 0)" },
  "without-event-id": { type: "string", value: "SHARE", help: "ride events without event_id (default 0)" },
  ...scenarioOptions,
};

/** `historyMs`: how long before now the traffic begins. `config`: of the service that it is sent to. */
export function trafficFrom(
  given: Given,
  { historyMs = 0, config = configFromEnvironment() }: { historyMs?: number; config?: Config } = {},
): CityTrafficOptions & { ratePerMinute: number } {
  const scenario = scenarioFrom(given, { historyMs, config });
  return {
    ...(scenario !== undefined && { scenario }),
    seed: wholeNumber(given, "seed", { fallback: 1, min: 0, max: 2 ** 32 - 1 }),
    ratePerMinute: ratePerMinute(given.text("rate") ?? "50000/min"),
    cities: wholeNumber(given, "cities", { fallback: 8, min: 1, max: 58 }),
    positionsShare: share(given, "positions", 0.99),
    duplicates: share(given, "duplicates", 0.005),
    disorder: share(given, "disorder", 0.02),
    late: share(given, "late", 0.001),
    tooLate: share(given, "too-late", 0),
    badClocks: share(given, "bad-clocks", 0),
    poison: share(given, "poison", 0),
    withoutCity: share(given, "without-city", 0),
    withoutZone: share(given, "without-zone", 0),
    withoutEventId: share(given, "without-event-id", 0),
  };
}

function ratePerMinute(text: string): number {
  const [, count, unit] = /^(\d{1,9})(?:\/(min|s))?$/.exec(text) ?? [];
  const rate = Number(count) * (unit === "s" ? 60 : 1);
  if (rate >= 1) return rate;
  throw new WaymarkError("usage", `--rate is "${text}"; allowed: a number of items, as 50000/min or 2000/s`);
}

/** Recorded time per wall time; null: as fast as it goes. */
export function speedOf(given: Given, fallback: string): number | null {
  const text = given.text("speed") ?? fallback;
  const speed = text === "max" ? null : Number(text);
  if (speed === null || (speed > 0 && speed <= 1e6)) return speed;
  throw new WaymarkError("usage", `--speed is "${text}"; allowed: max, or a number above 0`);
}
