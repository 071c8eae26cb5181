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
