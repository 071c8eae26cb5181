import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { newRide } from "../../../actors/ride.ts";
import { erasedSet, riderHash } from "../../../src/erased.ts";
import type { FoldEntry } from "../../../src/fold.ts";
import { snapshotFormat } from "../../../src/runtime/manifest.ts";
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
  const told = entries.flatMap((entry) => restoreRides(into, entry)).map((row) => into.ride(row).id);
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

  it("have the bytes that format 2 has, field by field", () => {
    const text =
      '[["ride-1","ride-2"],["rider-1","rider-2"],["driver-1",null],["Wien","Graz","Linz","Wels","late",null],' +
      '[0,1,2,3,4,1,5,5,5,5],"41211000",' +
      "[1000500,63,-400,-300,-200,-100,-50,299600,200,1,0],[850,920,5,2,400,-1,0,0]," +
      "[2,4000000000,11,0,-400,50,70,12,13,3,-100,60,5,1,21,22,0,0,30,15]," +
      '[[1,{"code":"duplicate","offset":91,"atMs":1000800}]]]';
    const first: RideMemory = {
      ride: {
        ...{ id: "ride-1", state: "completed", city: "Wien", userId: "rider-1", driverId: "driver-1" },
        ...{ requestedMs: 1_000_100, acceptedMs: 1_000_200, acceptedCity: "Graz", startedMs: 1_000_300 },
        ...{ endedMs: 1_000_400, cancelledBy: "driver", attempts: 2, outcome: "completed" },
        ...{ outcomeCity: "Linz", outcomeMs: 1_000_450, reason: "late", estimatedFareCents: 850 },
        ...{ fareCents: 920, openCity: "Wels", openUntilMs: 1_300_100, waitCounted: true, marks: 5 },
        latestMs: 1_000_500,
      },
      seen: [
        ...[4_000_000_000, 11, 0, 1_000_100, 1_000_150, 70],
        ...[12, 13, 3, 1_000_400, 1_000_460, 75],
      ],
      refused: null,
    };
    const second: RideMemory = {
      ride: {
        ...{ ...newRide("ride-2"), state: "requested", city: "Graz", userId: "rider-2" },
        ...{ requestedMs: 1_000_700, estimatedFareCents: 400, latestMs: 1_000_700 },
      },
      seen: [21, 22, 0, 1_000_700, 1_000_730, 90],
      refused: { code: "duplicate", offset: 91, atMs: 1_000_800 },
    };
    assert.equal(snapshotFormat, 2);
    const { rows } = restored([JSON.parse(text)]);
    assert.deepEqual(memories(rows), [first, second]);
    assert.deepEqual([...ridesEntries(rows)].map((entry) => JSON.stringify(entry)), [text]);
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
    const restoredOf = (entries: FoldEntry[]) =>
      restoreInto(new RidesFold(stageContext({ erased }), 0), entries);
    const ridersAfter = (entries: FoldEntry[]) => {
      return [...restoredOf(entries).actors()].map(({ ride }) => ride.userId);
    };
    assert.deepEqual(ridersAfter(entries), ["u0", "erased-1", "u2"]);
    assert.deepEqual(ridersAfter([["ride", ...single]]), ["erased-1"]);
  });

  it("lose no word to a rider who was erased meanwhile, where the table of words is swept for it", () => {
    const before = new RidesFold(stageContext(), 0);
    const cancelled = (n: number) => {
      const own = { ride_id: `r${n}`, user_id: `u${n}`, reason: `reason ${n}`, city: `city ${n}` };
      return record(n, rideEvent("cancelled", 0, own), 0);
    };
    publishedBy(before, Array.from({ length: 1_300 }, (_, n) => cancelled(n)));
    const erased = erasedSet();
    for (const n of [300, 500, 780, 1_020]) {
      erased.add({ rider: riderHash(`u${n}`), pseudonym: `erased-${n}` });
    }
    const after = restoreInto(new RidesFold(stageContext({ erased }), 0), entriesOf(before));
    const forgotten = [...after.actors()].filter(({ ride }) => ride.userId?.startsWith("erased-"));
    assert.deepEqual(forgotten.map(({ ride }) => ride.id), ["r300", "r500", "r780", "r1020"]);
    for (const { ride } of before.actors()) {
      const { city, reason, userId } = after.ride(ride.id)!.ride;
      assert.equal(city, ride.city);
      if (!userId!.startsWith("erased-")) assert.equal(reason, ride.reason);
    }
  });
});
