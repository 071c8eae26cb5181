/** What a request's URL and headers ask. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readAsked } from "../../../src/clickhouse_door/asked.ts";
import { doorBounds } from "../../../src/clickhouse_door/bounds.ts";
import { readerOf } from "../../../src/clickhouse_door/credentials.ts";
import { hashedEntry, keyRing } from "../../../src/keys.ts";

const asked = (search: string, headers: Record<string, string> = {}, readOnly = true) =>
  readAsked(new URL(`http://h/?${search}`), new Headers(headers), { bounds: doorBounds, readOnly });

describe("readAsked", () => {
  it("takes apart what ClickHouse's protocol puts side by side", () => {
    assert.deepEqual(
      asked(
        "query=SELECT+1&query_id=q1&database=rides&default_format=CSV&param_a=x%5Cty&enable_http_compression=1" +
          "&wait_end_of_query=1&session_id=s&user=u&password=p&date_time_output_format=iso",
      ),
      {
        ok: true,
        query: "SELECT 1",
        queryId: "q1",
        database: "rides",
        format: "CSV",
        parameters: [["a", "x\\ty"]],
        settings: [["date_time_output_format", "iso"]],
        compress: true,
      },
    );
  });

  it("database and format may come as headers; the URL stands above them", () => {
    const headers = { "x-clickhouse-database": "a", "x-clickhouse-format": "JSON" };
    const fromHeaders = asked("", headers);
    const fromUrl = asked("database=b&default_format=CSV", headers);
    assert.ok(fromHeaders.ok && fromUrl.ok);
    assert.deepEqual([fromHeaders.database, fromHeaders.format], ["a", "JSON"]);
    assert.deepEqual([fromUrl.database, fromUrl.format], ["b", "CSV"]);
  });

  const narrowed: [given: string, effective: string][] = [
    ["max_execution_time=5", "5"],
    ["max_execution_time=0.5", "0.5"],
    ["max_execution_time=0", "30"],
    ["max_execution_time=9999", "30"],
    ["max_memory_usage=0", "536870912"],
    ["max_result_bytes=1000", "1000"],
    ["max_threads=64", "2"],
    ["max_result_rows=0", "0"],
    ["max_result_rows=10", "10"],
    ["max_threads=1&max_threads=8", "2"],
  ];
  for (const [given, effective] of narrowed) {
    it(`${given} takes effect as ${effective}`, () => {
      const answer = asked(given);
      assert.deepEqual(answer.ok && answer.settings.map(([, value]) => value), [effective]);
    });
  }

  for (
    const search of [
      "readonly=0",
      "readonly=2",
      "allow_ddl=1",
      "format_schema=x",
      "format_template_row=/etc/passwd",
      "output_format_schema=/tmp/x",
      "allow_introspection_functions=1",
      "dialect=prql",
      "max_execution_time=abc",
      "max_execution_time=-1",
      "timeout_overflow_mode=break",
      "decompress=1",
      "compress=1",
      "database=a%60b",
      "default_format=a+b",
      "query_id=a%0Ab",
      "param_a%20b=1",
      "param_a=%00",
    ]
  ) {
    it(`${search} is refused to a reader`, () => assert.equal(asked(search).ok, false));
  }

  it("a writer's settings pass as they are", () => {
    const answer = asked("readonly=0&max_threads=64", {}, false);
    assert.deepEqual(answer.ok && answer.settings, [["readonly", "0"], ["max_threads", "64"]]);
  });

  it("the number of parameters is bounded", () => {
    const many = Array.from({ length: doorBounds.parametersMax + 1 }, (_, i) => `param_p${i}=1`).join("&");
    assert.equal(asked(many).ok, false);
  });
});

describe("readerOf", () => {
  const keys = ["read-key-0123456789", "read-key-abcdefghij", "read-key-that-ended"];
  const nowMs = Date.UTC(2026, 0, 15);
  const entries = [keys[0]!, `grafana=${hashedEntry(keys[1]!)}`, `${keys[2]}@2026-01-15`];
  const basic = (pair: string) => ({ authorization: `Basic ${btoa(pair)}` });
  const admin = "admin-key-0123456789";
  const reader = (search: string, headers: Record<string, string>, read: readonly string[] = entries) =>
    readerOf(new URL(`http://h/?${search}`), new Headers(headers), {
      keys: keyRing({ read, admin: [admin] }),
      nowMs,
    });
  const codeOf = (search: string, headers: Record<string, string>) => {
    const found = reader(search, headers);
    return found.ok ? null : found.code;
  };

  const cases: [what: string, search: string, headers: Record<string, string>, code: number | null][] = [
    ["nothing", "", {}, 194],
    ["a user without a password", "user=default", { "x-clickhouse-user": "default" }, 194],
    ["the key as header", "", { "x-clickhouse-user": "any", "x-clickhouse-key": keys[1]! }, null],
    ["the key as basic password", "", basic(`any:${keys[0]}`), null],
    ["the key as bearer", "", { authorization: `Bearer ${keys[0]}` }, null],
    ["the key in the URL", `user=any&password=${keys[0]}`, {}, null],
    ["a key that has ended", "", { "x-clickhouse-key": keys[2]! }, 516],
    ["another key", "", { "x-clickhouse-key": "read-key-0123456788" }, 516],
    ["a part of the key", "", { "x-clickhouse-key": "read-key-012345678" }, 516],
    ["the key as user", "", basic(`${keys[0]}:`), 194],
    ["a wrong header beside the right URL", `password=${keys[0]}`, { "x-clickhouse-key": "no" }, 516],
    ["basic that is not base64", "", { authorization: "Basic !!!" }, 194],
  ];
  for (const [what, search, headers, code] of cases) {
    it(`${what}: ${code ?? "may pass"}`, () => assert.equal(codeOf(search, headers), code));
  }

  it("knows who administers, also where reading is open", () => {
    const shown = { "x-clickhouse-key": admin };
    for (const read of [entries, []]) {
      assert.deepEqual(reader("", shown, read), { ok: true, administers: true });
    }
    assert.deepEqual(reader("", { "x-clickhouse-key": keys[0]! }), { ok: true, administers: false });
    assert.deepEqual(reader("", { "x-clickhouse-key": "no key" }, []), { ok: true, administers: false });
  });

  it("without keys everybody may pass", () => {
    assert.deepEqual(reader("", {}, []), { ok: true, administers: false });
  });
});
