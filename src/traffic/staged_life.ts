/**
 * The life of all cities with a scenario in one of them.
 *
 *   undisturbed world ─► the scenario's city, from its start on: unseen ─┐
 *            └ a copy of that city as it is at the start ─► staged ──────┴─► happenings, by event time
 *
 * Invariant: nothing else changes. The undisturbed world goes on as if there were no scenario, the city in question
 * included, so that every draw of chance that the other cities meet is the one they would have met.
 */
import { type CityLife, cityLife, type CityLifeOptions } from "./city_life.ts";
import type { Happening } from "./happening.ts";
import { randomFrom } from "./random.ts";
import type { CityScenario } from "./scenario.ts";
import { stagingOf } from "./staging.ts";
import { live, newRides, newWorld, type World } from "./world.ts";

export function stagedLife(options: CityLifeOptions, scenario: CityScenario): CityLife {
  let copy: World | null = null;
  const staging = stagingOf(scenario);
  const life = cityLife(options, {
    atMs: scenario.fromMs,
    come: (world) => copy = copyOf(world),
  });
  return { ...life, happenings: happenings() };

  function* happenings(): Generator<Happening> {
    let staged: Iterator<Happening, void> | null = null;
    let next: Happening | null = null;
    for (const happening of life.happenings) {
      if (staged === null && copy !== null) {
        staged = live(copy, options.endMs, null);
        next = staged.next().value ?? null;
      }
      for (; next !== null && next.timeMs <= happening.timeMs; next = staged!.next().value ?? null) {
        yield { ...next, part: "staged" };
      }
      if (happening.city !== scenario.city) yield happening;
      else if (staged !== null) yield { ...happening, part: "unseen" };
      else {
        staging.witnessed(happening);
        yield happening;
      }
    }
    for (; next !== null; next = staged!.next().value ?? null) yield { ...next, part: "staged" };
  }

  function copyOf(world: World): World {
    const market = world.markets.find(({ fleet }) => fleet.city.name === scenario.city)!;
    // Who is waiting for a request is left out: its time is drawn anew.
    const waiting = world.steps.entries().filter(({ value }) =>
      value.market === market && value.ride !== null
    );
    // In one go: rides go on pointing to the drivers of their fleet.
    const copied = structuredClone({ market, waiting });
    const { withoutCity, withoutEventId } = options;
    const seed = `${options.seed}/staged`;
    const random = randomFrom(seed, "life");
    const rides = newRides({
      ...{ seed, ids: `ride-${options.seed}-staged`, random },
      ...{ withoutCity, withoutEventId },
    });
    staging.begin(copied.market.fleet, random);
    const staged = newWorld([copied.market], {
      ...{ startMs: scenario.fromMs, positionIntervalMs: life.positionIntervalMs },
      ...{ random, gaps: randomFrom(seed, "gps"), rides, staging },
    });
    for (const { atMs, value } of copied.waiting) staged.steps.push(atMs, value);
    return staged;
  }
}
