import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { figuresOf, table } from "../../../bench/figures.ts";

describe("figuresOf()", () => {
  it("gives median and range, and leaves out what not every run has", () => {
    assert.deepEqual(figuresOf([{ a: 3, b: 1 }, { a: 1 }, { a: 2 }]), { a: { median: 2, min: 1, max: 3 } });
  });
});

describe("table()", () => {
  const told = {
    a: { label: "cost", unit: "µs", decimals: 1 },
    none: { label: "none", unit: "", decimals: 0 },
  };
  const figure = (median: number, min: number, max: number) => ({ a: { median, min, max } });

  it("says median, unit and range, and nothing of figures that are not there", () => {
    assert.equal(table(told, figure(2, 1, 3), null), "cost  2.0 µs  1.0–3.0");
  });

  it("gives the ratio to others, marked as chance where the ranges overlap", () => {
    assert.match(table(told, figure(2, 1, 3), figure(4, 3.5, 5)), / was 4\.0: 0\.50×$/);
    assert.match(table(told, figure(2, 1, 3), figure(4, 3, 5)), / was 4\.0: ~0\.50×$/);
  });
});
