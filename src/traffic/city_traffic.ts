/**
 * Deterministic city traffic: the same options give the same items, byte for byte.
 *
 * About 99 of 100 items are driver positions, the rest the events of rides that those drivers serve. The
 * items come in order of their sending time, as fast as they are asked for: to run live, wait until each
 * one's `recordedAtMs`; to give a service rides in every state at once, begin some twenty minutes ago.
 */
import { WaymarkError } from "../errors.ts";
import { minuteMs } from "../time.ts";
import { cityLife } from "./city_life.ts";
import { knownCities } from "./cities.ts";
import { type Disturbances, disturbed } from "./disturb.ts";
import { fastClock } from "./fast_clock.ts";
import type { SentItem } from "./item.ts";
import { countSending, newLedger, type Sending, type TrafficLedger } from "./ledger.ts";
import { changesCity, type Scenario, scenarioOf, type ScenarioOptions } from "./scenario.ts";
import { silentPartition } from "./silent_partition.ts";
import { stagedLife } from "./staged_life.ts";

export type CityTrafficOptions = Partial<Disturbances> & {
  seed: number;
  /** Items a minute, positions and ride events together, averaged over a day's wave of demand. Default 50,000. */
  ratePerMinute?: number;
  /** How many cities. Default 8. */
  cities?: number;
  /** Event time of the beginning. Default 2026-01-15T18:00:00Z. */
  startMs?: number;
  /** Events take place until startMs + durationMs; what was held back is sent after. Default: without end. */
  durationMs?: number;
  /** Ends after this many items. Default: without end. */
  events?: number;
  /** Share of positions among the items. Default 0.99. With much less, drivers report more seldom than every 5 s. */
  positionsShare?: number;
  /** Share of rides whose events after `requested` carry no city. */
  withoutCity?: number;
  /** Share of ride events without event_id. */
  withoutEventId?: number;
  /**
   * When demand is that of the day's mean in every city; it rises and falls with the hour from there. Default: it is the
   * mean's where the local hour says so.
   */
  usualAtMs?: number;
  /** Something that happens in one city. Without it every byte is the same as if there were no scenarios. */
  scenario?: ScenarioOptions;
};

export type CityTraffic = {
  /** Can be gone through once, as items or as sendings. */
  items: Iterable<SentItem>;
  /** The same with what becomes of each, for who counts only what was acknowledged. */
  sendings: Iterable<Sending>;
  /** What has been taken from `items` so far. */
  ledger: TrafficLedger;
  cities: string[];
  drivers: number;
  positionIntervalMs: number;
  scenario: Scenario | null;
};

const defaults = {
  ratePerMinute: 50_000,
  cities: 8,
  startMs: Date.UTC(2026, 0, 15, 18),
  durationMs: Infinity,
  events: Infinity,
  positionsShare: 0.99,
  withoutCity: 0,
  withoutEventId: 0,
  duplicates: 0,
  disorder: 0,
  late: 0,
  tooLate: 0,
  badClocks: 0,
  poison: 0,
  withoutZone: 0,
};

const shares = [
  ...["positionsShare", "withoutCity", "withoutEventId", "withoutZone"] as const,
  ...["duplicates", "disorder", "late", "tooLate", "badClocks", "poison"] as const,
];

export function cityTraffic(options: CityTrafficOptions): CityTraffic {
  const all = { ...defaults, ...options };
  checkOptions(all);
  const cities = knownCities.slice(0, all.cities);
  const names = cities.map((city) => city.name);
  const scenario = all.scenario === undefined ? null : scenarioOf(all.scenario, { ...all, cities: names });
  const lifeOptions = { ...all, cities, endMs: all.startMs + all.durationMs };
  const life = scenario !== null && changesCity(scenario)
    ? stagedLife(lifeOptions, scenario)
    : cityLife(lifeOptions);
  const ledger = newLedger();
  const sendings = disturbed(life.happenings, {
    seed: all.seed,
    disturbances: all,
    itemsMax: all.events,
    clocks: scenario?.name === "fast-clock" ? fastClock(all.seed, scenario) : null,
    silence: scenario?.name === "silent-partition" ? silentPartition(scenario) : null,
  });
  return {
    items: counted(sendings, ledger),
    sendings,
    ledger,
    cities: names,
    drivers: life.drivers,
    positionIntervalMs: life.positionIntervalMs,
    scenario,
  };
}

function* counted(sendings: Iterable<Sending>, ledger: TrafficLedger): Generator<SentItem> {
  for (const sending of sendings) {
    countSending(ledger, sending);
    yield sending.item;
  }
}

function checkOptions(all: typeof defaults & { seed: number }): void {
  const refuse = (name: string, value: number, wanted: string): never => {
    throw new WaymarkError("usage", `Cannot make traffic with ${name} ${value}: wanted ${wanted}.`);
  };
  const { ratePerMinute, cities } = all;
  // Below one a minute nothing would ever be due; above, one item a millisecond and city is the clock's limit.
  if (!(ratePerMinute >= 1 && ratePerMinute <= 100 * minuteMs)) {
    refuse("ratePerMinute", ratePerMinute, `1 to ${100 * minuteMs}`);
  }
  if (!(Number.isInteger(cities) && cities >= 1 && cities <= knownCities.length)) {
    refuse("cities", cities, `1 to ${knownCities.length}`);
  }
  if (!Number.isInteger(all.startMs)) refuse("startMs", all.startMs, "whole milliseconds");
  if (!(all.durationMs >= 0)) refuse("durationMs", all.durationMs, "0 or more");
  if (!(all.events >= 0)) refuse("events", all.events, "0 or more");
  for (const name of shares) if (!(all[name] >= 0 && all[name] <= 1)) refuse(name, all[name], "0 to 1");
  const disturbed = all.duplicates + all.disorder + all.late + all.tooLate + all.badClocks;
  if (disturbed > 1) {
    refuse("the sum of duplicates, disorder, late, tooLate and badClocks", disturbed, "at most 1");
  }
}
