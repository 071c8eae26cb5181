/** What readers of the door try, and that they get no further: no writing, no files, no other machines. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Analytics } from "../../src/sinks/analytics.ts";

export async function clickHouseFailure(
  response: Response,
): Promise<{ status: number; code: string | null; text: string }> {
  const code = response.headers.get("x-clickhouse-exception-code");
  return { status: response.status, code, text: await response.text() };
}

export type ReadersSuite = {
  /** A folder beside ClickHouse's own. */
  folder: string;
  /** Rows of the table `rides`. */
  rowCount: number;
  /** Asks the door as a reader. */
  post(sql: string, search?: string): Promise<Response>;
  open(): Analytics;
};

export function readersSuite({ folder, rowCount, post, open }: ReadersSuite): void {
  describe("readers", () => {
    const secret = join(folder, "secret.csv");
    before(() => writeFileSync(secret, "hidden,1\n"));
    let reached = 0;
    const outside = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => undefined }, () => {
      reached++;
      return new Response("hidden,1\n");
    });
    const { port } = outside.addr;
    after(() => outside.shutdown());
    const written = join(folder, "written.txt");

    const attempts = [
      `SELECT * FROM file('${secret}')`,
      `SELECT * FROM file('${secret}', 'CSV', 'a String, b UInt8')`,
      `SELECT file('${secret}')`,
      `SELECT * APPLY(file) FROM (SELECT '${secret}')`,
      `SELECT arrayMap(file, ['${secret}'])`,
      `SELECT arrayMap({f:Identifier}, ['${secret}'])`,
      "SELECT * FROM {p:Identifier}",
      `SELECT * FROM '${secret}'`,
      `SELECT * FROM \`${secret}\``,
      `SELECT * FROM fileCluster('default', '${secret}')`,
      `SELECT * FROM executable('cat ${secret}', 'TSV', 'a String')`,
      `SELECT * FROM url('http://127.0.0.1:${port}/', 'CSV', 'a String, b UInt8')`,
      `SELECT * FROM s3('http://127.0.0.1:${port}/bucket/key', 'CSV', 'a String')`,
      `SELECT * FROM remote('127.0.0.1:${port}', system.one)`,
      `SELECT * FROM mysql('127.0.0.1:${port}', 'a', 'b', 'c', 'd')`,
      `SELECT * FROM sqlite('${secret}', 't')`,
      `EXPLAIN TABLE OVERRIDE url('http://127.0.0.1:${port}/')`,
      "INSERT INTO rides VALUES (1, 'x')",
      "WITH 1 AS x INSERT INTO rides SELECT x, 'x'",
      `INSERT INTO FUNCTION file('${written}') SELECT 1`,
      `SELECT 1 INTO OUTFILE '${written}'`,
      "CREATE TABLE x (a Int8) ENGINE = Memory",
      "CREATE TEMPORARY TABLE x (a Int8)",
      "CREATE USER x",
      "CREATE FUNCTION f AS x -> x",
      "DROP TABLE rides",
      "TRUNCATE TABLE rides",
      "ALTER TABLE rides DELETE WHERE 1",
      "OPTIMIZE TABLE rides",
      "ATTACH TABLE rides",
      "DETACH TABLE rides",
      "RENAME TABLE rides TO other",
      `BACKUP TABLE rides TO File('${written}')`,
      "SYSTEM SHUTDOWN",
      "SYSTEM FLUSH LOGS",
      "KILL QUERY WHERE 1",
      "SET readonly = 0",
      "SET max_memory_usage = 0",
      "USE system",
      "SELECT 1; SELECT 2",
      "SELECT 1 SETTINGS readonly = 0",
      "SELECT 1 SETTINGS max_execution_time = 0",
      "SELECT (SELECT 1 SETTINGS max_memory_usage = 0)",
      `SELECT * FROM (SELECT * FROM '${secret}' SETTINGS readonly = 0)`,
      `WITH x AS (SELECT * FROM \`${secret}\` SETTINGS readonly = 0) SELECT * FROM x`,
      "EXECUTE AS default SELECT 1",
      "GRANT ALL ON *.* TO default",
    ];
    for (const sql of attempts) {
      it(`refused: ${sql.replaceAll(folder, "…").replaceAll(String(port), "PORT")}`, async () => {
        const { status, code, text } = await clickHouseFailure(
          await post(sql, `param_f=file&param_p=${encodeURIComponent(secret)}`),
        );
        assert.ok(status >= 400, `${status}: ${text}`);
        assert.match(text, /^Code: \d+\. DB::Exception: /);
        assert.equal(text.startsWith(`Code: ${code}. `), true);
        assert.doesNotMatch(text, /hidden/);
      });
    }

    it("and nothing came of it", async () => {
      assert.equal(reached, 0);
      assert.equal(existsSync(written), false);
      assert.equal(await (await post("SELECT count() FROM rides")).text(), `${rowCount}\n`);
      assert.equal((await open().query<{ r: number }>("SELECT getSetting('readonly') AS r"))[0]?.r, 0);
    });

    it("this ClickHouse is the release whose functions were looked through for those that reach out", async () => {
      // Another release: read system.functions for new ones that open files or connections, add them to statement.ts.
      assert.deepEqual(await open().query("SELECT version() AS release"), [{ release: "26.7.2.1" }]);
    });

    it("every table function that this ClickHouse has is refused, but for the few that make rows", async () => {
      const names = await open().query<{ name: string }>("SELECT name FROM system.table_functions");
      assert.ok(names.length > 60);
      for (const { name } of names) {
        const { status } = await clickHouseFailure(await post(`SELECT * FROM ${name}('${secret}')`));
        const harmless = ["format", "numbers", "values", "null", "view"].includes(name);
        assert.ok(status >= 400 || harmless, name);
      }
    });

    for (
      const search of ["readonly=0", "max_execution_time=x", "format_schema=a", "allow_ddl=1", "decompress=1"]
    ) {
      it(`the setting ${search} is refused`, async () => {
        assert.ok((await clickHouseFailure(await post("SELECT 1", search))).status >= 400);
      });
    }
  });
}
