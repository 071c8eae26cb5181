import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { PaneTable, type Register } from "../../../src/windows/panes.ts";
import { packHashes } from "../../../src/windows/packed_hashes.ts";

const minute = 60_000;
const register = (over: Partial<Register> = {}): Register => ({
  city: "x",
  paneStartMs: minute,
  position: 1,
  offset: 7,
  values: [1, 0],
  riders: "",
  ...over,
});

describe("PaneTable", () => {
  it("one record changes a pane's position once, however many values it changes", () => {
    const panes = new PaneTable(2);
    panes.add("x", minute, 0, 1, 7);
    panes.add("x", 2 * minute - 1, 1, 250, 7);
    panes.addRider("x", minute, 1, 2, 7);
    assert.deepEqual(panes.takeChanged(), [register({ values: [1, 250], riders: packHashes([1, 2]) })]);
  });

  it("the position counts the records that changed the pane, not those of other panes", () => {
    const panes = new PaneTable(2);
    panes.add("x", minute, 0, 1, 7);
    panes.add("y", minute, 0, 1, 8);
    panes.add("x", 2 * minute, 0, 1, 9);
    panes.add("x", minute, 0, 1, 12);
    assert.deepEqual(panes.takeChanged(), [
      register({ position: 2, offset: 12, values: [2, 0] }),
      register({ city: "y", offset: 8 }),
      register({ paneStartMs: 2 * minute, offset: 9 }),
    ]);
  });

  it("tells a rider once, and a register again only when it changed", () => {
    const panes = new PaneTable(2);
    assert.equal(panes.addRider("x", minute, 1, 2, 7), true);
    panes.takeChanged();
    assert.equal(panes.pending, 0);
    assert.deepEqual(panes.takeChanged(), []);
    assert.equal(panes.addRider("x", minute, 1, 2, 8), false);
    assert.deepEqual(panes.takeChanged(), [register({ position: 2, offset: 8, values: [0, 0] })]);
  });

  it("what was taken does not change afterwards", () => {
    const panes = new PaneTable(2);
    panes.add("x", minute, 0, 1, 7);
    const [taken] = panes.takeChanged();
    panes.add("x", minute, 0, 1, 8);
    assert.deepEqual(taken?.values, [1, 0]);
  });

  it("sums the panes of a city in [from, until), null when there is none", () => {
    const panes = new PaneTable(2);
    for (const [at, by] of [[1, 1], [2, 10], [4, 100]] as const) panes.add("x", at * minute, 0, by, at);
    assert.deepEqual(panes.sum("x", minute, 4 * minute), [11, 0]);
    assert.deepEqual(panes.sum("x", 2 * minute, 5 * minute), [110, 0]);
    assert.equal(panes.sum("x", 5 * minute, 9 * minute), null);
    assert.equal(panes.sum("y", 0, 9 * minute), null);
  });

  it("forgets dropped panes, but still tells of those that changed", () => {
    const panes = new PaneTable(2);
    panes.add("x", minute, 0, 1, 7);
    panes.dropBefore(2 * minute);
    assert.deepEqual([...panes.cities()], []);
    assert.deepEqual(panes.takeChanged(), [register()]);
    assert.deepEqual([...panes.entries()], []);
  });

  it("goes on from a snapshot with the same positions and riders", () => {
    const panes = new PaneTable(2);
    panes.add("x", minute, 0, 1, 7);
    panes.addRider("x", minute, 1, 2, 7);
    panes.takeChanged();
    const restored = new PaneTable(2);
    for (const entry of JSON.parse(JSON.stringify([...panes.entries()]))) restored.restore(entry);
    assert.equal(restored.pending, 0);
    for (const table of [panes, restored]) {
      table.add("x", minute, 0, 1, 7);
      table.addRider("x", minute, 1, 2, 9);
      table.addRider("x", minute, 3, 4, 9);
      assert.deepEqual(table.takeChanged(), [
        register({ position: 2, offset: 9, values: [2, 0], riders: packHashes([3, 4]) }),
      ]);
    }
  });

  it("markAll tells everything held once more, all riders included", () => {
    const panes = new PaneTable(2);
    panes.addRider("x", minute, 1, 2, 7);
    panes.addRider("x", minute, 3, 4, 7);
    panes.takeChanged();
    panes.markAll();
    assert.deepEqual(panes.takeChanged(), [register({ values: [0, 0], riders: packHashes([1, 2, 3, 4]) })]);
  });

  it("are what a plain Map of panes is, through growth, drops, snapshots and the values that few panes have", () => {
    const [width, usualWidth] = [5, 2];
    const change = fc.record({
      city: fc.nat(30).map((n) => `c${n}`),
      pane: fc.nat(15),
      field: fc.nat(width - 1),
      rider: fc.nat(20),
    });
    const step = fc.oneof(
      { weight: 12, arbitrary: change },
      { weight: 2, arbitrary: fc.constantFrom("take", "snapshot") },
      { weight: 1, arbitrary: fc.nat(15) },
    );
    fc.assert(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      let panes = new PaneTable(width, usualWidth);
      const plain = new Map<string, Plain>();
      let [changed, droppedBelow] = [[] as Plain[], 0];
      const take = () => {
        const told = changed.map(({ told, riders, ...rest }) => ({
          ...rest,
          riders: packHashes([...riders].filter((rider) => !told.has(rider)).flatMap((r) => [r, r])),
        }));
        for (const { told, riders } of changed) for (const rider of riders) told.add(rider);
        assert.deepEqual(panes.takeChanged().map(whole), told);
        changed = [];
      };
      steps.forEach((does, offset) => {
        if (does === "take") take();
        else if (does === "snapshot") {
          take();
          const entries = [...panes.entries()];
          panes = new PaneTable(width, usualWidth);
          for (const entry of entries) panes.restore(entry);
          assert.deepEqual([...panes.entries()].map(text).sort(), entries.map(text).sort());
        } else if (typeof does === "number") {
          droppedBelow = Math.max(droppedBelow, does);
          panes.dropBefore(droppedBelow * minute);
          for (const [key, { paneStartMs }] of plain) {
            if (paneStartMs < droppedBelow * minute) plain.delete(key);
          }
        } else if (does.pane >= droppedBelow) {
          const { city, field, rider } = does;
          const paneStartMs = does.pane * minute;
          const key = `${city} ${does.pane}`;
          const fresh = () => ({ values: new Array<number>(width).fill(0), riders: new Set<number>() });
          const held = plain.get(key) ??
            { city, paneStartMs, position: 0, offset: -1, ...fresh(), told: new Set<number>() };
          plain.set(key, held);
          panes.add(city, paneStartMs, field, 3, offset);
          assert.equal(panes.addRider(city, paneStartMs, rider, rider, offset), !held.riders.has(rider));
          held.position++;
          held.offset = offset;
          held.values[field]! += 3;
          held.riders.add(rider);
          if (!changed.includes(held)) changed.push(held);
        }
        const all = [...plain.values()];
        assert.equal(panes.size, plain.size);
        assert.deepEqual([...panes.cities()].sort(), [...new Set(all.map(({ city }) => city))].sort());
        for (const [from, until] of [[3, 8], [0, 16]] as const) {
          const of = all.filter(({ city, paneStartMs }) =>
            city === "c1" && paneStartMs >= from * minute && paneStartMs < until * minute
          );
          assert.deepEqual(
            panes.sum("c1", from * minute, until * minute),
            of.length === 0 ? null : of.reduce(
              (sum, { values }) => sum.map((n, i) => n + values[i]!),
              new Array<number>(width).fill(0),
            ),
          );
        }
      });
    }));
  });
});

/** A pane as plain objects; `told`: its riders that are published. */
type Plain = Omit<Register, "riders"> & { riders: Set<number>; told: Set<number> };

const text = (register: Register): string => JSON.stringify(register);
const whole = (register: Register): Register => ({
  ...register,
  values: Array.from({ length: 5 }, (_, i) => register.values[i] ?? 0),
});
