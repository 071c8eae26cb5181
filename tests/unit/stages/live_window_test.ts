/** What the desk shows of a city that moves: of the window that it picks, the figures of now. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Outbox } from "../../../src/fold.ts";
import { CityWindows } from "../../../src/sinks/board_windows.ts";
import { readWindow } from "../../../src/sinks/board_records.ts";
import { CitiesFold } from "../../../src/stages/cities.ts";
import { minuteMs, secondMs } from "../../../src/time.ts";
import { told } from "./partial_streams.ts";
import { at, stageContext } from "./stage_context.ts";

const context = stageContext();
const stepMs = 20 * secondMs;

/** Folds steps of twenty seconds; each says in which minutes, counted from now, something happened. */
function shown(steps: readonly (readonly number[])[], delayMs: number): string[] {
  const fold = new CitiesFold(context, 0);
  const board = new CityWindows(100);
  const events = new Map<number, number>();
  const wrong: string[] = [];
  for (const [n, minutes] of steps.entries()) {
    const nowMs = at(0) + n * stepMs;
    const panes = [...new Set(minutes)].map((minute) => {
      const paneMs = Math.floor(nowMs / minuteMs + minute) * minuteMs;
      events.set(paneMs, (events.get(paneMs) ?? 0) + 1);
      return ["x", paneMs, events.get(paneMs)!, n, [events.get(paneMs)!], ""] as const;
    });
    const rest = { next_offset: n + 1, watermark_ms: nowMs - delayMs };
    const outbox = new Outbox();
    fold.fold(told({ ...rest, panes: panes as never }), outbox);
    fold.fold(told({ ...rest, partition: 1 }), outbox);
    fold.fold(told({ ...rest, topic: "driver-locations" }), outbox);
    while (fold.hasUpdates) fold.flush(outbox);
    for (const { topic, value } of outbox.take()) {
      if (topic === "analytics-aggregated") board.put(readWindow(value)!);
    }
    const { live } = board.current(nowMs);
    if (live === null) continue;
    const now = fold.window("x", Date.parse(live.window_end), "update");
    if (now !== null && now.total_events !== live.total_events) {
      wrong.push(`at step ${n}: ${live.total_events} until ${live.window_end}, in truth ${now.total_events}`);
    }
  }
  return wrong;
}

const times = <T>(n: number, of: T): T[] => Array.from({ length: n }, () => of);

describe("the open window that the desk shows", () => {
  it("has the figures of now when its city falls silent", () => {
    assert.deepEqual(shown([...times(30, [0]), ...times(30, [])], 2 * minuteMs), []);
  });

  it("has the figures of now beside a phone that is five minutes fast", () => {
    assert.deepEqual(shown([...times(9, [0]), [0, 5], ...times(30, [0])], 2 * minuteMs), []);
  });

  it("ends next after now when one event was five minutes ahead", () => {
    const fold = new CitiesFold(context, 0);
    const board = new CityWindows(100);
    const ends: string[] = [];
    for (let n = 0; n < 6; n++) {
      const nowMs = at(0) + n * minuteMs;
      const minutes = n === 0 ? [nowMs, nowMs + 5 * minuteMs] : [nowMs];
      const panes = minutes.map((ms) => ["x", ms, 1, n, [1], ""]);
      const outbox = new Outbox();
      fold.fold(
        told({ next_offset: n + 1, panes: panes as never, watermark_ms: nowMs - 2 * minuteMs }),
        outbox,
      );
      while (fold.hasUpdates) fold.flush(outbox);
      for (const { value } of outbox.take()) board.put(readWindow(value)!);
      ends.push(board.current(nowMs).live!.window_end);
    }
    assert.deepEqual(ends.map((end) => (Date.parse(end) - at(0)) / minuteMs), [1, 2, 3, 4, 5, 6]);
  });

  it("has the figures of now, whatever comes when", () => {
    const minute = fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, fc.integer({ min: -3, max: 5 }));
    const stretch = fc.tuple(fc.array(minute, { maxLength: 2 }), fc.integer({ min: 1, max: 15 }))
      .map(([minutes, n]) => times(n, minutes));
    const run = fc.array(stretch, { minLength: 2, maxLength: 12 }).map((s) => s.flat());
    fc.assert(
      fc.property(run, fc.integer({ min: 30, max: 300 }), (steps, delayS) => {
        assert.deepEqual(shown(steps, delayS * secondMs), []);
      }),
      { numRuns: 500 },
    );
  });
});
