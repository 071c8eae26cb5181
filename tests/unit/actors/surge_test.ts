import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { nextSurge, type SurgeMemory, type SurgeTerms } from "../../../actors/surge.ts";
import { minuteMs } from "../../../src/time.ts";

const terms: SurgeTerms = { balance: 0.1, gain: 5, cap: 3 };

/** Surge minute by minute; null: no driver spoke. */
function surges(minutes: ([requests: number, available: number] | null)[]): number[] {
  let memory: SurgeMemory | null = null;
  return minutes.map((minute, i) => {
    const [requestsPerMinute, available] = minute ?? [0, 0];
    memory = nextSurge(
      memory,
      i * minuteMs,
      { requestsPerMinute, available, isKnown: minute !== null },
      terms,
    );
    return memory?.surge ?? 1;
  });
}

describe("nextSurge", () => {
  it("is 1.0 up to the balance of requests and drivers", () => {
    assert.deepEqual(surges([[0, 50], [5, 50], [0, 0]]), [1, 1, 1]);
  });

  it("rises four fifths of the way each minute: 0.3 a driver is worth 2.0, from calm 1.8 at once", () => {
    // Smoothed from 0.06: 0.252, 0.2904, 0.2981.
    assert.deepEqual(surges([[3, 50], [15, 50], [15, 50], [15, 50]]), [1, 1.8, 2, 2]);
  });

  it("falls half of the way each minute: from 2.0 back to calm 1.4, 1.1", () => {
    // Smoothed from 0.3: 0.18, 0.12, 0.09, where 0.95 is less than the least and within a step of 1.1.
    assert.deepEqual(surges([[15, 50], [3, 50], [3, 50], [3, 50], [3, 50]]), [2, 1.4, 1.1, 1, 1]);
  });

  it("is capped, also where there is no free driver at all", () => {
    assert.deepEqual(surges([[40, 50], [9, 0]]), [3, 3]);
  });

  it("comes down from a minute without drivers as from the cap: 2.0, 1.5, 1.3, 1.1", () => {
    // Smoothed from 0.5: 0.3, 0.2, 0.15, 0.125, where 1.25 and 1.125 are a step away and 1.06 is not.
    assert.deepEqual(surges([[500, 0], [5, 50], [5, 50], [5, 50], [5, 50], [5, 50]]), [
      3,
      2,
      1.5,
      1.3,
      1.1,
      1.1,
    ]);
  });

  it("falls back to 1.0 when no driver speaks, and begins anew after that", () => {
    assert.deepEqual(surges([[30, 50], null, [15, 50]]), [3, 1, 2]);
  });

  it("begins anew after a minute that nobody closed", () => {
    const held: SurgeMemory = { atMs: 0, pressures: [0.5, 0.5], surge: 3 };
    const pressure = { requestsPerMinute: 1, available: 50, isKnown: true };
    assert.deepEqual(nextSurge(held, 2 * minuteMs, pressure, terms), {
      atMs: 2 * minuteMs,
      pressures: [0.02],
      surge: 1,
    });
  });

  it("stays where it is while the target is less than a step away", () => {
    // Targets 1.16, 1.08, 1.04: half a step is not enough to move.
    assert.deepEqual(surges([[6.6, 50], [5, 50], [5, 50]]), [1.2, 1.1, 1.1]);
    assert.deepEqual(surges([[5.9, 50], [5.9, 50], [5.9, 50]]), [1, 1, 1]);
  });

  it("depends on the last quarter of an hour and nothing before it", () => {
    const minute = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 100 }));
    const before = fc.array(minute, { maxLength: 30 });
    fc.assert(
      fc.property(before, before, fc.array(minute, { minLength: 15, maxLength: 15 }), (a, b, last) => {
        assert.equal(surges([...a, ...last]).at(-1), surges([...b, ...last]).at(-1));
      }),
    );
    // 1.2 from a pressure of 0.135 holds at 0.125, but not for ever.
    const after = surges([[6.75, 50], ...Array.from({ length: 16 }, () => [6.2, 50] as [number, number])]);
    assert.deepEqual([after[1], after[14], after[15]], [1.2, 1.2, 1.1]);
  });

  it("is between 1.0 and the cap, in steps of 0.1, for any minutes", () => {
    const minute = fc.option(fc.tuple(fc.nat(500), fc.nat(100)), { nil: null });
    fc.assert(fc.property(fc.array(minute, { maxLength: 40 }), (minutes) => {
      for (const surge of surges(minutes)) {
        assert.ok(surge >= 1 && surge <= 3);
        assert.equal(surge, Math.round(surge * 10) / 10);
      }
    }));
  });
});
