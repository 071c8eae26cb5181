/** Many seeds in numbers: how often each fault was on, how often each point was reached, what failed, how fast. */
import { disasterNames, rateNames, type Scenario } from "./plan.ts";
import { pointNames } from "./points.ts";

export type SeedSummary = {
  seed: number;
  scenario: Scenario;
  events: number;
  simulatedMs: number;
  hash: string;
  complaints: { checker: string; text: string }[];
  points: [string, number][];
  rates: string[];
  disasters: string[];
};

export type Sums = {
  seeds: number;
  events: number;
  simulatedMs: number;
  scenarios: Map<string, number>;
  rates: Map<string, number>;
  disasters: Map<string, number>;
  /** Times, and seeds in which it happened. */
  points: Map<string, { times: number; seeds: number }>;
  failures: { seed: number; complaints: SeedSummary["complaints"] }[];
};

export const emptySums = (): Sums => ({
  seeds: 0,
  events: 0,
  simulatedMs: 0,
  scenarios: new Map(),
  rates: new Map(),
  disasters: new Map(),
  points: new Map(),
  failures: [],
});

export function addTo(sums: Sums, summary: SeedSummary): void {
  const raise = (map: Map<string, number>, name: string) => map.set(name, (map.get(name) ?? 0) + 1);
  sums.seeds++;
  sums.events += summary.events;
  sums.simulatedMs += summary.simulatedMs;
  raise(sums.scenarios, summary.scenario);
  for (const name of summary.rates) raise(sums.rates, name);
  for (const name of summary.disasters) raise(sums.disasters, name);
  for (const [name, times] of summary.points) {
    const held = sums.points.get(name) ?? { times: 0, seeds: 0 };
    sums.points.set(name, { times: held.times + times, seeds: held.seeds + 1 });
  }
  if (summary.complaints.length > 0) {
    sums.failures.push({ seed: summary.seed, complaints: summary.complaints });
  }
}

const hourMs = 3_600_000;

export function summed(sums: Sums, seconds: number): string {
  const hours = sums.simulatedMs / hourMs;
  const share = (count: number) => `${Math.round(100 * count / Math.max(1, sums.seeds))} %`;
  const list = (names: readonly string[], counts: Map<string, number>) =>
    names.map((name) => `${name} ${share(counts.get(name) ?? 0)}`).join(", ");
  const points = Object.entries(pointNames).map(([name, meaning]) => {
    const { times = 0, seeds = 0 } = sums.points.get(name) ?? {};
    return `  ${name.padEnd(36)}${String(times).padStart(9)}${share(seeds).padStart(6)}  ${meaning}`;
  });
  return [
    `${sums.seeds} seeds, ${sums.events} events, ${Math.round(hours)} simulated hours in ${
      Math.round(seconds)
    } s: ` +
    `${Math.round(hours / (seconds / 60))} hours a minute`,
    `scenarios: ${[...sums.scenarios].map(([name, count]) => `${name} ${share(count)}`).join(", ")}`,
    `seeds in which a rate was on: ${list(rateNames, sums.rates)}`,
    `disasters per hundred seeds: ${list(disasterNames, sums.disasters).replaceAll(" %", "")}`,
    "sometimes:                                 times  seeds",
    ...points,
    ...sums.failures.map(({ seed, complaints: [first] }) =>
      `FAILED seed ${seed}: ${first?.checker}: ${first?.text}`
    ),
  ].join("\n");
}
