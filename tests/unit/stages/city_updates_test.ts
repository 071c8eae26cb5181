import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { CityUpdates } from "../../../src/stages/city_updates.ts";
import { minuteMs } from "../../../src/time.ts";

const windowMs = 5 * minuteMs;
const minutes = (ends: number[]) => ends.map((end) => end / minuteMs);

describe("CityUpdates", () => {
  it("tells of the window that ends next with every flush, and of those before it in turn", () => {
    const updates = new CityUpdates();
    const told: number[][] = [];
    for (let flush = 0; flush < 5; flush++) {
      for (const pane of [7, 10]) updates.changed(pane * minuteMs);
      told.push(minutes(updates.take(10 * minuteMs, windowMs, 7 * minuteMs)));
    }
    assert.deepEqual(told, [[11, 8], [11, 9], [11, 10], [11, 8], [11, 9]]);
  });

  it("tells of the newest once, when its first minute begins", () => {
    const updates = new CityUpdates();
    const told: number[][] = [];
    updates.opened(10 * minuteMs, 9 * minuteMs, 7 * minuteMs);
    for (let flush = 0; flush < 3; flush++) {
      updates.changed(10 * minuteMs);
      told.push(minutes(updates.take(10 * minuteMs, windowMs, 9 * minuteMs)));
    }
    assert.deepEqual(told, [[11, 15], [11], [11]]);
  });

  it("tells of each changed window once more when nothing changes any more, and is calm then", () => {
    const updates = new CityUpdates();
    updates.changed(8 * minuteMs);
    updates.changed(10 * minuteMs);
    const told: number[][] = [];
    while (!updates.calm) told.push(minutes(updates.take(10 * minuteMs, windowMs, 7 * minuteMs)));
    assert.deepEqual(told, [[11, 9], [10]]);
  });

  it("tells of the windows that end next by all clocks but one that is five minutes fast", () => {
    const updates = new CityUpdates();
    const told = new Set<number>();
    updates.opened(14 * minuteMs, 9 * minuteMs, 7 * minuteMs);
    for (const pane of [9, 14]) updates.changed(pane * minuteMs);
    while (!updates.calm) {
      for (const end of updates.take(14 * minuteMs, windowMs, 7 * minuteMs)) told.add(end / minuteMs);
    }
    assert.deepEqual([...told].sort((a, b) => a - b), [10, 11, 12, 13, 14, 15, 19]);
  });

  it("tells of nothing that is closed", () => {
    const updates = new CityUpdates();
    for (const pane of [7, 10]) updates.changed(pane * minuteMs);
    updates.opened(10 * minuteMs, 9 * minuteMs, 7 * minuteMs);
    assert.deepEqual(minutes(updates.take(10 * minuteMs, windowMs, 7 * minuteMs)), [11, 15, 8]);
    assert.equal(updates.close(10 * minuteMs, 10 * minuteMs), null);
    assert.deepEqual(minutes(updates.take(10 * minuteMs, windowMs, 10 * minuteMs)), []);
    assert.equal(updates.calm, true);
  });

  it("tells of what ends next at each closing of a city without newer events", () => {
    const updates = new CityUpdates();
    assert.equal(updates.close(11 * minuteMs, 10 * minuteMs), 12 * minuteMs);
  });

  it("tells of windows of a day the one that ends next, and the newest", () => {
    const updates = new CityUpdates();
    updates.changed(2_000 * minuteMs);
    updates.opened(2_000 * minuteMs, 1_999 * minuteMs, 1_999 * minuteMs);
    const told = new Set<number>();
    while (!updates.calm) {
      for (const end of updates.take(2_000 * minuteMs, 1_440 * minuteMs, 1_999 * minuteMs)) {
        told.add(end / minuteMs);
      }
    }
    assert.deepEqual([...told].sort((a, b) => a - b), [2001, 3440]);
  });

  it("goes on as a new one does once it is calm, however it became so", () => {
    const step = fc.tuple(fc.constantFrom("change", "flush", "close"), fc.integer({ min: 1, max: 12 }));
    const steps = fc.array(step, { minLength: 1, maxLength: 12 });
    type Steps = [string, number][];
    const turns: Steps = [["change", 5], ["flush", 0], ["change", 1], ["flush", 0], ["flush", 0], [
      "flush",
      0,
    ]];
    const closed: [Steps, Steps] = [[...turns, ["close", 7], ["change", 1]], [["change", 6], ["flush", 0]]];
    fc.assert(
      fc.property(steps, steps, (before, after) => {
        let [newest, closed] = [8, 5];
        const play = (all: readonly [string, number][], ...of: CityUpdates[]) => {
          const told: number[][][] = of.map(() => []);
          for (const [kind, minute] of all) {
            const [before, isNewest] = [newest, kind === "change" && 4 + minute > newest];
            if (kind === "change") newest = Math.max(newest, 4 + minute);
            if (kind === "close") closed = Math.max(closed, 2 + minute);
            of.forEach((updates, i) => {
              if (kind === "change") {
                updates.changed((4 + minute) * minuteMs);
                if (isNewest) {
                  updates.opened((4 + minute) * minuteMs, before * minuteMs, closed * minuteMs);
                }
              } else if (kind === "close") updates.close(closed * minuteMs, newest * minuteMs);
              else told[i]!.push(minutes(updates.take(newest * minuteMs, windowMs, closed * minuteMs)));
            });
          }
          return told;
        };
        const used = new CityUpdates();
        play(before, used);
        while (!used.calm) used.take(newest * minuteMs, windowMs, closed * minuteMs);
        const [one, other] = play(after, used, new CityUpdates());
        assert.deepEqual(one, other);
      }),
      { numRuns: 500, examples: [closed] },
    );
  });

  it("leaves out none of the windows that changed and end next or before", () => {
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
      assert.deepEqual([...told].sort(), [...wanted].filter((end) => end <= newest + 1).sort());
    }));
  });
});
