/** Fault row 1 on real processes: kill -9 at any instant; the next start goes on and ends with the same bytes. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { writeJsonl } from "../../src/traffic/jsonl.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { assertCounted } from "../prove/counted.ts";
import { replayed, replayedThroughKills } from "../prove/replays.ts";
import { disturbedTraffic } from "./disturbed.ts";

describe("row 1: a replay that is killed five times", () => {
  it("ends with the windows and the ledger of one that was not, and both equal the recount", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waymark-kills-"));
    try {
      const file = join(folder, "traffic.jsonl");
      const { items } = await writeJsonl(disturbedTraffic({ seed: 21, ratePerMinute: 1_300 }).items, file);
      assert.ok(items > 55_000, `${items} items`);
      const first = await replayed({ file, dataDir: join(folder, "first") });
      const random = randomFrom(21, "kills");
      const killed = await replayedThroughKills({ file, owners: 3, snapshotMs: 100 }, {
        kills: 5,
        random,
        killMsMax: 1_500,
      });
      assert.equal(killed.lines, first.lines);
      assert.equal(killed.ledger, first.ledger);
      assert.deepEqual(killed.alerts, first.alerts);
      assert.equal(killed.kills, 5);
      assert.ok(await assertCounted(file, join(folder, "first"), first.lines) > 200);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
