/**
 * The Analytics port, the migrations and the sink over a ClickHouse server: the ClickHouse-compatible one of
 * `waymark services`, in a process of its own.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { pathToFileURL } from "node:url";
import {
  clickHouseAnswers,
  type ClickHouseServer,
  startClickHouseServer,
} from "../../src/commands/services/clickhouse_server.ts";
import { end, isRunning } from "../../src/commands/services/launched.ts";
import { WaymarkError } from "../../src/errors.ts";
import { type Analytics, openServer } from "../../src/sinks/analytics.ts";
import { applyMigrations } from "../../src/sinks/migrations.ts";
import { migrationsSuite } from "./analytics_migrations_suite.ts";
import { queriesSuite } from "./analytics_queries_suite.ts";
import { caughtUp, logWith, sinkOver, sinkSuite, until } from "./analytics_sink_suite.ts";
import { sinkTroubleSuite } from "./analytics_sink_trouble_suite.ts";
import { analyticsSuite } from "./analytics_suite.ts";
import { eventually } from "./eventually.ts";
import { utf8 } from "../../src/ids.ts";

describe("ClickHouse server", () => {
  let folder = "";
  let server: ClickHouseServer | undefined;
  let analytics: Analytics | undefined;
  const open = () => {
    assert.ok(analytics !== undefined);
    return analytics;
  };
  const start = async (port?: number) => {
    const started = await startClickHouseServer(folder, port);
    await eventually("the server answers", () => clickHouseAnswers(started.port));
    return started;
  };
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-clickhouse-server-"));
    server = await start();
    analytics = openServer({ url: `${server.url}/default` });
  });
  after(async () => {
    await analytics?.close();
    if (server !== undefined) await end([server.process]);
    await rm(folder, { recursive: true });
  });

  analyticsSuite("server", open);
  migrationsSuite(open);
  sinkSuite(open);
  sinkTroubleSuite(open);
  queriesSuite(open);

  it("two processes that migrate at once end with everything applied once", async () => {
    const sql = await mkdtemp(join(tmpdir(), "waymark-sql-"));
    const names = Array.from({ length: 6 }, (_, i) => `00${i + 1}_twice`);
    await writeFile(
      join(sql, "001_twice.sql"),
      "CREATE TABLE IF NOT EXISTS twice (k UInt64) ENGINE = MergeTree ORDER BY k;\n",
    );
    for (const [i, name] of names.entries()) {
      const columns = ["a", "b"].map((c) => `ALTER TABLE twice ADD COLUMN IF NOT EXISTS ${c}${i} UInt8;\n`);
      if (i > 0) await writeFile(join(sql, `${name}.sql`), columns.join(""));
    }
    await open().command("CREATE DATABASE IF NOT EXISTS migrated_twice");
    const runners = [1, 2, 3].map(() => openServer({ url: `${server?.url}/migrated_twice` }));
    const asked = { folder: pathToFileURL(`${sql}/`) };
    await Promise.all(runners.map((runner) => applyMigrations(runner, asked)));
    assert.deepEqual((await applyMigrations(runners[0]!, asked)).applied, names);
    const [row] = await runners[0]!.query<{ n: string }>(
      "SELECT count() AS n FROM system.columns WHERE database = 'migrated_twice' AND table = 'twice'",
    );
    assert.equal(row?.n, "11");
    for (const runner of runners) await runner.close();
    await rm(sql, { recursive: true });
  });

  it("three processes that bring the same empty database to this release end with all of it", async () => {
    await open().command("CREATE DATABASE IF NOT EXISTS migrated_release");
    const runners = [1, 2, 3].map(() => openServer({ url: `${server?.url}/migrated_release` }));
    await Promise.all(runners.map((runner) => applyMigrations(runner)));
    assert.deepEqual((await applyMigrations(runners[0]!)).pending, []);
    const stored =
      "SELECT name FROM system.columns WHERE database = currentDatabase() AND name = 'inserted_at'";
    assert.equal((await runners[0]!.query(stored)).length, 3);
    for (const view of ["ride_events_final", "late_events_final", "city_hours", "city_minutes"]) {
      assert.deepEqual(await runners[0]!.query(`SELECT * FROM ${view}`), [], view);
    }
    for (const runner of runners) await runner.close();
  });

  it("a server that is killed and comes back: the sink waits for it and nothing is lost or doubled", async () => {
    const total = 3_000;
    const log = await logWith(
      Array.from({ length: total }, (_, i) => ({
        topic: "driver-locations",
        partition: i % 24,
        key: utf8(`d${i}`),
        value: utf8(JSON.stringify({
          driver_id: `d${i}`,
          timestamp: new Date(Date.UTC(2026, 0, 15, 18) + i).toISOString(),
          lat: 48,
          lng: 17,
          city: "graz",
          status: "available",
        })),
      })),
    );
    const sink = await sinkOver({ log, analytics: open(), logEpoch: 50, insertRowsMax: 200 });
    await until("an insert", () => sink.status().tables.some((t) => t.rowsInserted > 0));
    process.kill(server!.process.pid, "SIGKILL");
    await eventually("the server is gone", () => !isRunning(server!.process));
    await until("the sink says so", () => sink.status().tables.some((t) => t.lastError !== null));
    assert.equal(await open().ping(), false);
    server = await start(server!.port);
    await caughtUp(sink, total);
    await sink.stop();
    const [row] = await open().query<{ n: string }>(
      "SELECT count() AS n FROM driver_locations FINAL WHERE log_epoch = 50",
    );
    assert.equal(row?.n, String(total));
  });

  it("stays the same ClickHouse from one statement to the next", async () => {
    const threads = async () => {
      const [row] = await open().query<{ value: string }>(
        "SELECT value FROM system.metrics WHERE metric = 'BackgroundMergesAndMutationsPoolSize'",
      );
      return Number(row?.value);
    };
    const before = await threads();
    assert.ok(before > 0);
    for (let i = 0; i < 3; i++) await open().command("SELECT 1");
    assert.equal(await threads(), before);
  });

  it("close: what is asked of a closed one fails", async () => {
    const closed = openServer({ url: server!.url });
    await closed.close();
    assert.equal(await closed.ping(), false);
    await assert.rejects(closed.query("SELECT 1"), /ClickHouse is closed/);
  });

  it("openServer: an address of another shape is refused without being told", () => {
    for (const url of ["http://u:hidden@h:1/a/b", "http://u:hidden@h:1/?x=1", "http://u:hidden@h:1/a#b"]) {
      assert.throws(() => openServer({ url }), (thrown) => {
        assert.ok(thrown instanceof WaymarkError && thrown.code === "config_invalid");
        assert.doesNotMatch(thrown.message, /hidden/);
        return true;
      });
    }
  });

  it("openServer: user, password and database are sent, and the password is in no error", async () => {
    const seen: (string | null)[] = [];
    const fake = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, (request) => {
      seen.push(request.headers.get("authorization"), new URL(request.url).searchParams.get("database"));
      return new Response("Code: 516. DB::Exception: wrong (AUTHENTICATION_FAILED)", { status: 403 });
    });
    const refused = openServer({ url: `http://w%40y:se%2Fcret@127.0.0.1:${fake.addr.port}/rides` });
    await assert.rejects(
      refused.insert({ table: "t", columns: ["k"] }, ["[1]"], { token: "1" }),
      (thrown) => {
        assert.ok(thrown instanceof WaymarkError && thrown.code === "analytics_unavailable");
        assert.doesNotMatch(String(thrown.stack), /cret/);
        return true;
      },
    );
    assert.deepEqual(seen, [`Basic ${btoa("w@y:se/cret")}`, "rides"]);
    await refused.close();
    await fake.shutdown();
  });
});
