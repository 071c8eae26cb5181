/** The simulation itself: a seed decides everything, and what is taken away takes nothing else with it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planOf } from "./plan.ts";
import { outside } from "./seal.ts";
import { runSeed } from "./seed_run.ts";

describe("a seed", () => {
  it("has one trace, and another seed another one", async () => {
    const [first, again, other] = [
      await outside(() => runSeed(7)),
      await outside(() => runSeed(7)),
      await outside(() => runSeed(8)),
    ];
    assert.equal(again.hash, first.hash);
    assert.equal(again.events, first.events);
    assert.notEqual(other.hash, first.hash);
    assert.ok(first.events > 5_000, `${first.events} events`);
  });

  it("keeps the rest of its plan when a fault is taken away", () => {
    const whole = planOf(12);
    const less = planOf(12, { without: ["crash", "append_lost"] });
    assert.deepEqual(less.settings, whole.settings);
    assert.deepEqual(less.disasters, whole.disasters.filter(({ name }) => name !== "crash"));
    assert.equal(less.rates.append_lost, 0);
  });
});
