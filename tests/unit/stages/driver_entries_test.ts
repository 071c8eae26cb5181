import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { newDriver } from "../../../actors/driver.ts";
import { driversEntries, type DriversEntry, restoreDrivers } from "../../../src/stages/driver_entries.ts";
import type { DriverMemory, DriverRows } from "../../../src/stages/driver_rows.ts";
import { LocationsFold } from "../../../src/stages/locations.ts";
import { entriesOf, iso, publishedBy, record, restoreInto } from "./records.ts";
import { memories, newRows, someMemories } from "./some_drivers.ts";
import { stageContext } from "./stage_context.ts";

const written = (rows: DriverRows) => JSON.parse(JSON.stringify([...driversEntries(rows)])) as DriversEntry[];

function rowsOf(all: readonly DriverMemory[]): DriverRows {
  const rows = newRows();
  for (const memory of all) rows.restore(memory);
  return rows;
}

function restored(entries: readonly DriversEntry[], into = newRows()): DriverRows {
  for (const entry of entries) restoreDrivers(into, entry);
  return into;
}

const driversIn = ([ids]: DriversEntry) => ids.length;
/** JSON has no negative zero, and nobody is elsewhere for it. */
const zeroIsZero = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;
const numbered = (n: number, over: Partial<DriverMemory> = {}): DriverMemory => ({
  driver: {
    ...newDriver(`driver-${n}`),
    ...{ city: `city-${n}`, latestMs: 900_000 + n, rideId: n % 3 === 0 ? `ride-${n}` : null },
    supply: [{
      ...{ boundaryMs: 900_000, atMs: 899_000 + n, status: "available", city: `city-${n}` },
      cell: n % 2 === 0 ? "881e02c29bfffff" : null,
    }],
  },
  ...{ seen: [900_000 + n, 0], trail: [900_000 + n, 900_100, 3 * n, 48.2, 16.4, 0] },
  refused: n % 7 === 0 ? { code: "duplicate", offset: n, atMs: n } : null,
  ...over,
});

describe("drivers as entries of a snapshot", () => {
  it("come back as they were, in their order, and are the same entries again", () => {
    fc.assert(fc.property(someMemories, (all) => {
      const entries = written(rowsOf(all));
      const rows = restored(entries);
      assert.deepEqual(memories(rows), zeroIsZero(all));
      assert.deepEqual(written(rows), entries);
    }));
  });

  it("have the bytes that format 2 has, field by field", () => {
    const text = '[["driver-1","driver-2"],["ride-1",null],["Wien","Graz"],["881e02c29bfffff",null],' +
      "[48.1,16.2,30.5,90,47.5,15.6,-1,-1],[900500,0,3,2,500,1,0,0],[2,-60500,-1000,0,1,0,-500,-500,2,0,1,0]," +
      "[2,0,-10000,10000,2,1,-100,100,77,78],[2,-10000,100,30,0,10000,50,4,1,1,0,20,6,-1]," +
      '[48.3,16.4,48.1,16.2,47.5,15.6],[[0,{"code":"too_late","offset":35,"atMs":900700}]]]';
    const first: DriverMemory = {
      driver: {
        ...{ id: "driver-1", city: "Wien", status: "on_trip", lat: 48.1, lng: 16.2, speedKmh: 30.5 },
        ...{ heading: 90, rideId: "ride-1", latestMs: 900_500, jumps: 2 },
        supply: [
          { boundaryMs: 840_000, atMs: 839_000, status: "available", city: "Graz", cell: "881e02c29bfffff" },
          { boundaryMs: 900_000, atMs: 899_500, status: "on_trip", city: "Wien", cell: null },
        ],
      },
      seen: [890_500, 0, 900_500, 0],
      trail: [890_500, 890_600, 30, 48.3, 16.4, 0, 900_500, 900_550, 34, 48.1, 16.2, 1],
      refused: { code: "too_late", offset: 35, atMs: 900_700 },
    };
    const second: DriverMemory = {
      driver: { ...newDriver("driver-2"), city: "Graz", lat: 47.5, lng: 15.6, latestMs: 901_000 },
      ...{ seen: [900_900, 77, 901_000, 78], trail: [901_000, 901_020, 40, 47.5, 15.6, -1], refused: null },
    };
    const rows = restored([JSON.parse(text)]);
    assert.deepEqual(memories(rows), [first, second]);
    assert.deepEqual([...driversEntries(rows)].map((entry) => JSON.stringify(entry)), [text]);
  });

  it("are 256 an entry, fewer where they have many points; none make none", () => {
    const all = Array.from({ length: 600 }, (_, n) => numbered(n));
    assert.deepEqual(written(rowsOf(all)).map(driversIn), [256, 256, 88]);
    const seen = Array.from({ length: 700 }, (_, n) => [5_000 * n, n % 2]).flat();
    const busy = Array.from({ length: 7 }, (_, n) => numbered(n, { seen }));
    const entries = written(rowsOf(busy));
    assert.deepEqual(entries.map(driversIn), [3, 3, 1]);
    assert.deepEqual(memories(restored(entries)), busy);
    assert.deepEqual(written(newRows()), []);
  });

  it("of more cities than a table keeps at first come back in their own ones", () => {
    const all = Array.from({ length: 3_000 }, (_, n) => numbered(n));
    assert.deepEqual(memories(restored(written(rowsOf(all)))), all);
  });

  it("go to rows that others have left, as to new ones", () => {
    const into = rowsOf([numbered(9_000), numbered(9_003, { seen: [1, 2, 3, 4] })]);
    into.evictOldest();
    into.evictOldest();
    const all = [numbered(1), numbered(2, { seen: [], trail: [] })];
    assert.deepEqual(memories(restored(written(rowsOf(all)), into)), all);
  });

  it("are read as format 1 has them, an object a driver", () => {
    const fold = new LocationsFold(stageContext(), 0);
    const point = (n: number) =>
      record(
        n,
        { driver_id: `d${n % 2}`, lat: 48.2, lng: 16.4 + n / 1_000, timestamp: iso(n), city: "x" },
        n,
      );
    publishedBy(fold, [0, 1, 2, 3, 4].map(point));
    const [head, ...others] = entriesOf(fold);
    assert.deepEqual(others.map(([kind]) => kind), ["drivers"]);
    const single = ["d0", "d1"].map((id) => ["driver", fold.driver(id)] as const);
    const again = restoreInto(new LocationsFold(stageContext(), 0), [head!, ...single] as never[]);
    assert.deepEqual(entriesOf(again), [head, ...others]);
  });
});
