/** Consequence (a): cut, repeat, reorder and interleave any published stream of any owners; readers end the same. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { Fold, LogRecord, Output, Stage } from "../../src/fold.ts";
import type { TopicName } from "../../src/log/topics.ts";
import { citiesStage } from "../../src/stages/cities.ts";
import { locationsStage } from "../../src/stages/locations.ts";
import { ridesStage } from "../../src/stages/rides.ts";
import { type Random, randomFrom } from "../../src/traffic/random.ts";
import { asRecord, context, onTopic, partitionsOf } from "./folds.ts";
import { merged, oneOwner, shuffled, twoOwners } from "./owners.ts";
import { alertsOf, cellsOf, factsOf, recordsOf, valueOf, windowsOf } from "./published.ts";
import { storm } from "./storm.ts";

type OwnersOf = <F extends Fold>(stage: Stage<F>, partition: number, records: LogRecord[]) => Output[];
type World = {
  owners: OwnersOf;
  interleave: (streams: Output[][]) => Output[];
  arrive: (all: Output[]) => Output[];
};

const items = storm(1);
const sources = {
  rides: partitionsOf(items, "ride-events"),
  locations: partitionsOf(items, "driver-locations"),
};

describe("readers of published streams", () => {
  const straight = leftIn(calmWorld(20));

  it("see the wave of cancels as one alert from pending to resolved", () => {
    const wave = straight.alerts.filter((a) => a.rule === "cancellation_rate_high");
    assert.deepEqual(wave.map((a) => [a.city, a.state]), [
      ["alder", "pending"],
      ["alder", "firing"],
      ["alder", "resolved"],
    ]);
    assert.ok(straight.windows.length > 90 && straight.late.length > 50, "there is something to compare");
  });

  it("end the same however often the owner flushes", () => {
    for (const step of [1, 7, 1_000]) assert.deepEqual(leftIn(calmWorld(step)), straight);
  });

  it("end the same with zombies, repeats and any order between sources", () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        assert.deepEqual(leftIn(wildWorld(randomFrom(seed, "owners"))), straight);
      }),
      { numRuns: 12 },
    );
  });
});

function calmWorld(step: number): World {
  return {
    owners: (stage, partition, records) => oneOwner(stage, partition, records, step),
    // Sources side by side, as they would run.
    interleave: (streams) => merged(streams, randomFrom(1, "side by side")),
    arrive: (all) => all,
  };
}

function wildWorld(random: Random): World {
  return {
    owners: (stage, partition, records) => twoOwners(stage, partition, records, random),
    interleave: (streams) => merged(streams, random),
    arrive: (all) => shuffled(all, random),
  };
}

/** Both stages over the world's owners, and what readers keep of all that was published. */
function leftIn(world: World) {
  const published: Output[] = [];
  const partials: Output[][] = [];
  const run = <F extends Fold>(stage: Stage<F>, partitions: LogRecord[][]) => {
    for (const [partition, records] of partitions.entries()) {
      const sent = world.owners(stage, partition, records);
      published.push(...sent);
      partials.push(onTopic(sent, "city-partials"));
    }
  };
  run(ridesStage(context), sources.rides);
  run(locationsStage(context), sources.locations);
  for (let target = 0; target < context.partitions["city-partials"]; target++) {
    const streams = partials.map((stream) => stream.filter((output) => output.partition === target));
    const log = world.interleave(streams).map(asRecord);
    published.push(...world.owners(citiesStage(context), target, log));
  }
  const on = (topic: TopicName) => world.arrive(onTopic(published, topic)).map(asRecord);
  return {
    windows: windowsOf(on("analytics-aggregated")).map(valueOf),
    alerts: alertsOf(on("alerts")),
    cells: cellsOf(on("city-cells")),
    facts: factsOf(on("ride-facts")),
    late: recordsOf(on("late-events")),
    dead: recordsOf(on("dead-letters")),
  };
}
