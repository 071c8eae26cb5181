import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Measured } from "../../../bench/peers/measure.ts";
import { newVerdict, type Published } from "../../../bench/peers/results.ts";
import { comparison } from "../../../bench/peers/table.ts";
import { keyOf } from "../../../bench/workload_recount.ts";

const figures = {
  total_events: 3,
  requests: 1,
  completions: 1,
  cancellations: 1,
  avg_fare: 400 / 3,
  unique_riders: 2,
};
const expected = new Map([[keyOf("a", 0), figures], [keyOf("a", 60_000), figures]]);
const right = (startMs: number, more: Partial<Published> = {}): Published => ({
  ...figures,
  ...{ avg_fare: 1.33, city: "a", window_start: startMs, ...more },
});

describe("newVerdict()", () => {
  it("is complete when every window is there with the right figures, by either way to write a time", () => {
    const verdict = newVerdict(expected);
    verdict.add(right(0));
    assert.equal(verdict.complete(), false);
    verdict.add(right(0, { window_start: "1970-01-01T00:01:00.000Z" }));
    assert.ok(verdict.complete());
  });

  it("takes a right window back when a wrong version follows, and says what is wrong", () => {
    for (
      const figure of [
        "total_events",
        "requests",
        "completions",
        "cancellations",
        "unique_riders",
        "avg_fare",
      ]
    ) {
      const verdict = newVerdict(expected);
      verdict.add(right(0));
      verdict.add(right(60_000));
      verdict.add(right(60_000, { [figure]: 9 }));
      const { equal, wrong, missing, example } = verdict.verdict();
      assert.deepEqual([equal, wrong, missing], [1, 1, 0], figure);
      assert.match(example!, new RegExp(`"${figure}":9`));
    }
  });

  it("goes by rev where there is one", () => {
    const verdict = newVerdict(expected);
    verdict.add(right(0, { rev: "0001000000000000020" }));
    verdict.add(right(0, { rev: "0001000000000000010", total_events: 1 }));
    assert.equal(verdict.verdict().equal, 1);
  });

  it("counts what is missing and what nobody expects, and passes over the city that ends the log", () => {
    const verdict = newVerdict(expected);
    verdict.add(right(120_000));
    verdict.add(right(0, { city: "end" }));
    const { missing, unexpected, records } = verdict.verdict();
    assert.deepEqual([missing, unexpected, records], [2, 1, 2]);
  });
});

describe("comparison()", () => {
  const run = (system: string, events: number, cpuSeconds: number, correct = true): Measured => ({
    ...{ system, events, cpuSeconds, seconds: 10, peakMb: 500, correct, loadBefore: 0, endedWith: null },
    verdict: newVerdict(expected).verdict(),
  });

  it("gives totals, slopes without the start, and ratios to Waymark", () => {
    const table = comparison([
      ...[run("waymark", 100_000, 1), run("waymark", 400_000, 2.5)],
      ...[run("flink-process", 100_000, 10), run("flink-process", 400_000, 11, false)],
    ]);
    const cells = table.split("\n").map((line) => line.split(/ {2,}/));
    assert.deepEqual(cells[1], ["Waymark", "160", "1.00×", "200", "1.00×", "10.0", "500", "all right"]);
    assert.deepEqual(cells[2]!.slice(1), ["36", "4.40×", "300", "0.67×", "10.0", "500", "WRONG"]);
  });

  it("gives no slope where a larger run cost no more", () => {
    const table = comparison([run("waymark", 100_000, 2), run("waymark", 400_000, 2)]);
    assert.equal(table.split("\n")[1]!.split(/ {2,}/)[3], "–");
  });
});
