/**
 * ClickHouse's own Kafka engine (sql/optional/kafka_engine.sql) beside the sink, on one topic of a real Kafka: both end
 * with the same rows, although some messages are malformed and the engine's tables are made anew half-way.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { utf8 } from "../../src/ids.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log, NewRecord } from "../../src/log/port.ts";
import { topicSpecs } from "../../src/log/topics.ts";
import { type Analytics, openEmbedded } from "../../src/sinks/analytics.ts";
import { applyMigrations } from "../../src/sinks/migrations.ts";
import { applyOptional } from "../../src/sinks/optional_sql.ts";
import { sinkTables } from "../../src/sinks/rows.ts";
import { isoTime, secondMs, systemClock } from "../../src/time.ts";
import { sinkOver } from "../conformance/analytics_sink_suite.ts";
import { eventually } from "../conformance/eventually.ts";
import { brokers, freshPrefix, quickTiming } from "./kafka_under_test.ts";

const prefix = freshPrefix();
const topic = `${prefix}ride-events`;
const partitions = 12;
const firstMs = Date.UTC(2026, 0, 15, 12);
/** A queue that is made anew does not leave its group: the next reader waits for the end of its session. */
const sessionMs = 60 * secondMs;
const types = ["requested", "accepted", "started", "completed"];
/** Messages that are no ride event: text, a missing field, a time that is none. */
const malformed = [
  "this is no JSON {",
  '{"event_type":"requested"}',
  '{"event_type":"requested","ride_id":"r","timestamp":"soon"}',
];

let folder: string;
let log: Log;
let analytics: Analytics;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-kafka-engine-"));
  log = await openKafkaLog({ brokers, clock: systemClock, replicationFactor: 1, timing: quickTiming });
  await log.ensureTopics(topicSpecs({ prefix, generation: 1 }, 1e12));
  analytics = openEmbedded({ path: join(folder, "clickhouse") });
  await applyMigrations(analytics);
});
after(async () => {
  await analytics.close();
  await log.close();
  await rm(folder, { recursive: true, force: true });
});

/** Rides of four events, of which every tenth is sent twice; fields that the engine's table does not have as well. */
function events(rides: number, from: number): NewRecord[] {
  const records: NewRecord[] = [];
  for (let ride = from; ride < from + rides; ride++) {
    for (const [step, event_type] of types.entries()) {
      const event = {
        event_type,
        ride_id: `ride-${ride}`,
        event_id: `e${step}`,
        timestamp: isoTime(firstMs + ride * 1_000 + step * 60_000).replace("Z", step === 0 ? "" : "Z"),
        city: "graz",
        ...(step === 0 &&
          { user_id: `u${ride % 90}`, estimated_fare: 8.5, pickup: { lat: 48.1, lng: 17.1 } }),
      };
      const copies = (ride + step) % 10 === 0 ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        records.push(record(ride % partitions, JSON.stringify(event)));
      }
    }
  }
  return records;
}

const record = (partition: number, value: string): NewRecord => ({
  topic,
  partition,
  key: utf8(String(partition)),
  value: utf8(value),
});

it("the Kafka engine and the sink have the same records, and the same events of each type", async () => {
  const engine = { brokers: brokers.join(","), topic, group: `${prefix}kafka-engine` };
  await applyOptional(analytics, "kafka_engine", engine);
  const first = events(400, 0);
  await log.append([...first, ...malformed.map((value, i) => record(i, value))]);
  await eventually(
    "the engine has the first part",
    async () => (await counted("ride_events_direct")).records > 0,
  );
  await applyOptional(analytics, "kafka_engine", engine);
  const second = events(300, 400);
  await log.append(second);
  const readable = first.length + second.length;

  const sink = await sinkOver({
    log,
    analytics,
    logEpoch: 0,
    naming: { prefix, generation: 1 },
    tables: sinkTables.filter((table) => table.topic === "ride-events"),
  });
  await eventually(
    "the sink has everything",
    async () => (await counted("ride_events")).records === readable,
  );
  await eventually(
    "the engine has everything",
    async () => (await counted("ride_events_direct")).records === readable && (await refused()).length === 3,
    sessionMs + 60 * secondMs,
  );
  await sink.stop();

  const expected = Object.fromEntries(types.map((type) => [type, 700]));
  assert.deepEqual(await counted("ride_events"), { records: readable, events: expected });
  assert.deepEqual(await counted("ride_events_direct"), { records: readable, events: expected });
  assert.deepEqual(await refused(), [
    { partition: 0, value: malformed[0], why: "Cannot parse input" },
    { partition: 1, value: "", why: "event_type, ride_id or timestamp is missing or cannot be read" },
    { partition: 2, value: "", why: "event_type, ride_id or timestamp is missing or cannot be read" },
  ]);
  const same = "partition, offset, log_time, timestamp, event_type, ride_id, event_id, city, user_id";
  const differing = await analytics.query(
    `SELECT *, count() AS n FROM (SELECT ${same} FROM ride_events FINAL UNION ALL ` +
      `SELECT ${same} FROM ride_events_direct FINAL) GROUP BY ALL HAVING n != 2`,
  );
  assert.deepEqual(differing, []);
});

/** Records by their place in the log, and events by type with the producer's duplicates taken out. */
async function counted(table: string): Promise<{ records: number; events: Record<string, number> }> {
  const rows = await analytics.query<{ type: string; records: string; events: string }>(
    "SELECT toString(event_type) AS type, uniqExact(topic, partition, offset) AS records, " +
      `uniqExact(ride_id, event_id) AS events FROM ${table} GROUP BY type`,
  );
  return {
    records: rows.reduce((sum, row) => sum + Number(row.records), 0),
    events: Object.fromEntries(rows.map((row) => [row.type, Number(row.events)])),
  };
}

const refused = () =>
  analytics.query(
    "SELECT partition, value, splitByChar(':', message)[1] AS why FROM ride_events_refused FINAL ORDER BY partition",
  );
