import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Outbox } from "../../../src/fold.ts";
import { utf8 } from "../../../src/ids.ts";
import { CitiesFold } from "../../../src/stages/cities.ts";
import { json } from "./records.ts";
import { closing, flushAll, foldAll, pane, told, windowsIn } from "./partial_streams.ts";
import { at, stageContext } from "./stage_context.ts";

const newFold = () => new CitiesFold(stageContext(), 0);
const minute = (n: number) => at(60 * n);
const rides = (partition: number, nextOffset: number, watermarkMinute: number) =>
  told({ partition, next_offset: nextOffset, watermark_ms: minute(watermarkMinute) });
const locations = { topic: "driver-locations" };
const noGps = told({ ...locations, next_offset: 0, watermark_ms: null, idle: { stand_in_ms: null } });

describe("CitiesFold: closing", () => {
  const opened = [
    told({ panes: [pane(0, 3, 30)], watermark_ms: minute(1) }),
    rides(1, 1, 1),
  ];

  it("publishes an open window as update, closes it over the rides, and with supply", () => {
    const fold = newFold();
    const versions = [...foldAll(fold, opened), ...flushAll(fold)];
    versions.push(...foldAll(fold, [
      told({ next_offset: 2, closings: [closing(5, 0, 0, 4)], watermark_ms: minute(5) }),
      rides(1, 2, 5),
      told({ ...locations, watermark_ms: minute(4) }),
      told({
        ...locations,
        next_offset: 2,
        closings: [["x", minute(5), 2, [7, 1, 2], []]],
        watermark_ms: minute(5),
      }),
    ]));
    const first = windowsIn(versions).filter((w) => w.window_start === "2026-01-15T18:00:00.000Z");
    assert.deepEqual(
      first.map((w) => [w.kind, w.rev, w.total_events, w.open_requests, w.available_drivers, w.busy_drivers]),
      [
        ["update", "0001000000000000030", 30, null, null, null],
        ["final", "0001000000000000031", 30, 4, null, null],
        ["final", "0001000000000000032", 30, 4, 7, 3],
      ],
    );
    assert.equal(first.at(-1)?.utilisation, 0.3);
    assert.deepEqual(fold.watermarks, { rideMs: minute(5), allMs: minute(5) });
  });

  it("a register that comes after closing revises the windows over its pane that have closed", () => {
    const versions = windowsIn(foldAll(newFold(), [
      ...opened,
      rides(0, 2, 2),
      rides(1, 2, 2),
      told({ next_offset: 3, panes: [pane(0, 4, 31)], watermark_ms: minute(2) }),
    ])).filter((w) => w.kind === "revision");
    assert.deepEqual(
      versions.map((w) => [w.window_end, w.total_events, w.rev]),
      [
        ["2026-01-15T18:01:00.000Z", 31, "0001000000000000041"],
        ["2026-01-15T18:02:00.000Z", 31, "0001000000000000041"],
      ],
    );
  });

  it("waits for the slowest ride source, whatever the others say", () => {
    const fold = newFold();
    foldAll(fold, [...opened, rides(0, 2, 60)]);
    assert.equal(fold.watermarks.rideMs, minute(1));
    foldAll(fold, [rides(1, 2, 30)]);
    assert.equal(fold.watermarks.rideMs, minute(30));
  });

  it("an idle source takes part with its stand-in, until a later register of it", () => {
    const fold = newFold();
    const idle = told({ partition: 1, watermark_ms: minute(1), idle: { stand_in_ms: minute(9) } });
    foldAll(fold, [...opened, rides(0, 2, 20), idle]);
    assert.equal(fold.watermarks.rideMs, minute(9));
    foldAll(fold, [rides(1, 2, 2), rides(0, 3, 30)]);
    assert.equal(fold.watermarks.rideMs, minute(9), "it never goes back");
    foldAll(fold, [rides(1, 3, 12)]);
    assert.equal(fold.watermarks.rideMs, minute(12));
  });

  it("an installation that was empty at first closes the windows of its first rides", () => {
    const fold = newFold();
    const never = [0, 1].map((partition) =>
      told({ partition, next_offset: 0, watermark_ms: null, idle: { stand_in_ms: null } })
    );
    assert.deepEqual(foldAll(fold, [...never, noGps]), []);
    assert.deepEqual(fold.watermarks, { rideMs: null, allMs: null });
    const versions = windowsIn(foldAll(fold, [opened[0]!, rides(0, 2, 1.5), rides(0, 3, 2)]));
    assert.deepEqual(
      versions.filter((w) => w.kind === "final").map((w) => w.window_end),
      ["2026-01-15T18:01:00.000Z", "2026-01-15T18:02:00.000Z"],
    );
  });

  it("without any position the windows have no supply, and the rides alone drive them", () => {
    const versions = windowsIn(foldAll(newFold(), [noGps, ...opened, rides(0, 2, 9), rides(1, 2, 9)]));
    assert.ok(versions.length > 0 && versions.every((w) => w.available_drivers === null));
    assert.equal(versions.at(-1)?.rev.at(-1), "1");
  });
});

describe("CitiesFold: records it does not take", () => {
  it("drops and counts what comes under another fold version, which holds the watermark", () => {
    const fold = newFold();
    const foreign = told({ fold_version: "f2", panes: [pane(0, 1, 1)], watermark_ms: minute(9) });
    assert.deepEqual(foldAll(fold, [foreign, rides(1, 1, 9)]), []);
    assert.equal(fold.sources[0]?.foreign, 1);
    assert.equal(fold.watermarks.rideMs, null);
  });

  for (const [name, over] of [["generation", { generation: 2 }], ["log epoch", { log_epoch: 1 }]] as const) {
    it(`drops and counts what comes under another ${name}`, () => {
      const fold = newFold();
      foldAll(fold, [told({ ...over, watermark_ms: minute(9) })]);
      assert.equal(fold.sources[0]?.foreign, 1);
    });
  }

  it("counts what it cannot read or place", () => {
    const fold = newFold();
    const unreadable = { ...told({}), value: utf8("{") };
    assert.deepEqual(foldAll(fold, [unreadable, told({ partition: 99 }), told({ topic: "other" })]), []);
    assert.equal(fold.status().unreadable, 3);
  });
});

describe("CitiesFold: panes that left", () => {
  // Window 5, lateness 10, hold 120 minutes: at real watermarks of 40 minutes the windows before minute 25 left.
  const kept = [
    noGps,
    told({ panes: Array.from({ length: 30 }, (_, m) => pane(m, 1, 1)), watermark_ms: minute(1) }),
    rides(1, 1, 1),
    rides(0, 2, 40),
    rides(1, 2, 40),
  ];

  it("go once no source's own records can change them; what comes then is missed, with its newest count", () => {
    const fold = newFold();
    foldAll(fold, kept);
    const late = told({ next_offset: 3, panes: [pane(5, 2, 2)], watermark_ms: minute(40) });
    const later = told({ next_offset: 4, panes: [pane(5, 3, 3)], watermark_ms: minute(40) });
    assert.deepEqual(foldAll(fold, [late, later]), []);
    assert.deepEqual(fold.missed, [
      { source: "ride-events/0", city: "x", minute: "2026-01-15T18:05:00.000Z", events: 3, counted: 0 },
    ]);
  });

  it("are not missed when an owner that replays tells of them again", () => {
    const fold = newFold();
    foldAll(fold, [...kept, rides(0, 2_000, 40)]);
    const again = told({ next_offset: 2_001, panes: [pane(5, 1, 1)], watermark_ms: minute(40) });
    assert.deepEqual([foldAll(fold, [again]), fold.missed], [[], []]);
  });

  it("stay while a source that only counts as idle could still change them, at most holdMs", () => {
    const quiet = (standIn: number) =>
      told({ partition: 1, watermark_ms: minute(1), idle: { stand_in_ms: minute(standIn) } });
    const change = (position: number) =>
      told({ partition: 1, next_offset: 2, panes: [pane(5, position, position)], watermark_ms: minute(1) });
    const held = newFold();
    const before = [noGps, kept[1]!, rides(0, 2, 100), quiet(100)];
    assert.equal(
      windowsIn(foldAll(held, [...before, change(1)])).filter((w) => w.kind === "revision").length,
      5,
    );
    const gone = newFold();
    foldAll(gone, [noGps, kept[1]!, rides(0, 2, 200), quiet(200), change(1)]);
    assert.equal(gone.missed.length, 1);
  });

  it("wait for the supply of their windows, for a day at most", () => {
    const fold = newFold();
    const heard = told({ ...locations, watermark_ms: minute(0) });
    const late = (position: number) =>
      told({ next_offset: 2 + position, panes: [pane(5, position, position)], watermark_ms: minute(300) });
    foldAll(fold, [heard, ...kept.slice(1), rides(0, 3, 300), rides(1, 3, 300), late(2)]);
    assert.deepEqual(fold.missed, []);
    foldAll(fold, [rides(0, 5, 24 * 60 + 200), rides(1, 5, 24 * 60 + 200), late(3)]);
    assert.equal(fold.missed.length, 1);
  });

  it("stay for as long as the sources accept late events, however short they are held otherwise", () => {
    const { windows, ...context } = stageContext();
    const patient = { ...windows, latenessMs: 360 * 60_000, holdMs: 60_000 };
    const fold = new CitiesFold({ ...context, windows: patient }, 0);
    const late = told({ next_offset: 3, panes: [pane(5, 2, 2)], watermark_ms: minute(300) });
    foldAll(fold, [...kept, rides(0, 2, 300), rides(1, 2, 300), late]);
    assert.deepEqual(fold.missed, []);
  });

  it("the supply of a city without rides is still known when its first ride comes late", () => {
    const drivers = (m: number) =>
      told({
        ...locations,
        next_offset: m,
        closings: [["z", minute(m), m, [7], []]],
        watermark_ms: minute(m),
      });
    const minutes = Array.from({ length: 60 }, (_, i) => i + 1);
    const late = told({ next_offset: 100, panes: [pane(58, 1, 1, "z")], watermark_ms: minute(60) });
    const records = minutes.flatMap((m) => [rides(0, m, m), rides(1, m, m), drivers(m)]);
    assert.deepEqual(
      windowsIn(foldAll(newFold(), [...records, late])).filter((w) => w.kind === "revision")
        .map((w) => [w.window_end.slice(11, 16), w.available_drivers]),
      [["18:59", 7], ["19:00", 7]],
    );
  });

  it("a restart changes nothing about the panes just above those that left", () => {
    const straight = newFold();
    foldAll(straight, kept);
    const resumed = newFold();
    for (const entry of JSON.parse(JSON.stringify([...straight.entries()]))) resumed.restore(entry);
    const revision = told({
      partition: 1,
      next_offset: 3,
      panes: [pane(30, 1, 1)],
      watermark_ms: minute(40),
    });
    const [a, b] = [straight, resumed].map((fold) => windowsIn(foldAll(fold, [revision])));
    assert.deepEqual(b, a);
    assert.deepEqual(
      a!.map((w) => [w.window_start.slice(11, 16), w.total_events]),
      [["18:26", 5], ["18:27", 4], ["18:28", 3], ["18:29", 2], ["18:30", 1]],
    );
  });
});

describe("CitiesFold: alerts", () => {
  const boundary = (m: number, completed: number, cancelled: number) => [
    told({ next_offset: m, closings: [closing(m, completed, cancelled)], watermark_ms: minute(m) }),
    rides(1, m, m),
  ];
  const transitions = (records: Parameters<typeof foldAll>[1], fold = newFold()) =>
    foldAll(fold, records).filter((o) => o.topic === "alerts").map(json)
      .filter((t) => t.rule === "cancellation_rate_high")
      .map((t) => [t.state, t.at.slice(11, 16), t.since.slice(11, 16), t.value]);
  const minutes = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

  it("35 % cancelled is pending at the first boundary, fires at the 6th, and resolves at the 6th calm one", () => {
    const records = [
      ...minutes(1, 10).flatMap((m) => boundary(m, 65, 35)),
      ...minutes(11, 20).flatMap((m) => boundary(m, 90, 10)),
    ];
    assert.deepEqual(transitions(records), [
      ["pending", "18:01", "18:01", 0.35],
      ["firing", "18:06", "18:01", 0.35],
      ["resolved", "18:16", "18:01", 0.1],
    ]);
  });

  it("29 % never says anything", () => {
    assert.deepEqual(transitions(minutes(1, 30).flatMap((m) => boundary(m, 71, 29))), []);
  });

  it("what an idle source said ahead of its watermark no longer counts once it folds on", () => {
    const ahead = told({
      partition: 1,
      provisional: true,
      watermark_ms: minute(0),
      closings: [closing(1, 0, 500)],
      idle: { stand_in_ms: minute(0.5) },
    });
    const on = told({ partition: 1, next_offset: 2, watermark_ms: minute(1) });
    const first = told({ closings: [closing(1, 65, 35)], watermark_ms: minute(1) });
    assert.deepEqual(transitions([ahead, on, first]), [["pending", "18:01", "18:01", 0.35]]);
    const stillIdle = told({
      partition: 1,
      provisional: true,
      watermark_ms: minute(0),
      closings: [closing(1, 0, 100)],
      idle: { stand_in_ms: minute(1) },
    });
    assert.deepEqual(transitions([stillIdle, first]), [["pending", "18:01", "18:01", 0.675]]);
  });

  it("what is said about a boundary after it was passed changes no alert", () => {
    const late = (m: number) =>
      told({ partition: 1, next_offset: m, closings: [closing(m, 0, 500)], watermark_ms: minute(m) });
    const records = minutes(1, 10).flatMap((m) => [...boundary(m, 71, 29), late(m)]);
    assert.deepEqual(transitions(records), []);
  });

  it("a boundary is judged over the closings of all sources", () => {
    const both = minutes(1, 6).flatMap((m) => [
      told({ next_offset: m, closings: [closing(m, 8, 2)], watermark_ms: minute(m) }),
      told({ partition: 1, next_offset: m, closings: [closing(m, 4, 6)], watermark_ms: minute(m) }),
    ]);
    assert.deepEqual(transitions(both), [["pending", "18:01", "18:01", 0.4], [
      "firing",
      "18:06",
      "18:01",
      0.4,
    ]]);
  });
});

describe("CitiesFold.markAll", () => {
  it("has every window that is held told once, closed ones as final and in whatever number", () => {
    const fold = newFold();
    const panes = Array.from({ length: 40 }, (_, n) => pane(n, 1, 10));
    foldAll(fold, [told({ panes, watermark_ms: minute(20) }), rides(1, 1, 20)]);
    flushAll(fold);
    const out = new Outbox();
    fold.markAll();
    while (!fold.flush(out));
    const windows = windowsIn(out.take());
    const held = Array.from({ length: 44 }, (_, n) => n + 1).filter((end) =>
      fold.window("x", minute(end), "update") !== null
    );
    assert.deepEqual(windows.map((w) => Date.parse(w.window_end)), held.map(minute));
    assert.ok(held.length > 30);
    for (const w of windows) {
      assert.equal(w.kind, Date.parse(w.window_end) <= minute(20) ? "final" : "update");
    }
    assert.equal(fold.flush(out), true);
    assert.equal(out.records, 0);
  });
});
