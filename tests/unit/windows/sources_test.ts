import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  effectiveWatermark,
  holder,
  minimum,
  newSource,
  realWatermark,
  report,
  type Source,
  type SourceReport,
} from "../../../src/windows/sources.ts";

const sourceAfter = (...reports: SourceReport[]): Source => {
  const source = newSource({ topic: "ride-events", partition: 0 });
  for (const said of reports) report(source, said);
  return source;
};
const idle = (nextOffset: number, standInMs: number | null, watermarkMs: number | null = 100) => ({
  nextOffset,
  watermarkMs,
  idle: { standInMs },
});

describe("report", () => {
  const cases: [
    name: string,
    reports: SourceReport[],
    effective: number | null | "absent",
    real: number | null | "absent",
  ][] = [
    ["nothing heard of holds everything back", [], null, null],
    ["a watermark counts", [{ nextOffset: 5, watermarkMs: 100 }], 100, 100],
    [
      "an older report's lower watermark changes nothing",
      [{ nextOffset: 5, watermarkMs: 100 }, { nextOffset: 3, watermarkMs: 80 }],
      100,
      100,
    ],
    [
      "a report without watermark changes none",
      [
        { nextOffset: 5, watermarkMs: 100 },
        { nextOffset: 7 },
      ],
      100,
      100,
    ],
    [
      "idle: the stand-in counts, but is not real",
      [
        { nextOffset: 5, watermarkMs: 100 },
        idle(5, 900),
      ],
      900,
      100,
    ],
    [
      "a zombie's declaration at an older offset is ignored",
      [
        { nextOffset: 6, watermarkMs: 100 },
        idle(5, 900),
      ],
      100,
      100,
    ],
    ["a later register ends it", [idle(5, 900), { nextOffset: 6, watermarkMs: 120 }], 120, 120],
    [
      "a repeated flush at the same offset does not end it",
      [idle(5, 900), {
        nextOffset: 5,
        watermarkMs: 100,
      }],
      900,
      100,
    ],
    ["an older report does not end it", [idle(5, 900), { nextOffset: 4, watermarkMs: 90 }], 900, 100],
    ["of repeated declarations the furthest counts", [idle(5, 900), idle(5, 800)], 900, 100],
    ["a renewed declaration goes on", [idle(5, 900), idle(5, 1_000)], 1_000, 100],
    ["one that never had a record takes no part", [idle(0, null, null)], "absent", "absent"],
    ["its first record brings it in", [idle(0, null, null), { nextOffset: 1, watermarkMs: 7 }], 7, 7],
    [
      "idle without a stand-in stands at its watermark",
      [{ nextOffset: 5, watermarkMs: 100 }, idle(5, null)],
      100,
      100,
    ],
    ["ended holds nothing back", [{ nextOffset: 5, watermarkMs: 100, ended: true }], Infinity, Infinity],
    [
      "ended without a record holds nothing back",
      [{ nextOffset: 0, watermarkMs: null, ended: true }],
      Infinity,
      Infinity,
    ],
  ];
  for (const [name, reports, effective, real] of cases) {
    it(name, () => {
      const source = sourceAfter(...reports);
      assert.equal(effectiveWatermark(source), effective);
      assert.equal(realWatermark(source), real);
    });
  }

  it("repeating the whole stream of an owner changes nothing in the end", () => {
    const said = fc.record({ grow: fc.nat(2), moveMs: fc.nat(50), idle: fc.boolean(), quietMs: fc.nat(90) });
    fc.assert(fc.property(fc.array(said, { minLength: 1, maxLength: 12 }), fc.nat(12), (steps, from) => {
      let [nextOffset, watermarkMs] = [0, 0];
      const stream = steps.map((s): SourceReport => {
        nextOffset += s.grow;
        if (s.grow > 0) watermarkMs += s.moveMs;
        return { nextOffset, watermarkMs, ...(s.idle && { idle: { standInMs: watermarkMs + s.quietMs } }) };
      });
      const once = sourceAfter(...stream);
      assert.deepEqual(sourceAfter(...stream, ...stream.slice(0, from), ...stream), once);
    }));
  });
});

describe("minimum", () => {
  const cases: [watermarks: (number | null | "absent")[], lowest: number | null][] = [
    [[], null],
    [[5, 3, 9], 3],
    [[5, null, 9], null],
    [[5, Infinity], 5],
    [[Infinity, Infinity], Infinity],
    [["absent", 5], 5],
    [["absent", "absent"], null],
    [["absent", Infinity], Infinity],
    [["absent", null], null],
  ];
  for (const [watermarks, lowest] of cases) {
    it(`of ${watermarks.map(String).join(", ") || "none"} is ${lowest}`, () => {
      assert.equal(minimum(watermarks), lowest);
    });
  }
});

describe("holder", () => {
  const named = (partition: number, ...reports: SourceReport[]) => ({
    ...sourceAfter(...reports),
    partition,
  });
  it("is the slowest, one never heard of before all others", () => {
    const [slow, fast] = [
      named(1, { nextOffset: 1, watermarkMs: 5 }),
      named(2, { nextOffset: 1, watermarkMs: 9 }),
    ];
    assert.equal(holder([fast, slow])?.partition, 1);
    assert.equal(holder([fast, slow, named(3)])?.partition, 3);
  });
  it("is none when all have ended or take no part", () => {
    assert.equal(holder([named(1, { nextOffset: 1, ended: true }), named(2, idle(0, null, null))]), null);
    assert.equal(holder([]), null);
  });
});
