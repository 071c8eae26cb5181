import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { newRide } from "../../../actors/ride.ts";
import { erasedSet, riderHash } from "../../../src/erased.ts";
import type { FoldEntry } from "../../../src/fold.ts";
import {
  restoreRide,
  restoreRides,
  type RideEntry,
  ridesEntries,
  type RidesEntry,
} from "../../../src/stages/ride_entries.ts";
import type { RideMemory, RideRows } from "../../../src/stages/ride_rows.ts";
import { RidesFold } from "../../../src/stages/rides.ts";
import { entriesOf, publishedBy, record, restoreInto, rideEvent } from "./records.ts";
import { memories, newRows, put, someMemory } from "./some_rides.ts";
import { stageContext } from "./stage_context.ts";

const written = (rows: RideRows) => JSON.parse(JSON.stringify([...ridesEntries(rows)])) as RidesEntry[];

function rowsOf(all: readonly RideMemory[]): RideRows {
  const rows = newRows();
  for (const memory of all) put(rows, memory);
  return rows;
}

/** What comes back of the entries, and what was told of each ride meanwhile. */
function restored(entries: readonly RidesEntry[], into = newRows()) {
  const told: string[] = [];
  for (const entry of entries) restoreRides(into, entry, (row) => told.push(into.ride(row).id));
  return { rows: into, told };
}

const idsIn = ([ids]: RidesEntry) => ids.length;
const numbered = (n: number, seen: number[] = []): RideMemory => ({
  ride: { ...newRide(`ride-${n}`), city: `city-${n}`, reason: `reason ${n}`, latestMs: 1_000 + n },
  ...{ seen, refused: n % 7 === 0 ? { code: "duplicate", offset: n, atMs: n } : null },
});

describe("rides as entries of a snapshot", () => {
  it("come back as they were, in their order, each told of once; and are the same entries again", () => {
    const some = fc.uniqueArray(someMemory, { selector: ({ ride }) => ride.id, maxLength: 20 });
    fc.assert(fc.property(some, (all) => {
      const entries = written(rowsOf(all));
      const { rows, told } = restored(entries);
      assert.deepEqual(memories(rows), all);
      assert.deepEqual(told, all.map(({ ride }) => ride.id));
      assert.deepEqual(written(rows), entries);
    }));
  });

  it("are 256 an entry, fewer where they have seen many events; none make none", () => {
    const all = Array.from({ length: 700 }, (_, n) => numbered(n));
    assert.deepEqual(written(rowsOf(all)).map(idsIn), [256, 256, 188]);
    const seen = Array.from({ length: 400 }, (_, n) => [n, 1, 2, 1_000 + n, 2_000, 5 * n]).flat();
    const busy = Array.from({ length: 14 }, (_, n) => numbered(n, seen));
    const entries = written(rowsOf(busy));
    assert.deepEqual(entries.map(idsIn), [6, 6, 2]);
    assert.deepEqual(memories(restored(entries).rows), busy);
    assert.deepEqual(written(newRows()), []);
  });

  it("of more words than a table keeps at first come back with their own ones", () => {
    const all = Array.from({ length: 3_000 }, (_, n) => numbered(n));
    assert.deepEqual(memories(restored(written(rowsOf(all))).rows), all);
  });

  it("go to rows that others have left, as to new ones", () => {
    const into = rowsOf([numbered(9_000, [1, 2, 3, 4, 5, 6]), numbered(9_001)]);
    into.evictOldest();
    into.evictOldest();
    const all = [numbered(1), numbered(2, [7, 8, 1, 2, 3, 4])];
    assert.deepEqual(memories(restored(written(rowsOf(all)), into).rows), all);
  });

  it("are read as format 1 has them, a ride an entry", () => {
    const words = ["Wien", "Wien", null, null, "no driver"];
    const times = [1_000, 2_000, -1, -1, 0, 301_000, 2_000];
    const seen = [4_000_000_000, 5, 0, 1_000, 1_100, 7, 6, 7, 1, 2_000, 2_050, 12];
    const refused = { code: "duplicate", offset: 13, atMs: 2_100 };
    const numbers = [850, -1, 3, 1];
    const entry: RideEntry = ["ride-1", "rider-1", null, words, [2, 0, 0, 1], times, numbers, seen, refused];
    const rows = newRows();
    assert.equal(restoreRide(rows, entry), 0);
    assert.deepEqual(memories(rows), [{
      ride: {
        ...newRide("ride-1"),
        ...{ state: "accepted", city: "Wien", userId: "rider-1", requestedMs: 1_000, acceptedMs: 2_000 },
        ...{ acceptedCity: "Wien", openUntilMs: 301_000, waitCounted: true, reason: "no driver" },
        ...{ estimatedFareCents: 850, marks: 3, attempts: 1, latestMs: 2_000 },
      },
      ...{ seen, refused },
    }]);
    assert.deepEqual(memories(restored(written(rows)).rows), memories(rows));
  });

  it("of a snapshot from before a rider was erased come back without the rider, of either format", () => {
    const before = new RidesFold(stageContext(), 0);
    const requested = (n: number) =>
      record(n, rideEvent("requested", n, { ride_id: `r${n}`, user_id: `u${n}` }), n);
    publishedBy(before, [0, 1, 2].map(requested));
    const entries = entriesOf(before);
    const [kind, ids, riders] = entries.at(-1) as ["rides", string[], string[]];
    assert.deepEqual([kind, riders], ["rides", ["u0", "u1", "u2"]]);
    const single: RideEntry = [ids[1]!, "u1", null, [], [0, 0, 0, 0], [], [], [], null];

    const erased = erasedSet();
    erased.add({ rider: riderHash("u1"), pseudonym: "erased-1" });
    const ridersAfter = (entries: FoldEntry[]) => {
      const fold = restoreInto(new RidesFold(stageContext({ erased }), 0), entries);
      return [...fold.actors()].map(({ ride }) => ride.userId);
    };
    assert.deepEqual(ridersAfter(entries), ["u0", "erased-1", "u2"]);
    assert.deepEqual(ridersAfter([["ride", ...single]]), ["erased-1"]);
  });
});
