import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { cancellationRate, completionRate, utilisation } from "../../../actors/city.ts";

describe("the formulas of a city", () => {
  const rates: [
    completed: number,
    cancelled: number,
    completion: number | null,
    cancellation: number | null,
  ][] = [
    [0, 0, null, null],
    [3, 0, 1, 0],
    [0, 3, 0, 1],
    [2, 1, 0.6667, 0.3333],
    [7, 3, 0.7, 0.3],
  ];
  for (const [completed, cancelled, completion, cancellation] of rates) {
    it(`${completed} completed and ${cancelled} cancelled: ${completion} and ${cancellation}`, () => {
      assert.equal(completionRate(completed, cancelled), completion);
      assert.equal(cancellationRate(completed, cancelled), cancellation);
    });
  }

  const shares: [busy: number, available: number, share: number | null][] = [
    [0, 0, null],
    [0, 5, 0],
    [5, 0, 1],
    [1, 7, 0.125],
  ];
  for (const [busy, available, share] of shares) {
    it(`${busy} busy and ${available} available drivers: utilisation ${share}`, () => {
      assert.equal(utilisation(busy, available), share);
    });
  }
});
