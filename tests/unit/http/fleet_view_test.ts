import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Reported, Seat } from "../../../src/http/fleet_handle.ts";
import { wholeLedger, wholePartitions, wholeWatermarks } from "../../../src/http/fleet_view.ts";
import type { CityWatermarks, LedgerView, PartitionView } from "../../../src/http/handles.ts";
import { newLedger } from "../../../src/windows/ledger.ts";
import { partitionView } from "./twin.ts";

const none: CityWatermarks = { rides: null, all: null, held_by: null };
const address = "http://127.0.0.1:1";
const from = <T>(answer: T | null): Reported<T> => ({ node: { address, holds: new Set() }, answer });
const rideSeats: Seat[] = [0, 1].map((partition) => ({
  ...{ stage: "rides", topic: "x-ride-events", source: "ride-events", partition },
}));
const citySeats: Seat[] = [0, 1].map((partition) => ({
  ...{ stage: "cities", topic: "city-partials-g1", source: "city-partials", partition },
}));

describe("wholePartitions", () => {
  const ride = (partition: number, more: Partial<PartitionView>) =>
    partitionView("x-ride-events", partition, { stage: "rides", ...more });
  const whole = (
    own: PartitionView[],
    others: (PartitionView[] | null)[] | null,
    heldBy: string | null = null,
  ) =>
    wholePartitions(
      rideSeats,
      { partitions: own, watermarks: none },
      others?.map((partitions) =>
        from(partitions === null ? null : { partitions, watermarks: { ...none, held_by: heldBy } })
      ) ?? null,
    ).map(({ partition, state, owner, holds_watermark }) => ({ partition, state, owner, holds_watermark }));
  const at = (partition: number, state: string, owner: string, holds_watermark = false) => ({
    ...{ partition, state, owner, holds_watermark },
  });

  it("shows each partition once, with its owner", () => {
    assert.deepEqual(whole([ride(1, { owner: "a" })], [[ride(0, { owner: "b" })]]), [
      at(0, "running", "b"),
      at(1, "running", "a"),
    ]);
  });

  it("calls unowned what nobody speaks of, and unknown while somebody is silent or nobody was asked yet", () => {
    const own = [ride(0, { owner: "a" })];
    assert.deepEqual(whole(own, [[]])[1], at(1, "unowned", ""));
    assert.deepEqual(whole(own, [[], null])[1], at(1, "unknown", ""));
    assert.deepEqual(whole(own, null)[1], at(1, "unknown", ""));
  });

  it("believes who runs a partition over who restores it or stopped at it, and of two who is further", () => {
    const said = (more: Partial<PartitionView>) => ride(0, { ...more });
    const [stopped, restoring] = [
      said({ owner: "a", state: "stopped" }),
      said({ owner: "b", state: "restoring" }),
    ];
    const [slow, fast] = [said({ owner: "c", position: 7 }), said({ owner: "d", position: 8 })];
    assert.equal(whole([stopped], [[restoring]])[0]!.owner, "b");
    assert.equal(whole([restoring], [[slow], [stopped]])[0]!.owner, "c");
    assert.equal(whole([fast], [[slow]])[0]!.owner, "d");
    assert.equal(whole([slow], [[fast]])[0]!.owner, "d");
  });

  it("names the source that another node's city waits for", () => {
    const own = [ride(0, { owner: "a" }), ride(1, { owner: "a" })];
    assert.deepEqual(whole(own, [[]], "ride-events/1 (not heard of yet)")[1], at(1, "running", "a", true));
  });
});

describe("wholeWatermarks", () => {
  const time = (minute: number) => `2026-01-15T12:0${minute}:00.000Z`;
  const node = (partitions: number[], minute: number | null, more: Partial<PartitionView> = {}) => ({
    partitions: partitions.map((p) => partitionView("city-partials-g1", p, { stage: "cities", ...more })),
    watermarks: {
      rides: minute === null ? null : time(minute),
      all: minute === null ? null : time(minute - 1),
      held_by: minute === null ? null : `ride-events/${minute}`,
    },
  });
  const before = { rides: time(1), all: time(1), held_by: "ride-events/11" };

  it("is the lowest of the nodes that have cities", () => {
    assert.deepEqual(wholeWatermarks(citySeats, [node([1], 5), node([], null), node([0], 4)], before), {
      rides: time(4),
      all: time(3),
      held_by: "ride-events/4",
    });
  });

  it("is null while one of them has none", () => {
    assert.deepEqual(wholeWatermarks(citySeats, [node([0], null), node([1], 5)], before), {
      rides: null,
      all: null,
      held_by: "ride-events/5",
    });
  });

  it("stays what it was while a city is with nobody, or is being restored", () => {
    assert.deepEqual(wholeWatermarks(citySeats, [node([0], 5)], before), before);
    const restoring = node([1], 5, { state: "restoring" });
    assert.deepEqual(wholeWatermarks(citySeats, [node([0], 5), restoring], before), before);
  });
});

describe("wholeLedger", () => {
  const counts = (partition: number, read: number) => ({
    ...{ topic: "x-ride-events", partition, ...newLedger(), read, counted: read - 1, duplicates: 1 },
  });
  const ledger = (...partitions: LedgerView["partitions"]): LedgerView => ({
    ...{ partitions, total: {}, missed_after_idle: [], balanced: true },
  });

  it("sums over nodes, and counts a partition once that two of them have", () => {
    const whole = wholeLedger(rideSeats, ledger(counts(1, 9)), [
      from(ledger(counts(0, 30), counts(1, 12))),
      from(ledger()),
    ]);
    assert.deepEqual(whole.partitions.map((p) => [p.partition, p.read]), [[0, 30], [1, 12]]);
    const { read, counted, duplicates } = whole.total["x-ride-events"]!;
    assert.deepEqual([read, counted, duplicates], [42, 40, 2]);
    assert.deepEqual([whole.complete, whole.missing, whole.balanced], [true, [], true]);
  });

  it("is not complete while a node is silent, or a partition with nobody, and says which", () => {
    const silent = wholeLedger(rideSeats, ledger(counts(1, 9)), [from<LedgerView>(null)]);
    assert.deepEqual([silent.complete, silent.missing], [false, ["x-ride-events/0"]]);
    const all = wholeLedger(rideSeats, ledger(counts(0, 9), counts(1, 9)), [from<LedgerView>(null)]);
    assert.deepEqual([all.complete, all.missing], [false, []]);
    const nobody = wholeLedger(rideSeats, ledger(counts(0, 9)), [from(ledger())]);
    assert.deepEqual([nobody.complete, nobody.missing], [false, ["x-ride-events/1"]]);
  });

  it("is not balanced when one node's is not", () => {
    const off = { ...ledger(counts(0, 9)), balanced: false };
    assert.equal(wholeLedger(rideSeats, ledger(counts(1, 1)), [from(off)]).balanced, false);
  });
});
