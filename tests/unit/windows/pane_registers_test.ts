import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { NumberArena } from "../../../src/windows/number_arena.ts";
import { PaneRegisters, type SourceRegister } from "../../../src/windows/pane_registers.ts";

const width = 8;
const sums = (registers: Iterable<SourceRegister>): number[] => {
  const total = new Array<number>(width + 1).fill(0);
  for (const [, position, , values] of registers) {
    values.forEach((value, i) => total[i]! += value);
    total[width]! += position;
  }
  return total;
};
const trimmed = ([source, position, offset, values]: SourceRegister): SourceRegister => [
  source,
  position,
  offset,
  values.slice(0, values.findLastIndex((value) => value !== 0) + 1),
];

describe("PaneRegisters", () => {
  it("are the newest register of each source and their sums, panes of one arena beside each other", () => {
    const step = fc.record({
      pane: fc.nat(3),
      source: fc.nat(20),
      position: fc.nat(9),
      values: fc.array(fc.nat(3), { maxLength: width }),
      leaves: fc.boolean(),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const arena = new NumberArena();
      const made = () => ({
        pane: new PaneRegisters(arena, width),
        plain: new Map<number, SourceRegister>(),
      });
      const panes = Array.from({ length: 4 }, made);
      steps.forEach(({ pane: which, source, position, values, leaves }, offset) => {
        if (leaves && offset % 8 === 0) {
          panes[which]!.pane.leave();
          panes[which] = made();
        }
        const { pane, plain } = panes[which]!;
        const isNewer = position > (plain.get(source)?.[1] ?? -1);
        assert.equal(pane.keep([source, position, offset, values]), isNewer);
        if (isNewer) plain.set(source, [source, position, offset, values]);
        for (const { pane, plain } of panes) {
          assert.deepEqual([...pane.all()], [...plain.values()].map(trimmed));
          const total = new Array<number>(width + 1).fill(0);
          pane.addTo(total);
          assert.deepEqual(total, sums(plain.values()));
          assert.equal(pane.value(2), total[2]);
          const held = plain.get(source);
          assert.deepEqual(pane.of(source), held === undefined ? undefined : trimmed(held));
        }
      });
    }));
  });

  it("of more sources than a block of the arena has room for are held as well", () => {
    const pane = new PaneRegisters(new NumberArena(), width);
    const registers = Array.from(
      { length: 6_000 },
      (_, n): SourceRegister => [n, n + 1, n, new Array<number>(width).fill(n + 1)],
    );
    for (const register of registers) assert.ok(pane.keep(register));
    assert.deepEqual([...pane.all()], registers);
  });
});

describe("NumberArena", () => {
  it("gives a place that was given back to the next who wants one as long, with nothing in it", () => {
    const arena = new NumberArena();
    const [first, other] = [arena.take(40), arena.take(40)];
    assert.notEqual(arena.at(first), arena.at(other));
    arena.block(first).fill(7, arena.at(first), arena.at(first) + 40);
    arena.free(first, 40);
    assert.notEqual(arena.take(100), first);
    const again = arena.take(arena.roomFor(40));
    assert.equal(again, first);
    const numbers = arena.block(again).subarray(arena.at(again), arena.at(again) + arena.roomFor(40));
    assert.ok(numbers.every((number) => number === 0));
  });
});
