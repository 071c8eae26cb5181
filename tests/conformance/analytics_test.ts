/**
 * The Analytics port, the migrations and the sink over the embedded ClickHouse.
 *
 * chdb takes one data directory per process, so everything that needs it shares this file and one database;
 * sinks keep apart by log epoch, which is part of every row's identity and of every deduplication token.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { WaymarkError } from "../../src/errors.ts";
import { type Analytics, openEmbedded } from "../../src/sinks/analytics.ts";
import { migrationsSuite } from "./analytics_migrations_suite.ts";
import { queriesSuite } from "./analytics_queries_suite.ts";
import { sinkSuite } from "./analytics_sink_suite.ts";
import { sinkTroubleSuite } from "./analytics_sink_trouble_suite.ts";
import { analyticsSuite } from "./analytics_suite.ts";

describe("embedded ClickHouse", () => {
  const path = mkdtempSync(join(tmpdir(), "waymark-clickhouse-"));
  let analytics: Analytics | undefined;
  const open = () => {
    assert.ok(analytics !== undefined);
    return analytics;
  };
  before(() => {
    analytics = openEmbedded({ path });
  });
  after(async () => {
    await analytics?.close();
    rmSync(path, { recursive: true });
  });

  analyticsSuite("embedded", open);
  migrationsSuite(open);
  sinkSuite(open);
  sinkTroubleSuite(open);
  queriesSuite(open);

  it("openEmbedded: a second folder in the same process is refused", () => {
    assert.throws(
      () => openEmbedded({ path: `${path}-other` }),
      (thrown) => thrown instanceof WaymarkError && thrown.code === "data_dir_in_use",
    );
    rmSync(`${path}-other`, { recursive: true });
  });

  it("close: what was stored is there after opening again, and what is asked of a closed one fails", async () => {
    const closed = open();
    await closed.close();
    assert.equal(await closed.ping(), false);
    await assert.rejects(closed.query("SELECT 1"), /ClickHouse is closed/);
    analytics = openEmbedded({ path });
    const rows = await analytics.query("SELECT v FROM suite_read WHERE k = 1");
    assert.deepEqual(rows, [{ v: "a" }]);
  });
});
