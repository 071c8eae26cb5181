/** The snapshot suite over a real Redis: REDIS_URL says where. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { openRedisSnapshots } from "../../src/snapshots/redis.ts";
import { codeOf } from "../conformance/eventually.ts";
import { snapshotSuite } from "../conformance/snapshot_suite.ts";

const url = Deno.env.get("REDIS_URL");
assert.ok(url, "REDIS_URL is not set; start the services first");

let runs = 0;
snapshotSuite("redis", async () => {
  const prefix = `test-${Deno.pid}-${++runs}:`;
  const open = () => openRedisSnapshots({ url, prefix });
  let store = open();
  return {
    store,
    prefix: "",
    async reopen() {
      await store.close();
      return store = open();
    },
    dispose: () => store.close(),
  };
});

it("openRedisSnapshots answers snapshot_store_unavailable while there is no Redis, and does not hang", async () => {
  const store = openRedisSnapshots({ url: "redis://127.0.0.1:1", timeoutMs: 500 });
  assert.equal(await codeOf(() => store.manifests("rides-g1/ride-events/0")), "snapshot_store_unavailable");
  await store.close();
});
