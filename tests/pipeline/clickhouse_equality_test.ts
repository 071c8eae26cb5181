/** The windows computed again in SQL, from the raw rows in ClickHouse, equal the published ones. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { copyToClickHouse } from "../../src/node/clickhouse.ts";
import { clickHousePath } from "../../src/node/parts.ts";
import { openEmbedded } from "../../src/sinks/analytics.ts";
import { readQuery } from "../../src/sinks/queries.ts";
import { disturbedTraffic } from "./disturbed.ts";
import { play } from "./harness.ts";
import { quick } from "./quick.ts";
import { firstGroup } from "./recounted.ts";

describe("city_windows_from_raw", () => {
  it("gives the first group of every published window, from the rows the sink inserted", async () => {
    const items = [...disturbedTraffic({ seed: 12, ratePerMinute: 500 }).items];
    const run = await play(items, { owners: 3, crashes: [{ items: 12_000, when: "folding" }] });
    const folder = await mkdtemp(join(tmpdir(), "waymark-clickhouse-"));
    try {
      run.pipeline.abandon();
      await copyToClickHouse(run.log, folder, quick);
      const analytics = openEmbedded({ path: clickHousePath(folder) });
      const rows = await analytics.query<Record<string, unknown>>(await readQuery("city_windows_from_raw"), {
        ...{ window_minutes: 5, from: "1970-01-01 00:00:00", to: "2100-01-01 00:00:00" },
      });
      await analytics.close();
      const computed = rows.map(({ city, window_start, window_end: _, ...group }) => ({
        city,
        window_start,
        ...group,
      }));
      const published = run.windows.map((w) => ({
        city: w.city,
        window_start: w.window_start,
        ...firstGroup(w),
      }));
      assert.ok(published.length > 150, `${published.length} windows`);
      assert.deepEqual(computed, published);
    } finally {
      await run.dispose();
      await rm(folder, { recursive: true, force: true });
    }
  });
});
