/** What every implementation of the Analytics port must do. Each test has a table of its own. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { WaymarkError } from "../../src/errors.ts";
import { type Analytics, sqlTime } from "../../src/sinks/analytics.ts";

const isUnavailable = (thrown: unknown) =>
  thrown instanceof WaymarkError && thrown.code === "analytics_unavailable";

export function analyticsSuite(name: string, open: () => Analytics): void {
  const columns = ["k", "v"];
  const count = async (table: string) => {
    const [row] = await open().query<{ n: string }>(`SELECT count() AS n FROM ${table}`);
    return Number(row?.n);
  };
  const create = (table: string, window = 0) =>
    open().command(
      `CREATE TABLE ${table} (k UInt64, v String) ENGINE = ReplacingMergeTree PARTITION BY k % 2 ORDER BY k ` +
        `SETTINGS non_replicated_deduplication_window = ${window}`,
    );

  describe(`analytics (${name})`, () => {
    it("insert: rows are readable when it has answered", async () => {
      await create("suite_read");
      const answer = await open().insert({ table: "suite_read", columns }, ['[1,"a"]', '[2,"ž\\n\'\\""]'], {
        token: "1",
      });
      assert.deepEqual(answer, { taken: true });
      assert.deepEqual(await open().query("SELECT k, v FROM suite_read ORDER BY k"), [
        { k: "1", v: "a" },
        { k: "2", v: "ž\n'\"" },
      ]);
    });

    it("insert: no lines are no statement", async () => {
      const answer = await open().insert({ table: "suite_absent", columns }, [], { token: "1" });
      assert.deepEqual(answer, { taken: true });
    });

    it("insert: the same token within the table's window stores once, another token again", async () => {
      await create("suite_token", 10);
      const insert = (token: string) =>
        open().insert({ table: "suite_token", columns }, ['[1,"a"]', '[2,"b"]'], { token });
      await insert("it's\\1");
      await insert("it's\\1");
      assert.equal(await count("suite_token"), 2);
      await insert("2");
      assert.equal(await count("suite_token"), 4);
    });

    it("insert: a block with one bad row is refused whole, whatever its size", async () => {
      await create("suite_refused");
      const lines = Array.from({ length: 9_000 }, (_, i) => i === 8_990 ? '["x","bad"]' : `[${i},"v"]`);
      const answer = await open().insert({ table: "suite_refused", columns }, lines, { token: "1" });
      assert.equal(answer.taken, false);
      assert.equal(await count("suite_refused"), 0);
    });

    for (
      const [what, line] of [["a negative", '[-1,"v"]'], ["a null", "[1,null]"], ["no row", "nonsense"]]
    ) {
      it(`insert: ${what} is refused as content, not as an outage`, async () => {
        await open().command(
          "CREATE TABLE IF NOT EXISTS suite_content (k UInt64, v String) ENGINE = MergeTree ORDER BY k",
        );
        const answer = await open().insert({ table: "suite_content", columns }, [line!], { token: line! });
        assert.equal(answer.taken, false);
        assert.equal(await count("suite_content"), 0);
      });
    }

    it("insert: a missing table is unavailable, not refused content", async () => {
      await assert.rejects(
        open().insert({ table: "suite_absent", columns }, ['[1,"a"]'], { token: "1" }),
        isUnavailable,
      );
    });

    it("query: binds parameters as values, never as text", async () => {
      const nasty = "x' OR 1=1 --\n\t\\ {n:UInt8} ž";
      const [row] = await open().query<{ s: string; n: number; t: string }>(
        "SELECT {s:String} AS s, {n:UInt8} AS n, {t:DateTime64(3, 'UTC')} AS t;",
        { s: nasty, n: 7, t: sqlTime(Date.UTC(2026, 0, 15, 18, 3, 11, 123)) },
      );
      assert.deepEqual(row, { s: nasty, n: 7, t: "2026-01-15T18:03:11.123Z" });
    });

    it("query: 64-bit integers keep every digit", async () => {
      const rows = await open().query("SELECT toUInt64('9223372036854775809') AS rev, toUInt32(7) AS small");
      assert.deepEqual(rows, [{ rev: "9223372036854775809", small: 7 }]);
    });

    it("query: a statement's own settings stand beside the port's", async () => {
      const rows = await open().query("SELECT toDateTime64(0, 3, 'UTC') AS t SETTINGS max_threads = 1");
      assert.deepEqual(rows, [{ t: "1970-01-01T00:00:00.000Z" }]);
    });

    it("query: parameters of statements asked at the same time do not mix", async () => {
      const asked = Array.from({ length: 20 }, (_, i) => i);
      const answers = await Promise.all(
        asked.map((n) => open().query<{ n: number }>("SELECT {n:UInt8} AS n, sleep(0.002) AS s", { n })),
      );
      assert.deepEqual(answers.map((rows) => rows[0]?.n), asked);
    });

    it("query: nonsense is unavailable and names the statement", async () => {
      await assert.rejects(open().query("-- why\nSELECT FROM WHERE"), (thrown) => {
        assert.ok(isUnavailable(thrown));
        assert.match((thrown as Error).message, /cannot query "SELECT FROM WHERE"/);
        return true;
      });
    });

    it("query: one that fails half-way leaves none of its rows to the next", async () => {
      const half =
        "SELECT number, throwIf(number = 300000) FROM numbers(1000000) SETTINGS max_block_size = 1000";
      await assert.rejects(open().query(half), isUnavailable);
      assert.deepEqual(await open().query("SELECT 1 AS one"), [{ one: 1 }]);
    });

    it("ping: true while open, also while a query runs", async () => {
      const slow = open().query("SELECT sleep(0.3)");
      assert.equal(await open().ping(), true);
      await slow;
    });
  });
}
