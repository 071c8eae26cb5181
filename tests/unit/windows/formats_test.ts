import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../src/ids.ts";
import { checkLedger, newLedger, sumLedgers } from "../../../src/windows/ledger.ts";
import { decodePartial, encodePartial, type Partial } from "../../../src/windows/partial.ts";
import { formatRev, newerRev, type Phase } from "../../../src/windows/rev.ts";

describe("formatRev", () => {
  it("is generation, sum of positions and phase in 19 digits", () => {
    assert.equal(formatRev(1, 42, 2), "0001000000000000422");
    assert.equal(formatRev(9_999, 99_999_999_999_999, 2), "9999999999999999992");
    assert.ok(BigInt("9999999999999999992") < 2n ** 64n);
  });

  it("rises with generation, then positions, then phase: as text, as newerRev and as a number", () => {
    const rev = fc.tuple(
      fc.integer({ min: 1, max: 999 }),
      fc.oneof(fc.nat(3), fc.nat(99_999_999_999_999)),
      fc.constantFrom<Phase>(0, 1, 2),
    );
    fc.assert(fc.property(rev, rev, (a, b) => {
      const [x, y] = [formatRev(...a), formatRev(...b)];
      const order = a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
      assert.match(x, /^\d{19}$/);
      assert.equal(newerRev(x, y), order > 0);
      assert.equal(BigInt(x) > BigInt(y), order > 0);
    }));
  });

  it("stops rather than overflow", () => {
    assert.throws(() => formatRev(10_000, 0, 0), /rev overflows/);
    assert.throws(() => formatRev(1, 100_000_000_000_000, 0), /rev overflows/);
  });
});

describe("decodePartial", () => {
  const partial: Partial = {
    format: 1,
    fold_version: "f1",
    generation: 1,
    log_epoch: 0,
    source: { topic: "ride-events", partition: 3 },
    next_offset: 12,
    panes: [["x", 60_000, 2, 11, [1, 2], "AAAAAAAAAAE="]],
    closings: [["x", 60_000, 12, [0, 1], []]],
    watermark_ms: 61_000,
    idle: { stand_in_ms: null },
    ended: true,
    since_ms: 1,
  };

  it("gives back what was encoded", () => assert.deepEqual(decodePartial(encodePartial(partial)), partial));

  const foreign: [name: string, value: unknown][] = [
    ["of a newer format", { ...partial, format: 2 }],
    ["without panes", { ...partial, panes: undefined }],
    ["without closings", { ...partial, closings: {} }],
    ["without a source", { ...partial, source: undefined }],
    ["that is null", null],
    ["that is a number", 5],
    ["that is a list", []],
  ];
  for (const [name, value] of foreign) {
    it(`is null for a record ${name}`, () => assert.equal(decodePartial(utf8(JSON.stringify(value))), null));
  }

  it("is null for any bytes that are no JSON, and never throws", () => {
    assert.equal(decodePartial(utf8("{")), null);
    fc.assert(fc.property(fc.uint8Array(), (bytes) => void decodePartial(bytes)));
  });
});

describe("checkLedger", () => {
  it("holds while read = counted + duplicates + too_late + dead_lettered", () => {
    const ledger = {
      ...newLedger(5),
      read: 10,
      counted: 4,
      duplicates: 3,
      too_late: 2,
      dead_lettered: 1,
      late: 4,
    };
    checkLedger(ledger);
    for (const line of ["read", "counted", "duplicates", "too_late", "dead_lettered"] as const) {
      assert.throws(() => checkLedger({ ...ledger, [line]: ledger[line] + 1 }), /does not add up/);
    }
  });

  it("sumLedgers adds every line but the offset", () => {
    const a = { ...newLedger(5), read: 3, counted: 2, duplicates: 1, late: 1 };
    const b = { ...newLedger(9), read: 4, dead_lettered: 4, misplaced: 2, evicted_by_cap: 1 };
    assert.deepEqual(sumLedgers([a, b]), {
      read: 7,
      counted: 2,
      duplicates: 1,
      too_late: 0,
      dead_lettered: 4,
      late: 1,
      misplaced: 2,
      evicted_by_cap: 1,
    });
  });
});
