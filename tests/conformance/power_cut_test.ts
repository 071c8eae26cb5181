/**
 * What was answered survives a power cut, which takes back everything that was not synced.
 *
 * kill -9 cannot show that: the system keeps what a dead process has written. Here the disk is a port. It keeps of the
 * write-ahead log what stood in there when the last finished sync began, and after the cut any part of what came later.
 */
import assert from "node:assert/strict";
import { copyFileSync, readFileSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { WaymarkError } from "../../src/errors.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import type { LogRecord } from "../../src/log/port.ts";
import { openSqliteLog, type SqliteLog } from "../../src/log/sqlite.ts";
import { openSqliteSnapshots } from "../../src/snapshots/sqlite.ts";
import { breathe, dayMs, type ManualClock, manualClock, settle } from "../../src/time.ts";
import { openWalFile, type WalFile } from "../../src/wal_sync.ts";
import { codeOf, eventually } from "./eventually.ts";

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-power-"));
  path = join(folder, "file.db");
});
afterEach(async () => await rm(folder, { recursive: true }));

type Disk = {
  openWal(path: string): WalFile;
  /** Syncs that were begun. */
  begun(): number;
  /** From now on a sync is over only when `finish` is called. */
  hold(): void;
  finish(error?: Error): void;
  /** What the disk surely has of the write-ahead log. */
  kept(): Uint8Array;
};

function disk(): Disk {
  let begun = 0;
  let held: PromiseWithResolvers<void> | null = null;
  let kept = new Uint8Array(0);
  return {
    openWal(database) {
      const file = openWalFile(database);
      return {
        ...file,
        async sync() {
          begun++;
          const written = new Uint8Array(readFileSync(`${database}-wal`));
          await held?.promise;
          await file.sync();
          kept = written;
        },
      };
    },
    begun: () => begun,
    hold: () => held = Promise.withResolvers(),
    finish(error) {
      if (error === undefined) held!.resolve();
      else held!.reject(error);
      held = null;
    },
    kept: () => kept,
  };
}

const tp = { topic: "t", partition: 0 };
const record = (text: string) => ({ ...tp, key: null, value: utf8(text) });
const texts = (records: LogRecord[]) => records.map((r) => fromUtf8(r.value));
const oneTopic = [{ topic: "t", partitions: 1, retentionMs: dayMs }];

describe("the embedded log, of what is not synced", () => {
  let log: SqliteLog;
  let its: Disk;
  let lost: WaymarkError[];
  let clock: ManualClock;
  beforeEach(async () => {
    its = disk();
    clock = manualClock();
    lost = [];
    log = open();
    await log.ensureTopics(oneTopic);
    await log.append([record("before")]);
  });
  afterEach(async () => await log.close());

  const open = () =>
    openSqliteLog({
      path,
      clock,
      fsync: true,
      openWal: its.openWal,
      syncFailed: (error) => void lost.push(error),
    });

  /** Committed, and not on the disk. */
  async function appendHeld(text: string): Promise<{ answered(): boolean; call: Promise<void> }> {
    const begun = its.begun();
    its.hold();
    let answered = false;
    const call = log.append([record(text)]).then(() => void (answered = true));
    call.catch(() => {});
    await eventually("it is committed", () => its.begun() > begun, 10_000);
    await settle();
    return { answered: () => answered, call };
  }

  it("answers no append and shows nobody its records before the sync is over", async () => {
    const handed: string[] = [];
    await log.join({
      group: "g",
      topics: ["t"],
      handlers: {
        assigned: async () => 0,
        batch: async (_tp, records) => void handed.push(...texts([...records])),
        empty: async () => {},
        revoked: async () => {},
        lost() {},
        failed() {},
      },
    });
    await eventually("the first is handed out", () => handed.length === 1);
    const { answered, call } = await appendHeld("after");
    let woken = false;
    void log.appended("t").then(() => woken = true);
    for (let turn = 0; turn < 20; turn++) await breathe();
    assert.equal(answered(), false);
    assert.deepEqual(await log.bounds("t"), [{ start: 0, end: 1 }]);
    assert.deepEqual(texts(await log.read(tp, 0, 10)), ["before"]);
    assert.deepEqual(texts(await log.read(tp, 1, 10)), []);
    assert.equal(await log.offsetAt(tp, Infinity), 1);
    assert.deepEqual(handed, ["before"]);
    assert.equal(woken, false);
    its.finish();
    await call;
    assert.deepEqual(texts(await log.read(tp, 0, 10)), ["before", "after"]);
    await eventually("the second is handed out", () => handed.length === 2 && woken);
  });

  it("takes the calls that come meanwhile into one transaction, and one sync", async () => {
    const first = await appendHeld("first");
    const begun = its.begun();
    const calls = ["a", "b", "c"].map((text) => log.append([record(text)]));
    for (let turn = 0; turn < 20; turn++) await breathe();
    its.finish();
    await Promise.all([first.call, ...calls]);
    assert.equal(its.begun(), begun + 1);
    assert.deepEqual(texts(await log.read(tp, 0, 10)), ["before", "first", "a", "b", "c"]);
  });

  it("keeps its records from housekeeping", async () => {
    const { call } = await appendHeld("after");
    await clock.advance(dayMs + 1);
    await log.housekeep(() => Infinity);
    assert.deepEqual(await log.bounds("t"), [{ start: 1, end: 1 }]);
    its.finish();
    await call;
    assert.deepEqual(await log.bounds("t"), [{ start: 1, end: 2 }]);
  });

  it("answers neither new topics nor a close before the sync is over", async () => {
    its.hold();
    let made = false;
    const making = log.ensureTopics([{ topic: "u", partitions: 1, retentionMs: dayMs }]).then(() =>
      made = true
    );
    await settle();
    assert.equal(made, false);
    its.finish();
    await making;
    const { answered, call } = await appendHeld("after");
    let closed = false;
    const closing = log.close().then(() => closed = true);
    for (let turn = 0; turn < 20; turn++) await breathe();
    assert.deepEqual([answered(), closed], [false, false]);
    assert.equal(await codeOf(() => log.append([record("too late")])), "log_unavailable");
    its.finish();
    await Promise.all([call, closing]);
  });

  it("refuses what a failed sync may have lost and everything after it, and shows none of it", async () => {
    const { call } = await appendHeld("lost");
    const waiting = log.append([record("waiting")]);
    waiting.catch(() => {});
    its.finish(new Error("No space left on device (os error 28)"));
    for (const refused of [call, waiting, log.append([record("later")])]) {
      await assert.rejects(refused, { code: "disk_sync_failed" });
    }
    assert.equal(lost.length, 1);
    assert.deepEqual(texts(await log.read(tp, 0, 10)), ["before"]);
    assert.deepEqual(await log.bounds("t"), [{ start: 0, end: 1 }]);
  });

  it("has all of it written once more when it is opened again", async () => {
    const { call } = await appendHeld("findable in the database itself");
    for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, join(folder, `copy.db${suffix}`));
    assert.ok(statSync(join(folder, "copy.db-wal")).size > 0);
    const copy = openSqliteLog({ path: join(folder, "copy.db"), clock: manualClock(), fsync: true });
    assert.equal(statSync(join(folder, "copy.db-wal")).size, 0);
    assert.ok(readFileSync(join(folder, "copy.db")).includes("findable in the database itself"));
    await copy.close();
    its.finish();
    await call;
  });
});

describe("the embedded log after a power cut", () => {
  it("has every answered call, wholly, and of the others what was before the first that is lost", async () => {
    const its = disk();
    const log = openSqliteLog({ path, clock: manualClock(), fsync: true, openWal: its.openWal });
    await log.ensureTopics(oneTopic);
    copyFileSync(path, join(folder, "at-first.db"));
    const answered = new Set<number>();
    const recordsPerCall = 5;
    const calls: Promise<void>[] = [];
    for (let call = 0; call < 300; call++) {
      const text = `${call} `.padEnd(100 + (call * 37) % 900, "x");
      calls.push(
        log.append(Array.from({ length: recordsPerCall }, () => record(text))).then(() =>
          void answered.add(call)
        ),
      );
      if (call % 3 === 0) await breathe();
      if (call % 25 === 0 && call > 0) await cut(call);
    }
    await Promise.all(calls);
    await cut(300);
    await log.close();

    /** The first database, and of its log what was synced with a part of the rest; of that, a page may be missing. */
    async function cut(seed: number): Promise<void> {
      const certain = [...answered];
      const kept = its.kept();
      const whole = new Uint8Array(readFileSync(`${path}-wal`));
      assert.deepEqual(whole.subarray(0, kept.length), kept, "the log was begun anew: this test is too long");
      const end = kept.length + Math.floor((whole.length - kept.length) * ((seed * 7) % 11) / 10);
      const left = whole.slice(0, Math.min(end, whole.length));
      if (seed % 2 === 0) left.fill(0, kept.length, Math.min(left.length, kept.length + 4_096));
      const after = join(folder, `cut-${seed}.db`);
      copyFileSync(join(folder, "at-first.db"), after);
      await writeFile(`${after}-wal`, left);
      const survivor = openSqliteLog({ path: after, clock: manualClock(), fsync: true });
      const [bounds] = await survivor.bounds("t");
      const found = texts(await survivor.read(tp, 0, 10_000)).map((text) => Number(text.split(" ")[0]));
      await survivor.close();
      assert.equal(found.length, bounds!.end);
      const expected = Array.from({ length: found.length / recordsPerCall }, (_, call) => call);
      assert.deepEqual(found, expected.flatMap((call) => Array(recordsPerCall).fill(call)));
      for (const call of certain) assert.ok(call < expected.length, `answered call ${call} is gone`);
    }
  });
});

describe("the embedded snapshot store, of what is not synced", () => {
  const manifest = { offset: 7, bytes: utf8("manifest"), segments: [] };

  it("answers a manifest when the sync is over", async () => {
    const its = disk();
    const store = openSqliteSnapshots({ path, fsync: true, openWal: its.openWal });
    its.hold();
    let stored = "";
    const call = store.putManifest("key", manifest).then((how) => stored = how);
    for (let turn = 0; turn < 20; turn++) await breathe();
    assert.equal(stored, "");
    its.finish();
    await call;
    assert.equal(stored, "stored");
    await store.close();
  });

  it("refuses every manifest after a sync that failed", async () => {
    const its = disk();
    const store = openSqliteSnapshots({ path, fsync: true, openWal: its.openWal });
    its.hold();
    const call = store.putManifest("key", manifest);
    for (let turn = 0; turn < 20; turn++) await breathe();
    its.finish(new Error("Input/output error (os error 5)"));
    await assert.rejects(call, { code: "disk_sync_failed" });
    await assert.rejects(store.putManifest("key", { ...manifest, offset: 8 }), { code: "disk_sync_failed" });
    await store.close();
  });
});
