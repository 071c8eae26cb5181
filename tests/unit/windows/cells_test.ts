import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CellTable } from "../../../src/windows/cells.ts";

describe("CellTable", () => {
  it("sums minutes per city and cell, in order of the cells, across a snapshot", () => {
    const added = fc.array(
      fc.tuple(fc.nat(5), fc.constantFrom("x", "y"), fc.constantFrom("a", "b", "c")),
      { maxLength: 40 },
    );
    fc.assert(fc.property(added, fc.nat(5), fc.nat(5), (all, from, until) => {
      let table = new CellTable(10);
      for (const [minute, city, cell] of all) {
        table.add(minute, city, cell, 1);
        const state = JSON.parse(JSON.stringify(table.state()));
        table = new CellTable(10);
        table.restore(state);
      }
      for (const city of ["x", "y"]) {
        const counts = ["a", "b", "c"].map((cell) =>
          [
            cell,
            all.filter(([m, c, l]) => m >= from && m < until && c === city && l === cell).length,
          ] as const
        ).filter(([, count]) => count > 0);
        assert.deepEqual(table.sums(from, until).get(city) ?? [], counts);
      }
    }));
  });

  it("takes back, drops what is before a minute, and counts no cell beyond the bound", () => {
    const table = new CellTable(2);
    for (const cell of ["a", "b", "c", "b"]) table.add(1, "x", cell, 1);
    table.add(1, "x", "a", -1);
    table.add(1, "x", "never", -1);
    assert.deepEqual(table.sums(0, 2).get("x"), [["b", 2]]);
    table.dropBefore(2);
    assert.deepEqual(table.state(), []);
  });
});
