/**
 * Golden cases: folders with an input, hand-readable, and what the pipeline makes of it.
 *
 *   input.jsonl ─► straight | crashed and restored | 1, 3, 12 owners ─► windows.ndjson, alerts.ndjson, ledger.json
 *
 * fold_versions.json says which fold versions the expectations were made with. When outputs change and the versions
 * did not, the test fails, and `deno run -A tests/golden/golden.ts --update` refuses to write: raise them first.
 */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { foldVersions } from "../../src/stages/context.ts";
import { trafficFormats } from "../../src/traffic/formats.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { outcome, type RunOptions } from "../pipeline/harness.ts";
import { linesOf } from "../pipeline/recounted.ts";

export const expectedFiles = ["windows.ndjson", "alerts.ndjson", "ledger.json"] as const;
export type Expected = Record<(typeof expectedFiles)[number], string>;

const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export async function caseNames(): Promise<string[]> {
  const found = await readdir(at("."), { withFileTypes: true });
  return found.filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
}

export async function inputOf(name: string): Promise<SentItem[]> {
  const items: SentItem[] = [];
  for await (const chunk of (await trafficFormats.jsonl.open(at(`${name}/input.jsonl`))).chunks) {
    items.push(...chunk);
  }
  return items;
}

/** What the pipeline makes of the items. */
export async function madeOf(items: readonly SentItem[], options: RunOptions = {}): Promise<Expected> {
  const { windows, alerts, ledger } = await outcome(items, options);
  const { total, missed_after_idle, balanced } = ledger;
  return {
    "windows.ndjson": linesOf(windows),
    "alerts.ndjson": alerts.map((alert) => JSON.stringify(alert) + "\n").join(""),
    "ledger.json": JSON.stringify({ total, missed_after_idle, balanced }, null, 2) + "\n",
  };
}

/** Null for a case that was never expected. */
export async function expectedOf(name: string): Promise<Expected | null> {
  const texts = await Promise.all(
    expectedFiles.map(async (file) => [file, await textOf(`${name}/expected/${file}`)] as const),
  );
  return texts.some(([, text]) => text === null) ? null : Object.fromEntries(texts) as Expected;
}

export async function recordedVersions(): Promise<string | null> {
  return await textOf("fold_versions.json");
}

export const currentVersions = (): string => JSON.stringify(foldVersions) + "\n";

async function textOf(path: string): Promise<string | null> {
  return await readFile(at(path), "utf8").catch(() => null);
}

async function update(): Promise<number> {
  const raised = await recordedVersions() !== currentVersions();
  for (const name of await caseNames()) {
    const [held, made] = [await expectedOf(name), await madeOf(await inputOf(name))];
    const changed = expectedFiles.filter((file) => held?.[file] !== made[file]);
    if (changed.length === 0) continue;
    if (held !== null && !raised) {
      console.error(
        `${name}: ${changed.join(", ")} changed; raise foldVersions in src/stages/context.ts first`,
      );
      return 1;
    }
    await mkdir(at(`${name}/expected`), { recursive: true });
    for (const file of expectedFiles) await writeFile(at(`${name}/expected/${file}`), made[file]);
    console.log(`${name}: written`);
  }
  await writeFile(at("fold_versions.json"), currentVersions());
  return 0;
}

if (import.meta.main) {
  if (Deno.args.length === 1 && Deno.args[0] === "--update") Deno.exit(await update());
  console.error("usage: deno run -A tests/golden/golden.ts --update");
  Deno.exit(2);
}
