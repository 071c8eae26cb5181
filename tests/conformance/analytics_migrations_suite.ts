/** Migrations over a real ClickHouse. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, it } from "node:test";
import { WaymarkError } from "../../src/errors.ts";
import type { Analytics } from "../../src/sinks/analytics.ts";
import { applyMigrations, planMigrations } from "../../src/sinks/migrations.ts";

const all = [
  "001_ride_events",
  "002_driver_locations",
  "003_city_windows",
  "004_ride_facts",
  "005_alerts",
  "006_dead_letters",
  "007_late_events",
];

export function migrationsSuite(open: () => Analytics): void {
  const tables = async () =>
    (await open().query<{ name: string }>(
      "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name",
    )).map((row) => row.name);

  describe("migrations", () => {
    it("a dry run says what it would do and does nothing", async () => {
      const plan = await applyMigrations(open(), { dryRun: true });
      assert.deepEqual(plan.pending.map((m) => m.name), all);
      assert.equal((await tables()).includes("ride_events"), false);
    });

    it("apply everything once, then nothing", async () => {
      const first = await applyMigrations(open());
      assert.deepEqual([first.applied, first.pending.map((m) => m.name)], [[], all]);
      const second = await applyMigrations(open());
      assert.deepEqual([second.applied, second.pending], [all, []]);
      for (const table of all.map((name) => name.slice(4))) {
        assert.ok((await tables()).includes(table), table);
      }
    });

    it("a crash between the statements and their entry is repaired by running them again", async () => {
      await open().command(
        "ALTER TABLE waymark_migrations DELETE WHERE name = '007_late_events' SETTINGS mutations_sync = 1",
      );
      const plan = await applyMigrations(open());
      assert.deepEqual(plan.pending.map((m) => m.name), ["007_late_events"]);
      assert.deepEqual((await planMigrations(open())).pending, []);
    });

    it("an edited file is refused", async () => {
      const folder = await mkdtemp(join(tmpdir(), "waymark-sql-"));
      await writeFile(join(folder, "001_ride_events.sql"), "SELECT 1;\n");
      await assert.rejects(
        applyMigrations(open(), { folder: pathToFileURL(`${folder}/`) }),
        (thrown) => {
          assert.ok(thrown instanceof WaymarkError && thrown.code === "migration_mismatch");
          assert.match(thrown.message, /001_ride_events was edited/);
          return true;
        },
      );
      await rm(folder, { recursive: true });
    });
  });
}
