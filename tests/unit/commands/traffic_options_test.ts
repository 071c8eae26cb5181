import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "../../../src/commands/command.ts";
import { trafficCommand } from "../../../src/commands/traffic.ts";
import { speedOf, trafficFrom } from "../../../src/commands/traffic_options.ts";
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

describe("waymark traffic", () => {
  it("refuses options that belong to another destination", async () => {
    for (const args of [["--speed", "2"], ["--to", "x.jsonl", "--record", "y.jsonl"]]) {
      assert.equal(await codeOf(() => trafficCommand.run(given(...args))), "usage");
    }
  });
});
