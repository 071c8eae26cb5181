/**
 * Every planted bug in a copy of the tree, and which suite catches it after how many seeds.
 *
 * A bug is a text in the place of another one that must stand there exactly once: a change of the code that would
 * switch a bug off in silence makes the table fail instead. A bug that nothing catches is a hole, and fails it, too.
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Bug } from "./planted/bug.ts";
import { foldBugs } from "./planted/folds.ts";
import { logAndSnapshotBugs } from "./planted/log_and_snapshots.ts";
import type { SeedSummary } from "./report.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const copied = ["src", "actors", "schemas", "sql", "tests", "scripts", "docs", "deno.json", "package.json"];
/** Seeds without a complaint after which a bug counts as not caught. */
const seedsMax = 120;

export const bugs: readonly Bug[] = [...logAndSnapshotBugs, ...foldBugs];

type Caught = { by: string; after: string; saying: string };

/** The exit code: 0 when every bug is caught. `names`: parts of the names of those to try; null: all. */
export async function runPlanted(names: readonly string[] | null, jobs: number): Promise<number> {
  const wanted = bugs.filter((bug) => names === null || names.some((name) => bug.name.includes(name)));
  const rows = new Map<Bug, Caught | string>();
  const queue = [...wanted];
  const takeOn = async () => {
    for (let bug = queue.shift(); bug !== undefined; bug = queue.shift()) {
      const found = await tryBug(bug).catch((error) => String(error));
      rows.set(bug, found);
      console.log(row(bug, found));
    }
  };
  console.log("| bug | caught by | after | first complaint |\n|---|---|---|---|");
  await Promise.all(Array.from({ length: jobs }, takeOn));
  const missed = wanted.filter((bug) => typeof rows.get(bug) === "string");
  console.log(`${wanted.length - missed.length} passed, ${missed.length} failed`);
  return missed.length === 0 ? 0 : 1;
}

const row = (bug: Bug, found: Caught | string): string =>
  typeof found === "string"
    ? `| ${bug.name} | NOT CAUGHT | | ${found} |`
    : `| ${bug.name} | ${found.by} | ${found.after} | ${found.saying.replaceAll("|", "/").slice(0, 120)} |`;

async function tryBug(bug: Bug): Promise<Caught | string> {
  const folder = await mkdtemp(join(tmpdir(), "waymark-planted-"));
  try {
    for (const name of copied) await cp(join(root, name), join(folder, name), { recursive: true });
    await symlink(join(root, "node_modules"), join(folder, "node_modules"));
    for (const { file, find, put } of bug.changes) {
      const text = await readFile(join(folder, file), "utf8");
      const times = text.split(find).length - 1;
      if (times !== 1) return `${file} has the text ${times} times, wanted once: ${find.slice(0, 80)}`;
      await writeFile(join(folder, file), text.replace(find, () => put));
    }
    return bug.by === "simulation" ? await simulated(folder) : await tested(folder, bug.by);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function simulated(folder: string): Promise<Caught | string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--no-check",
      "-q",
      "tests/simulation/simulate.ts",
      "--worker",
      "--seeds",
      `${seedsMax}`,
    ],
    cwd: folder,
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  let seeds = 0;
  try {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        const { complaints: [first] } = JSON.parse(line) as SeedSummary;
        seeds++;
        if (first === undefined) continue;
        return { by: `simulate, ${first.checker}`, after: `${seeds} seeds`, saying: first.text };
      }
    }
  } finally {
    try {
      child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await child.status;
  }
  return seeds < seedsMax ? `the simulation ended after ${seeds} seeds` : `by none of ${seedsMax} seeds`;
}

async function tested(folder: string, file: string): Promise<Caught | string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--quiet", "--no-check", file],
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  if (success) return `${file} passes`;
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const failed = /^(.*) \.\.\. FAILED/m.exec(text)?.[1]?.trim();
  return failed === undefined
    ? `${file} did not run: ${text.slice(-300)}`
    : { by: file, after: "1 run", saying: failed };
}
