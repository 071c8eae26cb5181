import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { HourSums } from "../../../src/windows/hour_sums.ts";
import { paneMs } from "../../../src/windows/settings.ts";

describe("HourSums", () => {
  it("are the sums of the panes, whatever changes, comes and leaves in between", () => {
    const step = fc.record({
      pane: fc.integer({ min: 0, max: 300 }),
      value: fc.option(fc.nat(9)),
      from: fc.integer({ min: 0, max: 300 }),
      length: fc.integer({ min: 1, max: 300 }),
    });
    fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const panes = new Map<number, number[]>();
      const sums = new HourSums(2, (at) => panes.get(at));
      for (const { pane, value, from, length } of steps) {
        if (value === null) panes.delete(pane * paneMs);
        else panes.set(pane * paneMs, [value, 1]);
        sums.changed(pane * paneMs);
        const within = [...panes].filter(([at]) => at >= from * paneMs && at < (from + length) * paneMs);
        assert.deepEqual(
          sums.sum(from * paneMs, (from + length) * paneMs),
          within.length === 0 ? null : within.reduce((s, [, v]) => [s[0]! + v[0]!, s[1]! + v[1]!], [0, 0]),
        );
      }
    }));
  });
});
