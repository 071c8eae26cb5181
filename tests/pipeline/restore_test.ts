/** Invariant I4: snapshot at s and then s … c is the same state as 0 … c, for every stage and every s. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { LogRecord, Stage } from "../../src/fold.ts";
import { citiesStage } from "../../src/stages/cities.ts";
import { locationsStage } from "../../src/stages/locations.ts";
import { ridesStage } from "../../src/stages/rides.ts";
import { cityTraffic } from "../../src/traffic/city_traffic.ts";
import {
  asRecord,
  begin,
  context,
  endOf,
  foldTo,
  onTopic,
  partitionsOf,
  recordOf,
  restored,
  stateOf,
} from "./folds.ts";
import { valueOf, windowsOf } from "./published.ts";
import { rideItems } from "./rides_made.ts";

describe("a restored rides fold", () => {
  it("ends in the same state as one that was never interrupted, whatever the events", () => {
    fc.assert(
      fc.property(rideItems(90), cutsOf(90), (items, cuts) => {
        sameAsStraight(ridesStage(context), items.map(recordOf), cuts);
      }),
      { numRuns: 50 },
    );
  });
});

describe("a restored locations fold", () => {
  it("ends in the same state as one that was never interrupted", () => {
    const { items } = cityTraffic({
      ...{ seed: 5, ratePerMinute: 40, cities: 2, durationMs: 4 * 3_600_000, positionsShare: 1 },
      ...{ duplicates: 0.1, disorder: 0.1, late: 0.1, tooLate: 0.02 },
    });
    for (const [partition, records] of partitionsOf(items, "driver-locations").entries()) {
      if (partition % 6 === 0) sameAsStraight(locationsStage(context), records, [7, 20, 50, 51, 200]);
    }
  });
});

describe("a restored cities fold", () => {
  it("publishes the same last windows, revisions and all", () => {
    const { items } = cityTraffic({
      ...{ seed: 6, ratePerMinute: 120, cities: 2, durationMs: 40 * 60_000, positionsShare: 0 },
      ...{ disorder: 0.1, late: 0.2 },
    });
    const partials = partialsOf([...items]);
    const straight = citiesLeft(partials, Infinity);
    for (const every of [40, 101]) assert.deepEqual(citiesLeft(partials, every), straight);
  });
});

const cutsOf = (max: number) => fc.uniqueArray(fc.nat({ max }), { minLength: 1, maxLength: 6 });

/** Both are flushed at the cuts; one is replaced by its own snapshot there. */
function sameAsStraight(stage: Stage, records: LogRecord[], cuts: number[]): void {
  const straight = begin(stage, 0);
  let other = begin(stage, 0);
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    assert.deepEqual(facts(foldTo(other, records, cut)), facts(foldTo(straight, records, cut)));
    other = restored(stage, 0, other);
  }
  assert.deepEqual(
    facts(foldTo(other, records, records.length)),
    facts(foldTo(straight, records, records.length)),
  );
  assert.equal(stateOf(other.fold), stateOf(straight.fold));
}

/** What is published for each record; registers may be told again after a restore. */
const facts = (outputs: ReturnType<typeof foldTo>) => outputs.filter((o) => o.topic !== "city-partials");

/** What all sources tell city partition by partition, flushed every few records. */
function partialsOf(items: Parameters<typeof partitionsOf>[0]): LogRecord[][] {
  const all: LogRecord[][] = Array.from({ length: context.partitions["city-partials"] }, () => []);
  const tell = (outputs: ReturnType<typeof foldTo>) => {
    for (const output of onTopic(outputs, "city-partials")) {
      const records = all[output.partition!]!;
      records.push(asRecord(output, records.length));
    }
  };
  const sources = partitionsOf(items, "ride-events").map((records, p) => ({
    records,
    folding: begin(ridesStage(context), p),
  }));
  const quiet = Array.from(
    { length: context.partitions["driver-locations"] },
    (_, p) => begin(locationsStage(context), p),
  );
  for (const folding of quiet) tell(endOf(folding));
  // Sources without rides end at once, so that the others alone move the watermark.
  for (const { records, folding } of sources) if (records.length === 0) tell(endOf(folding));
  for (let until = 3; sources.some(({ records }) => until < records.length + 3); until += 3) {
    for (const { records, folding } of sources) if (records.length > 0) tell(foldTo(folding, records, until));
  }
  for (const { records, folding } of sources) if (records.length > 0) tell(endOf(folding));
  return all;
}

/** The last windows of all partitions, with a restore after every so many partials. */
function citiesLeft(partitions: LogRecord[][], every: number) {
  const stage = citiesStage(context);
  return partitions.map((records, partition) => {
    let folding = begin(stage, partition);
    const outputs: ReturnType<typeof foldTo> = [];
    for (let until = every; until < records.length; until += every) {
      outputs.push(...foldTo(folding, records, until));
      folding = restored(stage, partition, folding);
    }
    outputs.push(...foldTo(folding, records, records.length));
    return windowsOf(onTopic(outputs, "analytics-aggregated").map(asRecord)).map(valueOf);
  });
}
