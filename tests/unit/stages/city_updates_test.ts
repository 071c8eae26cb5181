import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CityUpdates } from "../../../src/stages/city_updates.ts";
import { minuteMs } from "../../../src/time.ts";

const windowMs = 5 * minuteMs;
const minutes = (ends: number[]) => ends.map((end) => end / minuteMs);

describe("CityUpdates", () => {
  it("tells of the window that ends next with every flush, and of the others in turn", () => {
    const updates = new CityUpdates();
    const told: number[][] = [];
    for (let flush = 0; flush < 5; flush++) {
      updates.changed(10 * minuteMs);
      told.push(minutes(updates.take(10 * minuteMs, windowMs, 9 * minuteMs)));
    }
    assert.deepEqual(told, [[11, 12], [11, 13], [11, 14], [11, 15], [11, 12]]);
  });

  it("tells of each changed window once more when nothing changes any more, and is calm then", () => {
    const updates = new CityUpdates();
    updates.changed(9 * minuteMs);
    updates.changed(10 * minuteMs);
    const told: number[][] = [];
    while (!updates.calm) told.push(minutes(updates.take(10 * minuteMs, windowMs, 8 * minuteMs)));
    assert.deepEqual(told, [[11, 10], [12], [13], [14], [15]]);
  });

  it("tells of nothing that is closed", () => {
    const updates = new CityUpdates();
    updates.changed(10 * minuteMs);
    updates.take(10 * minuteMs, windowMs, 9 * minuteMs);
    updates.close(14 * minuteMs);
    assert.deepEqual(minutes(updates.take(10 * minuteMs, windowMs, 14 * minuteMs)), [15]);
    assert.equal(updates.calm, true);
  });

  it("tells of windows of a day what is near, and of the newest", () => {
    const updates = new CityUpdates();
    updates.changed(2_000 * minuteMs);
    const told = new Set<number>();
    while (!updates.calm) {
      for (const end of updates.take(2_000 * minuteMs, 1_440 * minuteMs, 1_999 * minuteMs)) {
        told.add(end / minuteMs);
      }
    }
    assert.deepEqual([...told].sort((a, b) => a - b), [2001, 2002, 2003, 2004, 2005, 3440]);
  });

  it("leaves out none of the windows of five minutes that changed", () => {
    const changes = fc.array(fc.integer({ min: 8, max: 10 }), { minLength: 1, maxLength: 10 });
    fc.assert(fc.property(changes, (panes) => {
      const updates = new CityUpdates();
      const newest = Math.max(...panes);
      const told = new Set<number>();
      for (const pane of panes) {
        updates.changed(pane * minuteMs);
        for (const end of updates.take(newest * minuteMs, windowMs, 7 * minuteMs)) told.add(end / minuteMs);
      }
      while (!updates.calm) {
        for (const end of updates.take(newest * minuteMs, windowMs, 7 * minuteMs)) told.add(end / minuteMs);
      }
      const wanted = new Set(panes.flatMap((pane) => [1, 2, 3, 4, 5].map((after) => pane + after)));
      assert.deepEqual([...told].sort(), [...wanted].sort());
    }));
  });
});
