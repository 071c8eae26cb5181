/** ClickHouse of one process as the settings name it: its sink's group, and the door. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createClient } from "@clickhouse/client";
import { startClickHouseServer } from "../../src/commands/services/clickhouse_server.ts";
import { end, freePorts } from "../../src/commands/services/launched.ts";
import { readConfig } from "../../src/config.ts";
import { utf8 } from "../../src/ids.ts";
import type { Log, NewRecord } from "../../src/log/port.ts";
import { type ClickHouse, startClickHouse } from "../../src/node/clickhouse.ts";
import { clickHousePath } from "../../src/node/parts.ts";
import { systemClock } from "../../src/time.ts";
import { logWith, until } from "./analytics_sink_suite.ts";
import { codeOf } from "./eventually.ts";

describe("startClickHouse", () => {
  let dataDir = "";
  before(async () => {
    dataDir = await mkdtemp(join(tmpdir(), "waymark-node-"));
  });
  after(() => rm(dataDir, { recursive: true }));

  const request = (ride_id: string): NewRecord => ({
    topic: "ride-events",
    partition: 0,
    key: utf8(ride_id),
    value: utf8(JSON.stringify({
      event_type: "requested",
      ride_id,
      event_id: "e1",
      timestamp: "2026-01-15T18:00:00Z",
      city: "graz",
    })),
    timestampMs: Date.UTC(2026, 0, 15, 18),
  });
  const start = async (environment: Record<string, string>, log?: Log): Promise<ClickHouse> =>
    await startClickHouse({
      config: readConfig({ WAYMARK_GROUP: "g", WAYMARK_INSERT_MS: "100", ...environment }),
      log: log ?? await logWith([request("r1")]),
      dataDir,
      clock: systemClock,
      replayed: true,
      poisoned: (row) => assert.fail(row.message),
      failed: (_, error) => assert.fail(String(error)),
    });

  it("in this process: a group of the node's own, the same after a restart, and no door unless a port is set", async () => {
    const groups: string[] = [];
    for (const environment of [{}, { KAFKA_BROKERS: "127.0.0.1:9092" }, {}]) {
      const clickHouse = await start(environment as Record<string, string>);
      groups.push(clickHouse.sink.status().group);
      assert.equal(clickHouse.doorUrl, null);
      await clickHouse.stop();
    }
    assert.match(groups[0]!, /^g-clickhouse-[0-9a-f]{12}$/);
    assert.deepEqual(new Set(groups), new Set([groups[0]]));
  });

  it("a port: what the sink brought can be asked for there: with a read key but for people, with an admin key all", async () => {
    const clickHouse = await start({
      WAYMARK_CLICKHOUSE_PORT: "0",
      WAYMARK_READ_KEYS: "read-key-0123456789",
      WAYMARK_ADMIN_KEYS: "admin-key-012345678",
    });
    await until("the row is there", () => clickHouse.sink.status().tables.some((t) => t.rowsInserted > 0));
    const ask = async (password: string, table: string) =>
      (await fetch(`${clickHouse.doorUrl}/?query=SELECT+count()+FROM+${table}&password=${password}`)).status;
    assert.equal(await ask("read-key-0123456789", "ride_events"), 403);
    assert.equal(await ask("read-key-0123456789", "city_windows"), 200);
    const client = createClient({ url: clickHouse.doorUrl!, password: "admin-key-012345678" });
    const answer = await client.query({
      query: "SELECT ride_id, city FROM ride_events FINAL",
      format: "JSONEachRow",
    });
    assert.deepEqual(await answer.json(), [{ ride_id: "r1", city: "graz" }]);
    assert.equal((await fetch(`${clickHouse.doorUrl}/?query=SELECT+1`)).status, 401);
    await client.close();
    await clickHouse.stop();
  });

  it("a row that ClickHouse refuses is a dead letter, once for each record, and the others go in", async () => {
    const log = await logWith([]);
    const refused: string[] = [];
    const clickHouse = await startClickHouse({
      config: readConfig({ WAYMARK_GROUP: "refusing", WAYMARK_INSERT_MS: "100", WAYMARK_GENERATION: "4" }),
      log,
      dataDir,
      clock: systemClock,
      replayed: true,
      poisoned: (row) => void refused.push(`${row.table} ${row.partition}/${row.offset}`),
      failed: (_, error) => assert.fail(String(error)),
    });
    await clickHouse.analytics.command("TRUNCATE TABLE ride_events");
    await clickHouse.analytics.command("ALTER TABLE ride_events ADD CONSTRAINT c CHECK ride_id != 'r2'");
    const event = (ride_id: string) =>
      utf8(JSON.stringify({ event_type: "requested", ride_id, timestamp: "2026-01-15T18:00:00Z" }));
    await log.append(
      ["r1", "r2", "r3"].map((id) => ({
        topic: "ride-events",
        partition: 1,
        key: utf8(id),
        value: event(id),
      })),
    );
    await until("the dead letter is in ClickHouse, too", async () => {
      const rows = await clickHouse.analytics.query("SELECT 1 FROM dead_letters FINAL WHERE generation = 4");
      return rows.length > 0;
    });
    const rides = await clickHouse.analytics.query(
      "SELECT ride_id FROM ride_events FINAL ORDER BY ride_id",
    );
    const [letter] = await clickHouse.analytics.query<Record<string, unknown>>(
      "SELECT topic, partition, offset, generation, reason, key, value, message FROM dead_letters FINAL WHERE generation = 4",
    );
    await clickHouse.stop();
    assert.deepEqual(rides, [{ ride_id: "r1" }, { ride_id: "r3" }]);
    assert.deepEqual(refused, ["ride_events 1/1"]);
    assert.match(String(letter?.message), /^the row for ride_events is refused: Constraint `c`/);
    assert.deepEqual({ ...letter, message: "" }, {
      topic: "ride-events",
      partition: 1,
      offset: "1",
      generation: 4,
      reason: "clickhouse_refused",
      key: "r2",
      value: new TextDecoder().decode(event("r2")),
      message: "",
    });
  });

  it("a port that is taken: config_invalid, and ClickHouse is free again", async () => {
    const taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = taken.addr;
    assert.equal(await codeOf(() => start({ WAYMARK_CLICKHOUSE_PORT: String(port) })), "config_invalid");
    taken.close();
    const clickHouse = await start({ WAYMARK_CLICKHOUSE_PORT: String(port) });
    assert.equal(clickHouse.doorUrl, `http://127.0.0.1:${port}`);
    await clickHouse.stop();
  });

  it("CLICKHOUSE_URL without a server: starts, says so without the password, and copies once it is there", async () => {
    const [port] = await freePorts(1) as [number];
    const log = await logWith([request("r1")]);
    const clickHouse = await start({ CLICKHOUSE_URL: `http://u:hidden@127.0.0.1:${port}/default` }, log);
    const { partitions } = clickHouse.sink.status();
    assert.equal(partitions.filter((p) => p.topic === "ride-events").length, 12);
    const first = () =>
      clickHouse.sink.status().partitions.find((p) => p.topic === "ride-events" && p.partition === 0);
    assert.deepEqual([first()?.lag, first()?.oldestWaitingMs], [1, Date.UTC(2026, 0, 15, 18)]);
    await log.append([request("r2")]);
    await until("the lag grows", () => first()?.lag === 2);
    assert.ok(partitions.every((p) => p.committed === 0 && /ECONNREFUSED/.test(p.lastError ?? "")));
    assert.doesNotMatch(JSON.stringify(clickHouse.sink.status()), /hidden/);
    const server = await startClickHouseServer(dataDir, port);
    try {
      await until(
        "the rows are there",
        () => clickHouse.sink.status().tables.some((t) => t.rowsInserted === 2),
      );
      const rows = await clickHouse.analytics.query(
        "SELECT ride_id FROM ride_events FINAL ORDER BY ride_id",
      );
      assert.deepEqual(rows, [{ ride_id: "r1" }, { ride_id: "r2" }]);
      await clickHouse.stop();
    } finally {
      await end([server.process]);
    }
  });

  it("CLICKHOUSE_URL without a server: stopping does not wait for it", async () => {
    const clickHouse = await start({ CLICKHOUSE_URL: "http://127.0.0.1:1" });
    await clickHouse.stop();
    assert.equal(await clickHouse.analytics.ping(), false);
  });

  it("in this process, its folder deleted: all that the log has is copied again", async () => {
    const log = await logWith([request("again-1"), request("again-2")]);
    const copied = async () => {
      const clickHouse = await start({ WAYMARK_GROUP: "again" }, log);
      const done = () => clickHouse.sink.status().partitions.every(({ lag }) => lag === 0);
      await until("everything is copied", () => clickHouse.sink.status().partitions.length > 0 && done());
      const rows = clickHouse.sink.status().partitions.reduce(
        (sum, { rowsInserted }) => sum + rowsInserted,
        0,
      );
      const there = await clickHouse.analytics.query(
        "SELECT ride_id FROM ride_events FINAL WHERE ride_id LIKE 'again-%' ORDER BY ride_id",
      );
      await clickHouse.stop();
      return { rows, there };
    };
    const both = [{ ride_id: "again-1" }, { ride_id: "again-2" }];
    assert.deepEqual(await copied(), { rows: 2, there: both });
    assert.deepEqual(await copied(), { rows: 0, there: both });
    await rm(clickHousePath(dataDir), { recursive: true });
    assert.deepEqual(await copied(), { rows: 2, there: both });
  });
});
