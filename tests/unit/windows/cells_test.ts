import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CellTable } from "../../../src/windows/cells.ts";

describe("CellTable", () => {
  it("counts minutes per city and cell, in order of the cells, across a snapshot", () => {
    const added = fc.array(
      fc.tuple(fc.nat(5), fc.constantFrom("x", "y"), fc.constantFrom("a", "b", "c")),
      { maxLength: 40 },
    );
    fc.assert(fc.property(added, fc.nat(5), (all, minute) => {
      let table = new CellTable(10, 1);
      for (const [at, city, cell] of all) {
        table.add(at, city, cell, 1);
        const state = JSON.parse(JSON.stringify(table.state()));
        table = new CellTable(10, 1);
        table.restore(state);
      }
      for (const city of ["x", "y"]) {
        const counts = ["a", "b", "c"].map((cell) =>
          [cell, all.filter(([m, c, l]) => m === minute && c === city && l === cell).length] as const
        ).filter(([, count]) => count > 0);
        assert.deepEqual(table.peek(minute).get(city) ?? [], counts);
      }
    }));
  });

  it("tells everything exactly once, whatever is late for which minute", () => {
    const step = fc.oneof(
      fc.record({ minute: fc.nat(9), cell: fc.constantFrom("a", "b") }),
      fc.record({ close: fc.nat(9) }),
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      let table = new CellTable(10, 1);
      let [closed, told, added] = [-1, 0, 0];
      const close = (minute: number) => {
        for (const cells of table.close(minute).values()) for (const [, count] of cells) told += count;
        closed = minute;
      };
      for (const one of steps) {
        if ("minute" in one) {
          table.add(one.minute, "x", one.cell, 1);
          added++;
        } else for (let minute = closed + 1; minute <= one.close; minute++) close(minute);
        const state = JSON.parse(JSON.stringify(table.state()));
        table = new CellTable(10, 1);
        table.restore(state);
      }
      for (let minute = closed + 1; minute <= 20; minute++) close(minute);
      assert.equal(told, added);
      assert.deepEqual(table.state().minutes, []);
    }));
  });

  it("takes back, and counts no cell beyond the bound", () => {
    const table = new CellTable(2, 1);
    for (const cell of ["a", "b", "c", "b"]) table.add(1, "x", cell, 1);
    table.add(1, "x", "a", -1);
    table.add(1, "x", "never", -1);
    assert.deepEqual(table.peek(1).get("x"), [["b", 2]]);
  });
});
