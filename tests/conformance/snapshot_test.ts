/** The snapshot suite over the embedded store and over its twin. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { afterEach, beforeEach, describe, it } from "node:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits } from "../../src/limits.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import { openSqliteSnapshots } from "../../src/snapshots/sqlite.ts";
import { contentHash, utf8 } from "../../src/ids.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { breathe } from "../../src/time.ts";
import { codeOf } from "./eventually.ts";
import { snapshotSuite } from "./snapshot_suite.ts";

snapshotSuite("memory", async () => {
  const store = memorySnapshots();
  return { store, prefix: "", dispose: () => store.close() };
});

snapshotSuite("sqlite", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waymark-snapshots-"));
  const open = () => openSqliteSnapshots({ path: join(folder, "snapshots.db"), fsync: false });
  let store = open();
  return {
    store,
    prefix: "",
    async reopen() {
      await store.close();
      return store = open();
    },
    async dispose() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});

it("openSqliteSnapshots refuses a file that is already open with data_dir_in_use", async () => {
  const folder = await mkdtemp(join(tmpdir(), "waymark-snapshots-"));
  const options = { path: join(folder, "snapshots.db"), fsync: true };
  const store = openSqliteSnapshots(options);
  assert.equal(await codeOf(() => openSqliteSnapshots(options)), "data_dir_in_use");
  await store.close();
  await openSqliteSnapshots(options).close();
  await rm(folder, { recursive: true });
});

describe("the embedded snapshot store, of many segments that are not needed any more", () => {
  const key = "rides-g1/ride-events/7";
  const segmentsEach = 40;
  let folder: string;
  let store: SnapshotStore;
  const open = () => openSqliteSnapshots({ path: join(folder, "snapshots.db"), fsync: false });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-snapshots-"));
    store = open();
  });
  afterEach(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });

  async function snapshot(offset: number) {
    const segments: string[] = [];
    for (let n = 0; n < segmentsEach; n++) {
      const bytes = utf8(`${offset}: ${n}`);
      segments.push(await contentHash(bytes));
      await store.putSegment(key, segments[n]!, bytes);
    }
    return { offset, bytes: utf8(`manifest ${offset}`), segments };
  }

  /** The first of those kept is dropped by the next manifest, and its segments with it. */
  async function fillUp(): Promise<string[]> {
    const first = await snapshot(1);
    await store.putManifest(key, first);
    for (let offset = 2; offset <= limits.manifestsKept; offset++) {
      await store.putManifest(key, await snapshot(offset));
    }
    return first.segments;
  }

  async function held(hashes: string[]): Promise<number> {
    const found = await Promise.all(hashes.map((hash) => store.segment(key, hash)));
    return found.filter((bytes) => bytes !== null).length;
  }

  it("lets others have a turn after every few of them", async () => {
    const dropped = await fillUp();
    const manifest = await snapshot(limits.manifestsKept + 1);
    let done = false;
    const stored = store.putManifest(key, manifest).then(() => done = true);
    const seen = [segmentsEach];
    while (!done) {
      await breathe();
      seen.push(await held(dropped));
    }
    await stored;
    assert.equal(seen.at(-1), 0);
    for (const [turn, left] of seen.entries()) {
      assert.ok(turn === 0 || left >= seen[turn - 1]! - 4, `left after each turn: ${seen}`);
    }
  });

  it("collects in the next round what a process left that ended in between", async () => {
    const dropped = await fillUp();
    const cut = assert.rejects(store.putManifest(key, await snapshot(limits.manifestsKept + 1)), {
      code: "snapshot_store_unavailable",
    });
    while (await held(dropped) === segmentsEach) await breathe();
    await store.close();
    await cut;
    store = open();
    assert.equal((await store.manifests(key))[0]!.offset, limits.manifestsKept + 1);
    const left = await held(dropped);
    assert.ok(left > 0 && left < segmentsEach, `${left} left`);
    await store.putManifest(key, await snapshot(limits.manifestsKept + 2));
    assert.equal(await held(dropped), 0);
  });

  it("keeps one that is put again before it is collected", async () => {
    const dropped = await fillUp();
    const next = await snapshot(limits.manifestsKept + 1);
    const stored = store.putManifest(key, next);
    const again = dropped.at(-1)!;
    await store.putSegment(key, again, utf8(`1: ${segmentsEach - 1}`));
    await stored;
    assert.equal(await held(dropped), 1);
    const manifest = { offset: limits.manifestsKept + 2, bytes: utf8("m"), segments: [again] };
    assert.equal(await store.putManifest(key, manifest), "stored");
    assert.equal(await held([again]), 1);
  });
});
