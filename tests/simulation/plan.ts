/**
 * What a seed decides before anything runs: settings, sizes, the rate of every fault, and the disasters by time.
 *
 * Each seed has a weather of its own: most faults are off in it and some are frequent (swarm testing; a run with all
 * faults at once hides what two of them do together). Whatever a person takes away with `--without`, or what the
 * shrinker does, changes nothing else of the plan.
 */
import { hash64 } from "../../src/ids.ts";
import { minuteMs, secondMs } from "../../src/time.ts";
import { type Random, randomFrom } from "../../src/traffic/random.ts";

/** Faults with a rate: the chance per call, reply or record. */
export const rateNames = [
  "append_lost",
  "append_unanswered",
  "append_late",
  "append_twice",
  "append_torn",
  "fetch_failed",
  "fetch_early",
  "gap",
  "slow",
  "store_lost",
  "store_unanswered",
  "snapshot_torn",
  "insert_lost",
  "insert_unanswered",
  "insert_torn",
  "too_many_parts",
  "row_refused",
  "duplicates",
  "late",
  "too_late",
  "disorder",
  "bad_clocks",
  "poison",
] as const;
export type RateName = (typeof rateNames)[number];

/** Things that happen once, at their time, to one place. */
export const disasterNames = [
  "crash",
  "crash_publishing",
  "crash_snapshotting",
  "crash_committing",
  "crash_restoring",
  "stop",
  "drain",
  "join",
  "cut",
  "cut_one_way",
  "log_down",
  "store_down",
  "clickhouse_down",
  "store_wiped",
  "store_stale",
  "log_clock",
  "wall_clock",
  "trim",
  "log_replaced",
  "log_rolled_back",
  "log_trimmed_too_far",
] as const;
export type DisasterName = (typeof disasterNames)[number];
export type Disaster = { name: DisasterName; atMs: number; forMs: number; pick: number };

/**
 * steady    no source is quiet for long: windows, facts, alerts and gauges are what a batch program finds
 * quiet     sources fall silent, are declared idle and come back: what came for windows that had left is listed
 * foreign   the log is replaced, rolled back or trimmed too far: everybody refuses, nothing wrong is published
 */
export type Scenario = "steady" | "quiet" | "foreign";

export type Plan = {
  seed: number;
  scenario: Scenario;
  partitions: { rides: number; locations: number; targets: number; others: number };
  settings: {
    flushMs: number;
    snapshotMs: number;
    idleMs: number;
    alignMs: number;
    windowMs: number;
    delayMs: number;
    latenessMs: number;
    skewMs: number;
    holdMs: number;
    endedRideMs: number;
    driverMs: number;
    insertMs: number;
    sessionMs: number;
    pollMs: number;
    /** How long the broker waits for more before it answers a fetch, at most. */
    lingerMs: number;
    insertRowsMax: number;
  };
  trafficMs: number;
  ridesPerMinute: number;
  cities: number;
  drivers: number;
  processes: number;
  latencyMs: number;
  rates: Record<RateName, number>;
  disasters: Disaster[];
  /** Between two of these a partition of rides gets nothing, by partition; only in `quiet`. */
  silences: { partition: number; fromMs: number; untilMs: number }[];
};

export type Overrides = {
  /** Names of rates and disasters that are taken away. */
  without?: readonly string[];
  /** Only the disasters with these numbers, as the story lists them. */
  disasters?: readonly number[];
  /** Only so much of the traffic, minutes. */
  minutes?: number;
  scenario?: Scenario;
  /** These and no other disasters, one after the other for as long as there is traffic. */
  storm?: { names: readonly DisasterName[]; everyMs: number; forMs: number };
};

const of = <T>(random: Random, values: readonly T[]): T => values[random.below(values.length)]!;

export function planOf(seed: number, overrides: Overrides = {}): Plan {
  const random = randomFrom(seed, "plan");
  const scenario: Scenario = overrides.scenario ??
    (["steady", "steady", "quiet", "steady", "quiet", "foreign"] as const)[hash64(`${seed}`).low % 6]!;
  const trafficMs = (8 + random.below(8)) * minuteMs;
  const latenessMs = of(random, [1, 2, 3, 5]) * minuteMs;
  const windowMs = of(random, [2, 3, 5]) * minuteMs;
  const pollMs = of(random, [900, 4_000, 8_000, 8_000]);
  const plan: Plan = {
    seed,
    scenario,
    partitions: {
      rides: 1 + random.below(4),
      locations: 1 + random.below(2),
      targets: 1 + random.below(3),
      others: 1 + random.below(2),
    },
    settings: {
      flushMs: of(random, [1_000, 4_000, 6_000, 10_000]),
      snapshotMs: of(random, [10, 20, 45, 120]) * secondMs,
      // A process that lags must not look quiet in a steady scenario.
      idleMs: scenario === "steady"
        ? 5 * minuteMs
        : Math.max(4 * pollMs, of(random, [15, 25, 60]) * secondMs),
      alignMs: of(random, [1, 3, 30]) * minuteMs,
      windowMs,
      delayMs: of(random, [0, 10, 30]) * secondMs,
      latenessMs,
      skewMs: of(random, [5, 60, 120]) * secondMs,
      holdMs: latenessMs + of(random, [0, 1, 5]) * minuteMs,
      endedRideMs: latenessMs + of(random, [1, 2, 8]) * minuteMs,
      driverMs: latenessMs + of(random, [1, 4]) * minuteMs,
      insertMs: of(random, [2, 5, 15]) * secondMs,
      sessionMs: of(random, [9, 15, 30]) * secondMs,
      pollMs,
      lingerMs: of(random, [10, 1_500, 3_000]),
      insertRowsMax: of(random, [20, 100, 2_000]),
    },
    trafficMs,
    ridesPerMinute: 8 + random.below(12),
    cities: 1 + random.below(3),
    drivers: 3 + random.below(5),
    processes: 1 + random.below(3),
    latencyMs: of(random, [2, 20, 150]),
    rates: ratesOf(randomFrom(seed, "rates")),
    disasters: disastersOf(randomFrom(seed, "disasters"), scenario, trafficMs),
    silences: [],
  };
  // A trimmed log needs its snapshots: damaged ones would end in a cold start, which promises less.
  if (scenario === "foreign" || plan.disasters.some((d) => d.name === "trim")) plan.rates.snapshot_torn = 0;
  if (scenario === "quiet") plan.silences = silencesOf(randomFrom(seed, "silences"), plan);
  return overridden(plan, overrides);
}

/** What a rate is when its fault is on: a low and a high one. */
const rateRanges: Record<RateName, [number, number]> = {
  append_lost: [0.01, 0.15],
  append_unanswered: [0.01, 0.2],
  append_late: [0.01, 0.15],
  append_twice: [0.01, 0.2],
  append_torn: [0.01, 0.15],
  fetch_failed: [0.01, 0.1],
  fetch_early: [0.05, 0.5],
  gap: [0.01, 0.2],
  slow: [0.005, 0.1],
  store_lost: [0.01, 0.3],
  store_unanswered: [0.01, 0.3],
  snapshot_torn: [0.02, 0.3],
  insert_lost: [0.02, 0.3],
  insert_unanswered: [0.02, 0.4],
  insert_torn: [0.02, 0.3],
  too_many_parts: [0.02, 0.3],
  row_refused: [0.0005, 0.004],
  duplicates: [0.01, 0.2],
  late: [0.01, 0.1],
  too_late: [0.005, 0.05],
  disorder: [0.02, 0.4],
  bad_clocks: [0.002, 0.02],
  poison: [0.002, 0.03],
};

function ratesOf(random: Random): Record<RateName, number> {
  const isCalm = random.chance(0.06);
  return Object.fromEntries(rateNames.map((name) => {
    const [low, high] = rateRanges[name];
    const on = random.chance(0.4);
    const rate = random.between(low, high);
    return [name, on && !isCalm ? Math.round(rate * 10_000) / 10_000 : 0];
  })) as Record<RateName, number>;
}

/** How long each lasts, at most; and how many of it a seed has, at most. */
const disasterRanges: Record<DisasterName, { seconds: [number, number]; most: number }> = {
  crash: { seconds: [1, 90], most: 4 },
  crash_publishing: { seconds: [1, 30], most: 2 },
  crash_snapshotting: { seconds: [1, 30], most: 2 },
  crash_committing: { seconds: [1, 30], most: 2 },
  crash_restoring: { seconds: [1, 20], most: 2 },
  stop: { seconds: [5, 200], most: 3 },
  drain: { seconds: [1, 60], most: 2 },
  join: { seconds: [0, 0], most: 2 },
  cut: { seconds: [5, 150], most: 2 },
  cut_one_way: { seconds: [5, 150], most: 2 },
  log_down: { seconds: [5, 150], most: 2 },
  store_down: { seconds: [10, 400], most: 2 },
  clickhouse_down: { seconds: [10, 600], most: 2 },
  store_wiped: { seconds: [0, 0], most: 2 },
  store_stale: { seconds: [0, 0], most: 2 },
  log_clock: { seconds: [0, 0], most: 2 },
  wall_clock: { seconds: [0, 0], most: 3 },
  trim: { seconds: [0, 0], most: 3 },
  log_replaced: { seconds: [0, 0], most: 1 },
  log_rolled_back: { seconds: [0, 0], most: 1 },
  log_trimmed_too_far: { seconds: [0, 0], most: 1 },
};
const foreign: readonly DisasterName[] = ["log_replaced", "log_rolled_back", "log_trimmed_too_far"];

function disastersOf(random: Random, scenario: Scenario, trafficMs: number): Disaster[] {
  const disasters: Disaster[] = [];
  // Without snapshots a trimmed log begins cold, which is another promise than exactness.
  const keepsSnapshots = random.chance(0.5);
  for (const name of disasterNames) {
    const { seconds: [low, high], most } = disasterRanges[name];
    const on = random.chance(0.35);
    const count = 1 + random.below(most);
    for (let n = 0; n < count; n++) {
      const atMs = Math.round(random.between(0.05, 1.05) * trafficMs);
      const forMs = Math.round(random.between(low, high) * secondMs);
      const pick = random.uniform();
      if (!on || foreign.includes(name)) continue;
      if (
        keepsSnapshots || scenario === "foreign"
          ? name === "store_wiped" || name === "store_stale"
          : name === "trim"
      ) continue;
      disasters.push({ name, atMs, forMs, pick });
    }
  }
  if (scenario === "foreign") {
    const at = { atMs: Math.round(random.between(0.5, 0.9) * trafficMs), forMs: 0, pick: random.uniform() };
    disasters.push({ name: of(random, foreign), ...at });
  }
  return disasters.sort((a, b) => a.atMs - b.atMs);
}

function silencesOf(random: Random, { trafficMs, partitions }: Plan): Plan["silences"] {
  return Array.from({ length: 1 + random.below(4) }, () => {
    const fromMs = random.between(0.1, 0.8) * trafficMs;
    return {
      partition: random.below(partitions.rides),
      fromMs,
      untilMs: fromMs + random.between(0.05, 0.5) * trafficMs,
    };
  });
}

function stormOf({ names, everyMs, forMs }: NonNullable<Overrides["storm"]>, trafficMs: number): Disaster[] {
  const fifth = 0.2;
  return Array.from({ length: Math.floor(trafficMs / everyMs) }, (_, n) => ({
    name: names[n % names.length]!,
    atMs: (n + 1) * everyMs,
    forMs,
    pick: n * fifth % 1,
  }));
}

function overridden(plan: Plan, { without = [], disasters, minutes, storm }: Overrides): Plan {
  const all = storm === undefined ? plan.disasters : stormOf(storm, plan.trafficMs);
  const kept = all.filter((d, i) =>
    !without.includes(d.name) && (disasters === undefined || disasters.includes(i))
  );
  const rates = Object.fromEntries(
    rateNames.map((name) => [name, without.includes(name) ? 0 : plan.rates[name]]),
  ) as Plan["rates"];
  return {
    ...plan,
    rates,
    disasters: kept,
    silences: without.includes("silences") ? [] : plan.silences,
    trafficMs: Math.min(plan.trafficMs, (minutes ?? Infinity) * minuteMs),
  };
}

/** The plan in two or three lines: what is printed before a seed is run. */
export function planText(plan: Plan): string {
  const rates = rateNames.filter((name) => plan.rates[name] > 0).map((name) => `${name} ${plan.rates[name]}`);
  const disasters = plan.disasters.map(({ name, atMs, forMs }) =>
    `${name} at ${Math.round(atMs / secondMs)} s${forMs > 0 ? ` for ${Math.round(forMs / secondMs)} s` : ""}`
  );
  const settings = Object.entries(plan.settings).map(([name, value]) => `${name} ${value}`);
  const { rides, locations, targets, others } = plan.partitions;
  return [
    `scenario ${plan.scenario}: ${plan.trafficMs / minuteMs} min of ${plan.ridesPerMinute} rides/min in ` +
    `${plan.cities} cities, ${plan.drivers} drivers; ${plan.processes} processes; ` +
    `partitions ${rides} rides, ${locations} locations, ${targets} targets, ${others} of others`,
    `settings: ${settings.join(", ")}; latency ${plan.latencyMs} ms`,
    `rates: ${rates.join(", ") || "none"}`,
    `disasters: ${disasters.join(", ") || "none"}`,
  ].join("\n");
}
