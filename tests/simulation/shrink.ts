/**
 * Makes a failing seed small: takes away disasters, faults and traffic as long as the same checker still complains.
 *
 * Every part of a plan draws from its own stream of chance, so taking one away leaves the others as they were; what
 * happens between calls changes all the same, which is why each step is tried and not reasoned about.
 */
import { type Overrides, planOf, rateNames } from "./plan.ts";
import type { SeedResult } from "./seed_run.ts";

const triesMax = 60;

export async function shrunk(
  seed: number,
  given: Overrides,
  checker: string,
  run: (overrides: Overrides) => Promise<SeedResult>,
): Promise<{ overrides: Overrides; result: SeedResult }> {
  let best = { overrides: given, result: await run(given) };
  let tries = 0;
  const attempt = async (overrides: Overrides): Promise<boolean> => {
    if (tries++ >= triesMax) return false;
    const result = await run(overrides);
    if (!result.complaints.some((c) => c.checker === checker)) return false;
    best = { overrides, result };
    return true;
  };

  const plan = planOf(seed, given);
  const all = given.disasters ?? planOf(seed, { ...given, without: [] }).disasters.map((_, i) => i);
  let kept = [...all];
  if (kept.length > 0 && await attempt({ ...best.overrides, disasters: [] })) kept = [];
  for (const n of [...kept].reverse()) {
    const fewer = kept.filter((k) => k !== n);
    if (await attempt({ ...best.overrides, disasters: fewer })) kept = fewer;
  }
  for (const name of [...rateNames.filter((name) => plan.rates[name] > 0), "silences"]) {
    const without = [...best.overrides.without ?? [], name];
    await attempt({ ...best.overrides, without });
  }
  for (const minutes of [12, 8, 5, 3, 2]) {
    if (minutes * 60_000 >= plan.trafficMs) continue;
    if (!await attempt({ ...best.overrides, minutes })) break;
  }
  return best;
}
