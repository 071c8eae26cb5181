/** The sink over the log's twin and a real ClickHouse: what is in the log is in ClickHouse, once. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WaymarkError } from "../../src/errors.ts";
import { utf8 } from "../../src/ids.ts";
import { type MemoryLog, memoryLog } from "../../src/log/memory.ts";
import type { Log, NewRecord } from "../../src/log/port.ts";
import { topicSpecs } from "../../src/log/topics.ts";
import type { Analytics } from "../../src/sinks/analytics.ts";
import { type Sink, type SinkOptions, startSink } from "../../src/sinks/clickhouse.ts";
import { type SinkTable, sinkTables } from "../../src/sinks/rows.ts";
import type { PoisonRow } from "../../src/sinks/table_feed.ts";
import { systemClock } from "../../src/time.ts";

export const naming = { prefix: "", generation: 1 };
export const logTimeMs = Date.UTC(2026, 0, 15, 18);
export const locationCount = 6_000;
/** Two days, so that every block spans two ClickHouse partitions. */
export const recordTimeMs = (i: number) => logTimeMs + (i % 2) * 86_400_000 + i;

export const location = (i: number): NewRecord => ({
  topic: "driver-locations",
  partition: i % 24,
  key: utf8(`driver-${i % 500}`),
  value: utf8(JSON.stringify({
    driver_id: `driver-${i % 500}`,
    timestamp: new Date(logTimeMs + i).toISOString(),
    lat: 48,
    lng: 17,
    speed_kmh: i % 100,
    city: "bratislava",
    status: "available",
  })),
  timestampMs: recordTimeMs(i),
});

export async function logWith(records: NewRecord[]): Promise<MemoryLog> {
  const log = memoryLog({ clock: systemClock });
  await log.ensureTopics(topicSpecs(naming, 1e12));
  await log.append(records);
  return log;
}

export const sinkOver = (
  options: Partial<SinkOptions> & Pick<SinkOptions, "log" | "analytics" | "logEpoch">,
) =>
  startSink({
    clock: systemClock,
    group: "test",
    naming,
    replayed: true,
    insertMs: 20,
    poisoned: (row) => assert.fail(`refused: ${row.message}`),
    ...options,
  });

export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = systemClock.monotonicMs() + 60_000;
  while (!await condition()) {
    assert.ok(systemClock.monotonicMs() < deadlineMs, `waited 60 s for: ${what}`);
    await systemClock.sleep(5);
  }
}

export const caughtUp = (sink: Sink, records: number) =>
  until(`${records} records inserted and committed`, () => {
    const { partitions } = sink.status();
    return partitions.reduce((sum, p) => sum + p.committed, 0) === records &&
      partitions.every((p) => p.lag === 0);
  });

/** What is in ClickHouse of the 6,000 points of `locations`. */
export async function totalsOf(analytics: Analytics, logEpoch: number) {
  const [row] = await analytics.query<{ n: string; drivers: string; points: string; speed: number }>(
    "SELECT count() AS n, uniqExact(driver_id) AS drivers, uniqExact(timestamp) AS points, sum(speed_kmh) AS speed " +
      "FROM driver_locations FINAL WHERE log_epoch = {logEpoch:UInt16}",
    { logEpoch },
  );
  return row;
}

/** 6,000 points of 500 drivers, each at its own millisecond; speeds 0 … 99 sixty times. */
export const exact = { n: "6000", drivers: "500", points: "6000", speed: 60 * 4_950 };
export const locations = () => logWith(Array.from({ length: locationCount }, (_, i) => location(i)));

export function sinkSuite(open: () => Analytics): void {
  const totals = (logEpoch: number) => totalsOf(open(), logEpoch);

  describe("sink", () => {
    it("copies a topic: count, distinct and sum equal the log's; the status says so", async () => {
      const log = await locations();
      const sink = await sinkOver({ log, analytics: open(), logEpoch: 1 });
      await caughtUp(sink, locationCount);
      assert.deepEqual(await totals(1), exact);
      const feed = sink.status().tables.find((t) => t.table === "driver_locations");
      assert.deepEqual(
        [feed?.rowsInserted, feed?.rowsWaiting, feed?.failures, feed?.lastError],
        [locationCount, 0, 0, null],
      );
      await sink.stop();
      assert.equal((await log.committed("test-clickhouse", "driver-locations"))[23]?.offset, 250);
    });

    it("stopped after the insert and before the commit, begun again with other blocks: no doubles", async () => {
      const log = await locations();
      const deaf = withoutCommits(log);
      const first = await sinkOver({ log: deaf, analytics: open(), logEpoch: 2, insertRowsMax: 700 });
      await until("an insert", () => first.status().tables.some((t) => t.rowsInserted > 0 && t.failures > 0));
      await first.stop();
      const second = await sinkOver({ log, analytics: open(), logEpoch: 2, insertRowsMax: 1_100 });
      await caughtUp(second, locationCount);
      await second.stop();
      assert.deepEqual(await totals(2), exact);
    });

    it("two groups insert overlapping blocks: no doubles", async () => {
      const log = await locations();
      const sinks = await Promise.all([
        sinkOver({ log, analytics: open(), logEpoch: 3, group: "a", insertRowsMax: 450 }),
        sinkOver({ log, analytics: open(), logEpoch: 3, group: "b", insertRowsMax: 1_000 }),
      ]);
      for (const sink of sinks) await caughtUp(sink, locationCount);
      for (const sink of sinks) await sink.stop();
      assert.deepEqual(await totals(3), exact);
    });

    it("an owner expelled in the middle: the other one goes on, no doubles", async () => {
      const log = await locations();
      const one = await sinkOver({ log, analytics: open(), logEpoch: 4, insertRowsMax: 300 });
      await until("a commit", () => one.status().partitions.some((p) => p.committed > 0));
      const two = await sinkOver({ log, analytics: open(), logEpoch: 4, insertRowsMax: 500 });
      log.expel("test-clickhouse-1");
      await caughtUp(two, locationCount);
      await one.stop();
      await two.stop();
      assert.deepEqual(await totals(4), exact);
    });

    it("ClickHouse away: the sink lags and says so, nothing is lost when it is back", async () => {
      const log = await locations();
      const outage = { on: true };
      const sink = await sinkOver({
        log,
        analytics: awayWhile(open(), outage),
        logEpoch: 5,
        insertRowsMax: 100,
      });
      await until("two failures", () => sink.status().tables.some((t) => t.failures >= 2));
      const feed = sink.status().tables.find((t) => t.table === "driver_locations");
      assert.equal(feed?.lastError, "out of reach");
      assert.notEqual(feed?.failingSinceMs, null);
      assert.ok(feed!.rowsWaiting < locationCount, "fetching stops while ClickHouse is away");
      assert.equal(sink.status().partitions.every((p) => p.committed === 0), true);
      outage.on = false;
      await caughtUp(sink, locationCount);
      await sink.stop();
      assert.deepEqual(await totals(5), exact);
    });

    it("partitions handed over in the middle of an outage: nobody waits for ever, nothing is lost", async () => {
      const log = await locations();
      const outage = { on: true };
      const away = { log, analytics: awayWhile(open(), outage), logEpoch: 11, insertRowsMax: 100 };
      const one = await sinkOver(away);
      await until("a full buffer", () => one.status().tables.some((t) => t.failures >= 2));
      const two = await sinkOver(away);
      const owned = (sink: Sink) =>
        sink.status().partitions.filter((p) => p.table === "driver_locations").length;
      await until("the hand-over", () => owned(one) === 12 && owned(two) === 12);
      outage.on = false;
      await until("all of them inserted and committed", () => {
        const both = [...one.status().partitions, ...two.status().partitions];
        return both.reduce((sum, p) => sum + p.committed, 0) === locationCount;
      });
      await Promise.all([one.stop(), two.stop()]);
      assert.deepEqual(await totals(11), exact);
    });

    it("ClickHouse away: stopping does not wait for it", async () => {
      const log = await locations();
      const sink = await sinkOver({ log, analytics: awayWhile(open(), { on: true }), logEpoch: 6 });
      await until("a failure", () => sink.status().tables.some((t) => t.failures >= 1));
      await sink.stop();
      assert.equal((await log.committed("test-clickhouse", "driver-locations"))[0] ?? null, null);
    });

    it("answered too late, though applied: the same block again", async () => {
      const log = await locations();
      let lies = 3;
      const analytics: Analytics = {
        ...open(),
        async insert(into, lines, options) {
          const answer = await open().insert(into, lines, options);
          if (lies-- > 0) throw new WaymarkError("analytics_unavailable", "timed out");
          return answer;
        },
      };
      const sink = await sinkOver({ log, analytics, logEpoch: 7 });
      await caughtUp(sink, locationCount);
      await sink.stop();
      assert.deepEqual(await totals(7), exact);
      const [row] = await open().query<{ n: string }>(
        "SELECT count() AS n FROM driver_locations WHERE log_epoch = 7",
      );
      assert.equal(row?.n, "6000", "the token spared the repetition");
    });

    it("bad rows inside a block are handed on by offset; the others go in", async () => {
      const log = await locations();
      const poison: PoisonRow[] = [];
      const sink = await sinkOver({
        log,
        analytics: open(),
        logEpoch: 8,
        tables: [spoiled("driver-locations", (offset, partition) => offset === 7 && partition < 2)],
        poisoned: (row) => void poison.push(row),
      });
      await caughtUp(sink, locationCount);
      await sink.stop();
      assert.deepEqual(
        poison.map((row) => [row.table, row.topic, row.partition, row.offset]).sort(),
        [["driver_locations", "driver-locations", 0, 7], ["driver_locations", "driver-locations", 1, 7]],
      );
      assert.equal((await totals(8))?.n, "5998");
    });

    it("records that cannot be decoded are skipped and counted, their offsets committed", async () => {
      const log = await logWith([
        location(0),
        { ...location(24), value: utf8("{") },
        { ...location(48), value: utf8('{"driver_id":1}') },
      ]);
      const sink = await sinkOver({ log, analytics: open(), logEpoch: 9 });
      await caughtUp(sink, 3);
      const status = sink.status().partitions.find((p) =>
        p.table === "driver_locations" && p.partition === 0
      );
      assert.deepEqual([status?.recordsSkipped, status?.rowsInserted, status?.committed], [2, 1, 3]);
      await sink.stop();
    });

    it("another log under the committed offset is refused, and only that partition stops", async () => {
      const log = await logWith([location(0), location(1)]);
      const before = await sinkOver({ log, analytics: open(), logEpoch: 10 });
      await caughtUp(before, 2);
      await before.stop();
      const replaced: Log = {
        ...log,
        read: async (tp, offset, max) =>
          (await log.read(tp, offset, max)).map((r) =>
            tp.partition === 0 ? { ...r, value: utf8("other") } : r
          ),
      };
      const failures: string[] = [];
      const sink = await sinkOver({
        log: replaced,
        analytics: open(),
        logEpoch: 10,
        failed: (tp, error) => failures.push(`${tp.topic}/${tp.partition} ${(error as WaymarkError).code}`),
      });
      await until("the refusal", () => failures.length > 0);
      await log.append([location(25)]);
      await until(
        "the other partition",
        () => sink.status().partitions.some((p) => p.partition === 1 && p.committed === 2),
      );
      assert.deepEqual(failures, ["driver-locations/0 log_replaced"]);
      assert.match(sink.status().stopped[0]?.error ?? "", /fingerprint/);
      await sink.stop();
    });
  });
}

/** The log with a member that cannot commit: a process that is killed between insert and commit. */
const withoutCommits = (log: Log): Log => ({
  ...log,
  async join(options) {
    const member = await log.join(options);
    return { ...member, commit: () => Promise.reject(new WaymarkError("log_unavailable", "cannot commit")) };
  },
});

export const awayWhile = (analytics: Analytics, outage: { on: boolean }): Analytics => ({
  ...analytics,
  insert: (...asked) =>
    outage.on
      ? Promise.reject(new WaymarkError("analytics_unavailable", "out of reach"))
      : analytics.insert(...asked),
});

/** A table whose mapping goes wrong for some records. */
function spoiled(topic: string, when: (offset: number, partition: number) => boolean): SinkTable {
  const table = sinkTables.find((t) => t.topic === topic)!;
  return {
    ...table,
    row: (record, source) =>
      when(record.offset, source.partition) ? { ok: true, line: '["bad"]' } : table.row(record, source),
  };
}
