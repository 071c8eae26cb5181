import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BoundaryGauge, IntervalGauge } from "../../../src/windows/gauges.ts";
import { paneMs } from "../../../src/windows/settings.ts";

const city = fc.constantFrom("x", "y");
const second = fc.integer({ min: 0, max: 900 });
const interval = fc.record({
  city,
  from: second,
  length: fc.integer({ min: 0, max: 300 }),
  back: fc.boolean(),
});
/** Intervals are added and boundaries closed in any order, so some change boundaries that closed already. */
const script = fc.array(
  fc.oneof({ weight: 4, arbitrary: interval }, { weight: 1, arbitrary: fc.constant("close" as const) }),
  { maxLength: 60 },
);

describe("IntervalGauge", () => {
  it("at each boundary counts the intervals with from < B ≤ until, changes behind closed boundaries included", () => {
    fc.assert(fc.property(script, fc.boolean(), (steps, snapshots) => {
      let gauge = new IntervalGauge();
      const added: { city: string; from: number; until: number; by: number }[] = [];
      let boundary = 0;
      const openAt = (b: number): [string, number][] =>
        ["x", "y"].map((name): [string, number] => [
          name,
          added.filter((i) => i.city === name && i.from < b && b <= i.until)
            .reduce((sum, i) => sum + i.by, 0),
        ]).filter(([, open]) => open !== 0);
      const sorted = (open: [string, number][]) => open.sort(([a], [b]) => (a < b ? -1 : 1));
      for (const step of steps) {
        if (step === "close") {
          boundary += paneMs;
          assert.deepEqual(sorted(gauge.peek(boundary)), openAt(boundary));
          assert.deepEqual(sorted(gauge.close(boundary)), openAt(boundary));
          if (!snapshots) continue;
          const state = JSON.parse(JSON.stringify(gauge.state()));
          gauge = new IntervalGauge();
          gauge.restore(state);
        } else {
          const [from, until] = [step.from * 1_000, (step.from + step.length) * 1_000];
          const by = step.back ? -1 : 1;
          gauge.add(step.city, from, until, by);
          added.push({ city: step.city, from, until, by });
        }
      }
      assert.deepEqual(sorted(gauge.peek(boundary + paneMs)), openAt(boundary + paneMs));
    }));
  });

  const edges: [name: string, fromS: number, untilS: number, at60: number, at120: number][] = [
    ["begins at the boundary: not yet open there", 60, 130, 0, 1],
    ["ends at the boundary: still open there", 30, 60, 1, 0],
    ["lies between two boundaries: open at neither", 70, 110, 0, 0],
    ["is empty: never open", 60, 60, 0, 0],
    ["ends before it begins: never open", 100, 50, 0, 0],
  ];
  for (const [name, fromS, untilS, at60, at120] of edges) {
    it(`an interval that ${name}`, () => {
      const gauge = new IntervalGauge();
      gauge.add("x", fromS * 1_000, untilS * 1_000, 1);
      assert.deepEqual(gauge.close(60_000), at60 === 0 ? [] : [["x", at60]]);
      assert.deepEqual(gauge.close(120_000), at120 === 0 ? [] : [["x", at120]]);
    });
  }

  it("keeps nothing of a city in which everything has ended", () => {
    const gauge = new IntervalGauge();
    gauge.add("x", 1_000, 2_000, 1);
    gauge.close(paneMs);
    gauge.close(2 * paneMs);
    assert.deepEqual(gauge.state(), { closedMs: 2 * paneMs, cities: [] });
  });
});

describe("BoundaryGauge", () => {
  const change = fc.record({
    city,
    minute: fc.integer({ min: 1, max: 6 }),
    field: fc.nat(2),
    back: fc.boolean(),
  });

  it("at a boundary gives the sums of what was said about it, less the cities where all is zero", () => {
    fc.assert(fc.property(fc.array(change), (changes) => {
      const gauge = new BoundaryGauge(3);
      const sums = new Map<string, number[]>();
      for (const { city, minute, field, back } of changes) {
        gauge.add(city, minute * paneMs, field, back ? -1 : 1);
        const key = `${minute} ${city}`;
        const values = sums.get(key) ?? [0, 0, 0];
        values[field]! += back ? -1 : 1;
        sums.set(key, values);
      }
      const restored = new BoundaryGauge(3);
      restored.restore(JSON.parse(JSON.stringify(gauge.state())));
      for (let minute = 1; minute <= 6; minute++) {
        const expected = new Map(
          ["x", "y"].flatMap((name) => {
            const values = sums.get(`${minute} ${name}`);
            return values === undefined || values.every((v) => v === 0) ? [] : [[name, values] as const];
          }),
        );
        for (const held of [gauge, restored]) {
          assert.deepEqual(new Map(held.peek(minute * paneMs)), expected);
          assert.deepEqual(new Map(held.close(minute * paneMs)), expected);
          assert.deepEqual(held.close(minute * paneMs), []);
        }
      }
    }));
  });

  it("forgets every boundary up to the one it closes", () => {
    const gauge = new BoundaryGauge(1);
    gauge.add("x", paneMs, 0, 1);
    gauge.add("x", 3 * paneMs, 0, 1);
    gauge.close(2 * paneMs);
    assert.deepEqual(gauge.state(), [[3 * paneMs, [["x", [1]]]]]);
  });
});
