/** The snapshot suite over the embedded store and over its twin. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { it } from "node:test";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import { openSqliteSnapshots } from "../../src/snapshots/sqlite.ts";
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
