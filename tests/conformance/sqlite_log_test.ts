/** What only the embedded log promises: kill -9, one process per file, formats, retention, a bounded file. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { afterEach, beforeEach, describe, it } from "node:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import type { Log, TopicSpec } from "../../src/log/port.ts";
import { openSqliteLog, type SqliteLog } from "../../src/log/sqlite.ts";
import { dayMs, type ManualClock, manualClock } from "../../src/time.ts";
import { partitions, recordsPerCall, topic as killedTopic } from "./appending_process.ts";
import { codeOf, eventually } from "./eventually.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-log-"));
  path = join(folder, "log.db");
});
afterEach(async () => await rm(folder, { recursive: true }));

describe("openSqliteLog after kill -9", () => {
  const program = fileURLToPath(new URL("./appending_process.ts", import.meta.url));

  function startAppending(firstCall: number): { child: ChildProcess; answered: number[] } {
    const child = spawn(process.execPath, ["run", "-A", program, path, String(firstCall)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const answered: number[] = [];
    let rest = "";
    child.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop()!;
      answered.push(...lines.map(Number));
    });
    return { child, answered };
  }

  async function kill(child: ChildProcess): Promise<void> {
    const over = Promise.all([
      new Promise((resolve) => child.once("exit", resolve)),
      new Promise((resolve) => child.stdout!.once("close", resolve)),
    ]);
    child.kill("SIGKILL");
    await over;
  }

  it("has every answered call, and every call either wholly or not at all, time and again", async () => {
    const answered: number[] = [];
    for (let round = 0; round < 3; round++) {
      const next = Math.max(-1, ...answered) + 100;
      const running = startAppending(next);
      await eventually("calls were answered", () => running.answered.length >= 30);
      assert.equal(await codeOf(() => open()), "data_dir_in_use");
      await kill(running.child);
      answered.push(...running.answered);
      const log = open();
      await checkCalls(log, answered);
      await log.close();
    }
  });

  const open = () => openSqliteLog({ path, clock: manualClock(), fsync: true });

  async function checkCalls(log: Log, answered: number[]): Promise<void> {
    const counts = new Map<number, number>();
    for (let partition = 0; partition < partitions; partition++) {
      for (const record of await readWhole(log, partition)) {
        counts.set(Number(record), (counts.get(Number(record)) ?? 0) + 1);
      }
    }
    for (const [call, count] of counts) assert.equal(count, partitions * recordsPerCall, `call ${call}`);
    for (const call of answered) assert.ok(counts.has(call), `answered call ${call} is gone`);
  }

  async function readWhole(log: Log, partition: number): Promise<string[]> {
    const values: string[] = [];
    for (;;) {
      const records = await log.read({ topic: killedTopic, partition }, values.length, 1_000);
      if (records.length === 0) return values;
      values.push(...records.map((r) => fromUtf8(r.value).split(" ")[0]!));
    }
  }
});

describe("openSqliteLog", () => {
  const open = () => openSqliteLog({ path, clock: manualClock(), fsync: false });

  it("makes the folder it is to be in", async () => {
    path = join(folder, "not", "yet", "log.db");
    await open().close();
    assert.ok((await stat(path)).isFile());
  });

  it("refuses a file that is already open at once, and opens it when it is free", async () => {
    const log = open();
    assert.equal(await codeOf(open), "data_dir_in_use");
    await log.close();
    await open().close();
  });

  it("refuses a newer format, naming both, and leaves the file as it is", async () => {
    await open().close();
    withDatabase((db) => db.exec("PRAGMA user_version = 2"));
    assert.equal(await codeOf(open), "log_format_unknown");
    assert.throws(open, /log format 2; this release reads 1 to 1/);
    withDatabase((db) => db.exec("PRAGMA user_version = 1"));
    await open().close();
  });

  it("refuses another program's database and what is no database", async () => {
    withDatabase((db) => db.exec("CREATE TABLE theirs (a)"));
    assert.equal(await codeOf(open), "log_format_unknown");
    path = join(folder, "text.db");
    await writeFile(path, "plain text, long enough to be taken for a header ".repeat(50));
    assert.equal(await codeOf(open), "log_format_unknown");
  });

  it("refuses a path that cannot be opened with config_invalid", async () => {
    await writeFile(join(folder, "file"), "");
    path = join(folder, "file", "log.db");
    assert.equal(await codeOf(open), "config_invalid");
  });

  function withDatabase(work: (db: DatabaseSync) => void): void {
    const db = new DatabaseSync(path);
    work(db);
    db.close();
  }

  it("keeps committed offsets and metadata", async () => {
    const log = open();
    await log.ensureTopics([{ topic: "t", partitions: 2, retentionMs: dayMs }]);
    const nothing = async () => {};
    const assigned: number[] = [];
    const member = await log.join({
      group: "g",
      topics: ["t"],
      handlers: {
        async assigned({ partition }) {
          assigned.push(partition);
          return 0;
        },
        batch: nothing,
        empty: nothing,
        revoked: nothing,
        lost() {},
        failed() {},
      },
    });
    await eventually("both are assigned", () => assigned.length === 2);
    await member.commit([{ topic: "t", partition: 1, offset: 42, metadata: "é" }]);
    await log.close();
    const again = open();
    assert.deepEqual(await again.committed("g", "t"), [null, { offset: 42, metadata: "é" }]);
    await again.close();
  });

  it("lays a call larger than a row out over several and reads across them", async () => {
    const log = open();
    await log.ensureTopics([{ topic: "t", partitions: 1, retentionMs: dayMs }]);
    const value = (i: number) => new Uint8Array(60_000).fill(i);
    await log.append(
      Array.from({ length: 120 }, (_, i) => ({ topic: "t", partition: 0, key: null, value: value(i) })),
    );
    for (let next = 3; next < 120;) {
      const records = await log.read({ topic: "t", partition: 0 }, next, 1_000);
      for (const record of records) {
        assert.equal(record.offset, next);
        assert.deepEqual(record.value, value(next++));
      }
      assert.ok(records.length > 0);
    }
    await log.close();
  });
});

describe("housekeep", () => {
  let clock: ManualClock;
  let log: SqliteLog;
  const tp = { topic: "t", partition: 0 };
  const bounds = async () => (await log.bounds("t"))[0];

  async function openWith(spec: Partial<TopicSpec>): Promise<void> {
    clock = manualClock();
    log = openSqliteLog({ path, clock, fsync: false });
    await log.ensureTopics([{ topic: "t", partitions: 1, retentionMs: dayMs, ...spec }]);
  }
  afterEach(async () => await log.close());

  async function appendCalls(
    calls: number,
    { count = 100, valueBytes = 10, timestampMs = 0 } = {},
  ): Promise<void> {
    const record = {
      ...tp,
      key: null,
      value: new Uint8Array(valueBytes),
      ...(timestampMs ? { timestampMs } : {}),
    };
    for (let call = 0; call < calls; call++) await log.append(Array.from({ length: count }, () => record));
  }

  it("drops whole batches past their age, never one that reaches above the floor", async () => {
    await openWith({});
    await appendCalls(10);
    await clock.advance(dayMs + 1);
    await appendCalls(1);
    await log.housekeep(() => 0);
    assert.deepEqual(await bounds(), { start: 0, end: 1_100 });
    await log.housekeep(() => 450);
    assert.deepEqual(await bounds(), { start: 400, end: 1_100 });
    assert.equal(await codeOf(() => log.read(tp, 399, 1)), "log_trimmed");
    assert.equal((await log.read(tp, 400, 1_000)).length, 700);
    await log.housekeep(() => Infinity);
    assert.deepEqual(await bounds(), { start: 1_000, end: 1_100 });
  });

  it("drops the oldest beyond retentionBytes, whatever their age", async () => {
    await openWith({ retentionBytes: 50_000 });
    await appendCalls(10, { valueBytes: 80 });
    await log.housekeep(() => 300);
    assert.deepEqual(await bounds(), { start: 300, end: 1_000 });
    await log.housekeep(() => 1_000);
    assert.deepEqual(await bounds(), { start: 500, end: 1_000 });
  });

  it("counts age from the append, not from the record's stated time", async () => {
    await openWith({});
    await appendCalls(1, { timestampMs: Date.UTC(2013, 0, 13) });
    await log.housekeep(() => 100);
    assert.deepEqual(await bounds(), { start: 0, end: 100 });
  });

  it("leaves an emptied partition its end, also after reopening", async () => {
    await openWith({});
    await appendCalls(2);
    await clock.advance(dayMs + 1);
    await log.housekeep(() => 200);
    await log.close();
    log = openSqliteLog({ path, clock, fsync: false });
    assert.deepEqual(await bounds(), { start: 200, end: 200 });
    await appendCalls(1, { count: 1, valueBytes: 1 });
    assert.deepEqual((await log.read(tp, 200, 10)).map((r) => r.offset), [200]);
  });

  it("keeps the file from growing without bound", async () => {
    await openWith({ retentionBytes: 4_000_000 });
    const sizes: number[] = [];
    for (let round = 0; round < 12; round++) {
      await appendCalls(8, { count: 500, valueBytes: 1_000 });
      await log.housekeep(() => Infinity);
      sizes.push((await stat(path)).size + (await stat(`${path}-wal`)).size);
    }
    assert.ok(sizes.at(-1)! < 45_000_000, `bytes per round: ${sizes.join(", ")}`);
    assert.ok(sizes.at(-1)! <= Math.max(...sizes.slice(0, 6)) * 1.1, `bytes per round: ${sizes.join(", ")}`);
  });
});

it("append has its bytes in the write-ahead log when it resolves", async () => {
  const log = openSqliteLog({ path, clock: manualClock(), fsync: true });
  await log.ensureTopics([{ topic: "t", partitions: 1, retentionMs: dayMs }]);
  await log.append([{ topic: "t", partition: 0, key: null, value: utf8("findable in the write-ahead log") }]);
  const bytes = await readFile(`${path}-wal`);
  assert.ok(bytes.includes("findable in the write-ahead log"));
  await log.close();
});

it("the write-ahead log is copied back every few megabytes, and written again in place instead of cut", async () => {
  const log = openSqliteLog({ path, clock: manualClock(), fsync: true });
  await log.ensureTopics([{ topic: "t", partitions: 1, retentionMs: dayMs }]);
  const value = new Uint8Array(64 * 1024);
  const sizes: number[] = [];
  for (let call = 0; call < 320; call++) {
    await log.append([{ topic: "t", partition: 0, key: null, value }]);
    sizes.push((await stat(`${path}-wal`)).size);
  }
  const shrunk = sizes.filter((size, i) => i > 0 && size < sizes[i - 1]!);
  assert.deepEqual(shrunk, [], "cut while it is written");
  assert.ok(sizes.at(-1)! > 3e6 && sizes.at(-1)! < 6e6, `${sizes.at(-1)} bytes after 20 MB`);
  await log.close();
});
