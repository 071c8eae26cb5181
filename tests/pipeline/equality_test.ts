/** The first promise: windows equal a batch count of the same log, whatever happens on the way and whoever owns what. */
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { trafficFormats } from "../../src/traffic/formats.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { disturbedTraffic } from "./disturbed.ts";
import { type Crash, outcome, type Run } from "./harness.ts";
import { play } from "./harness.ts";
import { assertRecounted, linesOf } from "./recounted.ts";

const crashes: Crash[] = [
  { items: 20_000, when: "folding" },
  { items: 45_000, when: "snapshotted" },
  { items: 45_000, when: "at_once" },
  { items: 80_000, when: "folding", wipe: true },
  { items: 99_000, when: "snapshotted" },
];

describe("100,000 disturbed events", () => {
  const { items: sent, ledger } = disturbedTraffic({ seed: 11, ratePerMinute: 2_100 });
  const items = [...sent];
  let first: Run;

  it("are of every kind", () => {
    assert.ok(items.length > 95_000, `${items.length} items`);
    for (const kind of ["duplicates", "disordered", "late", "tooLate", "future", "past", "poison"] as const) {
      assert.ok(ledger[kind] > 50, `${kind}: ${ledger[kind]}`);
    }
  });

  it("give the windows and the ledger of a batch count", async () => {
    first = await play(items);
    await assertRecounted(first);
    await first.dispose();
  });

  it("give the same with three owners, five crashes and the snapshots wiped once", async () => {
    assertSame(await outcome(items, { owners: 3, crashes }), first);
  });

  it("give the same with twelve owners over SQLite files, crashed twice", async () => {
    const options = { owners: 12, parts: "sqlite", crashes: crashes.slice(1, 3) } as const;
    assertSame(await outcome(items, options), first);
  });
});

describe("the recorded rides of New York", () => {
  const path = fileURLToPath(new URL("../../../shared/data/dev-rides-nyc-2013.csv.gz", import.meta.url));

  it("give the windows and the ledger of a batch count, with one owner and with three and crashes", async (t) => {
    if (!await stat(path).then((found) => found.isFile(), () => false)) {
      console.log(`skipped: the recorded rides are not at ${path}`);
      t.skip();
      return;
    }
    const items: SentItem[] = [];
    for await (const chunk of (await trafficFormats["nyc-taxi-2013"].open(path)).chunks) items.push(...chunk);
    const one = await play(items.slice(0, 60_000));
    await assertRecounted(one);
    await one.dispose();
    assertSame(await outcome(items.slice(0, 60_000), { owners: 3, crashes: crashes.slice(0, 3) }), one);
  });
});

function assertSame(run: Run, first: Run): void {
  assert.equal(linesOf(run.windows), linesOf(first.windows));
  assert.deepEqual(run.alerts, first.alerts);
  assert.deepEqual(run.facts, first.facts);
  assert.deepEqual(run.ledger, first.ledger);
  assert.deepEqual(run.late, first.late);
  assert.deepEqual(run.dead, first.dead);
}
