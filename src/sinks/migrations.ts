/**
 * Migrations: the files sql/NNN_name.sql, applied once each in the order of their numbers, forward only.
 *
 *   files on disk  ⟷  rows in waymark_migrations (name, checksum)
 *
 * A file that was applied and then edited, or is missing here, means that the tables are not what this
 * release believes: refused with migration_mismatch. ClickHouse has no transactions over DDL, so a crash
 * may come between a file's statements and its row: every statement must bear being run again
 * (CREATE … IF NOT EXISTS, ALTER … ADD COLUMN IF NOT EXISTS). A RENAME cannot say so: it is left out when its first
 * target exists, and its names must be such that nothing else makes that target.
 *
 * Several processes may migrate one server at once. There is no lock, which a killed process would leave behind:
 * what bears being run again bears being run twice at a time, and the ledger's row is the same whoever writes it. A
 * statement that fails because another process is changing the same table is tried again, and left to the other one
 * when the ledger says in the meantime that it got there.
 */
import { readdir, readFile } from "node:fs/promises";
import { WaymarkError } from "../errors.ts";
import { contentHash, fromUtf8 } from "../ids.ts";
import type { Analytics } from "./analytics.ts";

export type Migration = { name: string; checksum: string; statements: string[] };

/** What is there and what is to be done, in the order of the numbers. */
export type MigrationPlan = { applied: string[]; pending: Migration[] };

const home = new URL("../../sql/", import.meta.url);

/** Compares the files with what was applied; changes nothing but the ledger's own table. Throws migration_mismatch. */
export async function planMigrations(analytics: Analytics, folder: URL = home): Promise<MigrationPlan> {
  await analytics.command(
    "CREATE TABLE IF NOT EXISTS waymark_migrations " +
      "(name String, checksum String, applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')) " +
      "ENGINE = ReplacingMergeTree ORDER BY name",
  );
  const applied = await analytics.query<{ name: string; checksum: string }>(
    "SELECT name, checksum FROM waymark_migrations FINAL ORDER BY name",
  );
  return decide(await readMigrations(folder), applied);
}

/** Applies what is pending and says what that was. With `dryRun` it only says. Throws migration_mismatch. */
export async function applyMigrations(
  analytics: Analytics,
  { dryRun = false, folder = home }: { dryRun?: boolean; folder?: URL } = {},
): Promise<MigrationPlan> {
  const plan = await planMigrations(analytics, folder);
  if (dryRun) return plan;
  for (const migration of plan.pending) await applyBesideOthers(analytics, migration);
  return plan;
}

/** Other processes that may be in each other's way before a failure is taken for one. */
const attemptsMax = 5;

async function applyBesideOthers(analytics: Analytics, migration: Migration): Promise<void> {
  for (let attempt = 1;; attempt++) {
    try {
      return await apply(analytics, migration);
    } catch (thrown) {
      if (await isApplied(analytics, migration)) return;
      if (attempt === attemptsMax) throw thrown;
    }
  }
}

async function apply(analytics: Analytics, { name, checksum, statements }: Migration): Promise<void> {
  for (const statement of statements) {
    if (!await isRenamed(analytics, statement)) await analytics.command(statement);
  }
  const row = JSON.stringify([name, checksum]);
  const target = { table: "waymark_migrations", columns: ["name", "checksum"] };
  await analytics.insert(target, [row], { token: `${name}/${checksum}` });
}

/** Whether the statement is a RENAME that was done before. */
async function isRenamed(analytics: Analytics, statement: string): Promise<boolean> {
  const [, target] = /^RENAME TABLE \w+ TO (\w+)/.exec(statement) ?? [];
  if (target === undefined) return false;
  const rows = await analytics.query(
    "SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = {target:String}",
    { target },
  );
  return rows.length > 0;
}

async function isApplied(analytics: Analytics, { name, checksum }: Migration): Promise<boolean> {
  const rows = await analytics.query(
    "SELECT 1 FROM waymark_migrations WHERE name = {name:String} AND checksum = {checksum:String} LIMIT 1",
    { name, checksum },
  );
  return rows.length > 0;
}

/** Pure: files against ledger. */
export function decide(files: Migration[], applied: { name: string; checksum: string }[]): MigrationPlan {
  const known = new Map(files.map((file) => [file.name, file]));
  for (const { name, checksum } of applied) {
    const file = known.get(name);
    if (file === undefined) {
      throw mismatch(`${name} was applied to ClickHouse but is not part of this release`);
    }
    if (file.checksum !== checksum) {
      throw mismatch(`${name} was edited after it was applied (then ${checksum}, now ${file.checksum})`);
    }
  }
  const done = new Set(applied.map((row) => row.name));
  const pending = files.filter((file) => !done.has(file.name));
  const last = applied.at(-1)?.name;
  const late = pending.find((file) => last !== undefined && file.name < last);
  if (late !== undefined) {
    throw mismatch(`${late.name} is new but numbered before ${last}, which was applied`);
  }
  return { applied: applied.map((row) => row.name), pending };
}

const mismatch = (what: string) =>
  new WaymarkError(
    "migration_mismatch",
    `cannot migrate ClickHouse: ${what}; wanted: the files as they were applied, and changes in new files`,
  );

async function readMigrations(folder: URL): Promise<Migration[]> {
  const names = (await readdir(folder)).filter((name) => /^\d{3}_[a-z0-9_]+\.sql$/.test(name)).sort();
  return await Promise.all(names.map(async (file) => {
    const bytes = await readFile(new URL(file, folder));
    return {
      name: file.slice(0, -".sql".length),
      checksum: (await contentHash(bytes)).slice(0, 32),
      statements: statementsOf(fromUtf8(bytes)),
    };
  }));
}

/** Statements end with a semicolon at the end of a line; lines that are comments are left out first. */
export function statementsOf(text: string): string[] {
  const code = text.split("\n").filter((line) => !line.trimStart().startsWith("--")).join("\n");
  return code.split(/;[ \t]*(?:\n|$)/).map((statement) => statement.trim()).filter((s) => s !== "");
}
