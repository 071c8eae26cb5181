/** The named queries over rows that the sink inserted, against counts made here in plain code. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { CityWindow } from "../../schemas/city_window.ts";
import { utf8 } from "../../src/ids.ts";
import type { NewRecord } from "../../src/log/port.ts";
import { type Analytics, sqlTime } from "../../src/sinks/analytics.ts";
import { readQuery } from "../../src/sinks/queries.ts";
import { lateEvents } from "../../src/node/explain.ts";
import { windowsHistory } from "../../src/sinks/windows_history.ts";
import { dayMs, isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { caughtUp, logWith, sinkOver } from "./analytics_sink_suite.ts";

const noonMs = Date.UTC(2026, 0, 15, 12);
const cities = ["vienna", "graz", "linz"];

type Ride =
  & { event_type: string; ride_id: string; event_id: string; timestamp: string }
  & Partial<{
    city: string;
    user_id: string;
    estimated_fare: number;
  }>;

const ride = (event: Ride, offsetless: { partition: number; timestampMs: number }): NewRecord => ({
  topic: "ride-events",
  key: utf8(event.ride_id),
  value: utf8(JSON.stringify(event)),
  ...offsetless,
});

/** 900 rides of three events over two hours: some without city, some sent twice, some too late, one refused. */
function traffic() {
  const records: NewRecord[] = [];
  const notes: NewRecord[] = [];
  const expected: {
    city: string;
    timeMs: number;
    type: string;
    rider: string | null;
    cents: number | null;
  }[] = [];
  const ends = new Map<number, number>();
  for (let i = 0; i < 900; i++) {
    const partition = i % 12;
    const rideCity = i % 7 === 3 ? undefined : cities[i % 3]!;
    ["requested", "accepted", i % 4 === 0 ? "cancelled" : "completed"].forEach((type, step) => {
      const timeMs = noonMs + i * 8_000 + step * 45_000 + (i % 1_000);
      // The first event of every fifth ride names no city: it is not moved when a later one does.
      const city = step === 0 && i % 5 === 0 ? undefined : rideCity;
      const event: Ride = {
        event_type: type,
        ride_id: `ride-${i}`,
        event_id: `e${step}`,
        timestamp: isoTime(timeMs),
        ...(city === undefined ? {} : { city }),
        ...(step === 0 ? { user_id: `rider-${i % 211}`, estimated_fare: (500 + i) / 100 } : {}),
      };
      const copies = i % 9 === 0 ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const offset = ends.get(partition) ?? 0;
        ends.set(partition, offset + 1);
        const timestampMs = timeMs + 1_000 + copy * 5_000;
        records.push(ride(event, { partition, timestampMs }));
        const tooLate = i % 50 === 1 && step === 2;
        const refused = i === 77 && step === 1;
        if (tooLate || refused) notes.push(note(event, { tooLate, partition, offset, timestampMs, timeMs }));
        if (copy > 0 || tooLate || refused) continue;
        expected.push({
          city: city ?? "unknown",
          timeMs,
          type,
          rider: event.user_id ?? null,
          cents: step === 0 ? 500 + i : null,
        });
      }
    });
  }
  return { records, notes, expected };
}

const note = (
  event: Ride,
  at: { tooLate: boolean; partition: number; offset: number; timestampMs: number; timeMs: number },
): NewRecord => ({
  topic: at.tooLate ? "late-events" : "dead-letters",
  partition: at.partition % 6,
  key: utf8(event.ride_id),
  value: Uint8Array.of(0, 255, 10, 34, ...utf8(JSON.stringify(event))),
  headers: {
    reason: at.tooLate ? "too_late" : "event_time_future",
    message: 'said "why"',
    source_topic: "ride-events",
    source_partition: String(at.partition),
    source_offset: String(at.offset),
    source_timestamp: isoTime(at.timestampMs),
    ...(at.tooLate ? { late_ms: "700000", event_time: isoTime(at.timeMs) } : {}),
  },
});

export function queriesSuite(open: () => Analytics): void {
  describe("queries", () => {
    const { records, notes, expected } = traffic();

    it("fill ride_events, late_events and dead_letters through the sink", async () => {
      const log = await logWith([...records, ...notes]);
      const sink = await sinkOver({ log, analytics: open(), logEpoch: 0 });
      await caughtUp(sink, records.length + notes.length);
      await sink.stop();
      const rows = await open().query(
        "SELECT hex(substring(value, 1, 4)) AS head, reason, message, key FROM dead_letters FINAL",
      );
      assert.deepEqual(rows, [
        { head: "00FF0A22", reason: "event_time_future", message: 'said "why"', key: "ride-77" },
      ]);
    });

    it("city_windows_from_raw equals the same windows counted in plain code", async () => {
      const rows = await open().query<Record<string, unknown>>(await readQuery("city_windows_from_raw"), {
        window_minutes: 5,
        from: sqlTime(noonMs - 3_600_000),
        to: sqlTime(noonMs + 4 * 3_600_000),
      });
      assert.deepEqual(rows, slidingWindows(expected));
    });

    it("city_performance_last_hour counts an event once", async () => {
      const nowMs = noonMs + 70 * minuteMs;
      const rows = await open().query<
        { city: string; requests: string; completions: string; avg_fare: number }
      >(
        await readQuery("city_performance_last_hour"),
        { now: sqlTime(nowMs) },
      );
      const hour = once(records).filter((e) => e.timeMs > nowMs - 60 * minuteMs && e.timeMs <= nowMs);
      for (const row of rows) {
        const own = hour.filter((e) => (e.city ?? "unknown") === row.city);
        const fares = own.flatMap((e) => e.estimated_fare ?? []);
        assert.equal(Number(row.requests), own.filter((e) => e.event_type === "requested").length, row.city);
        assert.equal(
          Number(row.completions),
          own.filter((e) => e.event_type === "completed").length,
          row.city,
        );
        const mean = fares.reduce((sum, fare) => sum + fare, 0) / fares.length;
        assert.ok(
          fares.length === 0 ? row.avg_fare === null : Math.abs(row.avg_fare - mean) <= 0.0051,
          row.city,
        );
      }
      assert.deepEqual(rows.map((row) => row.city).sort(), ["graz", "linz", "unknown", "vienna"]);
    });

    it("requests_per_minute counts an event once", async () => {
      const nowMs = noonMs + 70 * minuteMs;
      const rows = await open().query<{ time: string; rides_per_minute: string }>(
        await readQuery("requests_per_minute"),
        { now: sqlTime(nowMs) },
      );
      const hour = once(records).filter((e) =>
        e.event_type === "requested" && e.timeMs > nowMs - 60 * minuteMs && e.timeMs <= nowMs
      );
      assert.equal(rows.reduce((sum, row) => sum + Number(row.rides_per_minute), 0), hour.length);
    });

    it("windows_history: the greatest rev wins whatever came last, in the wire's shape", async () => {
      const [old, middle, newest] = [
        windowOf("0001000000000000100", 10),
        windowOf("0001000000000000200", 20),
        {
          ...windowOf("0001000000000000311", 30),
          kind: "final" as const,
          open_requests: 4,
          utilisation: 0.25,
          surge: 1.5,
        },
      ];
      const log = await logWith([middle, newest, old].map((w): NewRecord => ({
        topic: "analytics-aggregated",
        partition: 1,
        key: utf8(`${w.city}|${w.window_start}`),
        value: utf8(JSON.stringify(w)),
      })));
      const sink = await sinkOver({ log, analytics: open(), logEpoch: 1, insertRowsMax: 1 });
      await caughtUp(sink, 3);
      await sink.stop();
      const wanted = { city: "žilina", fromMs: noonMs, toMs: noonMs + 1, limit: 10 };
      assert.deepEqual(await windowsHistory(open(), wanted), [newest]);
    });

    it("late_in_window: late and too late, of the city and of none, by partition", async () => {
      const late = (n: number, reason: string, city: string | null, atMs = noonMs): NewRecord => ({
        topic: "late-events",
        partition: 0,
        key: utf8("r"),
        value: utf8(JSON.stringify({ ride_id: `late-${n}`, ...(city !== null && { city }) })),
        headers: {
          ...{ reason, message: "", source_topic: "other-ride-events", source_partition: String(n % 2) },
          ...{
            source_offset: String(90_000 + n),
            source_timestamp: isoTime(atMs),
            late_ms: String(n * 1_000),
          },
          event_time: isoTime(atMs),
        },
      });
      const log = await logWith([
        late(1, "late", "košice"),
        late(3, "late", "košice"),
        late(5, "too_late", "košice"),
        late(7, "late", null),
        late(9, "late", "graz"),
        late(11, "late", "košice", noonMs + 5 * minuteMs),
      ]);
      const sink = await sinkOver({ log, analytics: open(), logEpoch: 1, insertRowsMax: 1 });
      await caughtUp(sink, 6);
      await sink.stop();
      const asked = {
        city: "košice",
        fromMs: noonMs,
        untilMs: noonMs + 5 * minuteMs,
        topic: "other-ride-events",
      };
      const row = { topic: "other-ride-events", partition: 1 };
      assert.deepEqual(await lateEvents(open(), asked), [
        {
          ...{ ...row, reason: "late", names_city: true, events: 2 },
          ...{ late_seconds_max: 3, first_offset: 90_001, last_offset: 90_003 },
        },
        {
          ...{ ...row, reason: "late", names_city: false, events: 1 },
          ...{ late_seconds_max: 7, first_offset: 90_007, last_offset: 90_007 },
        },
        {
          ...{ ...row, reason: "too_late", names_city: true, events: 1 },
          ...{ late_seconds_max: 5, first_offset: 90_005, last_offset: 90_005 },
        },
      ]);
    });

    it("ride_facts: one row a fact, the highest generation", async () => {
      const fact = (generation: number, fare: number): NewRecord => ({
        topic: "ride-facts",
        partition: 0,
        key: utf8("r"),
        value: utf8(JSON.stringify({
          fact_id: "0/ride-events/3/41/0",
          generation,
          ride_id: "r",
          city: "graz",
          outcome: "completed",
          cancelled_by: null,
          reason: null,
          driver_id: "d",
          user_id: null,
          ended_at: isoTime(noonMs),
          requested_at: isoTime(noonMs - 1),
          accepted_at: null,
          started_at: null,
          request_to_accept_s: null,
          accept_to_start_s: null,
          start_to_end_s: 1.5,
          attempts: 1,
          estimated_fare: null,
          fare,
          anomalies: ["skipped_accept"],
        })),
        headers: { source_timestamp: isoTime(noonMs + 1_000) },
      });
      const log = await logWith([fact(2, 9.07), fact(1, 8.5), fact(2, 9.07)]);
      const sink = await sinkOver({ log, analytics: open(), logEpoch: 2, insertRowsMax: 1 });
      await caughtUp(sink, 3);
      await sink.stop();
      assert.deepEqual(
        await open().query(
          "SELECT generation, source_offset, fare, anomalies, log_time FROM ride_facts FINAL",
        ),
        [{
          generation: 2,
          source_offset: "41",
          fare: 9.07,
          anomalies: ["skipped_accept"],
          log_time: "2026-01-15T12:00:01.000Z",
        }],
      );
    });

    it("rows of a replay outlive the TTL, other rows of that age do not", async () => {
      for (const replayed of [true, false]) {
        const { value } = records[0]!;
        const timestampMs = Date.UTC(2013, 0, 1);
        const log = await logWith([{ topic: "ride-events", partition: 0, key: null, value, timestampMs }]);
        const sink = await sinkOver({ log, analytics: open(), logEpoch: replayed ? 13 : 14, replayed });
        await caughtUp(sink, 1);
        await sink.stop();
      }
      await open().command("OPTIMIZE TABLE ride_events FINAL");
      const rows = await open().query(
        "SELECT log_epoch FROM ride_events FINAL WHERE log_time < '2014-01-01'",
      );
      assert.deepEqual(rows, [{ log_epoch: 13 }]);
    });

    it("a record of yesterday stays, however long ago its event was", async () => {
      const sent = JSON.parse(new TextDecoder().decode(records[0]!.value)) as object;
      const value = utf8(JSON.stringify({ ...sent, timestamp: "2013-01-01T00:00:00.000Z" }));
      const timestampMs = systemClock.nowMs() - dayMs;
      // Two parts, or there is nothing to merge, and rows go when parts are merged.
      for (const logEpoch of [15, 16]) {
        const log = await logWith([{ topic: "ride-events", partition: 0, key: null, value, timestampMs }]);
        const sink = await sinkOver({ log, analytics: open(), logEpoch, replayed: logEpoch === 15 });
        await caughtUp(sink, 1);
        await sink.stop();
      }
      await open().command("OPTIMIZE TABLE ride_events FINAL");
      const rows = await open().query(
        "SELECT log_epoch FROM ride_events FINAL WHERE log_epoch IN (15, 16) ORDER BY log_epoch",
      );
      assert.deepEqual(rows, [{ log_epoch: 15 }, { log_epoch: 16 }]);
    });
  });
}

/** The events as sent, each once: the independent reading of what a producer's duplicate is. */
function once(records: NewRecord[]) {
  const events = new Map<string, Ride & { timeMs: number }>();
  for (const { value } of records) {
    const event = JSON.parse(new TextDecoder().decode(value)) as Ride;
    events.set(`${event.ride_id}|${event.event_id}`, { ...event, timeMs: Date.parse(event.timestamp) });
  }
  return [...events.values()];
}

function slidingWindows(events: ReturnType<typeof traffic>["expected"]) {
  const windows = new Map<string, typeof events>();
  for (const event of events) {
    const minute = Math.floor(event.timeMs / minuteMs) * minuteMs;
    for (let back = 0; back < 5; back++) {
      const key = `${event.city}|${isoTime(minute - back * minuteMs)}`;
      windows.set(key, [...windows.get(key) ?? [], event]);
    }
  }
  return [...windows.keys()].sort().map((key) => {
    const [city, window_start] = key.split("|") as [string, string];
    const inside = windows.get(key)!;
    const ofType = (type: string) => inside.filter((e) => e.type === type).length;
    const cents = inside.flatMap((e) => e.cents ?? []);
    return {
      city,
      window_start,
      window_end: isoTime(Date.parse(window_start) + 5 * minuteMs),
      total_events: inside.length,
      requests: ofType("requested"),
      acceptances: ofType("accepted"),
      starts: 0,
      completions: ofType("completed"),
      cancellations: ofType("cancelled"),
      avg_fare: cents.length === 0
        ? null
        : Math.floor(cents.reduce((sum, c) => sum + c, 0) / cents.length + 0.5) / 100,
      unique_riders: new Set(inside.flatMap((e) => e.rider ?? [])).size,
    };
  });
}

const windowOf = (rev: string, total: number): CityWindow => ({
  city: "žilina",
  window_start: isoTime(noonMs),
  window_end: isoTime(noonMs + 5 * minuteMs),
  kind: "update",
  rev,
  watermark: isoTime(noonMs + 123),
  total_events: total,
  requests: 9,
  acceptances: 3,
  starts: 2,
  completions: 1,
  cancellations: 1,
  avg_fare: 8.07,
  unique_riders: 7,
  unique_riders_error: 0,
  rides_completed: 1,
  rides_cancelled_by_rider: 1,
  rides_cancelled_by_driver: 0,
  rides_cancelled_by_system: 0,
  completion_rate: 0.5,
  cancellation_rate: 0.5,
  revenue: 1234.56,
  request_to_accept_p50_s: 45,
  request_to_accept_p90_s: null,
  anomalies: 0,
  open_requests: null,
  available_drivers: null,
  busy_drivers: null,
  utilisation: null,
  surge: null,
});
