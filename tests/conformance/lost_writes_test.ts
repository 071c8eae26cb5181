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

/** `blocks` of 512 bytes is how large a file may grow; the signal that would come with the failure is left out. */
async function run(step: string, path: string, { blocks }: { blocks?: number } = {}): Promise<Outcome> {
  const limits = blocks === undefined ? "" : `trap '' XFSZ; ulimit -f ${blocks}; `;
  const { stdout, stderr, success } = await new Deno.Command("sh", {
    args: ["-c", `${limits}exec "$0" "$@"`, Deno.execPath(), "run", "-A", "--no-check", program, step, path],
    stdout: "piped",
    stderr: "piped",
  }).output();
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
