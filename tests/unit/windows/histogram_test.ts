import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { bucketOf, percentile, waitBoundsS, waitBuckets } from "../../../src/windows/histogram.ts";

describe("bucketOf", () => {
  const cases: [seconds: number, bucket: number][] = [
    [0, 0],
    [1, 0],
    [1.001, 1],
    [3, 2],
    [60, 12],
    [60.5, 13],
    [3_600, 25],
    [3_600.001, 26],
    [1e9, 26],
  ];
  for (const [seconds, bucket] of cases) {
    it(`puts ${seconds} s into bucket ${bucket}`, () => assert.equal(bucketOf(seconds), bucket));
  }

  it("is the first bucket whose bound is not below the value", () => {
    fc.assert(fc.property(fc.double({ min: 0, max: 5_000, noNaN: true }), (seconds) => {
      const first = waitBoundsS.findIndex((bound) => seconds <= bound);
      assert.equal(bucketOf(seconds), first === -1 ? 26 : first);
    }));
  });
});

describe("percentile", () => {
  it("is the bound of the bucket that holds the value of that rank among the sorted values", () => {
    const shares: [share: number, numerator: number, denominator: number][] = [[0.5, 1, 2], [0.9, 9, 10]];
    fc.assert(
      fc.property(fc.array(fc.nat(4_000), { minLength: 1, maxLength: 120 }), fc.nat(3), (values, from) => {
        const counts = new Array<number>(from + waitBuckets).fill(0);
        for (const value of values) counts[from + bucketOf(value)]!++;
        const sorted = values.toSorted((a, b) => a - b);
        for (const [share, numerator, denominator] of shares) {
          const rank = Math.floor((values.length * numerator + denominator - 1) / denominator);
          const value = sorted[rank - 1]!;
          assert.equal(percentile(counts, from, share), waitBoundsS.find((bound) => value <= bound) ?? 3_600);
        }
      }),
    );
  });

  it("of nothing is null, also when zeros at the end were cut off", () => {
    assert.equal(percentile([], 14, 0.5), null);
    assert.equal(percentile(new Array(60).fill(0), 14, 0.5), null);
  });

  it("has the same rank as whole numbers give for any count up to 100,000", () => {
    for (let n = 1; n <= 100_000; n++) {
      assert.equal(Math.ceil(0.9 * n), Math.floor((9 * n + 9) / 10));
    }
  });
});
