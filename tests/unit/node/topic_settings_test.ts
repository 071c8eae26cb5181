/** What the settings for topics lead to: specs, contexts and the fold version. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Config, readConfig } from "../../../src/config.ts";
import { utf8 } from "../../../src/ids.ts";
import { memoryLog } from "../../../src/log/memory.ts";
import { foldVersionOf, stageContext } from "../../../src/node/context.ts";
import { specsOf, startPipeline } from "../../../src/node/pipeline.ts";
import { memorySnapshots } from "../../../src/snapshots/memory.ts";
import { hourMs, systemClock } from "../../../src/time.ts";
import { eventually } from "../../conformance/eventually.ts";

const given = (text: string): Config =>
  readConfig(Object.fromEntries(
    text.split(" ").filter(Boolean).map((pair) => {
      const [name, ...value] = pair.split("=");
      return [`WAYMARK_${name}`, value.join("=")];
    }),
  ));

describe("specsOf", () => {
  it("are the topics of the wire contract", () => {
    const specs = specsOf(readConfig({}));
    assert.deepEqual(specs.map((s) => [s.topic, s.partitions, s.retentionMs / hourMs / 24, s.replicas]), [
      ["ride-events", 12, 7, undefined],
      ["driver-locations", 24, 1, undefined],
      ["city-partials-g1", 6, 7, undefined],
      ["analytics-aggregated", 6, 7, undefined],
      ["city-cells", 6, 1, undefined],
      ["ride-facts", 12, 7, undefined],
      ["alerts", 6, 30, undefined],
      ["alert-journal", 6, 30, undefined],
      ["erasures", 1, 30, undefined],
      ["late-events", 6, 7, undefined],
      ["dead-letters", 6, 7, undefined],
    ]);
  });

  it("follow the settings, each topic by its own name, prefixed or not", () => {
    const config = given(
      "TOPIC_PREFIX=eu. GENERATION=3 PARTITIONS=city-partials=2,alerts=1 RETENTION=alerts=36h REPLICATION=2",
    );
    const specs = specsOf(config);
    assert.deepEqual(specs.map((s) => s.partitions), [12, 24, 2, 6, 6, 12, 1, 1, 1, 6, 6]);
    assert.equal(specs[6]!.retentionMs, 36 * hourMs);
    assert.equal(specs[0]!.retentionMs, 168 * hourMs);
    assert.equal(specs[2]!.topic, "eu.city-partials-g3");
    assert.ok(specs.every((s) => s.replicas === 2));
  });
});

describe("stageContext", () => {
  it("finds partitions among those that are set", () => {
    const { partitions, partitionOf } = stageContext(given("PARTITIONER=crc32 PARTITIONS=ride-events=24"));
    assert.equal(partitions["ride-events"], 24);
    assert.equal(partitionOf("ride-events", utf8("ride-abc-123")), 17);
    assert.equal(partitionOf("ride-facts", utf8("ride-abc-123")), 5);
  });
});

describe("foldVersionOf", () => {
  const usual = foldVersionOf(readConfig({}));

  it("is the one of releases without settings for topics, unless the settings move sources", () => {
    assert.equal(usual, "43601bb5fae12af0");
    assert.equal(foldVersionOf(given("PARTITIONS=ride-events=12,city-partials=6")), usual);
    assert.equal(foldVersionOf(given("PARTITIONS=alerts=1,ride-facts=3,dead-letters=9")), usual);
    assert.equal(foldVersionOf(given("RETENTION=ride-events=1h REPLICATION=2")), usual);
  });

  it("is another one with another format of partials: what one writes the others of a generation read", () => {
    assert.equal(foldVersionOf(readConfig({}), 1), usual);
    assert.notEqual(foldVersionOf(readConfig({}), 2), usual);
    assert.notEqual(foldVersionOf(readConfig({}), 3), foldVersionOf(readConfig({}), 2));
  });

  for (const topic of ["ride-events", "driver-locations", "city-partials"]) {
    it(`is another one with other partitions of ${topic}`, () => {
      assert.notEqual(foldVersionOf(given(`PARTITIONS=${topic}=48`)), usual);
      assert.notEqual(
        foldVersionOf(given(`PARTITIONS=${topic}=48`)),
        foldVersionOf(given(`PARTITIONS=${topic}=47`)),
      );
    });
  }
});

describe("startPipeline", () => {
  it("owns every partition that is set, and no other", async () => {
    const log = memoryLog({ clock: systemClock });
    const pipeline = await startPipeline({
      config: given("PARTITIONS=ride-events=2,driver-locations=3,city-partials=1"),
      log,
      store: memorySnapshots(),
      clock: systemClock,
      input: { kind: "live" },
      onStopped: (_, error) => assert.fail(error as Error),
    });
    const owned = (hosts: { actors: ReadonlyMap<number, unknown> }[]) =>
      hosts.flatMap((host) => [...host.actors.keys()]).sort().join();
    const all = () => [pipeline.rides, pipeline.locations, pipeline.cities].map(owned).join(" ");
    await eventually("all are owned", () => all() === "0,1 0,1,2 0");
    assert.equal(pipeline.cities[0]!.actors.get(0)!.fold.sources.length, 5);
    await pipeline.drain();
    await log.close();
  });
});
