/**
 * The tests that need nothing installed, less the long ones, and one closing line: `N passed, N failed`.
 *
 * In processes of a few files, some side by side: tests wait as often as they work, ClickHouse in process allows one
 * data directory a process, and one that has run a hundred files spends half of its time on collecting garbage.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { longTests } from "./long.ts";
import { runTests } from "./test_process.ts";
import { headerHelp } from "./header_help.ts";

headerHelp(import.meta.url);

/** The longest first, so that nothing long is left to the end. */
const groups = [
  ["pipeline", "tests/pipeline", "tests/golden", "tests/recount", "tests/kept"],
  ["faults", "tests/faults", "tests/fuzz", "tests/simulation"],
  ["contracts", "tests/conformance", "tests/tidy_test.ts"],
  ["units", "tests/unit"],
] as const;
/** Waits for most of a minute and hardly works: begun first, it waits beside the others, and not after them. */
const waitsLong = "tests/unit/alerts/outbox_test.ts";
const filesAtOnce = 12;
const processes = 2 * navigator.hardwareConcurrency;

type Result = { passed: number; failed: number };
type Part = { group: string; files: string[] };

async function filesIn(path: string): Promise<string[]> {
  if (path.endsWith(".ts")) return [path];
  const names = await readdir(path, { recursive: true });
  return names.filter((name) => name.endsWith("_test.ts")).map((name) => join(path, name)).sort();
}

async function partsOf([group, ...paths]: readonly [string, ...string[]]): Promise<Part[]> {
  const found = (await Promise.all(paths.map(filesIn))).flat();
  const wanted = found.filter((file) => !longTests.includes(file));
  const parts = Math.ceil(wanted.length / filesAtOnce);
  return Array.from({ length: parts }, (_, part) => ({
    group,
    files: wanted.filter((_, i) => i % parts === part),
  }));
}

const told = new Set<string>();

/** Each note once; of what failed everything from the first error on. */
function tell(output: string, isBroken: boolean): void {
  const lines = output.split("\n");
  for (const note of lines.filter((line) => line.startsWith("note: "))) {
    if (!told.has(note)) console.log(note);
    told.add(note);
  }
  if (!isBroken) return;
  const errors = lines.findIndex((line) => line.includes("ERRORS"));
  console.log(lines.slice(Math.max(0, errors)).join("\n"));
}

const added = (a: Result, b: Result): Result => ({
  passed: a.passed + b.passed,
  failed: a.failed + b.failed,
});
const queue = (await Promise.all(groups.map(partsOf))).flat()
  .sort((a, b) => Number(b.files.includes(waitsLong)) - Number(a.files.includes(waitsLong)));
if (!queue[0]!.files.includes(waitsLong)) {
  throw new Error(`there is no ${waitsLong}, which is to begin first`);
}
const open = new Map(
  groups.map(([group]) => [group as string, queue.filter((p) => p.group === group).length]),
);
const results = new Map<string, Result>();

async function lane(): Promise<void> {
  for (let part = queue.shift(); part !== undefined; part = queue.shift()) {
    const { group, files } = part;
    const { output, ...ended } = await runTests(files);
    tell(output, ended.failed > 0);
    const result = added(results.get(group) ?? { passed: 0, failed: 0 }, ended);
    results.set(group, result);
    open.set(group, open.get(group)! - 1);
    if (open.get(group) === 0) console.log(`${group}: ${result.passed} passed, ${result.failed} failed`);
  }
}

await Promise.all(Array.from({ length: processes }, lane));
const total = [...results.values()].reduce(added);
console.log(`${total.passed} passed, ${total.failed} failed`);
if (total.failed > 0) Deno.exit(1);
