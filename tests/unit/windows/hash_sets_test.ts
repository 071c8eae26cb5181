import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { paneMs } from "../../../src/windows/settings.ts";
import { RiderWindows } from "../../../src/windows/distinct.ts";
import { MinuteRiders, noRider } from "../../../src/windows/minute_riders.ts";
import { packHashes, unpackHashes } from "../../../src/windows/packed_hashes.ts";

const half = fc.oneof(fc.nat(3), fc.integer({ min: 0x7ffffffe, max: 0xffffffff }));
const hash = fc.tuple(half, half);
const text = (high: number, low: number) => `${high}:${low}`;

describe("MinuteRiders", () => {
  it("are a set for each pane, beyond 2³¹ and through growth, newest first", () => {
    const seen = fc.tuple(fc.nat(3), hash);
    fc.assert(fc.property(fc.array(seen, { maxLength: 200 }), fc.nat(40), (all, expected) => {
      const riders = new MinuteRiders(expected);
      const panes = Array.from({ length: 4 }, () => ({ newest: noRider, set: new Map<string, number[]>() }));
      for (const [row, [high, low]] of all) {
        const { newest, set } = panes[row]!;
        const node = riders.add(row, high, low, newest);
        assert.equal(node === noRider, set.has(text(high, low)));
        if (node !== noRider) panes[row]!.newest = node;
        set.set(text(high, low), [high, low]);
      }
      assert.equal(riders.size, panes.reduce((n, { set }) => n + set.size, 0));
      for (const { newest, set } of panes) {
        const newestFirst = [...set.values()].reverse();
        for (const count of [0, Math.min(1, set.size), set.size]) {
          assert.deepEqual(riders.pairs(newest, count), newestFirst.slice(0, count).flat());
        }
      }
    }));
  });

  it("hold 100,000 consecutive hashes in each of two panes", () => {
    const riders = new MinuteRiders(0);
    for (const isNew of [true, false]) {
      for (let i = 0; i < 100_000; i++) {
        for (const row of [0, 1]) assert.equal(riders.add(row, i, i * 7, noRider) !== noRider, isNew);
      }
    }
    assert.equal(riders.size, 200_000);
  });
});

describe("packHashes", () => {
  it("of (1, 2) and (0, 0xffffffff) is 16 bytes, big-endian, the smaller first", () => {
    assert.equal(packHashes([1, 2, 0, 0xffffffff]), "AAAAAP////8AAAABAAAAAg==");
    assert.equal(packHashes([]), "");
  });

  it("gives the pairs back, and equal sets the same text whatever their order", () => {
    fc.assert(
      fc.property(fc.uniqueArray(hash, { selector: ([h, l]) => text(h, l) }), fc.nat(), (set, turn) => {
        const packed = packHashes(set.flat());
        const sorted = [...set].sort(([a, b], [c, d]) => a - c || b - d);
        assert.deepEqual(unpackHashes(packed), sorted.flat());
        const at = turn % (set.length + 1);
        assert.equal(packHashes([...set.slice(at), ...set.slice(0, at)].flat()), packed);
      }),
    );
  });
});

describe("RiderWindows", () => {
  /** Some minutes of three hours, on both sides of each hour's end. */
  const minute = fc.oneof(fc.nat(25), fc.integer({ min: 55, max: 65 }), fc.integer({ min: 115, max: 125 }));
  const lastMinute = 125;
  const seen = fc.array(fc.tuple(fc.nat(4), minute), { maxLength: 60 });

  /** Distinct riders of the window from `start`, counted from all that was ever seen. */
  const distinct = (pairs: [number, number][], start: number, length: number) =>
    new Set(pairs.filter(([, minute]) => minute >= start && minute < start + length).map(([rider]) => rider))
      .size;

  /** As a snapshot has them. */
  const packed = (held: [number, number][]) => {
    const minutes = [...new Set(held.map(([, minute]) => minute))].sort((a, b) => a - b);
    return minutes.map((minute) => [
      minute,
      packHashes(
        [...new Set(held.filter(([, m]) => m === minute).map(([rider]) => rider))].flatMap((r) => [7, r]),
      ),
    ]);
  };

  for (const length of [1, 5, 60]) {
    it(`counts as sets do, whatever the order of minutes, in windows of ${length} minutes`, () => {
      fc.assert(fc.property(seen, (pairs) => {
        const windows = new RiderWindows(length * paneMs);
        const known = new Set<string>();
        for (const [rider, minute] of pairs) {
          assert.equal(windows.add(0xfffffff0, rider, minute * paneMs), !known.has(text(rider, minute)));
          known.add(text(rider, minute));
        }
        for (let start = -length; start <= lastMinute + 1; start++) {
          assert.equal(windows.count(start * paneMs), distinct(pairs, start, length), `start ${start}`);
        }
      }));
    });
  }

  it("counts the windows from the dropped minute on exactly, also for riders seen before it", () => {
    fc.assert(fc.property(seen, seen, minute, (early, late, below) => {
      const windows = new RiderWindows(5 * paneMs);
      for (const [rider, minute] of early) windows.add(7, rider, minute * paneMs);
      windows.dropBefore(below * paneMs);
      const kept = late.filter(([, minute]) => minute >= below);
      for (const [rider, minute] of kept) windows.add(7, rider, minute * paneMs);
      for (let start = below; start <= lastMinute + 1; start++) {
        assert.equal(windows.count(start * paneMs), distinct([...early, ...kept], start, 5));
      }
      for (let start = -5; start < below; start++) assert.equal(windows.count(start * paneMs), 0);
      const held = [...early, ...kept].filter(([, minute]) => minute >= below);
      assert.deepEqual(windows.panes(), packed(held));
    }));
  });

  it("counts and holds the same however often minutes are dropped in between, and with many riders", () => {
    const rounds = fc.array(
      fc.record({ seen: fc.array(fc.tuple(fc.nat(40), fc.nat(6)), { maxLength: 40 }), drop: fc.nat(3) }),
      { maxLength: 30 },
    );
    fc.assert(fc.property(rounds, fc.integer({ min: 1, max: 7 }), (all, length) => {
      const windows = new RiderWindows(length * paneMs);
      let below = 0;
      let held: [number, number][] = [];
      for (const { seen, drop } of all) {
        for (const [rider, after] of seen) {
          const isNew = !held.some(([r, m]) => r === rider && m === below + after);
          assert.equal(windows.add(7, rider, (below + after) * paneMs), isNew);
          if (isNew) held.push([rider, below + after]);
        }
        below += drop;
        windows.dropBefore(below * paneMs);
        held = held.filter(([, minute]) => minute >= below);
        for (let start = below; start <= below + 8; start++) {
          assert.equal(windows.count(start * paneMs), distinct(held, start, length));
        }
        assert.deepEqual(windows.panes(), packed(held));
      }
    }));
  });

  it("refuses a minute that was dropped", () => {
    const windows = new RiderWindows(5 * paneMs);
    windows.dropBefore(10 * paneMs);
    assert.throws(() => windows.add(1, 1, 9 * paneMs), /minute 9 was dropped already/);
  });

  it("comes back from its snapshot with the same counts", () => {
    fc.assert(fc.property(seen, fc.nat(20), (pairs, below) => {
      const windows = new RiderWindows(5 * paneMs);
      for (const [rider, minute] of pairs) windows.add(7, rider, minute * paneMs);
      windows.dropBefore(below * paneMs);
      const restored = new RiderWindows(5 * paneMs);
      restored.restore(JSON.parse(JSON.stringify(windows.panes())));
      restored.dropBefore(below * paneMs);
      for (let start = -5; start <= lastMinute + 1; start++) {
        assert.equal(restored.count(start * paneMs), windows.count(start * paneMs));
      }
      assert.deepEqual(restored.panes(), windows.panes());
    }));
  });
});
