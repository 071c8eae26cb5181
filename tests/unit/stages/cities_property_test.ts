import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { LogRecord } from "../../../src/fold.ts";
import { CitiesFold } from "../../../src/stages/cities.ts";
import { field } from "../../../src/stages/pane_fields.ts";
import { LocationsFold } from "../../../src/stages/locations.ts";
import { RidesFold } from "../../../src/stages/rides.ts";
import { flushAll, foldAll, interleaved, newestWindows, streamOf, windowsIn } from "./partial_streams.ts";
import { entriesOf, json, locationLog, restoreInto, rideLog } from "./records.ts";
import { stageContext } from "./stage_context.ts";

const context = stageContext();
const newFold = () => new CitiesFold(context, 0);

/** The partial streams of two partitions of rides and one of positions. */
const streams = (steps: number) =>
  fc.tuple(rideLog(steps), rideLog(steps), locationLog(steps), fc.integer({ min: 1, max: 5 })).map(
    ([a, b, c, flushEvery]): LogRecord[][] => [
      streamOf(new RidesFold(context, 0), a, flushEvery),
      streamOf(new RidesFold(context, 1), b, flushEvery),
      streamOf(new LocationsFold(context, 0), c, flushEvery),
    ],
  );
const turns = fc.array(fc.nat(5), { minLength: 1, maxLength: 60 });

/** Windows summed from the newest register of each (source, city, minute), as a batch would. */
function summed(records: LogRecord[]): Map<string, number> {
  const registers = new Map<string, { city: string; at: number; position: number; events: number }>();
  for (const partial of records.map((r) => JSON.parse(new TextDecoder().decode(r.value)))) {
    for (const [city, at, position, , values] of partial.panes) {
      const key = `${partial.source.partition} ${city} ${at}`;
      if ((registers.get(key)?.position ?? 0) >= position) continue;
      registers.set(key, { city, at, position, events: values[field.total_events] ?? 0 });
    }
  }
  const windows = new Map<string, number>();
  for (const { city, at, events } of registers.values()) {
    for (let start = at - 4 * 60_000; start <= at; start += 60_000) {
      const key = `${new Date(start).toISOString()} ${city}`;
      windows.set(key, (windows.get(key) ?? 0) + events);
    }
  }
  return new Map([...windows].sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("CitiesFold over whole streams", () => {
  it("ends in the same windows and alerts whatever the interleaving of its sources, and how it was flushed", () => {
    fc.assert(
      fc.property(streams(25), turns, turns, fc.integer({ min: 1, max: 7 }), (sources, one, other, every) => {
        const straight = foldAll(newFold(), interleaved(sources, one));
        const mixed = foldAll(newFold(), interleaved(sources, other), every);
        assert.deepEqual(newestWindows(windowsIn(mixed)), newestWindows(windowsIn(straight)));
        const [a, b] = [straight, mixed].map((all) => all.filter((o) => o.topic === "alerts").map(json));
        assert.deepEqual(b, a);
      }),
      { numRuns: 150 },
    );
  });

  it("ends in windows that hold the sums of the newest registers, and misses nothing", () => {
    fc.assert(
      fc.property(streams(25), turns, (sources, order) => {
        const fold = newFold();
        const records = interleaved(sources, order);
        const windows = newestWindows(windowsIn(foldAll(fold, records)));
        assert.deepEqual(new Map([...windows].map(([key, w]) => [key, w.total_events])), summed(records));
        assert.deepEqual(fold.missed, []);
      }),
      { numRuns: 150 },
    );
  });

  it("rises in rev with every version of a window, and equal revs mean equal windows", () => {
    fc.assert(
      fc.property(streams(25), turns, (sources, order) => {
        const held = new Map<string, { rev: string; text: string }>();
        for (
          const { kind: _, watermark: __, surge_provisional: ___, ...window } of windowsIn(
            foldAll(newFold(), interleaved(sources, order)),
          )
        ) {
          const key = `${window.city} ${window.window_start}`;
          const before = held.get(key);
          const text = JSON.stringify(window);
          if (before !== undefined) {
            assert.ok(window.rev > before.rev || text === before.text, `${before.text} ${text}`);
          }
          held.set(key, { rev: window.rev, text });
        }
      }),
      { numRuns: 100 },
    );
  });

  it("goes on from a snapshot at any offset as if there had been none", () => {
    fc.assert(
      fc.property(streams(14), turns, (sources, order) => {
        const records = interleaved(sources, order);
        for (let cut = 1; cut < records.length; cut++) {
          const straight = newFold();
          foldAll(straight, records.slice(0, cut));
          flushAll(straight);
          const resumed = restoreInto(newFold(), entriesOf(straight));
          assert.deepEqual(entriesOf(resumed), entriesOf(straight));
          const [a, b] = [straight, resumed].map((fold) => foldAll(fold, records.slice(cut)));
          assert.deepEqual(b!.map((o) => [o.topic, json(o)]), a!.map((o) => [o.topic, json(o)]));
          assert.deepEqual(entriesOf(resumed), entriesOf(straight));
        }
      }),
      { numRuns: 25 },
    );
  });
});
