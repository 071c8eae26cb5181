import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "../../../src/commands/command.ts";
import { trafficCommand } from "../../../src/commands/traffic.ts";
import { configFromEnvironment } from "../../../src/commands/environment.ts";
import { speedOf, trafficFrom } from "../../../src/commands/traffic_options.ts";
import { utf8 } from "../../../src/ids.ts";
import { partitionOf } from "../../../src/log/partitioner.ts";
import { codeOf } from "../../conformance/eventually.ts";

const given = (...args: string[]) => parse(trafficCommand, args);

describe("speedOf", () => {
  it("is a number above 0, or none for max", () => {
    assert.equal(speedOf(given(), "1"), 1);
    assert.equal(speedOf(given("--speed", "0.5"), "1"), 0.5);
    assert.equal(speedOf(given("--speed", "max"), "1"), null);
  });
  it("refuses what is neither", async () => {
    for (const wrong of ["0", "-1", "fast", "1000001", "NaN", ""]) {
      assert.equal(await codeOf(() => speedOf(given("--speed", wrong), "1")), "usage", wrong);
    }
  });
});

describe("trafficFrom", () => {
  it("takes a rate a minute or a second", () => {
    assert.equal(trafficFrom(given("--rate", "20000/s")).ratePerMinute, 1_200_000);
    assert.equal(trafficFrom(given("--rate", "300/min")).ratePerMinute, 300);
    assert.equal(trafficFrom(given("--rate", "300")).ratePerMinute, 300);
  });
});

describe("trafficFrom with a scenario", () => {
  const scenario = (...args: string[]) => trafficFrom(given("--scenario", ...args)).scenario;

  it("is what was asked for, with the usual values for the rest", () => {
    assert.equal(trafficFrom(given()).scenario, undefined);
    assert.deepEqual(scenario("concert"), {
      ...{ name: "concert", afterMs: 600_000, forMs: 1_200_000, factor: 2 },
    });
    const burst = ["cancellation-burst", "--scenario-city", "prague", "--scenario-after", "0s"];
    assert.deepEqual(scenario(...burst, "--scenario-for", "1h", "--scenario-share", "0.35"), {
      ...{ name: "cancellation-burst", city: "prague", afterMs: 0, forMs: 3_600_000, share: 0.35 },
    });
  });

  it("finds a key's partition as the service does", () => {
    const { partition } = scenario("silent-partition", "--scenario-partition", "11")!;
    assert.deepEqual([partition!.silent, partition!.count], [11, 12]);
    // Kafka's own answer for this key is kept in partitioner_test.ts.
    assert.equal(partition!.of("ride-1-1"), partitionOf("murmur2", utf8("ride-1-1"), 12));
  });

  it("knows no other partitions than the service has", async () => {
    const config = configFromEnvironment({ WAYMARK_PARTITIONS: "ride-events=3" });
    const partition = (silent: string) =>
      trafficFrom(given("--scenario", "silent-partition", "--scenario-partition", silent), { config })
        .scenario!.partition!;
    assert.deepEqual([partition("2").silent, partition("2").count], [2, 3]);
    assert.equal(await codeOf(() => partition("3")), "usage");
  });

  it("counts from now where the traffic begins before now", () => {
    assert.equal(
      trafficFrom(given("--scenario", "concert"), { historyMs: 1_800_000 }).scenario!.afterMs,
      2_400_000,
    );
  });

  it("refuses unknown names, wrong values and options of other scenarios, naming what is allowed", () => {
    const wrong: [string[], RegExp][] = [
      [["--scenario", "rain"], /"rain".*concert, supply-drop, cancellation-burst/],
      [["--scenario-city", "prague"], /--scenario-city is "prague".*only with --scenario/],
      [["--scenario", "silent-partition", "--scenario-city", "prague"], /only with --scenario concert/],
      [["--scenario", "concert", "--scenario-share", "0.3"], /only with --scenario supply-drop/],
      [["--scenario", "fast-clock", "--scenario-factor", "3"], /only with --scenario concert/],
      [["--scenario", "concert", "--scenario-partition", "3"], /only with --scenario silent-partition/],
      [["--scenario", "concert", "--scenario-after", "10"], /"10".*90s, 10m or 2h/],
      [["--scenario", "concert", "--scenario-for", "0m"], /--scenario-for is "0m"/],
      [["--scenario", "concert", "--scenario-factor", "0"], /--scenario-factor is "0"/],
      [["--scenario", "supply-drop", "--scenario-share", "2"], /--scenario-share is "2"/],
      [["--scenario", "silent-partition", "--scenario-partition", "12"], /from 0 to 11/],
    ];
    for (const [args, message] of wrong) {
      assert.throws(() => trafficFrom(given(...args)), { code: "usage", message });
    }
  });
});

describe("waymark traffic", () => {
  it("refuses options that belong to another destination", async () => {
    for (const args of [["--speed", "2"], ["--to", "x.jsonl", "--record", "y.jsonl"]]) {
      assert.equal(await codeOf(() => trafficCommand.run(given(...args))), "usage");
    }
  });
});
