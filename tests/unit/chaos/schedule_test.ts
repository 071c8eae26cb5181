import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  churning,
  kindNames,
  kindOf,
  rotation,
  type Round,
  schedule,
  type ScheduleOptions,
} from "../../chaos/schedule.ts";

function first(count: number, options: ScheduleOptions): Round[] {
  const rounds: Round[] = [];
  for (const round of schedule(options)) {
    rounds.push(round);
    if (rounds.length === count) break;
  }
  return rounds;
}
const namesOf = (rounds: Round[]) => rounds.flatMap(({ strokes }) => strokes.map(({ kind }) => kind));

describe("schedule", () => {
  it("is the same for the same seed, and another one for another", () => {
    assert.deepEqual(first(200, { seed: 7 }), first(200, { seed: 7 }));
    assert.notDeepEqual(first(5, { seed: 7 }), first(5, { seed: 8 }));
  });

  it("has every kind before any comes again too often, whatever the seed", () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const deck = kindNames.reduce((sum, name) => sum + (kindOf(name).cards ?? 1), 0);
      const names = namesOf(first(deck, { seed })).slice(0, deck);
      assert.deepEqual([...new Set(names)].sort(), [...kindNames].sort());
    }
  });

  it("never strikes one target twice in a round, lasts as long as the kind says, and pauses between", () => {
    for (const { strokes, pauseSeconds } of first(500, { seed: 3 })) {
      const struck = strokes.map(({ kind }) => kindOf(kind).target);
      assert.equal(new Set(struck).size, struck.length);
      assert.ok(pauseSeconds >= 1);
      for (const { kind, forSeconds } of strokes) {
        const [least, most] = kindOf(kind).lasts;
        assert.ok(least <= forSeconds && forSeconds <= most, `${kind} ${forSeconds}`);
      }
    }
  });

  it("combines disasters of different targets", () => {
    const pairs = new Set(
      first(400, { seed: 1 }).flatMap(({ strokes }) =>
        strokes.flatMap((a) => strokes.map((b) => `${kindOf(a.kind).target} ${kindOf(b.kind).target}`))
      ),
    );
    for (const pair of ["workers kafka", "redis clickhouse", "kafka redis"]) assert.ok(pairs.has(pair), pair);
  });

  it("short and once: each quick kind once, and no long one", () => {
    const quick = kindNames.filter((name) => !kindOf(name).isLong);
    for (const seed of [1, 2, 3]) {
      const rounds = [...schedule({ seed, short: true, once: true })];
      assert.deepEqual(namesOf(rounds).sort(), [...quick].sort());
      assert.ok(rounds.length <= 12, `${rounds.length} rounds`);
    }
  });

  it("only: nothing but the kinds that are named", () => {
    const names = new Set(namesOf(first(20, { seed: 1, only: ["kill", "kafka_cut"] })));
    assert.deepEqual([...names].sort(), ["kafka_cut", "kill"]);
  });
});

describe("rotation", () => {
  it("kills for as long as it is asked to, stops one and wipes Redis meanwhile, and then drains each", () => {
    const [under, after] = rotation(180);
    assert.deepEqual(
      under!.strokes.map(({ kind, forSeconds }) => [kind, forSeconds]),
      [["kill_storm", 180], ["redis_wipe", 0], ["stop_long", 45]],
    );
    assert.ok(under!.strokes.every(({ atSeconds, forSeconds }) => atSeconds + forSeconds <= 180));
    assert.deepEqual(namesOf([after!]), ["rolling"]);
  });
});

describe("churning", () => {
  it("is one round, for as long as it is asked to", () => {
    assert.deepEqual(
      churning(600, 1).flatMap(({ strokes }) => strokes.map(({ kind, forSeconds }) => [kind, forSeconds])),
      [["churn", 600]],
    );
  });
});
