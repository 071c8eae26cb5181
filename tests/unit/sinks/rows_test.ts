import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../../src/ids.ts";
import type { LogRecord } from "../../../src/log/port.ts";
import { sinkTables } from "../../../src/sinks/rows.ts";

const source = { logEpoch: 3, topic: "in", partition: 5, replayed: false };
const record = (value: string | Uint8Array, headers: LogRecord["headers"] = null): LogRecord => ({
  offset: 41,
  timestampMs: 1_768_500_000_250,
  key: utf8("k"),
  value: typeof value === "string" ? utf8(value) : value,
  headers,
});

/** The row as column → cell, or the code of why there is none. */
function row(topic: string, from: LogRecord): Record<string, unknown> | string {
  const table = sinkTables.find((t) => t.topic === topic)!;
  const result = table.row(from, source);
  if (!result.ok) return result.code;
  const cells = JSON.parse(result.line) as unknown[];
  return Object.fromEntries(table.columns.map((column, i) => [column, cells[i]]));
}

const own = { log_epoch: 3, topic: "in", partition: 5, offset: 41, log_time: 1_768_500_000_250, replayed: 0 };

describe("sinkTables", () => {
  it("ride-events: the ride service's own record becomes a row, cents and milliseconds exact", () => {
    const value =
      '{"event_type":"requested","ride_id":"ride-abc-123","timestamp":"2026-01-15T18:03:11.123456",' +
      '"user_id":"user-456","pickup":{"lat":48.1486,"lng":17.1077},"dropoff":{"lat":48.1586,"lng":17.1177},' +
      '"estimated_fare":8.07,"city":"bratislava"}';
    const cells = row("ride-events", record(value)) as Record<string, unknown>;
    const { event_id, ...rest } = cells;
    assert.match(String(event_id), /ride-abc-123/);
    assert.deepEqual(rest, {
      ...own,
      event_type: "requested",
      ride_id: "ride-abc-123",
      timestamp: Date.UTC(2026, 0, 15, 18, 3, 11, 123),
      city: "bratislava",
      user_id: "user-456",
      driver_id: "",
      pickup_lat: 48.1486,
      pickup_lng: 17.1077,
      dropoff_lat: 48.1586,
      dropoff_lng: 17.1177,
      estimated_fare: 8.07,
      fare: null,
      cancelled_by: "",
      reason: "",
    });
  });

  it("driver-locations: what was not said is '' or null", () => {
    const value = '{"driver_id":"d","timestamp":"2026-01-15T18:00:00Z","lat":1,"lng":2}';
    assert.deepEqual(row("driver-locations", record(value)), {
      ...own,
      driver_id: "d",
      timestamp: 1_768_500_000_000,
      event_id: "",
      lat: 1,
      lng: 2,
      city: "",
      status: "",
      speed_kmh: null,
      heading: null,
      accuracy_m: null,
      ride_id: "",
    });
  });

  const headers = {
    reason: "too_late",
    source_topic: "ride-events",
    source_partition: "7",
    source_offset: "9007199254740991",
    source_timestamp: "2026-01-15T18:00:00.001Z",
    late_ms: "601000",
    event_time: "2026-01-15T17:49:30.000Z",
  };

  it("late-events: identified by the source record, bytes untouched", () => {
    const cells = row("late-events", record(Uint8Array.of(0xff, 0x00, 0x0a), headers));
    assert.deepEqual(cells, {
      log_epoch: 3,
      topic: "ride-events",
      partition: 7,
      offset: 9_007_199_254_740_991,
      log_time: 1_768_500_000_001,
      replayed: 0,
      generation: 0,
      reason: "too_late",
      message: "",
      event_time: Date.UTC(2026, 0, 15, 17, 49, 30),
      late_ms: 601_000,
      key_base64: "aw==",
      value_base64: "/wAK",
    });
  });

  it("late-events: the publisher's log epoch and generation go before those of the installation", () => {
    const cells = row("late-events", record("x", { ...headers, log_epoch: "2", generation: "7" }));
    const { log_epoch, generation } = cells as Record<string, unknown>;
    assert.deepEqual([log_epoch, generation], [2, 7]);
  });

  const refusals: [string, LogRecord, string][] = [
    ["ride-events", record("{"), "json_invalid"],
    [
      "ride-events",
      record('{"event_type":"flown","ride_id":"r","timestamp":"2026-01-15T18:00:00Z"}'),
      "field_invalid",
    ],
    ["driver-locations", record("[]"), "not_an_object"],
    ["analytics-aggregated", record("nonsense"), "json_invalid"],
    ["alerts", record("{}"), "field_invalid"],
    ["ride-facts", record("{}"), "field_invalid"],
    ["dead-letters", record("anything"), "headers_invalid"],
    ["late-events", record("x", { ...headers, source_offset: "-1" }), "headers_invalid"],
    ["dead-letters", record("x", { ...headers, generation: "65536" }), "headers_invalid"],
  ];
  for (const [topic, from, code] of refusals) {
    it(`${topic}: no row, ${code}`, () => assert.equal(row(topic, from), code));
  }

  it("a lone surrogate in a text becomes the replacement character, an escaped backslash stays", () => {
    const cells = row("dead-letters", record("x", { ...headers, message: "a\ud800b \\ud800" }));
    assert.equal((cells as Record<string, unknown>)["message"], "a\ufffdb \\ud800");
  });

  it("the same record gives the same line", () => {
    const table = sinkTables.find((t) => t.topic === "late-events")!;
    assert.deepEqual(table.row(record("x", headers), source), table.row(record("x", { ...headers }), source));
  });
});
