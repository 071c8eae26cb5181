import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fromCents, meanCents, toCents } from "../../../src/codec/money.ts";

describe("toCents", () => {
  const cases: [amount: number, cents: number | null][] = [
    [0, 0],
    [8.5, 850],
    [8.07, 807],
    [0.1 + 0.2, 30],
    [1.005, null],
    [0.001, null],
    [0.285, null],
    [1_000_000, 100_000_000],
    [999_999.99, 99_999_999],
    [999_999.995, null],
  ];
  for (const [amount, cents] of cases) {
    it(`${amount} is ${cents}`, () => assert.equal(toCents(amount), cents));
  }

  it("gives back every amount of whole cents up to a million, also after the sums of a till", () => {
    fc.assert(fc.property(fc.nat(50_000_000), fc.nat(50_000_000), (a, b) => {
      assert.equal(toCents(fromCents(a)), a);
      assert.equal(toCents(a / 100 + b / 100), a + b);
    }));
  });

  it("refuses every amount with a third decimal", () => {
    fc.assert(fc.property(fc.nat(999_999_999), fc.integer({ min: 1, max: 9 }), (cents, mills) => {
      assert.equal(
        toCents(Number(`${Math.floor(cents / 1_000)}.${String(cents % 100).padStart(2, "0")}${mills}`)),
        null,
      );
    }));
  });
});

describe("meanCents", () => {
  const cases: [sum: number, count: number, mean: number][] = [[0, 1, 0], [5, 2, 3], [4, 3, 1], [5, 3, 2], [
    201,
    2,
    101,
  ]];
  for (const [sum, count, mean] of cases) {
    it(`of ${sum} over ${count} is ${mean}: halves up`, () => assert.equal(meanCents(sum, count), mean));
  }

  it("is the nearest whole number, exactly", () => {
    fc.assert(fc.property(fc.nat(1_000_000_000), fc.integer({ min: 1, max: 100_000 }), (sum, count) => {
      const [s, c] = [BigInt(sum), BigInt(count)];
      assert.equal(BigInt(meanCents(sum, count)), (2n * s + c) / (2n * c));
    }));
  });
});
