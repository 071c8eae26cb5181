/**
 * The embedded ClickHouse on a disk that refuses to write (src/sinks/lost_writes.ts). Each step is a process in
 * which no file may grow beyond a few kilobytes, or which may do everything.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fromUtf8 } from "../../src/ids.ts";

type Outcome = {
  outcome: unknown;
  rows: { count: number; ids: number; characters: number };
  setAside: number;
};

const program = new URL("lost_writes_program.ts", import.meta.url).pathname;
const server = new URL("../../src/commands/services/clickhouse_process.ts", import.meta.url).pathname;

type Disk = { blocks?: number };

/** `blocks` of 512 bytes is how large a file may grow; the signal that would come with the failure is left out. */
function onDisk({ blocks }: Disk, ...args: string[]): Deno.Command {
  const limits = blocks === undefined ? "" : `trap '' XFSZ; ulimit -f ${blocks}; `;
  return new Deno.Command("sh", {
    args: ["-c", `${limits}exec "$0" "$@"`, Deno.execPath(), "run", "-A", "--no-check", ...args],
    stdout: "piped",
    stderr: "piped",
  });
}

async function run(step: string, path: string, disk: Disk = {}): Promise<Outcome> {
  const { stdout, stderr, success } = await onDisk(disk, program, step, path).output();
  assert.ok(success, fromUtf8(stderr));
  return JSON.parse(fromUtf8(stdout).trim().split("\n").at(-1)!);
}

const whole = (rows: number) => ({ count: rows, ids: rows, characters: 512 * rows });

describe("embedded ClickHouse on a disk that refuses to write", () => {
  const folder = mkdtempSync(join(tmpdir(), "waymark-lost-writes-"));
  const path = join(folder, "clickhouse");
  before(async () => {
    const { outcome, rows } = await run("fill", path);
    assert.deepEqual({ outcome, rows }, { outcome: "ok", rows: whole(500) });
  });
  after(() => rmSync(folder, { recursive: true }));

  it("an insert whose files could not be written is not answered, and leaves nothing behind", async () => {
    const { outcome, rows, setAside } = await run("insert", path, { blocks: 128 });
    assert.match(
      String(outcome),
      /cannot insert 1000 rows into kept: the disk refused writes meanwhile/,
    );
    assert.deepEqual(rows, whole(500));
    assert.equal(setAside, 1);
  });

  it("the same insert, sent again, is stored, though its token was used", async () => {
    const { outcome, rows } = await run("insert", path);
    assert.deepEqual({ outcome, rows }, { outcome: { taken: true }, rows: whole(1_500) });
  });

  it("parts whose merge could not be written count as before, and are merged later", async () => {
    const refused = await run("merge", path, { blocks: 128 });
    assert.match(String(refused.outcome), /the disk refused writes meanwhile/);
    assert.deepEqual(refused.rows, whole(1_500));
    assert.ok(refused.setAside > 1);
    assert.deepEqual((await run("count", path, { blocks: 128 })).rows, whole(1_500));

    const merged = await run("merge", path);
    assert.deepEqual({ outcome: merged.outcome, rows: merged.rows }, { outcome: "ok", rows: whole(1_500) });
  });
});

describe("ClickHouse server of `waymark services` on a disk that refuses to write", () => {
  const path = mkdtempSync(join(tmpdir(), "waymark-lost-writes-"));
  after(() => rmSync(path, { recursive: true }));

  type Ask = (sql: string) => Promise<{ status: number; code: string | null; text: string }>;
  async function serving(disk: Disk, work: (ask: Ask) => Promise<void>): Promise<void> {
    const running = onDisk(disk, server, path, "0").spawn();
    const lines = running.stdout.pipeThrough(new TextDecoderStream());
    try {
      let said = "";
      for await (const text of lines.values({ preventCancel: true })) {
        if ((said += text).includes("\n")) break;
      }
      const [url] = /http:\S+/.exec(said) ?? assert.fail(`no address in "${said}"`);
      await work(async (sql) => {
        const answer = await fetch(url, { method: "POST", body: sql, signal: AbortSignal.timeout(20_000) });
        const code = answer.headers.get("x-clickhouse-exception-code");
        return { status: answer.status, code, text: (await answer.text()).trim() };
      });
    } finally {
      running.kill("SIGTERM");
      await running.status;
      await lines.cancel();
      await running.stderr.cancel();
    }
  }
  const insert = (from: number, count: number) =>
    `INSERT INTO kept SETTINGS insert_deduplication_token = 'from ${from}' SELECT number + ${from}, randomPrintableASCII(512) FROM numbers(${count})`;
  const rowsOf = async (ask: Ask) => Number((await ask("SELECT count() FROM kept FINAL")).text);

  it("answers what it could not store as a server does, and stores it when it comes again", async () => {
    await serving({}, async (ask) => {
      const { status, text } = await ask(
        "CREATE TABLE kept (id UInt64, text String) ENGINE = ReplacingMergeTree ORDER BY id " +
          "SETTINGS non_replicated_deduplication_window = 1000, max_bytes_to_merge_at_max_space_in_pool = 1",
      );
      assert.equal(status, 200, text);
      for (let i = 0; i < 10; i++) assert.equal((await ask(insert(50 * i, 50))).status, 200);
    });
    await serving({ blocks: 128 }, async (ask) => {
      const { status, code, text } = await ask(insert(1_000, 1_000));
      assert.deepEqual({ status, code }, { status: 500, code: "243" }, text);
      assert.match(text, /the disk refused writes meanwhile.*\(NOT_ENOUGH_SPACE\)$/);
      assert.equal(await rowsOf(ask), 500);
    });
    await serving({}, async (ask) => {
      assert.equal((await ask(insert(1_000, 1_000))).status, 200);
      assert.equal(await rowsOf(ask), 1_500);
      // A second time it is known.
      assert.equal((await ask(insert(1_000, 1_000))).status, 200);
      assert.equal(Number((await ask("SELECT count() FROM kept")).text), 1_500);
    });
  });

  it("has the parts back whose merge could not be written", async () => {
    await serving({ blocks: 128 }, async (ask) => {
      assert.equal((await ask("OPTIMIZE TABLE kept FINAL")).code, "243");
      assert.equal(await rowsOf(ask), 1_500);
      assert.equal((await ask("SELECT sum(length(text)) FROM kept FINAL")).text, String(1_500 * 512));
    });
  });
});
