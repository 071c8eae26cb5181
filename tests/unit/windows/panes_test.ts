import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PaneTable, type Register } from "../../../src/windows/panes.ts";
import { packHashes } from "../../../src/windows/table64.ts";

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
});
