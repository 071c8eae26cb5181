/** `waymark migrate`: brings ClickHouse, the server's or the data directory's, to this release's schema. */
import { applyMigrations } from "../sinks/migrations.ts";
import type { Command, Given } from "./command.ts";
import { configFromEnvironment } from "./environment.ts";

export const migrateCommand: Command = {
  name: "migrate",
  operands: "",
  summary: "Applies sql/ to ClickHouse. The service does the same when it starts.",
  options: {
    "dry-run": { type: "boolean", help: "only says what would be applied" },
    help: { type: "boolean", help: "this text" },
  },
  run: migrate,
};

async function migrate(given: Given): Promise<number> {
  const config = configFromEnvironment();
  const { openConfiguredAnalytics } = await import("../node/clickhouse.ts");
  const { analytics } = await openConfiguredAnalytics(config, config.WAYMARK_DATA_DIR);
  try {
    const dryRun = given.flag("dry-run");
    const { applied, pending } = await applyMigrations(analytics, { dryRun });
    for (const { name } of pending) console.log(`${dryRun ? "would apply" : "applied"} ${name}`);
    console.log(`${applied.length} were applied before, ${pending.length} ${dryRun ? "are pending" : "now"}`);
    return 0;
  } finally {
    await analytics.close();
  }
}
