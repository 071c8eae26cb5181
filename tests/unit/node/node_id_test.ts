/** The id of a node's own ClickHouse. */
import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { claimNodeId } from "../../../src/node/node_id.ts";
import { clickHousePath } from "../../../src/node/parts.ts";

it("claimNodeId: stays with the rows, and is a new one when they are gone or it is unreadable", async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "waymark-node-"));
  try {
    const begun = await claimNodeId(dataDir);
    assert.match(begun, /^[0-9a-f]{12}$/);
    await mkdir(clickHousePath(dataDir));
    assert.equal(await claimNodeId(dataDir), begun);
    await rm(clickHousePath(dataDir), { recursive: true });
    const wiped = await claimNodeId(dataDir);
    assert.notEqual(wiped, begun);
    await mkdir(clickHousePath(dataDir));
    assert.equal(await claimNodeId(dataDir), wiped);
    await writeFile(join(dataDir, "node-id"), "torn");
    assert.notEqual(await claimNodeId(dataDir), wiped);
  } finally {
    await rm(dataDir, { recursive: true });
  }
});
