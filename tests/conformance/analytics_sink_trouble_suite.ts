/** The sink when the log, ClickHouse or another generation is not as it wishes. Shares log epochs with analytics_sink_suite.ts. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WaymarkError } from "../../src/errors.ts";
import { utf8 } from "../../src/ids.ts";
import { memoryLog } from "../../src/log/memory.ts";
import type { Log, NewRecord } from "../../src/log/port.ts";
import { topicSpecs } from "../../src/log/topics.ts";
import type { Analytics } from "../../src/sinks/analytics.ts";
import { systemClock } from "../../src/time.ts";
import {
  awayWhile,
  caughtUp,
  exact,
  location,
  locationCount,
  locations,
  logTimeMs,
  logWith,
  naming,
  recordTimeMs,
  sinkOver,
  totalsOf,
  until,
} from "./analytics_sink_suite.ts";

export function sinkTroubleSuite(open: () => Analytics): void {
  const totals = (logEpoch: number) => totalsOf(open(), logEpoch);

  describe("sink in trouble", () => {
    it("held back by an outage: the lag is that of the whole log, and its age that of the oldest record", async () => {
      const log = await locations();
      const sink = await sinkOver({
        log,
        analytics: awayWhile(open(), { on: true }),
        logEpoch: 12,
        insertRowsMax: 50,
      });
      const partitions = () => sink.status().partitions.filter((p) => p.table === "driver_locations");
      await until(
        "all of the log is known",
        () => partitions().reduce((sum, p) => sum + p.lag, 0) === locationCount,
      );
      await log.append(Array.from({ length: 24 }, (_, i) => location(locationCount + i)));
      await until(
        "what came since, too",
        () => partitions().reduce((sum, p) => sum + p.lag, 0) === locationCount + 24,
      );
      await until("ages", () => partitions().every((p) => p.oldestWaitingMs === recordTimeMs(p.partition)));
      await sink.stop();
    });

    it("a log that is away when a partition begins: it begins later", async () => {
      const log = await locations();
      let away = 30;
      const absent: Log = {
        ...log,
        committed: (group, topic) =>
          away-- > 0
            ? Promise.reject(new WaymarkError("log_unavailable", "no broker answers"))
            : log.committed(group, topic),
      };
      const sink = await sinkOver({
        log: absent,
        analytics: open(),
        logEpoch: 13,
        failed: (_, error) => assert.fail(String(error)),
      });
      await caughtUp(sink, locationCount);
      await sink.stop();
      assert.deepEqual(await totals(13), exact);
    });

    it("records forgotten during an outage: the partition goes on behind the gap, and says so", async () => {
      let laterMs = 0;
      const log = memoryLog({ clock: { ...systemClock, nowMs: () => systemClock.nowMs() + laterMs } });
      await log.ensureTopics(topicSpecs(naming, 1e12));
      await log.append(Array.from({ length: locationCount }, (_, i) => location(i)));
      const outage = { on: true };
      const gaps: string[] = [];
      const sink = await sinkOver({
        log,
        analytics: awayWhile(open(), outage),
        logEpoch: 14,
        insertRowsMax: 50,
        gapFound: (tp, { from, to }) => gaps.push(`${tp.partition}: ${from}-${to}`),
        failed: (_, error) => assert.fail(String(error)),
      });
      await until("a full buffer", () => sink.status().tables.some((t) => t.failures >= 2));
      laterMs = 2 * 86_400_000;
      await log.housekeep(({ partition }) => partition === 5 ? 200 : 0);
      outage.on = false;
      await until("everything that is left", async () => {
        const committed = await log.committed("test-clickhouse", "driver-locations");
        return committed.every((c) => c?.offset === 250);
      });
      await sink.stop();
      const [row] = await open().query<{ n: string }>(
        "SELECT count() AS n FROM driver_locations FINAL WHERE log_epoch = 14 AND (partition != 5 OR offset >= 200)",
      );
      assert.equal(row?.n, String(23 * 250 + 50));
      assert.equal(gaps.length, 1);
      assert.match(gaps[0]!, /^5: \d+-200$/);
    });

    it("a topic created again under the same epoch: its rows are not taken for a repetition", async () => {
      for (const [group, city] of [["before", "graz"], ["after", "linz"]] as const) {
        const { value } = location(0);
        const text = new TextDecoder().decode(value).replace("bratislava", city);
        const log = await logWith([{ ...location(0), value: utf8(text) }]);
        const sink = await sinkOver({ log, analytics: open(), logEpoch: 15, group });
        await caughtUp(sink, 1);
        await sink.stop();
      }
      const rows = await open().query("SELECT city FROM driver_locations FINAL WHERE log_epoch = 15");
      assert.deepEqual(rows, [{ city: "linz" }]);
    });

    for (const [order, generations] of [["rising", [1, 2]], ["falling", [2, 1]]] as const) {
      it(`one source record told of by two generations, ${order}: the higher one's row stays`, async () => {
        const logEpoch = order === "rising" ? 16 : 17;
        const log = await logWith([]);
        const sink = await sinkOver({ log, analytics: open(), logEpoch });
        for (const [at, generation] of generations.entries()) {
          await log.append(toldBy(generation, logEpoch));
          await caughtUp(sink, 3 * (at + 1));
        }
        await sink.stop();
        const where = `WHERE log_epoch = ${logEpoch}`;
        for (const table of ["dead_letters", "late_events"]) {
          assert.deepEqual(
            await open().query(`SELECT generation, message FROM ${table} FINAL ${where}`),
            [{ generation: 2, message: "told by 2" }],
          );
        }
        assert.deepEqual(
          await open().query(
            `SELECT generation, ride_id FROM ride_facts FINAL WHERE source_log_epoch = ${logEpoch}`,
          ),
          [{ generation: 2, ride_id: "ride of 2" }],
        );
        await open().command(`DELETE FROM dead_letters ${where}`);
        await open().command(`DELETE FROM late_events ${where}`);
        await open().command(`DELETE FROM ride_facts WHERE source_log_epoch = ${logEpoch}`);
      });
    }

    it("too many parts: asked again with growing pauses, nothing is dropped", async () => {
      const log = await locations();
      const pauses: number[] = [];
      const analytics = open();
      await analytics.command("OPTIMIZE TABLE driver_locations FINAL");
      await analytics.command("SYSTEM STOP MERGES driver_locations");
      await analytics.command(
        "ALTER TABLE driver_locations MODIFY SETTING parts_to_throw_insert = 2, parts_to_delay_insert = 1000",
      );
      const sink = await sinkOver({
        log,
        analytics,
        logEpoch: 18,
        insertRowsMax: 1_000,
        clock: {
          ...systemClock,
          sleep(ms, signal) {
            if (ms >= 100 && ms <= 10_000 && ms % 100 === 0 && ms !== 2_000) pauses.push(ms);
            return systemClock.sleep(ms, signal);
          },
        },
      });
      const feed = () => sink.status().tables.find((t) => t.table === "driver_locations");
      await until("four refusals", () => (feed()?.failures ?? 0) >= 4);
      assert.match(feed()?.lastError ?? "", /too many parts/i);
      assert.deepEqual(pauses.slice(0, 3), [100, 200, 400]);
      await analytics.command(
        "ALTER TABLE driver_locations RESET SETTING parts_to_throw_insert, parts_to_delay_insert",
      );
      await analytics.command("SYSTEM START MERGES driver_locations");
      await caughtUp(sink, locationCount);
      await sink.stop();
      assert.deepEqual(await totals(18), exact);
    });
  });
}

/** A dead letter, a late event and a fact of the same source record, as a generation publishes them. */
function toldBy(generation: number, logEpoch: number): NewRecord[] {
  const headers = {
    source_topic: "ride-events",
    source_partition: "3",
    source_offset: "41",
    source_timestamp: new Date(logTimeMs).toISOString(),
    log_epoch: String(logEpoch),
    generation: String(generation),
    message: `told by ${generation}`,
  };
  const late = { reason: "late", late_ms: "1", event_time: headers.source_timestamp };
  const fact = {
    fact_id: `${logEpoch}/ride-events/3/41/0`,
    generation,
    ride_id: `ride of ${generation}`,
    city: "graz",
    outcome: "completed",
    ended_at: headers.source_timestamp,
    attempts: 1,
    anomalies: [],
    ...Object.fromEntries(
      [
        ...["cancelled_by", "reason", "driver_id", "user_id", "requested_at", "accepted_at", "started_at"],
        ...["request_to_accept_s", "accept_to_start_s", "start_to_end_s", "estimated_fare", "fare"],
      ].map((name) => [name, null]),
    ),
  };
  const at = { partition: 0, key: utf8("k") };
  return [
    { ...at, topic: "dead-letters", value: utf8("{"), headers: { ...headers, reason: "json_invalid" } },
    { ...at, topic: "late-events", value: utf8("{}"), headers: { ...headers, ...late } },
    { ...at, topic: "ride-facts", value: utf8(JSON.stringify(fact)), headers },
  ];
}
