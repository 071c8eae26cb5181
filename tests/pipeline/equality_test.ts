/** The first promise: windows equal a batch count of the same log, whatever happens on the way and whoever owns what. */
import assert from "node:assert/strict";
import { stat } from "node:fs/promises";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { cityTraffic } from "../../src/traffic/city_traffic.ts";
import { trafficFormats } from "../../src/traffic/formats.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { disturbedTraffic } from "./disturbed.ts";
import { type Crash, outcome, play, type Run } from "./harness.ts";
import { assertRecounted, linesOf } from "./recounted.ts";

/** Enough flushes and snapshots for every run, not so many that they are all it does. */
const config = { WAYMARK_FLUSH_MS: 50, WAYMARK_SNAPSHOT_MS: 250 };

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
    first = await play(items, { config });
    await assertRecounted(first);
    await first.dispose();
  });

  it("give the same with three owners, five crashes and the snapshots wiped once", async () => {
    assertSame(await outcome(items, { config, owners: 3, crashes }), first);
  });

  it("give the same with twelve owners over SQLite files, crashed twice", async () => {
    const options = { config, owners: 12, parts: "sqlite", crashes: crashes.slice(1, 3) } as const;
    assertSame(await outcome(items, options), first);
  });
});

describe("a sparse day", () => {
  // A fetch holds hours of a partition: sources get far ahead of each other before anybody can hold them back.
  const { items: sent } = cityTraffic({
    ...{ seed: 13, ratePerMinute: 8, cities: 2, durationMs: 24 * 3_600_000, positionsShare: 0.8, late: 0.02 },
  });
  const items = [...sent];

  it("gives the same windows, supply and all, with one owner, with twelve and with crashes", async () => {
    const one = await play(items, { config });
    await assertRecounted(one);
    await one.dispose();
    assert.ok(
      one.windows.every((window) => window.available_drivers !== null),
      "every window knows its supply",
    );
    assertSame(await outcome(items, { config, owners: 12 }), one);
    assertSame(
      await outcome(items, { config, owners: 3, crashes: [{ items: 6_000, when: "folding" }] }),
      one,
    );
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
    const one = await play(items.slice(0, 40_000), { config });
    await assertRecounted(one);
    await one.dispose();
    assertSame(
      await outcome(items.slice(0, 40_000), { config, owners: 3, crashes: crashes.slice(0, 2) }),
      one,
    );
  });
});

function assertSame(run: Run, first: Run): void {
  assert.equal(linesOf(run.windows), linesOf(first.windows));
  assert.deepEqual(run.alerts, first.alerts);
  assert.deepEqual(run.cells, first.cells);
  assert.deepEqual(run.facts, first.facts);
  assert.deepEqual(run.ledger, first.ledger);
  assert.deepEqual(run.late, first.late);
  assert.deepEqual(run.dead, first.dead);
}
