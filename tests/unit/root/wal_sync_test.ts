import assert from "node:assert/strict";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { WaymarkError } from "../../../src/errors.ts";
import { manualClock, settle } from "../../../src/time.ts";
import { inLoopWhileQuick, openWalFile, sharedSync } from "../../../src/wal_sync.ts";

/** A disk that finishes a sync when it is told to. */
function slowDisk() {
  const syncs: PromiseWithResolvers<void>[] = [];
  return {
    syncs,
    sync(): Promise<void> {
      const sync = Promise.withResolvers<void>();
      syncs.push(sync);
      return sync.promise;
    },
  };
}

describe("sharedSync", () => {
  const purpose = "log";

  it("begins a sync at once, and answers when it is over", async () => {
    const disk = slowDisk();
    const synced = sharedSync(disk.sync, { purpose });
    let answered = false;
    const call = synced().then(() => answered = true);
    assert.equal(disk.syncs.length, 1);
    await settle();
    assert.equal(answered, false);
    disk.syncs[0]!.resolve();
    await call;
  });

  it("whoever comes while a sync runs waits for a further one, which is shared, and there is one at a time", async () => {
    const disk = slowDisk();
    const synced = sharedSync(disk.sync, { purpose });
    const answered: string[] = [];
    const call = (name: string) => synced().then(() => void answered.push(name));
    const calls = [call("a"), call("b"), call("c")];
    await settle();
    assert.equal(disk.syncs.length, 1);
    disk.syncs[0]!.resolve();
    await calls[0];
    await settle();
    assert.deepEqual(answered, ["a"]);
    assert.equal(disk.syncs.length, 2);
    disk.syncs[1]!.resolve();
    await Promise.all(calls);
    assert.equal(disk.syncs.length, 2);
    calls.push(call("d"));
    assert.equal(disk.syncs.length, 3);
    disk.syncs[2]!.resolve();
    await Promise.all(calls);
    assert.deepEqual(answered, ["a", "b", "c", "d"]);
  });

  it("a sync that failed refuses its callers, those who wait and all who come later, and is never tried again", async () => {
    const disk = slowDisk();
    const told: WaymarkError[] = [];
    const synced = sharedSync(disk.sync, { purpose, failed: (error) => void told.push(error) });
    const calls = [synced(), synced()];
    disk.syncs[0]!.reject(new Error("Input/output error (os error 5)"));
    for (const call of calls) await assert.rejects(call, { code: "disk_sync_failed" });
    await assert.rejects(synced(), { code: "disk_sync_failed" });
    await assert.rejects(synced(), /the log could not be synced to the disk: Input\/output error/);
    assert.equal(disk.syncs.length, 1);
    assert.equal(told.length, 1);
  });
});

describe("inLoopWhileQuick", () => {
  it("leaves the syncs of a slow disk to a thread, tries it again ever more rarely, and takes a quick one back", async () => {
    const clock = manualClock();
    let takesMs = 1;
    const done: string[] = [];
    const file = inLoopWhileQuick({
      sync: async () => void done.push("thread"),
      syncNow() {
        done.push("loop");
        void clock.advance(takesMs);
      },
      close() {},
    }, clock);
    const doneBy = async (...waitsMs: number[]) => {
      for (const ms of waitsMs) {
        await clock.advance(ms);
        await file.sync();
      }
      return done.splice(0).join(" ");
    };
    assert.equal(await doneBy(0, 0, 5_000), "loop loop loop");
    takesMs = 20;
    assert.equal(await doneBy(0, 0, 999), "loop thread thread");
    assert.equal(await doneBy(1, 1_999), "loop thread");
    assert.equal(await doneBy(1, 3_999), "loop thread");
    for (let i = 0; i < 10; i++) await doneBy(60_000);
    assert.equal(await doneBy(60_000, 59_999), "loop thread");
    takesMs = 1;
    assert.equal(await doneBy(1, 0, 0), "loop loop loop");
    takesMs = 20;
    assert.equal(await doneBy(0, 999, 1), "loop thread loop");
  });

  it("passes a failure on, whoever syncs", async () => {
    const fails = () => {
      throw new Error("Input/output error (os error 5)");
    };
    const file = inLoopWhileQuick({ sync: async () => fails(), syncNow: fails, close() {} }, manualClock());
    await assert.rejects(file.sync(), /Input\/output error/);
  });
});

describe("openWalFile", () => {
  it("syncs the file beside the database, and tells when the system refuses to", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waymark-wal-"));
    await writeFile(join(folder, "file.db-wal"), "frames");
    const file = openWalFile(join(folder, "file.db"));
    await file.sync();
    file.syncNow();
    file.close();
    // What the kernel cannot sync: a sync that was never asked for would not be refused.
    await symlink("/dev/null", join(folder, "device.db-wal"));
    const device = openWalFile(join(folder, "device.db"));
    await assert.rejects(device.sync());
    assert.throws(() => device.syncNow());
    device.close();
    await rm(folder, { recursive: true });
  });
});
