/** Bounds of the folds: one producer cannot take all the memory, and what is refused is in the ledger. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Outbox } from "../../../src/fold.ts";
import { utf8 } from "../../../src/ids.ts";
import { limits } from "../../../src/limits.ts";
import { stageContext } from "../../../src/node/context.ts";
import { readConfig } from "../../../src/config.ts";
import { LocationsFold } from "../../../src/stages/locations.ts";
import { MissedPanes } from "../../../src/stages/missed_panes.ts";
import { RidesFold } from "../../../src/stages/rides.ts";
import { isoTime } from "../../../src/time.ts";

const context = stageContext(readConfig({}));
const startMs = Date.UTC(2026, 0, 15, 18);
const record = (offset: number, atMs: number, value: object) => ({
  ...{ offset, timestampMs: atMs, key: null, headers: null, value: utf8(JSON.stringify(value)) },
});

describe("bounds", () => {
  it("RidesFold refuses the event that would need one city and minute too many, and still takes the others", () => {
    const fold = new RidesFold(context, 0);
    const out = new Outbox();
    const request = (n: number, city: string) => ({
      ...{ event_type: "requested", ride_id: `r-${n}`, timestamp: isoTime(startMs), city },
    });
    for (let n = 0; n < limits.panesPerPartitionMax; n++) {
      fold.fold(record(n, startMs, request(n, `city ${n}`)), out);
    }
    assert.equal(fold.ledger.counted, limits.panesPerPartitionMax);
    out.take();
    const next = limits.panesPerPartitionMax;
    fold.fold(record(next, startMs, request(next, "one more")), out);
    fold.fold(record(next + 1, startMs, request(next + 1, "city 7")), out);
    assert.deepEqual([fold.ledger.dead_lettered, fold.ledger.counted], [1, limits.panesPerPartitionMax + 1]);
    assert.deepEqual(out.take().map((o) => [o.topic, o.headers?.reason]), [[
      "dead-letters",
      "cities_exceeded",
    ]]);
  });

  it("LocationsFold refuses further points of a driver in a loop, until the old ones are too late to come again", () => {
    const fold = new LocationsFold(context, 0);
    const out = new Outbox();
    const point = (atMs: number) => ({
      driver_id: "d",
      timestamp: isoTime(atMs),
      lat: 48,
      lng: 17,
      status: "available",
    });
    const most = limits.driverPointsMax;
    for (let n = 0; n <= most; n++) fold.fold(record(n, startMs + 100 * n, point(startMs + 100 * n)), out);
    assert.deepEqual([fold.ledger.counted, fold.ledger.dead_lettered], [most, 1]);
    assert.equal(out.take().at(-1)?.headers?.reason, "driver_points_exceeded");
    const laterMs = startMs + 30 * 60_000;
    fold.fold(record(most + 1, laterMs, { ...point(laterMs), driver_id: "other" }), out);
    fold.fold(record(most + 2, laterMs + 1, point(laterMs + 1)), out);
    assert.equal(fold.ledger.counted, most + 2);
  });
});

describe("MissedPanes", () => {
  const one = (panes: MissedPanes) => panes.list().map(({ events, counted }) => [events, counted]);
  it("lists the newest count told and the part of it that windows contain", () => {
    const panes = new MissedPanes();
    panes.leave("ride-events/0", "x", startMs, 13);
    panes.miss("ride-events/0", "x", startMs, { events: 14, counted: null });
    panes.miss("ride-events/0", "x", startMs, { events: 16, counted: null });
    assert.deepEqual(one(panes), [[16, 13]]);
  });
  it("takes the part from a pane that is still held, and nothing where there was none", () => {
    const panes = new MissedPanes();
    panes.miss("ride-events/0", "x", startMs, { events: 5, counted: 2 });
    panes.miss("ride-events/1", "x", startMs, { events: 3, counted: null });
    assert.deepEqual(one(panes), [[5, 2], [3, 0]]);
  });
  it("comes back from a snapshot", () => {
    const panes = new MissedPanes();
    panes.leave("ride-events/0", "x", startMs, 13);
    panes.miss("ride-events/1", "x", startMs, { events: 3, counted: 1 });
    const restored = new MissedPanes();
    restored.restore(JSON.parse(JSON.stringify(panes.state())));
    restored.miss("ride-events/0", "x", startMs, { events: 14, counted: null });
    assert.deepEqual(one(restored), [[3, 1], [14, 13]]);
  });
});
