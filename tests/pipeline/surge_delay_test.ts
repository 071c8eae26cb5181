/**
 * What docs/ALERTING.md promises of surge: when a doubling of demand shows, provisional and final.
 *
 * Forty free drivers; five requests in a minute, ten from 18:20 on. Pressure goes from 0.125 to 0.25, the target from
 * 1 + 5 × 0.025 = 1.125 to 1.75; a minute after the doubling four fifths of the way are made.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { foldedUntil } from "./folded_until.ts";
import { asRecord, onTopic } from "./folds.ts";
import { windowsOf } from "./published.ts";

const startMs = Date.UTC(2026, 0, 15, 18, 10);
const doubledMs = Date.UTC(2026, 0, 15, 18, 20);
const endMs = Date.UTC(2026, 0, 15, 18, 26);

function* market(): Generator<SentItem> {
  const send = (topic: SentItem["topic"], key: string, atMs: number, fields: object): SentItem => ({
    ...{ topic, key, recordedAtMs: atMs },
    value: JSON.stringify({ timestamp: isoTime(atMs), city: "wien", ...fields }),
  });
  let rides = 0;
  for (let atMs = startMs; atMs < endMs; atMs += minuteMs / (atMs < doubledMs ? 5 : 10)) {
    const ride_id = `ride-${rides++}`;
    yield send("ride-events", ride_id, atMs, { event_type: "requested", ride_id });
  }
  for (let driver = 0; driver < 40; driver++) {
    const driver_id = `driver-${driver}`;
    const place = { lat: 48.2, lng: 16.37, status: "available" };
    for (let atMs = startMs + driver * 100; atMs < endMs; atMs += 10 * secondMs) {
      yield send("driver-locations", driver_id, atMs, { driver_id, ...place });
    }
  }
}
const sent = [...market()].sort((a, b) => a.recordedAtMs! - b.recordedAtMs!);

/** Of the window that ends so many minutes after the doubling, when every partition has come so far. */
function surgeAt(minutes: number, untilMs: number) {
  const windowEnd = isoTime(doubledMs + minutes * minuteMs);
  const windows = windowsOf(onTopic(foldedUntil(sent, untilMs), "analytics-aggregated").map(asRecord));
  const window = windows.find((w) => w.city === "wien" && w.window_end === windowEnd);
  return window === undefined
    ? null
    : { kind: window.kind, surge: window.surge, provisional: window.surge_provisional ?? null };
}

describe("surge after a doubling of demand", () => {
  const delayMs = 30 * secondMs;

  it("is final with its boundary and the watermark delay, to the millisecond", () => {
    const closed = (minutes: number, early = 0) =>
      surgeAt(minutes, doubledMs + minutes * minuteMs + delayMs - early);
    assert.deepEqual(closed(0), { kind: "final", surge: 1.1, provisional: null });
    assert.equal(closed(1, 1)!.surge, null);
    const path = [1, 2, 3, 4].map((minutes) => closed(minutes));
    // Targets 1.625, 1.725, 1.745 and 1.749: the last two are less than a step away from 1.7.
    assert.deepEqual(
      path,
      [1.6, 1.7, 1.7, 1.7].map((surge) => ({ kind: "final", surge, provisional: null })),
    );
  });

  it("is provisional before that, as soon as the requests of the running minute say so", () => {
    const running = (afterMs: number) => surgeAt(1, doubledMs + afterMs);
    // One request, and 54 s of the minute before: 5.5, target 1.175. The second makes 6.5, target 1.275.
    assert.deepEqual(running(6 * secondMs), { kind: "update", surge: null, provisional: 1.1 });
    assert.deepEqual(running(6 * secondMs + 1), { kind: "update", surge: null, provisional: 1.3 });
    assert.deepEqual(running(59_999), { kind: "update", surge: null, provisional: 1.6 });
  });
});
