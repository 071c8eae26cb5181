import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Closings } from "../../../src/windows/closings.ts";

type Said = [boundaryMs: number, city: string, source: number, position: number, values: number[]];

/** What a source says at a position is always the same. */
const said: fc.Arbitrary<Said> = fc.record({
  boundary: fc.integer({ min: 1, max: 3 }),
  city: fc.constantFrom("x", "y"),
  source: fc.nat(3),
  position: fc.integer({ min: 1, max: 9 }),
}).map(({ boundary, city, source, position }) => [
  boundary,
  city,
  source,
  position,
  [position * 10 + source, position],
]);

/** Per city the sums of what each source said last. */
function sums(all: Said[], boundary: number): Map<string, number[]> {
  const total = new Map<string, number[]>();
  const newest = new Map<string, Said>();
  for (const one of all.filter(([b]) => b === boundary)) {
    const key = `${one[1]} ${one[2]}`;
    if ((newest.get(key)?.[3] ?? 0) < one[3]) newest.set(key, one);
  }
  for (const [, city, , , [a, b]] of newest.values()) {
    const sum = total.get(city) ?? [0, 0];
    total.set(city, [sum[0]! + a!, sum[1]! + b!]);
  }
  return total;
}

describe("Closings", () => {
  it("freezes the sum of the newest words, whatever their order and repeats, and across a snapshot", () => {
    const shuffledTwice = fc.array(said, { maxLength: 30 }).chain((all) =>
      fc.tuple(fc.constant(all), fc.shuffledSubarray([...all, ...all], { minLength: all.length * 2 }))
    );
    fc.assert(fc.property(shuffledTwice, fc.nat(60), ([all, spoken], cut) => {
      let closings = new Closings();
      spoken.forEach((one, i) => {
        closings.say(...one);
        if (i !== cut) return;
        const state = JSON.parse(JSON.stringify(closings.state()));
        closings = new Closings();
        closings.restore(state);
      });
      for (const boundary of closings.boundaries(3)) {
        assert.deepEqual(closings.freeze(boundary), sums(all, boundary));
      }
    }));
  });

  it("names the boundaries said so far up to a time, in order", () => {
    const closings = new Closings();
    for (const boundary of [3, 1, 2, 9]) closings.say(boundary, "x", 0, 1, [1]);
    assert.deepEqual(closings.boundaries(3), [1, 2, 3]);
  });

  it("what comes after the freeze changes nothing", () => {
    const closings = new Closings();
    closings.say(1, "x", 0, 1, [1]);
    assert.deepEqual(closings.freeze(1), new Map([["x", [1]]]));
    closings.say(1, "x", 1, 5, [7]);
    assert.deepEqual(closings.boundaries(Infinity), []);
    assert.deepEqual(closings.freeze(1), new Map());
  });

  it("a boundary nobody spoke of is nothing, and shorter values count as zeros", () => {
    const closings = new Closings();
    closings.say(2, "x", 0, 1, [1]);
    closings.say(2, "x", 1, 1, [1, 2, 3]);
    assert.deepEqual(closings.freeze(1), new Map());
    assert.deepEqual(closings.freeze(2), new Map([["x", [2, 2, 3]]]));
  });

  it("what was said provisionally before a position is taken back, what was said for good is not", () => {
    const closings = new Closings();
    closings.say(1, "x", 0, 5, [1], true);
    closings.say(2, "x", 0, 6, [10], true);
    closings.say(2, "x", 1, 5, [100], true);
    closings.say(2, "y", 0, 5, [1_000]);
    const restored = new Closings();
    restored.restore(JSON.parse(JSON.stringify(closings.state())));
    for (const held of [closings, restored]) {
      held.takeBack(0, 6);
      assert.deepEqual(held.boundaries(Infinity), [2]);
      assert.deepEqual(held.freeze(1), new Map());
      assert.deepEqual(held.freeze(2), new Map([["x", [110]], ["y", [1_000]]]));
    }
  });

  it("what is taken back leaves nothing behind: a snapshot made after it goes on alike", () => {
    const closings = new Closings();
    closings.say(1, "x", 0, 5, [1], true);
    closings.say(2, "x", 0, 5, [1], true);
    closings.say(2, "y", 1, 5, [2]);
    closings.takeBack(0, 6);
    const restored = new Closings();
    restored.restore(JSON.parse(JSON.stringify(closings.state())));
    for (const held of [closings, restored]) {
      assert.deepEqual(held.boundaries(Infinity), [2]);
      assert.deepEqual(held.freeze(2), new Map([["y", [2]]]));
    }
  });

  for (const [name, closedMs] of [["a boundary", 5], ["the end", Infinity]] as const) {
    it(`closed up to ${name}, it stays so across a snapshot`, () => {
      const closings = new Closings();
      closings.say(4, "x", 0, 1, [1]);
      closings.closeUpTo(closedMs);
      const restored = new Closings();
      restored.restore(JSON.parse(JSON.stringify(closings.state())));
      for (const held of [closings, restored]) {
        held.say(5, "x", 0, 2, [1]);
        assert.deepEqual(held.boundaries(Infinity), []);
      }
      assert.deepEqual(restored.state(), closings.state());
    });
  }
});
