/** Migrations over a real ClickHouse. */
import assert from "node:assert/strict";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, it } from "node:test";
import { WaymarkError } from "../../src/errors.ts";
import type { Analytics } from "../../src/sinks/analytics.ts";
import { applyMigrations, planMigrations } from "../../src/sinks/migrations.ts";

const home = new URL("../../sql/", import.meta.url);
const names = async () =>
  (await readdir(home)).filter((file) => file.endsWith(".sql")).sort().map((file) => file.slice(0, -4));

/** A dead letter and a late event as the releases before 008 wrote them. */
const olderRows: [string, string[], string][] = [
  [
    "dead_letters",
    [
      "log_epoch",
      "topic",
      "partition",
      "offset",
      "log_time",
      "replayed",
      "reason",
      "key_base64",
      "value_base64",
    ],
    '[600,"ride-events",1,7,1768500000000,1,"json_invalid","aw==","/wAK"]',
  ],
  [
    "late_events",
    [
      ...[
        "log_epoch",
        "topic",
        "partition",
        "offset",
        "log_time",
        "replayed",
        "reason",
        "event_time",
        "late_ms",
      ],
      ...["key_base64", "value_base64"],
    ],
    '[600,"ride-events",1,8,1768500000000,1,"too_late",1768499000000,1000,"aw==","/wAK"]',
  ],
];

export function migrationsSuite(open: () => Analytics): void {
  const tables = async () =>
    (await open().query<{ name: string }>(
      "SELECT name FROM system.tables WHERE database = currentDatabase() ORDER BY name",
    )).map((row) => row.name);
  const kept = async (table: string) =>
    await open().query<{ offset: string; reason: string; generation: number; value: string }>(
      `SELECT offset, reason, generation, hex(value) AS value FROM ${table} FINAL WHERE log_epoch = 600`,
    );

  describe("migrations", () => {
    it("a dry run says what it would do and does nothing", async () => {
      const plan = await applyMigrations(open(), { dryRun: true });
      assert.deepEqual(plan.pending.map((m) => m.name), await names());
      assert.equal((await tables()).includes("ride_events"), false);
    });

    it("dead letters and late events of before there were generations are kept, as generation 0", async () => {
      const folder = await mkdtemp(join(tmpdir(), "waymark-sql-"));
      const older = (await names()).filter((name) => name < "008");
      for (const name of older) await copyFile(new URL(`${name}.sql`, home), join(folder, `${name}.sql`));
      await applyMigrations(open(), { folder: pathToFileURL(`${folder}/`) });
      await rm(folder, { recursive: true });
      for (const [table, columns, line] of olderRows) {
        await open().insert({ table, columns }, [line], { token: table });
      }
      const plan = await applyMigrations(open());
      assert.deepEqual(plan.applied, older);
      assert.deepEqual(await kept("dead_letters"), [
        { offset: "7", reason: "json_invalid", generation: 0, value: "FF000A" },
      ]);
      assert.deepEqual(await kept("late_events"), [
        { offset: "8", reason: "too_late", generation: 0, value: "FF000A" },
      ]);
    });

    it("apply everything once, then nothing", async () => {
      const again = await applyMigrations(open());
      assert.deepEqual([again.applied, again.pending], [await names(), []]);
      for (const name of (await names()).filter((name) => name < "008")) {
        assert.ok((await tables()).includes(name.slice(4)), name);
      }
    });

    it("a crash between the statements and their entry is repaired by running them again", async () => {
      for (const [table, columns, line] of olderRows) {
        const newer = line.replace("[600,", "[600,3,").replace(/"(json_invalid|too_late)"/, '"newer"');
        const withGeneration = ["log_epoch", "generation", ...columns.slice(1)];
        await open().insert({ table, columns: withGeneration }, [newer], { token: `newer ${table}` });
      }
      await open().command(
        "ALTER TABLE waymark_migrations DELETE WHERE name >= '008' SETTINGS mutations_sync = 1",
      );
      const before = await tables();
      const plan = await applyMigrations(open());
      assert.deepEqual(plan.pending.map((m) => m.name), (await names()).filter((name) => name >= "008"));
      assert.deepEqual((await planMigrations(open())).pending, []);
      assert.deepEqual(await tables(), before);
      for (const [table] of olderRows) {
        assert.deepEqual((await kept(table)).map((row) => [row.reason, row.generation]), [["newer", 3]]);
        await open().command(`DELETE FROM ${table} WHERE log_epoch = 600`);
      }
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
