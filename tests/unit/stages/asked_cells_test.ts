import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { AskedWindow } from "../../../src/stages/asked_cells.ts";
import type { CellCounts } from "../../../src/windows/cells.ts";

describe("AskedWindow", () => {
  const cells: fc.Arbitrary<CellCounts> = fc.uniqueArray(
    fc.tuple(fc.constantFrom("a", "b", "c"), fc.integer({ min: 1, max: 5 })),
    { selector: ([cell]) => cell, maxLength: 3 },
  ) as fc.Arbitrary<CellCounts>;

  it("sums the boundaries of the window, whichever come, across a snapshot", () => {
    const boundaries = fc.array(fc.record({ after: fc.integer({ min: 1, max: 4 }), said: fc.array(cells) }));
    fc.assert(fc.property(boundaries, fc.integer({ min: 1, max: 6 }), (all, windowMs) => {
      let window = new AskedWindow(windowMs);
      const came: { atMs: number; said: CellCounts[] }[] = [];
      let atMs = 0;
      for (const { after, said } of all) {
        atMs += after;
        came.push({ atMs, said });
        const expected = new Map<string, number>();
        for (const one of came.filter((c) => c.atMs > atMs - windowMs)) {
          for (const [cell, count] of one.said.flat()) expected.set(cell, (expected.get(cell) ?? 0) + count);
        }
        const sums = window.advance(atMs, said);
        assert.deepEqual([...sums].sort(), [...expected].sort());
        const state = JSON.parse(JSON.stringify(window.state()));
        window = new AskedWindow(windowMs);
        window.restore(state);
      }
    }));
  });

  it("is past when its newest boundary is out of every window to come", () => {
    const window = new AskedWindow(5);
    assert.equal(window.isPast(0), true);
    window.advance(10, [[["a", 1]]]);
    assert.equal(window.isPast(14), false);
    assert.equal(window.isPast(15), true);
  });
});
