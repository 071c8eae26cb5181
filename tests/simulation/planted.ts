/**
 * Every planted bug in a copy of the tree, and which suite catches it: of the simulation, at which seed.
 *
 * A bug is a text in the place of another one that must stand there exactly once: a change of the code that would
 * switch a bug off in silence makes the table fail instead. A bug that nothing catches is a hole, and fails it, too.
 *
 *   pinned seed ─ caught ─► passed
 *        └─ not any more (a change gives every seed another run) ─► seeds from 1 on ─ caught ─► passed, to be pinned anew
 *                                                                        └─ by none ─► failed
 */
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../src/errors.ts";
import { type Bug, changed } from "./planted/bug.ts";
import { bugs } from "./planted/bugs.ts";
import { type Pinned, pinned, pinnedFile, root } from "./planted/pinned.ts";
import type { SeedSummary } from "./report.ts";

const copied = ["src", "actors", "schemas", "sql", "tests", "scripts", "docs", "deno.json", "package.json"];
/** Seeds without a complaint after which a bug counts as not caught. */
const seedsMax = 500;
/** A suite that hangs over a bug has noticed it, but says nothing of use. */
const suiteMsMax = 300_000;

type Caught = { by: string; at: string; saying: string; pin: Pinned | null };

export type PlantedOptions = {
  /** Parts of the names of those to try; null: all. */
  names: readonly string[] | null;
  jobs: number;
  /** Look from the first seed on, and write down where each was caught. */
  pin: boolean;
};

/** The exit code: 0 when every bug is caught. */
export async function runPlanted({ names, jobs, pin }: PlantedOptions): Promise<number> {
  const wanted = bugs.filter((bug) => names === null || names.some((name) => bug.name.includes(name)));
  const found = new Map<Bug, Caught | string>();
  // What takes longest comes first, or it would be waited for alone at the end.
  const queue = wanted.toSorted((a, b) => Number(a.by === "simulation") - Number(b.by === "simulation"));
  console.log("| bug | caught by | at | first complaint |\n|---|---|---|---|");
  const takeOn = async () => {
    // One tree for all that this job tries: what the runtime has compiled is found again by its path.
    const tree = await mkdtemp(join(tmpdir(), "waymark-planted-"));
    try {
      for (const name of copied) await cp(join(root, name), join(tree, name), { recursive: true });
      await symlink(join(root, "node_modules"), join(tree, "node_modules"));
      for (let bug = queue.shift(); bug !== undefined; bug = queue.shift()) {
        const caught = await tryBug(bug, tree, pin).catch((error) =>
          `it cannot be tried: ${messageOf(error)}`
        );
        found.set(bug, caught);
        console.log(row(bug, caught));
      }
    } finally {
      await rm(tree, { recursive: true, force: true });
    }
  };
  await Promise.all(Array.from({ length: jobs }, takeOn));
  if (pin) await writeDown(found);
  const missed = wanted.filter((bug) => typeof found.get(bug) === "string");
  console.log(`${wanted.length - missed.length} passed, ${missed.length} failed`);
  return missed.length === 0 ? 0 : 1;
}

const row = (bug: Bug, found: Caught | string): string =>
  typeof found === "string"
    ? `| ${bug.name} | NOT CAUGHT | | ${found} |`
    : `| ${bug.name} | ${found.by} | ${found.at} | ${found.saying.replaceAll("|", "/").slice(0, 120)} |`;

async function writeDown(found: ReadonlyMap<Bug, Caught | string>): Promise<void> {
  const pins = bugs.flatMap(({ name, by }) => {
    if (by !== "simulation") return [];
    const caught = [...found].find(([bug]) => bug.name === name)?.[1];
    const pin = typeof caught === "object" ? caught.pin : pinned.get(name) ?? null;
    if (pin === null) return [];
    return [`  ${JSON.stringify(name)}: { "seed": ${pin.seed}, "checker": ${JSON.stringify(pin.checker)} }`];
  });
  await writeFile(pinnedFile, `{\n${pins.join(",\n")}\n}\n`);
}

async function tryBug(bug: Bug, tree: string, pin: boolean): Promise<Caught | string> {
  const before = new Map<string, string>();
  try {
    for (const [file, text] of await changed(bug, (file) => readFile(join(tree, file), "utf8"))) {
      before.set(file, await readFile(join(tree, file), "utf8"));
      await writeFile(join(tree, file), text);
    }
    if (bug.by !== "simulation") return await tested(tree, bug.by);
    const known = pin ? undefined : pinned.get(bug.name);
    if (known !== undefined) {
      const caught = await simulated(tree, { from: known.seed, seeds: 1 });
      if (typeof caught === "object") return caught;
    }
    const caught = await simulated(tree, { from: 1, seeds: seedsMax });
    return typeof caught === "string" || known === undefined
      ? caught
      : { ...caught, at: `${caught.at}, no longer ${known.seed}: write it down with --planted --pin` };
  } finally {
    for (const [file, text] of before) await writeFile(join(tree, file), text);
  }
}

async function simulated(
  tree: string,
  { from, seeds }: { from: number; seeds: number },
): Promise<Caught | string> {
  const runtime = ["run", "--allow-all", "--no-check", "--quiet", "tests/simulation/simulate.ts"];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...runtime, "--worker", "--from", `${from}`, "--seeds", `${seeds}`],
    cwd: tree,
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let text = "";
  let ended = 0;
  try {
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        const { seed, complaints: [first] } = JSON.parse(line) as SeedSummary;
        ended++;
        if (first === undefined) continue;
        const pin = { seed, checker: first.checker };
        return { by: `simulate, ${first.checker}`, at: `seed ${seed}`, saying: first.text, pin };
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
  return ended < seeds ? `the simulation ended after ${ended} seeds` : `by none of ${seeds} seeds`;
}

async function tested(tree: string, file: string): Promise<Caught | string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", "--quiet", "--no-check", "--fail-fast", file],
    cwd: tree,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(suiteMsMax),
  }).output();
  if (success) return `${file} passes`;
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const failed = /^(.*) \.\.\. FAILED/m.exec(text)?.[1]?.trim();
  return failed === undefined
    ? `${file} did not run: ${text.slice(-300)}`
    : { by: file, at: "1 run", saying: failed, pin: null };
}
