import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { recount, type RecountRecord, timeOf } from "./recount.ts";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const day = "2026-01-15T";

/** Records of partition 0, offsets from 0. */
function log(...values: Record<string, unknown>[]): RecountRecord[] {
  return values.map((value, offset) => ({ partition: 0, offset, value: bytes(value), timestampMs: 0 }));
}

describe("recount", () => {
  it("puts an event into the five windows that hold its time, and into no other", () => {
    const { windows } = recount(log({
      event_type: "requested",
      ride_id: "r1",
      timestamp: `${day}18:03:00.000Z`,
      city: "bratislava",
      user_id: "u1",
      estimated_fare: 8.5,
    }));
    assert.deepEqual([...windows.keys()].sort(), [
      "bratislava|2026-01-15T17:59:00.000Z",
      "bratislava|2026-01-15T18:00:00.000Z",
      "bratislava|2026-01-15T18:01:00.000Z",
      "bratislava|2026-01-15T18:02:00.000Z",
      "bratislava|2026-01-15T18:03:00.000Z",
    ]);
    assert.deepEqual(windows.get("bratislava|2026-01-15T17:59:00.000Z"), {
      total_events: 1,
      requests: 1,
      acceptances: 0,
      starts: 0,
      completions: 0,
      cancellations: 0,
      avg_fare: 8.5,
      unique_riders: 1,
    });
  });

  it("counts each kind, distinct riders, and the mean fare half a cent up", () => {
    const { windows, ledger } = recount(log(
      {
        event_type: "requested",
        ride_id: "a",
        timestamp: `${day}18:00:10Z`,
        city: "x",
        user_id: "u1",
        estimated_fare: 1,
      },
      {
        event_type: "requested",
        ride_id: "b",
        timestamp: `${day}18:00:20Z`,
        city: "x",
        user_id: "u1",
        estimated_fare: 1.01,
      },
      { event_type: "accepted", ride_id: "a", timestamp: `${day}18:00:30Z`, driver_id: "d", city: "x" },
      { event_type: "started", ride_id: "a", timestamp: `${day}18:01:30Z`, driver_id: "d", city: "x" },
      {
        event_type: "completed",
        ride_id: "a",
        timestamp: `${day}18:04:59.999Z`,
        driver_id: "d",
        city: "x",
        fare: 9,
      },
      { event_type: "cancelled", ride_id: "b", timestamp: `${day}18:05:00Z`, city: "x", user_id: "u2" },
    ));
    assert.deepEqual(windows.get(`x|${day}18:00:00.000Z`), {
      total_events: 5,
      requests: 2,
      acceptances: 1,
      starts: 1,
      completions: 1,
      cancellations: 0,
      avg_fare: 1.01,
      unique_riders: 1,
    });
    assert.equal(windows.get(`x|${day}18:05:00.000Z`)?.avg_fare, null);
    assert.equal(windows.get(`x|${day}18:01:00.000Z`)?.unique_riders, 1);
    assert.deepEqual(ledger, { read: 6, excluded: 0, distinct: 6, duplicates: 0 });
  });

  it("counts an event once: by event_id within its ride, else by type, time to the millisecond and driver", () => {
    const given = {
      event_type: "requested",
      ride_id: "a",
      timestamp: `${day}18:00:00Z`,
      event_id: "e1",
      city: "x",
    };
    const bare = {
      event_type: "accepted",
      ride_id: "a",
      timestamp: `${day}18:00:05.123456`,
      driver_id: "d",
      city: "x",
    };
    const { windows, ledger } = recount(log(
      given,
      given,
      { ...given, ride_id: "b" },
      bare,
      { ...bare, timestamp: `${day}18:00:05.123Z` },
      { ...bare, driver_id: "other" },
    ));
    assert.deepEqual(ledger, { read: 6, excluded: 0, distinct: 4, duplicates: 2 });
    assert.equal(windows.get(`x|${day}18:00:00.000Z`)?.total_events, 4);
  });

  it("gives an event without a city its ride's first one so far, in partition order, else unknown", () => {
    const { windows } = recount(log(
      { event_type: "started", ride_id: "a", timestamp: `${day}18:00:30Z` },
      { event_type: "requested", ride_id: "a", timestamp: `${day}18:00:10Z`, city: "x" },
      { event_type: "accepted", ride_id: "a", timestamp: `${day}18:00:20Z` },
      { event_type: "completed", ride_id: "a", timestamp: `${day}18:00:40Z`, city: "y" },
      { event_type: "cancelled", ride_id: "a", timestamp: `${day}18:00:50Z` },
    ));
    const start = `${day}18:00:00.000Z`;
    assert.deepEqual(
      ["unknown", "x", "y"].map((city) => windows.get(`${city}|${start}`)?.total_events),
      [1, 3, 1],
    );
    assert.equal(windows.get(`x|${start}`)?.cancellations, 1);
  });

  it("passes over what was excluded, and learns no city from it", () => {
    const records = log(
      { event_type: "requested", ride_id: "a", timestamp: `${day}18:00:10Z`, city: "x" },
      { event_type: "accepted", ride_id: "a", timestamp: `${day}18:00:20Z` },
    );
    const { windows, ledger } = recount(records, new Set(["0/0"]));
    assert.deepEqual([...new Set([...windows.keys()].map((key) => key.split("|")[0]))], ["unknown"]);
    assert.deepEqual(ledger, { read: 2, excluded: 1, distinct: 1, duplicates: 0 });
  });
});

describe("timeOf", () => {
  const cases: [string, number][] = [
    ["2026-01-15T18:03:11.123456", Date.UTC(2026, 0, 15, 18, 3, 11, 123)],
    ["2026-01-15T18:03:11.9999999Z", Date.UTC(2026, 0, 15, 18, 3, 11, 999)],
    ["2026-01-15 18:03", Date.UTC(2026, 0, 15, 18, 3)],
    ["2026-01-15T18:03:11.5Z", Date.UTC(2026, 0, 15, 18, 3, 11, 500)],
    ["2026-01-15T18:03:11,25z", Date.UTC(2026, 0, 15, 18, 3, 11, 250)],
    ["2026-01-15T20:03:11+02:00", Date.UTC(2026, 0, 15, 18, 3, 11)],
    ["2026-01-15T12:33:11-0530", Date.UTC(2026, 0, 15, 18, 3, 11)],
  ];
  for (const [text, expected] of cases) {
    it(`reads ${text}`, () => assert.equal(timeOf(text), expected));
  }
});
