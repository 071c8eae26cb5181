/**
 * The door to the embedded ClickHouse, asked by an unmodified client and by raw HTTP: what readers get, and that
 * they get no further.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { createClient } from "@clickhouse/client";
import { type Door, type DoorOptions, openDoor } from "../../src/clickhouse_door/door.ts";
import { type Analytics, openEmbedded } from "../../src/sinks/analytics.ts";
import { personalTables } from "../../src/sinks/personal_tables.ts";
import { applyMigrations } from "../../src/sinks/migrations.ts";
import { systemClock } from "../../src/time.ts";
import { clickHouseFailure as failureOf, readersSuite } from "./clickhouse_readers_suite.ts";
import { eventually } from "./eventually.ts";

const readKey = "read-key-0123456789";
const rowCount = 6_000;
const endless = "SELECT count() FROM system.numbers WHERE sipHash64(number) = 0";

describe("door to ClickHouse", () => {
  const folder = mkdtempSync(join(tmpdir(), "waymark-door-"));
  const path = join(folder, "clickhouse");
  let analytics: Analytics;
  let door: Door;

  before(async () => {
    analytics = openEmbedded({ path });
    await applyMigrations(analytics);
    await analytics.command("CREATE TABLE rides (n UInt64, city String) ENGINE = MergeTree ORDER BY n");
    const lines = Array.from(
      { length: rowCount },
      (_, n) => JSON.stringify([n, n % 2 === 0 ? "graz" : "linz"]),
    );
    await analytics.insert({ table: "rides", columns: ["n", "city"] }, lines, { token: "1" });
    door = await open();
  });
  after(async () => {
    await door.stop();
    await analytics.close();
    rmSync(folder, { recursive: true });
  });

  const open = (options: Partial<DoorOptions> = {}) =>
    openDoor({ path, host: "127.0.0.1", port: 0, access: "read", keys: [], clock: systemClock, ...options });
  const withDoor = async (options: Partial<DoorOptions>, work: (door: Door) => Promise<void>) => {
    const opened = await open(options);
    try {
      await work(opened);
    } finally {
      await opened.stop();
    }
  };
  const get = (search: string) => fetch(`${door.url}/?${search}`);
  const post = (body: BodyInit, { search = "", headers = {}, at = door }: {
    search?: string;
    headers?: Record<string, string>;
    at?: Door;
  } = {}) => fetch(`${at.url}/?${search}`, { method: "POST", body, headers });

  describe("@clickhouse/client, unmodified", () => {
    const connect = (compressed: boolean) =>
      createClient({ url: door.url, compression: { response: compressed, request: false } });

    it("ping, with and without a statement", async () => {
      const client = connect(false);
      assert.equal((await client.ping()).success, true);
      assert.equal((await client.ping({ select: true })).success, true);
      await client.close();
    });

    for (const compressed of [false, true]) {
      it(`select with parameters${compressed ? ", answers compressed" : ""}`, async () => {
        const client = connect(compressed);
        const given = { s: "x' OR 1=1 --\n\t\\ ž", n: 7, list: ["a'b", "c\\d"], at: new Date(0) };
        const answer = await client.query({
          query:
            "SELECT {s:String} AS s, {n:UInt8} AS n, {list:Array(String)} AS list, {at:DateTime('UTC')} AS at",
          query_params: given,
          format: "JSONEachRow",
        });
        assert.match(answer.query_id, /\S/);
        assert.deepEqual(await answer.json(), [{ ...given, at: "1970-01-01 00:00:00" }]);
        await client.close();
      });

      it(`a stream of rows${compressed ? ", compressed" : ""}`, async () => {
        const client = connect(compressed);
        const answer = await client.query({
          query: "SELECT n, city FROM rides ORDER BY n",
          format: "JSONEachRow",
        });
        let sum = 0;
        for await (const rows of answer.stream<{ n: string; city: string }>()) {
          for (const row of rows) sum += Number(row.json().n);
        }
        assert.equal(sum, rowCount * (rowCount - 1) / 2);
        await client.close();
      });
    }

    it("settings hold for one query only", async () => {
      const client = connect(false);
      const ask = async (settings: Record<string, string | number>) =>
        await (await client.query({
          query: "SELECT toDateTime(0, 'UTC') AS at, toUInt64(1) AS n",
          format: "JSONEachRow",
          clickhouse_settings: settings,
        })).json();
      const plain = [{ at: "1970-01-01 00:00:00", n: 1 }];
      assert.deepEqual(await ask({ output_format_json_quote_64bit_integers: 0 }), plain);
      assert.deepEqual(
        await ask({ date_time_output_format: "iso", output_format_json_quote_64bit_integers: 1 }),
        [{ at: "1970-01-01T00:00:00Z", n: "1" }],
      );
      assert.deepEqual(await ask({ output_format_json_quote_64bit_integers: 0 }), plain);
      await client.close();
    });

    it("insert, DDL and nonsense end in ClickHouse's own errors", async () => {
      const client = connect(false);
      const refusals: [Promise<unknown>, string][] = [
        [client.insert({ table: "rides", values: [{ n: 1, city: "x" }], format: "JSONEachRow" }), "164"],
        [client.command({ query: "CREATE TABLE x (a Int8) ENGINE = Memory" }), "164"],
        [client.query({ query: "SELECT * FROM nowhere" }), "60"],
      ];
      for (const [refused, code] of refusals) {
        await assert.rejects(refused, (thrown) => (thrown as { code?: string }).code === code);
      }
      await client.close();
    });
  });

  describe("raw HTTP", () => {
    it("/ping and / without a query say Ok.", async () => {
      for (const address of ["/ping", "/"]) {
        assert.equal(await (await fetch(door.url + address)).text(), "Ok.\n");
      }
      assert.equal((await (await fetch(`${door.url}/nowhere`)).text()).includes("no handle"), true);
    });

    it("a statement in the URL, in the body, or begun in one and ended in the other", async () => {
      const count = `${rowCount}\n`;
      assert.equal(await (await get("query=SELECT+count()+FROM+rides")).text(), count);
      assert.equal(await (await post("SELECT count() FROM rides;")).text(), count);
      assert.equal(await (await post("FROM rides", { search: "query=SELECT+count()" })).text(), count);
    });

    it("the answer's headers tell query, format, time zone and size", async () => {
      const response = await get("query=SELECT+n+FROM+rides+LIMIT+3+FORMAT+JSONEachRow&query_id=q-1");
      assert.equal(response.headers.get("x-clickhouse-query-id"), "q-1");
      assert.equal(response.headers.get("x-clickhouse-format"), "JSONEachRow");
      assert.match(response.headers.get("x-clickhouse-timezone") ?? "", /\w/);
      assert.equal(JSON.parse(response.headers.get("x-clickhouse-summary") ?? "{}").result_rows, "3");
      assert.equal((await response.text()).trim().split("\n").length, 3);
    });

    it("default_format, database, and values escaped as in TSV", async () => {
      assert.equal(await (await get("query=SELECT+1+AS+a&default_format=JSONEachRow")).text(), '{"a":1}\n');
      assert.equal(await (await get("query=SELECT+currentDatabase()&database=system")).text(), "system\n");
      const values = await get("query=SELECT+%7Ba:String%7D&param_a=x%5Cty%5C%5C&default_format=TSVRaw");
      assert.equal(await values.text(), "x\ty\\\n");
    });

    it("a value given to one query is not there for the next", async () => {
      assert.equal(await (await get("query=SELECT+%7Bleft:UInt8%7D&param_left=7")).text(), "7\n");
      assert.equal((await failureOf(await get("query=SELECT+%7Bleft:UInt8%7D"))).code, "456");
    });

    it("an answer is compressed only when the URL asks for it", async () => {
      const headers = { "accept-encoding": "gzip" };
      for (const wanted of [true, false]) {
        const search = wanted ? "enable_http_compression=1" : "";
        const response = await post("SELECT n FROM rides ORDER BY n", { search, headers });
        assert.equal(response.headers.get("content-encoding"), wanted ? "gzip" : null);
        assert.equal((await response.text()).trim().split("\n").length, rowCount);
      }
    });

    it("a compressed body is taken", async () => {
      const body = new Response("SELECT 1").body!.pipeThrough(new CompressionStream("gzip"));
      const bytes = new Uint8Array(await new Response(body).arrayBuffer());
      assert.equal(await (await post(bytes, { headers: { "content-encoding": "gzip" } })).text(), "1\n");
    });
  });

  readersSuite({
    folder,
    rowCount,
    post: (sql, search = "") => post(sql, { search }),
    open: () => analytics,
  });

  it("keys: needed where there are some, in each of ClickHouse's ways, and not for /ping", async () => {
    await withDoor({ keys: ["another-key-987654321", readKey] }, async (locked) => {
      const ask = (headers: Record<string, string>, search = "") =>
        post("SELECT 1", { headers, search, at: locked }).then(failureOf);
      assert.deepEqual([(await ask({})).status, (await ask({})).code], [401, "194"]);
      assert.equal((await ask({ "x-clickhouse-key": "wrong-key-0123456789" })).code, "516");
      assert.equal((await ask({ "x-clickhouse-user": "any", "x-clickhouse-key": readKey })).text, "1\n");
      assert.equal((await ask({ authorization: `Basic ${btoa(`any:${readKey}`)}` })).text, "1\n");
      assert.equal((await ask({}, `user=any&password=${readKey}`)).text, "1\n");
      assert.equal(await (await fetch(`${locked.url}/ping`)).text(), "Ok.\n");
      const client = createClient({ url: locked.url, username: "grafana", password: readKey });
      assert.equal((await client.ping({ select: true })).success, true);
      await client.close();
    });
  });

  describe("rows of people", () => {
    const adminKey = "admin-key-012345678";
    const guarded = { keys: [readKey], adminKeys: [adminKey], people: personalTables };

    it("every table and view with a column about people is kept for admin keys, and no other", async () => {
      const about = ["user_id", "driver_id", "ride_id", "lat", "pickup_lat", "value", "message"];
      const columns = await analytics.query<{ table: string; name: string }>(
        "SELECT table, name FROM system.columns WHERE database = currentDatabase() AND table != 'rides' " +
          // Of an alert it is a number.
          "AND (table, name) != ('alerts', 'value')",
      );
      const tables = new Set(columns.map(({ table }) => table));
      const ofPeople = new Set(columns.filter(({ name }) => about.includes(name)).map(({ table }) => table));
      assert.ok(ofPeople.size >= 10 && tables.size > ofPeople.size);
      await withDoor(guarded, async (locked) => {
        for (const table of tables) {
          const ask = async (key: string) =>
            (await failureOf(
              await post(`SELECT count() FROM ${table}`, {
                at: locked,
                headers: { "x-clickhouse-key": key },
              }),
            )).code;
          assert.equal(await ask(readKey), ofPeople.has(table) ? "497" : null, table);
          assert.equal(await ask(adminKey), null, table);
        }
      });
    });

    it("nor are they reached by a value that becomes a name, or by what others ask", async () => {
      await withDoor(guarded, async (locked) => {
        const ask = async (sql: string, search = "") =>
          (await failureOf(await post(sql, { at: locked, search, headers: { "x-clickhouse-key": readKey } })))
            .code;
        assert.equal(await ask("SELECT count() FROM {t:Identifier}", "param_t=city_windows"), null);
        assert.equal(await ask("SELECT count() FROM {t:Identifier}", "param_t=ride_events"), "497");
        assert.equal(await ask("SELECT count() FROM {t:Identifier}", "param_t=default.ride_events"), "164");
        assert.equal(await ask("SELECT query FROM processes", "database=system"), "497");
        assert.equal(await ask("SELECT count() FROM merge('default', 'ride.*')"), "164");
      });
    });
  });

  describe("bounds", () => {
    const bounded: [what: string, sql: string, code: string, search?: string][] = [
      ["time", endless, "159", "max_execution_time=0.2"],
      ["memory", "SELECT groupArray(number) FROM numbers(500000000)", "241"],
      ["the size of an answer", "SELECT number FROM numbers(100000000)", "396"],
      ["the size of an answer made of one constant", "SELECT repeat('x', 900000) FROM numbers(5000)", "241"],
      ["the rows of an answer", "SELECT number FROM numbers(100000)", "396", "max_result_rows=10"],
      ["the statement", `SELECT '${"x".repeat(1024 * 1024)}'`, "291"],
    ];
    for (const [what, sql, code, search = ""] of bounded) {
      it(`${what} is bounded`, async () => {
        assert.equal((await failureOf(await post(sql, { search }))).code, code);
      });
    }

    it("a query that fails half-way leaves none of its rows to the next", async () => {
      const half = "SELECT number, throwIf(number = 300000) FROM numbers(1000000)";
      const search = "max_block_size=1000";
      assert.equal((await failureOf(await post(half, { search }))).code, "395");
      assert.equal(await (await post("SELECT 1", { search })).text(), "1\n");
      assert.equal(await runningReaders(), 0);
    });

    it("one query more than may run and wait is told so; those that wait get their turn", async () => {
      await withDoor({ bounds: { runningMax: 1, waitingMax: 1 } }, async (narrow) => {
        const ask = (sql: string) => post(sql, { at: narrow }).then(failureOf);
        const first = ask("SELECT sleep(3)");
        await eventually("it runs", async () => await runningReaders() === 1);
        const others = await Promise.all([ask("SELECT 2"), ask("SELECT 2"), ask("SELECT 2")]);
        assert.deepEqual(others.map((o) => o.text).filter((text) => text === "2\n"), ["2\n"]);
        const refused = others.filter((o) => o.code !== null);
        assert.deepEqual(refused.map(({ status, code }) => [status, code]), [[503, "202"], [503, "202"]]);
        assert.equal((await first).text, "0\n");
      });
    });

    it("a client that goes while it waits leaves its place to others", async () => {
      await withDoor({ bounds: { runningMax: 1, waitingMax: 1 } }, async (narrow) => {
        let ended = false;
        const sql = "SELECT sleepEachRow(1) FROM numbers(6)";
        const slow = post(sql, { at: narrow, search: "max_block_size=1" }).then(failureOf).finally(() =>
          ended = true
        );
        await eventually("it runs", async () => await runningReaders() === 1);
        const leaving = new AbortController();
        const left = fetch(`${narrow.url}/?query=SELECT+3`, { signal: leaving.signal }).catch(() => "gone");
        const ask = () => post("SELECT 2", { at: narrow }).then(failureOf);
        await eventually("the house is full", async () => (await ask()).code === "202");
        leaving.abort();
        assert.equal(await left, "gone");
        await eventually("somebody else may wait in its place", async () => {
          assert.equal(ended, false);
          return (await ask()).text === "2\n";
        });
        await slow;
      });
    });

    it("sessions are let go again, however many different settings come", async () => {
      await withDoor({ bounds: { sessionsMax: 6, runningMax: 2 } }, async (narrow) => {
        const asked = Array.from(
          { length: 30 },
          (_, i) =>
            post("SELECT getSetting('max_block_size')", { search: `max_block_size=${i + 1}`, at: narrow })
              .then((r) => r.text()),
        );
        assert.deepEqual(await Promise.all(asked), asked.map((_, i) => `${i + 1}\n`));
      });
    });
  });

  it("a long query holds neither the sink's inserts nor the pages' queries nor this process", async () => {
    let ended = false;
    const long = post("SELECT sleep(3)").then(failureOf).finally(() => ended = true);
    await eventually("it runs", async () => await runningReaders() === 1);
    assert.deepEqual(
      await analytics.insert({ table: "rides", columns: ["n", "city"] }, ['[1,"later"]'], {
        token: "2",
      }),
      { taken: true },
    );
    await analytics.query("SELECT count() FROM rides WHERE city = {city:String}", { city: "graz" });
    assert.equal(await (await post("SELECT {n:UInt8}", { search: "param_n=1" })).text(), "1\n");
    assert.equal(ended, false);
    assert.equal((await long).text, "0\n");
  });

  it("stop: what runs is ended, what comes later finds nobody", async () => {
    const closing = await open({ bounds: { closeMs: 50, queryMs: 60_000 } });
    const running = post(endless, { at: closing }).then(failureOf);
    await eventually("it runs", async () => await runningReaders() === 1);
    await closing.stop();
    assert.equal((await running).code, "394");
    await assert.rejects(fetch(closing.url));
    assert.equal(await analytics.ping(), true);
  });

  it("a writer's door takes statements, and rows in the body", async () => {
    await withDoor({ access: "all" }, async (writable) => {
      const ask = async (body: string, search = "") => (await post(body, { search, at: writable })).text();
      assert.equal(await ask("CREATE TABLE written (n UInt8) ENGINE = MergeTree ORDER BY n"), "");
      assert.equal(await ask('{"n":1}\n{"n":2}\n', "query=INSERT+INTO+written+FORMAT+JSONEachRow"), "");
      assert.equal(await ask("SELECT sum(n) FROM written"), "3\n");
      const byGet = await fetch(`${writable.url}/?query=DROP+TABLE+written`);
      assert.equal((await failureOf(byGet)).code, "164");
    });
  });

  async function runningReaders(): Promise<number> {
    const [row] = await analytics.query<{ n: string }>(
      "SELECT count() AS n FROM system.processes WHERE Settings['readonly'] = '1'",
    );
    return Number(row?.n);
  }
});
