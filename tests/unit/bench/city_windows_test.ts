/** The query that other systems are asked, as Waymark's own parts answer it: equal to the recount, whatever the window. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CityWindows } from "../../../bench/peers/city_windows.ts";
import { newVerdict, type Published } from "../../../bench/peers/results.ts";
import { cityNames, workload } from "../../../bench/workload.ts";
import { newRecount } from "../../../bench/workload_recount.ts";
import { fromUtf8 } from "../../../src/ids.ts";
import { hourMs, minuteMs } from "../../../src/time.ts";

const partitions = 3;
const cities = 5;

function told(windowMs: number) {
  const [windows, recount] = [new CityWindows(partitions, windowMs), newRecount(cityNames(cities), windowMs)];
  const updates: Published[][] = [];
  const update = () =>
    updates.push(windows.takeChanged().map(({ value }) => JSON.parse(fromUtf8(value)) as Published));
  const events = { events: 6_000, perSecond: 5, cities, windowMs };
  let n = 0;
  for (
    const event of workload({ ...events, partitions, partitionOf: (key) => key.at(-1)! % partitions })
  ) {
    recount.add(event);
    const { partition, key, value, logMs } = event;
    const record = { offset: n, key, value, timestampMs: logMs, headers: {} };
    windows.fold(partition, record);
    if (++n % 100 === 0) update();
  }
  update();
  assert.deepEqual([windows.refused, windows.late], [0, 0]);
  return { updates, expected: recount.windows() };
}

describe("CityWindows", () => {
  for (const windowMs of [5 * minuteMs, hourMs, 24 * hourMs]) {
    it(`tells of every window of ${windowMs / minuteMs} minutes what the recount has`, () => {
      const { updates, expected } = told(windowMs);
      const verdict = newVerdict(expected);
      for (const window of updates.flat()) verdict.add(window);
      const { missing, wrong, unexpected, example } = verdict.verdict();
      assert.deepEqual({ missing, wrong, unexpected, example }, {
        ...{ missing: 0, wrong: 0, unexpected: 0, example: null },
      });
    });
  }

  it("tells of long windows with every update only when they end soon", () => {
    const { updates } = told(hourMs);
    // The last update closes all that are open, 60 of each city.
    assert.ok(updates.at(-1)!.length > 50 * cities);
    // Five minutes of windows that are to end, and those that have ended and are not closed.
    for (const [n, update] of updates.slice(0, -1).entries()) {
      assert.ok(update.length <= 8 * cities, `update ${n}: ${update.length}`);
    }
  });
});
