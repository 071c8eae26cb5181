/**
 * Storms of one kind, over the whole installation: rows 8 and 23 of docs/FAULTS.md, which a seed's weather only brushes.
 * All checkers judge them, and afterwards everything must be folded and closed in time.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { secondMs } from "../../src/time.ts";
import type { Overrides } from "./plan.ts";
import { rateNames } from "./plan.ts";
import { outside } from "./seal.ts";
import { runSeed } from "./seed_run.ts";

const storm = async (seed: number, storm: NonNullable<Overrides["storm"]>) => {
  const overrides: Overrides = { storm, scenario: "steady", without: [...rateNames] };
  const result = await outside(() => runSeed(seed, { overrides }));
  assert.deepEqual(result.complaints, [], `seed ${seed}`);
  return {
    ...result,
    times: (name: Parameters<typeof result.points.get>[0]) => result.points.get(name) ?? 0,
  };
};

describe("members that join, leave and are killed every five seconds for at least eight minutes", () => {
  for (const seed of [2, 12]) {
    it(`lose and double nothing, and keep up: seed ${seed}`, async () => {
      const { plan, times } = await storm(seed, {
        names: ["drain", "join", "crash", "join"],
        ...{ everyMs: 5 * secondMs, forMs: 3 * secondMs },
      });
      assert.ok(plan.disasters.length >= 96, `${plan.disasters.length} disasters`);
      assert.ok(times("rebalance") >= 100 && times("crash") >= 15 && times("drained") >= 10);
    });
  }
});

describe("processes whose event loop stands still for five seconds, every fifteen", () => {
  for (const seed of [22]) {
    it(`change no number, and no source counts as idle for it: seed ${seed}`, async () => {
      const { times } = await storm(seed, { names: ["stop"], everyMs: 15 * secondMs, forMs: 5 * secondMs });
      assert.ok(times("stop") >= 30);
    });
  }
});
