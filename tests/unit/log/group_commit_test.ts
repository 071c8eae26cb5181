import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, it } from "node:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromUtf8, utf8 } from "../../../src/ids.ts";
import { type GroupCommit, groupCommit } from "../../../src/log/group_commit.ts";
import { logFormat, sqlitePartitions, type StoredPartition } from "../../../src/log/sqlite_partitions.ts";
import { sqliteReading } from "../../../src/log/sqlite_reading.ts";
import { openSqliteFile, type SqliteFile } from "../../../src/sqlite_file.ts";
import { manualClock } from "../../../src/time.ts";

describe("groupCommit", () => {
  let folder: string;
  let file: SqliteFile;
  let commits: GroupCommit;
  let partition: StoredPartition;
  let rounds: number;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-commit-"));
    file = openSqliteFile({ ...logFormat, path: join(folder, "log.db"), durable: false });
    const partitions = sqlitePartitions(file);
    partitions.ensure([{ topic: "t", partitions: 1, retentionMs: 60_000 }]);
    partition = partitions.of({ topic: "t", partition: 0 });
    rounds = 0;
    commits = groupCommit(file, { clock: manualClock(), durable: () => rounds++ });
  });
  afterEach(async () => {
    file.close();
    await rm(folder, { recursive: true });
  });

  const append = (value: Uint8Array) =>
    commits.append([{ topic: "t", partition: 0, key: null, value }], [partition]);

  it("calls of one turn share one transaction and one row", async () => {
    await Promise.all(["a", "b", "c"].map((value) => append(utf8(value))));
    assert.equal(rounds, 1);
    assert.equal(file.db.prepare("SELECT count(*) AS n FROM batch").get()!.n, 1);
    assert.equal(partition.end, 3);
  });

  it("nothing moves before the commit", async () => {
    const answered = append(utf8("a"));
    assert.equal(partition.end, 0);
    await answered;
    assert.equal(partition.end, 1);
  });

  it("a full disk refuses the calls with log_unavailable, stores nothing of them, and later ones go on", async () => {
    await append(utf8("before"));
    const pages = Object.values(file.db.prepare("PRAGMA page_count").get()!)[0];
    file.db.exec(`PRAGMA max_page_count = ${pages}`);
    const refused = [append(new Uint8Array(200_000)), append(utf8("small"))];
    for (const call of refused) await assert.rejects(call, { code: "log_unavailable" });
    assert.equal(partition.end, 1);
    file.db.exec("PRAGMA max_page_count = 1000000");
    await append(utf8("after"));
    const values = sqliteReading(file).read(partition, 0, 10).map((r) => fromUtf8(r.value));
    assert.deepEqual(values, ["before", "after"]);
  });

  it("a record that cannot be laid down refuses its whole call, and later ones go on", async () => {
    const good = { topic: "t", partition: 0, key: null, value: utf8("good") };
    const broken = { ...good, headers: { broken: 1n as unknown as string } };
    const call = commits.append([good, broken, good], [partition, partition, partition]);
    await assert.rejects(call, { code: "log_unavailable" });
    await append(utf8("after"));
    assert.deepEqual(sqliteReading(file).read(partition, 0, 10).map((r) => fromUtf8(r.value)), ["after"]);
  });

  it("a large call becomes several rows of one transaction, none much above 256 KiB", async () => {
    const record = { topic: "t", partition: 0, key: null, value: new Uint8Array(60_000) };
    await commits.append(
      Array.from({ length: 50 }, () => record),
      Array.from({ length: 50 }, () => partition),
    );
    const rows = file.db.prepare("SELECT size FROM batch").all().map((row) => Number(row.size));
    assert.equal(rounds, 1);
    assert.ok(rows.length >= 9 && Math.max(...rows) <= 256 * 1024 + 60_020, rows.join(", "));
  });
});
