import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CityPanes, type SourceRegister } from "../../../src/windows/merge.ts";
import { packHashes } from "../../../src/windows/packed_hashes.ts";

const minute = 60_000;
const windowMs = 5 * minute;
const width = 2;

type Word = { pane: number; source: number; position: number; value: number; rider: number };
type Told = { pane: number; register: SourceRegister; riders: string };

/** Each word is one more change of its (source, pane): a higher position, a greater count, perhaps a new rider. */
const stream = fc.array(
  fc.record({ pane: fc.nat(8), source: fc.nat(2), value: fc.integer({ min: 1, max: 9 }), rider: fc.nat(4) }),
  { maxLength: 40 },
).map((steps) => {
  const held = new Map<string, Word>();
  const riders: [pane: number, rider: number][] = [];
  const told = steps.map(({ pane, source, value, rider }): Told => {
    const key = `${source} ${pane}`;
    const before = held.get(key) ?? { pane, source, position: 0, value: 0, rider };
    const now = { ...before, position: before.position + 1, value: before.value + value };
    held.set(key, now);
    riders.push([pane, rider]);
    return {
      pane,
      register: [source, now.position, 100 + now.position, [now.value]],
      riders: packHashes([1, rider]),
    };
  });
  return { told, last: [...held.values()], riders };
});

const apply = (panes: CityPanes, told: Told[]) => {
  for (const { pane, register, riders } of told) panes.apply(pane * minute, register, riders);
};

describe("CityPanes", () => {
  it("sums the newest registers and the riders of a window, in any order, with repeats, across a snapshot", () => {
    const shuffled = stream.chain((s) =>
      fc.tuple(
        fc.constant(s),
        fc.shuffledSubarray([...s.told, ...s.told], { minLength: s.told.length * 2 }),
        fc.nat(80),
      )
    );
    fc.assert(fc.property(shuffled, ([{ last, riders }, spoken, cut]) => {
      const before = new CityPanes(width, windowMs);
      apply(before, spoken.slice(0, cut));
      const panes = new CityPanes(width, windowMs);
      panes.restore(JSON.parse(JSON.stringify(before.state())));
      apply(panes, spoken.slice(cut));
      for (let end = 1; end <= 14; end++) {
        const within = (pane: number) => pane >= end - 5 && pane < end;
        const words = last.filter(({ pane }) => within(pane));
        const distinct = new Set(riders.filter(([pane]) => within(pane)).map(([, rider]) => rider)).size;
        assert.deepEqual(
          panes.window(end * minute),
          words.length === 0 ? null : {
            values: [words.reduce((sum, w) => sum + w.value, 0), 0],
            positions: words.reduce((sum, w) => sum + w.position, 0),
            riders: distinct,
          },
        );
      }
    }));
  });

  it("says whether something changed: a newer register or a new rider", () => {
    const panes = new CityPanes(width, windowMs);
    assert.equal(panes.apply(0, [0, 2, 9, [1]], packHashes([1, 1])), "changed");
    assert.equal(panes.apply(0, [0, 2, 9, [1]], packHashes([1, 1])), "unchanged");
    assert.equal(panes.apply(0, [0, 1, 8, [9]], ""), "unchanged");
    assert.equal(panes.apply(0, [0, 3, 10, [2]], ""), "changed");
    assert.deepEqual(panes.window(minute)?.values, [2, 0]);
  });

  it("what comes for a pane that left, or of which a window left, is missed and never recreated", () => {
    const panes = new CityPanes(width, windowMs);
    panes.apply(9 * minute, [0, 1, 1, [1]], "");
    panes.dropBefore(5 * minute);
    assert.equal(panes.apply(4 * minute, [0, 1, 1, [7]], packHashes([1, 1])), "missed");
    assert.equal(panes.apply(8 * minute, [0, 1, 1, [7]], packHashes([1, 1])), "missed");
    assert.equal(panes.apply(9 * minute, [1, 1, 1, [7]], ""), "changed");
    assert.equal(panes.window(9 * minute), null);
    assert.deepEqual(panes.window(10 * minute), { values: [8, 0], positions: 2, riders: 0 });
    assert.deepEqual(panes.state().panes.map(([at]) => at), [9 * minute]);
  });

  it("a snapshot gives back every pane it holds, also those just above the ones that left", () => {
    const panes = new CityPanes(width, windowMs);
    for (let pane = 0; pane < 12; pane++) {
      panes.apply(pane * minute, [0, 1, pane, [1]], packHashes([1, pane]));
    }
    panes.dropBefore(5 * minute);
    const restored = new CityPanes(width, windowMs);
    restored.dropBefore(5 * minute);
    restored.restore(JSON.parse(JSON.stringify(panes.state())));
    assert.deepEqual(restored.state(), panes.state());
    assert.deepEqual(restored.window(10 * minute), { values: [5, 0], positions: 5, riders: 5 });
  });

  it("names the ends of the windows over its panes", () => {
    const panes = new CityPanes(width, windowMs);
    panes.apply(3 * minute, [0, 1, 1, [1]], "");
    panes.apply(9 * minute, [0, 1, 1, [1]], "");
    const ends = (after: number, until: number) =>
      panes.ends(after * minute, until * minute).map((e) => e / minute);
    assert.deepEqual(ends(-Infinity, Infinity), [4, 5, 6, 7, 8, 10, 11, 12, 13, 14]);
    assert.deepEqual(ends(6, 11), [7, 8, 10, 11]);
  });
});
