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

/** Panes by the minute, and sums over them that are told of every change. */
function newPanes() {
  const panes = new Map<number, number[]>();
  const sums = new BlockSums(2, (at, total) => add(panes.get(at / paneMs), total));
  let droppedBelow = 0;
  return {
    /** `value`: null where the pane goes. */
    set(pane: number, value: number | null): void {
      if (value === null) panes.delete(pane);
      else if (pane >= droppedBelow) panes.set(pane, [value, 1]);
      sums.changed(pane * paneMs);
    },
    dropBefore(pane: number): void {
      if (pane <= droppedBelow) return;
      droppedBelow = pane;
      for (const at of panes.keys()) if (at < pane) panes.delete(at);
      sums.dropBefore(pane * paneMs);
    },
    /** The sums are those of the panes one by one. */
    check(from: number, length: number): void {
      const within = [...panes].filter(([at]) => at >= from && at < from + length).map(([, values]) =>
        values
      );
      assert.deepEqual(
        sums.sum(from * paneMs, (from + length) * paneMs),
        within.length === 0 ? null : within.reduce(([a, b], [x, y]) => [a! + x!, b! + y!], [0, 0]),
      );
    },
  };
}

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
        const panes = newPanes();
        for (const { pane, value, from, length, dropBefore } of steps) {
          panes.set(pane, value);
          if (dropBefore !== null) panes.dropBefore(dropBefore);
          panes.check(from, length);
        }
      }),
      { numRuns: 2_000, examples: [[left]] },
    );
  });

  it("are so for windows that follow each other, whatever happens at their edges in between", () => {
    const edge = fc.integer({ min: -2, max: 2 });
    const minute = fc.record({
      /** From the window's start, or its end. */
      pane: fc.option(fc.record({ from: fc.boolean(), by: edge, value: fc.option(fc.nat(9)) })),
      dropBefore: fc.option(edge),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 90 }),
        fc.array(minute, { minLength: 2, maxLength: 30 }),
        (length, minutes) => {
          const panes = newPanes();
          for (let at = 0; at < 90 + length; at += 3) panes.set(at, at);
          for (const [i, { pane, dropBefore }] of minutes.entries()) {
            const from = 60 + i;
            if (pane !== null) panes.set((pane.from ? from : from + length) + pane.by, pane.value);
            if (dropBefore !== null) panes.dropBefore(from + dropBefore);
            panes.check(from, length);
          }
        },
      ),
      { numRuns: 1_000 },
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
    assert.deepEqual(sums.sum(1 * paneMs, (minutes + 1) * paneMs), [3]);
    assert.deepEqual(sums.sum(2 * paneMs, (minutes + 2) * paneMs), [3]);
    assert.equal(looks, 4, "of the window a minute later, the pane that comes and the one that goes");
    looks = 0;
    sums.changed(1_300 * paneMs);
    assert.deepEqual(sums.sum(3 * paneMs, (minutes + 3) * paneMs), [3]);
    // Seven of the first ten minutes, the ten that changed, three of the next day.
    assert.equal(looks, 7 + 10 + 3);
  });
});
