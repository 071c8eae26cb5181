import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { builtInRules, builtInWire } from "../../../src/alerts/built_in.ts";
import { type Counted, firstBreaches, isRecountable } from "../../../src/alerts/first_breach.ts";
import { ruleOf } from "../../../src/alerts/rule.ts";
import { minuteMs, secondMs } from "../../../src/time.ts";

const rate = ruleOf(builtInWire.find((rule) => rule.name === "cancellation_rate_high")!);
const windowMs = 5 * minuteMs;

/** One ride ends every 6 s, 50 a window; `cancelled` says how it ends. */
const ends = (count: number, cancelled: (second: number) => boolean): Counted[] =>
  Array.from({ length: count }, (_, i) => ({
    timeMs: i * 6 * secondMs,
    kind: cancelled(i * 6) ? "ended_by_driver" : "ended_completed",
  }));

describe("firstBreaches", () => {
  it("is the sixteenth cancel of fifty: the first with more than thirty percent", () => {
    const from600 = ends(200, (second) => second >= 600);
    assert.deepEqual(firstBreaches(rate, from600, [16 * minuteMs], windowMs), [(600 + 15 * 6) * secondMs]);
  });

  it("forgets a breach that ended before the alert fired", () => {
    // A minute of cancels, 10 of 50, and then again from 1,200 s on.
    const events = ends(400, (second) => (second >= 600 && second < 720) || second >= 1_200);
    const breach = (1_200 + 15 * 6) * secondMs;
    assert.deepEqual(firstBreaches(rate, events, [12 * minuteMs, 30 * minuteMs], windowMs), [
      (600 + 15 * 6) * secondMs,
      breach,
    ]);
    const stays = ends(400, (second) => second >= 600 && second < 720);
    assert.deepEqual(firstBreaches(rate, stays, [30 * minuteMs], windowMs), [null]);
  });

  it("does not see what is below the floor", () => {
    const few = ends(400, (second) => second >= 600).filter((_, i) => i % 4 === 0);
    assert.deepEqual(firstBreaches(rate, few, [30 * minuteMs], windowMs), [null]);
  });

  it("looks at no event at or after the boundary", () => {
    const events = ends(200, (second) => second >= 600);
    const atSixteenth = (600 + 15 * 6) * secondMs;
    assert.deepEqual(firstBreaches(rate, events, [atSixteenth, atSixteenth + 1], windowMs), [
      null,
      atSixteenth,
    ]);
  });

  it("counts requests and other events, and what is below", () => {
    const busy = ruleOf({
      ...rate.wire,
      name: "few",
      value: "requests",
      breach: "below",
      threshold: 3,
      clear: 3,
    });
    const events: Counted[] = [
      ...Array.from({ length: 5 }, (_, i) => ({ timeMs: i * minuteMs, kind: "requested" as const })),
      ...Array.from({ length: 40 }, (_, i) => ({
        timeMs: 5 * minuteMs + i * 10 * secondMs,
        kind: "ended_completed" as const,
      })),
    ].sort((a, b) => a.timeMs - b.timeMs);
    // Of requests at minutes 0 to 4, two are left in (2, 7]; twenty ends have been reached long before.
    assert.deepEqual(firstBreaches(busy, events, [20 * minuteMs], windowMs), [
      Math.max(7 * minuteMs, (5 * minuteMs) + 19 * 10 * secondMs),
    ]);
  });
});

describe("isRecountable", () => {
  it("is what can be counted from ride events alone", () => {
    assert.deepEqual(builtInRules.filter(isRecountable).map((rule) => rule.name), [
      "cancellation_rate_high",
      "completion_rate_low",
    ]);
  });
});
