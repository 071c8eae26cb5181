import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { hourMs, minuteMs } from "../../../src/time.ts";
import { Trailing } from "../../../src/windows/trailing.ts";

const minutes = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe("Trailing", () => {
  it("is the mean of the hour before, less its last ten minutes", () => {
    const trailing = new Trailing();
    for (const m of minutes(1, 60)) trailing.add(m * minuteMs, m);
    // Minutes 1 to 50: the mean is 25.5; at 61 they are 2 to 51.
    assert.equal(trailing.mean(60 * minuteMs), 25.5);
    assert.equal(trailing.mean(61 * minuteMs), 26.5);
  });

  it("knows nothing with fewer than 20 points", () => {
    const trailing = new Trailing();
    for (const m of minutes(1, 29)) trailing.add(m * minuteMs, 7);
    assert.equal(trailing.mean(29 * minuteMs), null);
    trailing.add(30 * minuteMs, 7);
    assert.equal(trailing.mean(30 * minuteMs), 7);
  });

  it("is past when nothing it holds can count any more", () => {
    const trailing = new Trailing();
    assert.equal(trailing.isPast(0), true);
    trailing.add(minuteMs, 1);
    assert.equal(trailing.isPast(hourMs), false);
    assert.equal(trailing.isPast(hourMs + minuteMs), true);
  });
});
