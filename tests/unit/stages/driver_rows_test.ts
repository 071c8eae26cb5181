import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { newDriver } from "../../../actors/driver.ts";
import { type DriverMemory, type DriverRows, noRow } from "../../../src/stages/driver_rows.ts";
import { minuteMs as minute } from "../../../src/time.ts";
import { memories, newRows, someDriver, someMemories } from "./some_drivers.ts";

const memoryOf = (driver: DriverMemory["driver"]): DriverMemory => ({
  driver,
  seen: [1, 2],
  trail: [],
  refused: null,
});
const idsOf = (rows: DriverRows): string[] => memories(rows).map(({ driver }) => driver.id);

describe("DriverRows", () => {
  it("gives back every driver as it was put, in the order they came", () => {
    fc.assert(fc.property(someMemories, (all) => {
      const rows = newRows();
      for (const memory of all) rows.restore(memory);
      assert.deepEqual(memories(rows), all);
      for (const memory of all) assert.deepEqual(rows.memory(rows.findId(memory.driver.id)), memory);
      assert.equal(rows.findId("no such driver, and longer than forty characters"), noRow);
    }));
  });

  it("finds a driver by no other text than its id, however long or foreign that is", () => {
    const rows = newRows();
    const longest = "🚗".repeat(128);
    for (const id of [longest, "d"]) rows.restore(memoryOf(newDriver(id)));
    assert.equal(rows.driver(rows.findId(longest)).id, longest);
    for (const other of [longest + "x", longest.slice(2), "ü".repeat(256), "d".repeat(10_000), "", "D"]) {
      assert.equal(rows.findId(other), noRow, other);
    }
  });

  it("write() replaces all of a driver, and leaves the others as they were", () => {
    fc.assert(fc.property(someMemories, someDriver, fc.nat(), (all, after, pick) => {
      fc.pre(all.length > 0);
      const rows = newRows();
      for (const memory of all) rows.restore(memory);
      const changed = all[pick % all.length]!;
      rows.write(rows.findId(changed.driver.id), { ...after, id: changed.driver.id });
      const expected = all.map((memory) =>
        memory === changed ? { ...memory, driver: { ...after, id: changed.driver.id } } : memory
      );
      assert.deepEqual(memories(rows), expected);
    }));
  });

  it("lets a driver go at the whole minute from its due time on", () => {
    const rows = newRows();
    rows.restore(memoryOf({ ...newDriver("a"), latestMs: 50.5 * minute }));
    rows.evictDue(60.9 * minute);
    assert.equal(rows.size, 1);
    rows.evictDue(61 * minute);
    assert.equal(rows.findId("a"), noRow);
  });

  it("the one that came first leaves when there are too many", () => {
    const rows = newRows();
    for (const id of ["a", "b", "c"]) rows.restore(memoryOf({ ...newDriver(id), latestMs: minute }));
    rows.evictOldest();
    assert.deepEqual(idsOf(rows), ["b", "c"]);
  });

  it("holds exactly those that are not due yet, in the order they came, whenever it is restored", () => {
    const touch = fc.record({
      id: fc.constantFrom("a", "b", "c", "d"),
      atS: fc.integer({ min: -600, max: 300 }),
    });
    const steps = fc.array(fc.oneof(touch, fc.integer({ min: 1, max: 400 })), { maxLength: 60 });
    fc.assert(fc.property(steps, fc.nat(60), (all, restart) => {
      let rows = newRows();
      const expected = new Map<string, number>();
      let nowS = 1_000;
      all.forEach((step, i) => {
        if (i === restart) {
          const entries = memories(rows);
          rows = newRows();
          for (const entry of entries) rows.restore(entry);
        }
        if (typeof step === "number") {
          nowS += step;
          rows.evictDue(nowS * 1_000);
          for (const [id, latestMs] of expected) {
            if (Math.ceil(latestMs / minute + 10) * 60 <= nowS) expected.delete(id);
          }
        } else {
          const latestMs = Math.max(expected.get(step.id) ?? 0, (nowS + step.atS) * 1_000);
          const row = rows.findId(step.id);
          if (row === noRow) rows.restore(memoryOf({ ...newDriver(step.id), latestMs }));
          else rows.write(row, { ...rows.driver(row), latestMs });
          expected.set(step.id, latestMs);
        }
        assert.deepEqual(memories(rows).map(({ driver }) => [driver.id, driver.latestMs]), [
          ...expected,
        ]);
      });
    }));
  });

  it("holds what a map would, through thousands that come, leave and come again", () => {
    const rows = newRows();
    const expected = new Map<string, DriverMemory>();
    let random = 1;
    const draw = (below: number) => (random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0) % below;
    for (let step = 0; step < 20_000; step++) {
      const id = `driver-${draw(3_000)}`;
      const row = rows.findId(id);
      assert.equal(row !== noRow, expected.has(id));
      if (row === noRow) {
        const latestMs = (step + draw(40)) * minute;
        const supply = Array.from({ length: draw(3) }, (_, n) => ({
          ...{ boundaryMs: latestMs + n * minute, atMs: latestMs, status: "available" as const },
          ...{ city: `city-${draw(5_000)}`, cell: "881e02c29bfffff" },
        }));
        const driver = { ...newDriver(id), city: `city-${draw(5_000)}`, latestMs, supply };
        const seen = Array.from({ length: 2 * draw(12) }, () => draw(1_000));
        const trail = Array.from({ length: 6 * draw(5) }, () => draw(1_000));
        const memory = { driver, seen, trail, refused: null };
        rows.restore(memory);
        expected.set(id, memory);
      } else assert.deepEqual(rows.memory(row), expected.get(id));
      if (draw(50) === 0) {
        const nowMs = step * minute;
        rows.evictDue(nowMs);
        for (const [id, { driver }] of expected) {
          if (driver.latestMs + 10 * minute <= nowMs) expected.delete(id);
        }
      }
      if (draw(100) === 0 && expected.size > 0) {
        rows.evictOldest();
        expected.delete(expected.keys().next().value!);
      }
      assert.equal(rows.size, expected.size);
    }
    assert.deepEqual(memories(rows), [...expected.values()]);
    assert.deepEqual([...rows.rows()].map((row) => rows.driver(row).id).sort(), [...expected.keys()].sort());
  });

  it("a walk goes on over drivers that leave and come meanwhile", () => {
    const rows = newRows();
    const add = (id: string) => rows.restore(memoryOf({ ...newDriver(id), latestMs: minute }));
    for (const id of ["a", "b", "c", "d"]) add(id);
    const walked: string[] = [];
    for (const row of rows.rows()) {
      const { id } = rows.driver(row);
      walked.push(id);
      if (id === "a") {
        rows.evictOldest();
        rows.evictOldest();
        add("e");
      }
    }
    assert.deepEqual(walked.filter((id) => id !== "e"), ["a", "c", "d"]);
  });
});

/** Of two drivers, so that the chunks of one lie among those of the other. */
const twoRows = () => {
  const rows = newRows();
  const [a, b] = [rows.addId("a"), rows.addId("b")] as const;
  return { rows, of: [a, b] as const };
};

describe("SeenPoints", () => {
  it("hold what a list would, however points come and are let go of", () => {
    const come = fc.record({ who: fc.nat(1), timeMs: fc.nat(30), id: fc.nat(3), times: fc.nat(9) });
    const keep = fc.record({ who: fc.nat(1), fromMs: fc.nat(35) });
    fc.assert(fc.property(fc.array(fc.oneof(come, come, keep), { maxLength: 60 }), (steps) => {
      const { rows, of } = twoRows();
      const expected: number[][] = [[], []];
      for (const step of steps) {
        const row = of[step.who as 0 | 1];
        if ("fromMs" in step) {
          rows.seen.keep(row, (timeMs) => timeMs >= step.fromMs);
          expected[step.who] = expected[step.who]!.filter((_, n, all) => all[n - n % 2]! >= step.fromMs);
        } else {
          for (let n = 0; n < step.times; n++) {
            rows.seen.add(row, step.timeMs + n, step.id);
            expected[step.who]!.push(step.timeMs + n, step.id);
          }
        }
        for (const who of [0, 1] as const) {
          const all = expected[who]!;
          assert.deepEqual(rows.seen.list(of[who]), all);
          const pairs = new Set(all.flatMap((_, n) => n % 2 === 0 ? [`${all[n]} ${all[n + 1]}`] : []));
          for (let timeMs = 0; timeMs < 40; timeMs++) {
            for (let id = 0; id < 4; id++) {
              assert.equal(rows.seen.has(of[who], timeMs, id), pairs.has(`${timeMs} ${id}`));
            }
          }
        }
      }
    }));
  });
});

describe("TrailPoints", () => {
  it("keep the newest 24 points of each driver, in the order they came", () => {
    const { rows, of } = twoRows();
    const expected: number[][] = [[], []];
    for (let n = 0; n < 100; n++) {
      const who = n % 3 === 0 ? 1 : 0;
      const point = [n, n + 1, n * 2, n / 7, -n / 9, n % 5 - 1] as const;
      rows.trail.add(of[who], ...point);
      expected[who] = [...expected[who]!, ...point].slice(-24 * 6);
      for (const which of [0, 1] as const) assert.deepEqual(rows.trail.list(of[which]), expected[which]);
    }
  });
});
