import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { BlockSums } from "../../../src/windows/block_sums.ts";
import { paneMs } from "../../../src/windows/settings.ts";

/** Adds what the pane has to sums, as its owner does. */
const add = (values: readonly number[] | undefined, sums: number[]): boolean => {
  values?.forEach((value, i) => sums[i]! += value);
  return values !== undefined;
};

describe("BlockSums", () => {
  it("are the sums of the panes, whatever changes, comes and leaves in between", () => {
    const step = fc.record({
      pane: fc.integer({ min: 0, max: 300 }),
      dropBefore: fc.option(fc.integer({ min: 0, max: 300 }), { freq: 4 }),
      value: fc.option(fc.nat(9)),
      from: fc.integer({ min: 0, max: 300 }),
      length: fc.integer({ min: 1, max: 300 }),
    });
    const look = { pane: 0, dropBefore: null, value: null, from: 0, length: 1 };
    // Ten minutes are summed after some of them have left, and the rest of them leaves.
    const left = [
      { ...look, pane: 281, value: 0 },
      { ...look, dropBefore: 281 },
      { ...look, from: 147, length: 143 },
      { ...look, dropBefore: 290 },
      { ...look, from: 69, length: 221 },
    ];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const panes = new Map<number, number[]>();
        let droppedBelow = 0;
        const sums = new BlockSums(2, (at, total) => add(panes.get(at), total));
        for (const { pane, value, from, length, dropBefore } of steps) {
          if (value === null) panes.delete(pane * paneMs);
          else if (pane >= droppedBelow) panes.set(pane * paneMs, [value, 1]);
          sums.changed(pane * paneMs);
          if (dropBefore !== null && dropBefore > droppedBelow) {
            droppedBelow = dropBefore;
            for (const at of panes.keys()) if (at < dropBefore * paneMs) panes.delete(at);
            sums.dropBefore(dropBefore * paneMs);
          }
          const within = [...panes].filter(([at]) => at >= from * paneMs && at < (from + length) * paneMs);
          assert.deepEqual(
            sums.sum(from * paneMs, (from + length) * paneMs),
            within.length === 0 ? null : within.reduce((s, [, v]) => [s[0]! + v[0]!, s[1]! + v[1]!], [0, 0]),
          );
        }
      }),
      { numRuns: 2_000, examples: [[left]] },
    );
  });

  it("look at each pane of a day once, empty hours as well", () => {
    const minutes = 24 * 60;
    const panes = new Map(
      [[7, [1]], [1_300, [2]]].map(([minute, values]) => [minute as number, values as number[]]),
    );
    let looks = 0;
    const sums = new BlockSums(1, (at, total) => {
      looks++;
      return add(panes.get(at / paneMs), total);
    });
    assert.deepEqual(sums.sum(0, minutes * paneMs), [3]);
    assert.equal(looks, minutes);
    looks = 0;
    sums.changed(1_300 * paneMs);
    assert.deepEqual(sums.sum(3 * paneMs, (minutes + 3) * paneMs), [3]);
    // Seven of the first ten minutes, the ten that changed, three of the next day.
    assert.equal(looks, 7 + 10 + 3);
  });
});
