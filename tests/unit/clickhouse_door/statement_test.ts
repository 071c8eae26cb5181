/** What a reader may ask, decided from the text alone. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  isPlainName,
  namesPeople,
  readStatement,
  refusedFunctions,
  statedFormat,
} from "../../../src/clickhouse_door/statement.ts";

const refused = refusedFunctions(["file", "url", "remote", "numbers", "VALUES", "brandNew"]);
const READONLY = 164;
const SYNTAX_ERROR = 62;

describe("readStatement", () => {
  const fine: [sql: string, format: string | null, placeholders?: [name: string, identifier: boolean][]][] = [
    ["SELECT 1", null],
    ["select 1;", null],
    ["SELECT 1 FORMAT JSONEachRow ;; ", "JSONEachRow"],
    ["-- why\nWITH 1 AS x SELECT x format CSV", "CSV"],
    ["((SELECT 1)) UNION ALL (SELECT 2)", null],
    ["SHOW TABLES", null],
    ["SHOW CHANGED SETTINGS LIKE 'max%'", null],
    ["SELECT name FROM system.settings WHERE changed", null],
    ["DESCRIBE TABLE t", null],
    ["EXISTS t", null],
    ["EXPLAIN SELECT 1", null],
    ["FROM t SELECT count()", null],
    ["SELECT * FROM numbers(10), values('a UInt8', 1)", null],
    ["SELECT ';', 'INTO OUTFILE', 'it''s', 'a\\'b', \"a;b\", `url` FROM t /* ; KILL */ # file('x')", null],
    ["SELECT url AS remote FROM t WHERE url = 'file'", null],
    ["SELECT {a:UInt8}, { b : Array(String) }, 'no {c:String}'", null, [["a", false], ["b", false]]],
    ["SELECT {c:Identifier} FROM { t : `identifier` }", null, [["c", true], ["t", true]]],
    [
      "SELECT formatDateTime(now(), '%F'), 1e5, 0x1F, [1, 2][1], t.1, x -> x + 1, a::Int8, a ? b : c, 1 % 2",
      null,
    ],
  ];
  for (const [sql, format, placeholders = []] of fine) {
    it(`takes ${JSON.stringify(sql)}`, () => {
      const named = placeholders.map(([name, identifier]) => ({ name, identifier }));
      assert.deepEqual(readStatement(sql, refused), { ok: true, format, placeholders: named });
    });
  }

  const wrong: [sql: string, code: number][] = [
    ["", SYNTAX_ERROR],
    [" ; -- nothing", SYNTAX_ERROR],
    ["SELECT 1; SELECT 2", SYNTAX_ERROR],
    ["SELECT 1; SET readonly = 0", SYNTAX_ERROR],
    ["SELECT 1 -- x\n; DROP TABLE t", SYNTAX_ERROR],
    ["SELECT 1 PARALLEL WITH SELECT 2", SYNTAX_ERROR],
    ["INSERT INTO t VALUES (1)", READONLY],
    ["CREATE TABLE x (a Int8) ENGINE = Memory", READONLY],
    ["SET readonly = 0", READONLY],
    ["USE system", READONLY],
    ["SYSTEM SHUTDOWN", READONLY],
    ["ATTACH TABLE t", READONLY],
    ["DETACH TABLE t", READONLY],
    ["BACKUP TABLE t TO File('/tmp/x')", READONLY],
    ["KILL QUERY WHERE 1", READONLY],
    ["/* SELECT */ kill /* SELECT */ query where 1", READONLY],
    ["(KILL QUERY WHERE 1)", READONLY],
    ["EXECUTE AS other SELECT 1", READONLY],
    ["`SELECT` 1", READONLY],
    ["SELECT 1 SETTINGS readonly = 0", READONLY],
    ["SELECT * FROM (SELECT 1 settings/**/readonly=0)", READONLY],
    ["SELECT (SELECT 1 SETTINGS `readonly` = 0)", READONLY],
    ["WITH x AS (SELECT 1 SETTINGS readonly) SELECT * FROM x", READONLY],
    ["SHOW TABLES SETTINGS readonly = 0", READONLY],
    ["SELECT 1.SETTINGS readonly = 0", READONLY],
    ["SELECT 1 INTO OUTFILE '/tmp/x'", READONLY],
    ["SELECT 1 into/**/outfile '/tmp/x'", READONLY],
    ["SELECT file('/etc/passwd')", READONLY],
    ["SELECT FILE ('/etc/passwd')", READONLY],
    ["SELECT file\n--\n('/etc/passwd')", READONLY],
    ["SELECT 0file('/etc/passwd')", READONLY],
    ["SELECT `file`('/etc/passwd')", READONLY],
    ["SELECT \"file\"('/etc/passwd')", READONLY],
    ["SELECT * APPLY(file) FROM t", READONLY],
    ["SELECT * APPLY file FROM t", READONLY],
    ["SELECT * apply ( `file` ) FROM t", READONLY],
    ["SELECT arrayMap(file, ['/etc/passwd'])", READONLY],
    ["WITH file AS f SELECT arrayMap(f, ['/etc/passwd'])", READONLY],
    ["SELECT {f:Identifier}('/etc/passwd')", READONLY],
    ["SELECT aiGenerate('x')", READONLY],
    ["SELECT * FROM eval('SELECT 1')", READONLY],
    ["SELECT * FROM file('/etc/passwd')", READONLY],
    ["SELECT * FROM url('http://127.0.0.1/', 'CSV')", READONLY],
    ["SELECT * FROM remote('127.0.0.1', system.one)", READONLY],
    ["SELECT * FROM brandNew()", READONLY],
    ["SELECT * FROM system.stack_trace", READONLY],
    ["SELECT 1 FORMAT Template", 73],
    ["SELECT 1 FORMAT Protobuf", 73],
    // Where two readings of the same text could differ.
    ["SELECT 1 /* /* */ ; KILL QUERY WHERE 1 */", SYNTAX_ERROR],
    ["SELECT 1 /* open", SYNTAX_ERROR],
    ["SELECT 'open", SYNTAX_ERROR],
    ["SELECT 'open\\'", SYNTAX_ERROR],
    ["SELECT `\\x66ile`('/etc/passwd')", SYNTAX_ERROR],
    ["SELECT $a$ ' $a$, file('/etc/passwd') -- '", SYNTAX_ERROR],
    ["SELECT ‘a’", SYNTAX_ERROR],
    ["SELECT 1 #KILL", SYNTAX_ERROR],
    ["SELECT 1\\G", SYNTAX_ERROR],
    ["SELECT\u00a01", SYNTAX_ERROR],
    ["SELECT 1\0", SYNTAX_ERROR],
    ["SELECT 'a\0'", SYNTAX_ERROR],
  ];
  for (const [sql, code] of wrong) {
    it(`refuses ${JSON.stringify(sql)} with ${code}`, () => {
      const answer = readStatement(sql, refused);
      assert.equal(answer.ok ? "taken" : answer.code, code);
    });
  }
});

describe("readStatement, of people", () => {
  const hidden = namesPeople(["ride_events", "driver_locations"]);
  const told = [
    "SELECT user_id FROM ride_events",
    "SELECT count() FROM default.ride_events_final",
    'SELECT * FROM "default"."RIDE_EVENTS"',
    'SELECT * FROM "default.ride_events"',
    "SELECT * FROM `driver_locations`",
    "FROM ride_events",
    "WITH x AS (SELECT * FROM ride_events) SELECT * FROM x",
    "SELECT 1 WHERE (SELECT any(user_id) FROM ride_events) = 'ann'",
    "SHOW TABLES WHERE name IN (SELECT user_id FROM ride_events)",
    "EXPLAIN SELECT * FROM ride_events",
    "SELECT * FROM view(SELECT * FROM ride_events)",
    "SELECT 1 IN ride_events",
    "SELECT 1 -- ride\nFROM ride_events_before_009",
    "SELECT query FROM system.processes",
    "SHOW PROCESSLIST",
    "SELECT query FROM system.query_log",
  ];
  for (const sql of told) {
    it(`keeps ${JSON.stringify(sql)} for administrators`, () => {
      const answer = readStatement(sql, refused, hidden);
      assert.equal(answer.ok ? "taken" : answer.code, 497);
      assert.equal(readStatement(sql, refused).ok, true);
    });
  }

  it("lets texts that merely say so pass", () => {
    assert.equal(
      readStatement("SELECT 'ride_events' /* ride_events */ FROM city_windows", refused, hidden).ok,
      true,
    );
  });
});

it("isPlainName: one word that names nothing refused", () => {
  assert.deepEqual(["rides", "_a1"].map(isPlainName), [true, true]);
  assert.deepEqual(
    ["file", "FILE", "stack_trace", "a.b", "/etc/passwd", "", "a b"].map(isPlainName),
    Array(7).fill(false),
  );
});

it("statedFormat: the last FORMAT that is followed by a name; null for what cannot be read", () => {
  assert.equal(statedFormat("SELECT format('{}', 1), 'FORMAT CSV' FORMAT Native"), "Native");
  assert.equal(statedFormat("SELECT format('{}', 1)"), null);
  assert.equal(statedFormat("SELECT 'open FORMAT CSV"), null);
});
