/**
 * Scenarios: things that go wrong, or well, in one city at a stated time, as people would tell of them.
 *
 * Three change how a city lives (staging.ts), one what its phones say the time is (fast_clock.ts), one what reaches
 * the log (silent_partition.ts). None changes a byte of what it is not about.
 */
import { WaymarkError } from "../errors.ts";
import { isoTime, minuteMs } from "../time.ts";

export type ScenarioName =
  | "concert"
  | "supply-drop"
  | "cancellation-burst"
  | "silent-partition"
  | "fast-clock";

export type ScenarioOptions = {
  name: ScenarioName;
  /** Default: the first, which is the largest. */
  city?: string;
  /** From the beginning of the traffic; the start is the next full minute. Default 10 min. */
  afterMs?: number;
  /** Default 20 min. */
  forMs?: number;
  /** concert: requests against what they would be. */
  factor?: number;
  /** supply-drop, cancellation-burst, fast-clock: see the table. */
  share?: number;
  /** silent-partition: which, and how a key's partition is known. */
  partition?: { silent: number; count: number; of(key: string): number };
};

type Described = {
  summary: string;
  /** Defaults of what it takes. */
  factor?: number;
  share?: { means: string; fallback: number };
};

export const scenarios: Record<ScenarioName, Described> = {
  "concert": {
    summary: "requests are --scenario-factor times as many (default 2), with the drivers there are",
    factor: 2,
  },
  "supply-drop": {
    summary: "a share of the drivers goes offline, after the ride they are on (default 0.6); " +
      "its alert needs half an hour of positions before: --scenario-after 31m",
    share: { means: "of the drivers goes offline", fallback: 0.6 },
  },
  "cancellation-burst": {
    summary:
      "drivers cancel on arrival until that share of the rides of five minutes is cancelled (default 0.45)",
    share: { means: "of the rides that end in five minutes is cancelled, by drivers", fallback: 0.45 },
  },
  "silent-partition": {
    summary:
      "nothing is sent of the rides on one partition of ride-events (default partition 0), in any city",
  },
  "fast-clock": {
    summary: "a share of the phones, of riders and drivers, is one hour ahead (default 0.1)",
    share: { means: "of the phones is one hour ahead", fallback: 0.1 },
  },
};

export const scenarioNames = Object.keys(scenarios) as ScenarioName[];

export type Scenario = {
  name: ScenarioName;
  city: string;
  /** The first moment, a full minute of event time, and the first after it. */
  fromMs: number;
  untilMs: number;
  factor: number;
  share: number;
  partition: NonNullable<ScenarioOptions["partition"]> | null;
};

/** One that changes how a city lives. */
export type CityScenario = Scenario & { name: "concert" | "supply-drop" | "cancellation-burst" };

export const changesCity = (scenario: Scenario): scenario is CityScenario =>
  scenario.name !== "silent-partition" && scenario.name !== "fast-clock";

const factorMax = 100;

/** Throws `usage` for what means nothing. */
export function scenarioOf(
  { name, city, afterMs = 10 * minuteMs, forMs = 20 * minuteMs, factor, share, partition }: ScenarioOptions,
  traffic: { startMs: number; cities: readonly string[]; positionsShare: number },
): Scenario {
  const refuse = (what: string, value: unknown, wanted: string): never => {
    throw new WaymarkError("usage", `Cannot stage ${name} with ${what} ${value}: wanted ${wanted}.`);
  };
  if (city !== undefined && !traffic.cities.includes(city)) {
    refuse("city", `"${city}"`, `one of the traffic's cities: ${traffic.cities.join(", ")}`);
  }
  if (!(afterMs >= 0)) refuse("afterMs", afterMs, "0 or more");
  if (!(forMs > 0)) refuse("forMs", forMs, "more than 0");
  const { factor: usualFactor, share: usualShare } = scenarios[name];
  const times = factor ?? usualFactor ?? 1;
  if (!(times > 0 && times <= factorMax)) refuse("factor", times, `more than 0, at most ${factorMax}`);
  const part = share ?? usualShare?.fallback ?? 0;
  if (!(part >= 0 && part <= 1)) refuse("share", part, "0 to 1");
  if (name === "supply-drop" && traffic.positionsShare === 0) {
    refuse("positionsShare", 0, "more than 0: drivers go offline with a last position");
  }
  if (name === "silent-partition") {
    if (partition === undefined) return refuse("partition", "none", "a partition and how keys find theirs");
    const { silent, count } = partition;
    if (!(Number.isInteger(silent) && silent >= 0 && silent < count)) {
      refuse("partition", silent, `0 to ${count - 1}`);
    }
  }
  const fromMs = Math.ceil((traffic.startMs + afterMs) / minuteMs) * minuteMs;
  return {
    ...{ name, city: city ?? traffic.cities[0]!, fromMs, untilMs: fromMs + forMs },
    ...{ factor: times, share: part, partition: partition ?? null },
  };
}

/** In words, for the terminal. */
export function scenarioText(scenario: Scenario): string {
  const { name, city, fromMs, untilMs } = scenario;
  return `Scenario ${name}: ${said(scenario)}, from ${isoTime(fromMs)} to ${isoTime(untilMs)} (event time)`;

  function said({ factor, share, partition }: Scenario): string {
    if (name === "concert") return `${factor} times the requests in ${city}`;
    if (name === "silent-partition") return `nothing on partition ${partition!.silent} of ride-events`;
    return `${share * 100} % ${scenarios[name].share!.means} in ${city}`;
  }
}
