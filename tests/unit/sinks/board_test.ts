import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { CityWindow } from "../../../schemas/city_window.ts";
import type { BoardChange } from "../../../src/http/handles.ts";
import { utf8 } from "../../../src/ids.ts";
import { memoryLog } from "../../../src/log/memory.ts";
import { type BoardOptions, startBoard } from "../../../src/sinks/board.ts";
import { CityWindows } from "../../../src/sinks/board_windows.ts";
import { metrics } from "../../../src/telemetry/metrics.ts";
import { dayMs, hourMs, isoTime, manualClock, minuteMs, settle } from "../../../src/time.ts";
import { alertOf, naming, windowOf } from "../http/twin.ts";

const noonMs = Date.UTC(2026, 0, 15, 12);
const at = (minute: number) => noonMs + minute * minuteMs;
const everything = { fromMs: 0, untilMs: Infinity, limit: 1_000 };
const placed = (window: CityWindow) => ({
  startMs: Date.parse(window.window_start),
  endMs: Date.parse(window.window_end),
  window,
});
const minutesOf = (windows: readonly CityWindow[]) =>
  windows.map((w) => (Date.parse(w.window_end) - noonMs) / minuteMs);

async function passedOver(reason: string): Promise<number> {
  const { values } = await metrics.boardPassedOver.get();
  return values.find(({ labels }) => labels.reason === reason)?.value ?? 0;
}

async function openLog() {
  const clock = manualClock(noonMs);
  const log = memoryLog({ clock });
  await log.ensureTopics(
    ["analytics-aggregated", "alerts", "alert-journal", "city-cells", "ride-facts"].map((topic) => ({
      topic,
      partitions: 3,
      retentionMs: 7 * dayMs,
    })),
  );
  const write = async (topic: string, partition: number, value: unknown) => {
    const bytes = value instanceof Uint8Array ? value : utf8(JSON.stringify(value));
    await log.append([{ topic, partition, key: null, value: bytes }]);
    await settle();
    await settle();
  };
  return {
    clock,
    log,
    window: (window: unknown, partition = 0) => write("analytics-aggregated", partition, window),
    alert: (alert: unknown, partition = 0) => write("alerts", partition, alert),
    start: (more: Partial<BoardOptions> = {}) => startBoard({ log, naming, clock, ...more }),
  };
}

describe("startBoard", () => {
  it("has read everything there is when it resolves, and follows what comes", async () => {
    const log = await openLog();
    await log.window(windowOf({ city: "a", endMs: at(0) }), 1);
    const board = await log.start();
    assert.deepEqual(board.cities(), ["a"]);
    const changes: BoardChange[] = [];
    const stop = board.subscribe((change) => changes.push(change));
    await log.window(windowOf({ city: "b", endMs: at(0) }), 2);
    await log.alert(alertOf({ city: "b", state: "pending", sinceMs: at(0), atMs: at(0) }));
    assert.deepEqual(changes.map((c) => c.kind), ["window", "alert"]);
    assert.deepEqual(board.cities(), ["a", "b"]);
    stop();
    await log.window(windowOf({ city: "c", endMs: at(0) }));
    assert.equal(changes.length, 2);
    await board.stop();
    await log.window(windowOf({ city: "d", endMs: at(0) }));
    assert.deepEqual(board.cities(), ["a", "b", "c"]);
  });

  it("reads windows of the last minutes first, then those of three hours, and alerts of all time", async () => {
    const log = await openLog();
    await log.window(windowOf({ city: "old", endMs: at(0) }));
    await log.alert(alertOf({ city: "old", state: "firing", sinceMs: at(0), atMs: at(5) }));
    await log.clock.advance(hourMs);
    for (let partition = 0; partition < 3; partition++) {
      await log.window(windowOf({ city: `earlier-${partition}`, endMs: at(60) }), partition);
    }
    await log.clock.advance(147 * minuteMs);
    await log.window(windowOf({ city: "recent", endMs: at(205) }));
    await log.clock.advance(3 * minuteMs);
    const board = await log.start();
    const changes: BoardChange[] = [];
    board.subscribe((change) => changes.push(change));
    assert.deepEqual(board.cities(), ["recent"]);
    assert.deepEqual(board.alerts().map((a) => a.city), ["old"]);
    // Every version of a window that ends ten minutes after the reading began has been read.
    assert.equal(board.completeFromMs(), at(210 - 5 + 10));
    for (let i = 0; i < 10; i++) await settle();
    assert.deepEqual(board.cities().sort(), ["earlier-0", "earlier-1", "earlier-2", "recent"]);
    assert.equal(board.completeFromMs(), at(30 + 10));
    assert.deepEqual(changes, []);
    await board.stop();
  });

  it("says everything is complete when the log has nothing older", async () => {
    const log = await openLog();
    await log.window(windowOf({ city: "a", endMs: Date.UTC(2013, 0, 13) }));
    const board = await log.start();
    assert.equal(board.completeFromMs("a"), 0);
    assert.equal(board.completeFromMs("unknown"), 0);
    assert.equal(board.changedMs("a"), noonMs);
    assert.equal(board.changedMs("unknown"), null);
    await board.stop();
  });

  it("chooses by rev: any order and repetition ends the same", async () => {
    const versions = [0, 1, 2, 3].flatMap((minute) =>
      [1, 2, 3].map((positions) =>
        windowOf({
          city: "a",
          endMs: at(minute),
          positions,
          requests: positions * 10,
          phase: positions === 3 ? 1 : 0,
        })
      )
    );
    const wanted = [0, 1, 2, 3].map((minute) => [minute, 30]);
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray([...versions, ...versions], { minLength: 24 }),
        fc.nat(24),
        async (shuffled, before) => {
          const log = await openLog();
          const records = shuffled.map((version, i) => ({
            topic: "analytics-aggregated",
            partition: i % 3,
            key: utf8(`a|${version.window_start}`),
            value: utf8(JSON.stringify(version)),
          }));
          await log.log.append(records.slice(0, before));
          const board = await log.start();
          for (const record of records.slice(before)) await log.log.append([record]);
          await settle();
          await settle();
          await settle();
          await settle();
          const windows = board.windows("a", everything);
          assert.deepEqual(
            windows.map((w) => [(Date.parse(w.window_end) - noonMs) / minuteMs, w.requests]),
            wanted,
          );
          await board.stop();
        },
      ),
      { numRuns: 20 },
    );
  });

  it("looks into the newest version of a window alone, and into the others where that is none", async () => {
    const log = await openLog();
    const version = (city: string, positions: number, more: object = {}) => {
      const window = windowOf({ city, endMs: at(0), positions, requests: positions * 10 });
      const value = utf8(JSON.stringify({ ...window, ...more }));
      return {
        topic: "analytics-aggregated",
        partition: 0,
        key: utf8(`${city}|${window.window_start}`),
        value,
      };
    };
    const unreadable = { kind: "rumour" };
    await log.log.append([
      ...[version("a", 2, unreadable), version("a", 3), version("a", 1, unreadable)],
      ...[version("b", 1), version("b", 3, unreadable), version("b", 2)],
    ]);
    const before = await passedOver("unreadable");
    const board = await log.start();
    assert.deepEqual(["a", "b"].map((city) => board.windows(city, everything).map((w) => w.requests)), [
      [30],
      [20],
    ]);
    assert.equal(await passedOver("unreadable") - before, 1);
    await board.stop();
  });

  it("passes over what it cannot read, and counts it", async () => {
    const log = await openLog();
    const before = await passedOver("unreadable");
    const board = await log.start();
    const good = windowOf({ city: "a", endMs: at(0) });
    const unreadable: unknown[] = [
      utf8("not json"),
      utf8("null"),
      utf8("[]"),
      { ...good, city: "" },
      { ...good, city: 7 },
      { ...good, rev: "12" },
      { ...good, kind: "rumour" },
      { ...good, window_start: "yesterday" },
      { ...good, window_end: good.window_start },
      { ...good, watermark: "soon" },
      { ...good, requests: "many" },
      { ...good, surge: {} },
    ];
    for (const value of unreadable) await log.window(value);
    for (
      const value of [{}, { ...alertOf({ city: "a", state: "firing", sinceMs: 0, atMs: 0 }), state: "?" }]
    ) {
      await log.alert(value);
    }
    assert.equal(await passedOver("unreadable") - before, unreadable.length + 2);
    await log.window(good);
    assert.deepEqual(board.cities(), ["a"]);
    await board.stop();
  });

  it("shows so many cities, passes over what comes of more, and counts it", async () => {
    const log = await openLog();
    const before = await passedOver("cities_exceeded");
    const board = await log.start({ citiesMax: 2 });
    for (const city of ["a", "b", "c", "a", "c"]) await log.window(windowOf({ city, endMs: at(0) }));
    assert.deepEqual(board.cities(), ["a", "b"]);
    assert.deepEqual(board.windows("c", everything), []);
    assert.equal(await passedOver("cities_exceeded") - before, 2);
    await board.stop();
  });

  it("goes on at the log's start when retention has passed it", async () => {
    const log = await openLog();
    for (let i = 0; i < 3; i++) await log.window(windowOf({ city: `old-${i}`, endMs: at(0) }));
    await log.clock.advance(8 * dayMs);
    await log.window(windowOf({ city: "new", endMs: at(0) }));
    const read = log.log.read;
    let trimmed = false;
    log.log.read = async (tp, offset, max) => {
      if (!trimmed) await log.log.housekeep(() => Infinity);
      trimmed = true;
      return read(tp, offset, max);
    };
    const board = await log.start({ lookBackMs: 30 * dayMs });
    assert.deepEqual(board.cities(), ["new"]);
    await board.stop();
  });

  it("tries again when the log does not answer", async () => {
    const log = await openLog();
    const board = await log.start();
    const read = log.log.read;
    log.log.read = async () => {
      throw new Error("disk");
    };
    await log.window(windowOf({ city: "a", endMs: at(0) }));
    assert.deepEqual(board.cities(), []);
    log.log.read = read;
    await log.clock.advance(1_000);
    await settle();
    assert.deepEqual(board.cities(), ["a"]);
    await board.stop();
  });
});

describe("CityWindows", () => {
  it("keeps the newest starts and says from when it is complete", () => {
    const windows = new CityWindows(3);
    const order = [2, 0, 5, 1, 4, 0];
    const taken = order.map((minute) => windows.put(placed(windowOf({ city: "a", endMs: at(minute) }))));
    assert.deepEqual(taken, [true, true, true, true, true, false]);
    assert.deepEqual(minutesOf(windows.range(everything)), [2, 4, 5]);
    assert.equal(windows.completeFromMs, at(1) + 1);
    assert.deepEqual(minutesOf(windows.range({ ...everything, limit: 2 })), [4, 5]);
    assert.deepEqual(minutesOf(windows.range({ fromMs: at(-3), untilMs: at(0), limit: 9 })), [2, 4]);
  });

  /** Closed windows up to `closed`, open ones for events up to the minute before `newest`, as a busy city has them. */
  function city(facts: { closed: number | null; open: [from: number, to: number] }) {
    const windows = new CityWindows(180);
    if (facts.closed !== null) {
      for (let end = facts.closed - 5; end <= facts.closed; end++) {
        windows.put(placed(windowOf({ city: "a", endMs: at(end) })));
      }
    }
    for (let end = facts.open[0]; end <= facts.open[1]; end++) {
      windows.put(placed(windowOf({ city: "a", endMs: at(end), phase: 0 })));
    }
    return (clockMs: number) => {
      const { live, closed } = windows.current(clockMs);
      const end = (w: CityWindow | null) => w === null ? null : minutesOf([w])[0];
      return [end(live), end(closed)];
    };
  }

  it("takes as live the window that ends at the first minute boundary after the newest event", () => {
    // Newest event in minute 0 (12:00 to 12:01): it opened the windows that end at 1 to 5.
    assert.deepEqual(city({ closed: 0, open: [1, 5] })(at(0.9)), [1, 0]);
    // It is past 12:01, but the watermark is not: the window that runs is the live one.
    assert.deepEqual(city({ closed: 0, open: [1, 6] })(at(1.2)), [2, 0]);
  });

  it("is not led astray by a phone whose clock is minutes fast", () => {
    assert.deepEqual(city({ closed: 0, open: [1, 10] })(at(0.9)), [1, 0]);
  });

  it("follows the newest events while the watermark is held back, and in replays of old times", () => {
    assert.deepEqual(city({ closed: -60, open: [-59, 5] })(at(0.9)), [1, -60]);
    assert.deepEqual(city({ closed: null, open: [-4, 5] })(at(0.9)), [1, null]);
    assert.deepEqual(city({ closed: 0, open: [1, 5] })(at(0) + 10 * 365 * dayMs), [1, 0]);
  });

  it("has no live window when all have closed", () => {
    assert.deepEqual(city({ closed: 4, open: [5, 4] })(at(9)), [null, 4]);
    assert.deepEqual(new CityWindows(3).current(at(0)), { live: null, closed: null });
  });

  it("takes the smallest open window when a quiet city's watermark has moved on", () => {
    // Last event in minute 0, closed up to 3: only the windows that end at 4 and 5 are open.
    assert.deepEqual(city({ closed: 3, open: [4, 5] })(at(3.6)), [4, 3]);
  });
});

describe("alerts on the board", () => {
  it("keeps the newest transition of each incident, open ones first, at most ten of a rule in a city", async () => {
    const log = await openLog();
    const board = await log.start();
    const firing = alertOf({ city: "a", state: "firing", sinceMs: at(-9), atMs: at(-4) });
    const pending = alertOf({ city: "a", state: "pending", sinceMs: at(-9), atMs: at(-9) });
    await log.alert(firing);
    await log.alert(pending);
    for (let i = 0; i < 14; i++) {
      await log.alert(alertOf({ city: "b", state: "resolved", sinceMs: at(i), atMs: at(i + 1) }));
    }
    const listed = board.alerts();
    assert.equal(listed.length, 11);
    assert.deepEqual(listed[0], firing);
    assert.equal(listed[1]!.window_end, isoTime(at(14)));
    assert.equal(listed[10]!.window_end, isoTime(at(5)));
    await board.stop();
  });
});
