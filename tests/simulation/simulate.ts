/**
 * `deno task simulate`: the whole installation in one process on a virtual clock, seed after seed.
 *
 *   simulate --seeds 500 [--from 1] [--jobs 2]     many seeds, and which faults and points they had
 *   simulate --seed 42                             one seed, with its story when it fails
 *   simulate --planted [--bug NAME] [--pin]        every planted bug, and which suite catches it
 *
 * A seed decides everything; each is begun twice, and both must have the same trace. The last line is
 * `N passed, N failed`. Ctrl-C ends many seeds early, with the report of those that were run.
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { startProgress } from "../../src/commands/progress.ts";
import { systemClock } from "../../src/time.ts";
import { type Overrides, planOf, planText, rateNames, type Scenario } from "./plan.ts";
import { pointNames } from "./points.ts";
import { addTo, emptySums, type SeedSummary, summed } from "./report.ts";
import { runSeed, type SeedResult } from "./seed_run.ts";
import { outside } from "./seal.ts";
import { shrunk } from "./shrink.ts";
import { storyText } from "./story.ts";
import { headerHelp } from "../header_help.ts";

headerHelp(import.meta.url);

/** How much of every seed is run again to see that it goes the same way. */
const markEvents = 1_500;
/** From so many seeds on a point that was never reached is a failure. */
const longRunSeeds = 400;
/** Of a process: fewer would be begun too often, of more the last one would keep the others waiting. */
const portionSeeds = { least: 10, most: 80 };
/** A seed makes garbage that lives for as long as itself: a young generation of its size is collected seldom. */
const v8Flags = "--max-semi-space-size=64,--min-semi-space-size=32,--single-threaded-gc";
/** A seed that is silent this long, wall time, has a loop without an end. */
const seedMsMax = 120_000;

/** A rejection that nobody handles ends a real process. */
const unhandled: string[] = [];
globalThis.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  unhandled.push(event.reason instanceof Error ? event.reason.message : String(event.reason));
});

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    seeds: { type: "string" },
    from: { type: "string", default: "1" },
    jobs: { type: "string" },
    without: { type: "string" },
    disasters: { type: "string" },
    minutes: { type: "string" },
    scenario: { type: "string" },
    planted: { type: "boolean", default: false },
    /** Writes down which seeds catch the planted bugs now. */
    pin: { type: "boolean", default: false },
    /** Part of the name of a planted bug: those alone. */
    bug: { type: "string", multiple: true },
    story: { type: "boolean", default: false },
    "no-shrink": { type: "boolean", default: false },
    /** A line of JSON per seed, for the process that counts. */
    worker: { type: "boolean", default: false },
  },
});

const overrides: Overrides = {
  ...(values.without !== undefined && { without: values.without.split(",") }),
  ...(values.disasters !== undefined &&
    { disasters: values.disasters === "none" ? [] : values.disasters.split(",").map(Number) }),
  ...(values.minutes !== undefined && { minutes: Number(values.minutes) }),
  ...(values.scenario !== undefined && { scenario: values.scenario as Scenario }),
};

if (values.planted || values.bug !== undefined) {
  const { runPlanted } = await import("./planted.ts");
  process.exit(await runPlanted({ names: values.bug ?? null, jobs: jobsWanted(), pin: values.pin }));
} else if (values.worker) await work(Number(values.from), Number(values.seeds));
else if (values.seed !== undefined) process.exit(await one(Number(values.seed)));
else process.exit(await many(Number(values.from), Number(values.seeds ?? 100)));

/** The seed, with its beginning run twice. */
async function checked(seed: number, given: Overrides): Promise<SeedResult> {
  const result = await outside(() => runSeed(seed, { overrides: given, markAt: markEvents }));
  // They are told of in the turn after.
  await outside(() => {});
  for (const text of unhandled.splice(0, 3)) {
    result.complaints.push({ checker: "simulation", text: `a rejection that nobody handled: ${text}` });
  }
  const again = await outside(() =>
    runSeed(seed, { overrides: given, markAt: markEvents, stopAtMark: true })
  );
  await outside(() => unhandled.splice(0));
  if (result.mark !== again.mark) {
    const text = `two runs of the seed differ within ${markEvents} events: ${result.mark}, ${again.mark}`;
    result.complaints.push({ checker: "determinism", text });
  }
  return result;
}

async function work(from: number, count: number): Promise<void> {
  for (let seed = from; seed < from + count; seed++) {
    const { events, simulatedMs, complaints, points, plan, hash } = await checked(seed, overrides);
    const summary: SeedSummary = {
      ...{ seed, events, simulatedMs, complaints, hash },
      scenario: plan.scenario,
      points: [...points],
      rates: rateNames.filter((name) => plan.rates[name] > 0),
      disasters: plan.disasters.map(({ name }) => name),
    };
    console.log(JSON.stringify(summary));
  }
}

async function one(seed: number): Promise<number> {
  console.log(`seed ${seed}, ${await commitText()}\n${planText(planOf(seed, overrides))}\n`);
  const result = await checked(seed, overrides);
  const whole = await outside(() => runSeed(seed, { overrides }));
  if (whole.hash !== result.hash) {
    result.complaints.push({
      checker: "determinism",
      text: `two runs differ: ${result.hash}, ${whole.hash}`,
    });
  }
  if (values.story && result.complaints.length === 0) console.log(storyText(result));
  if (result.complaints.length > 0) await tellFailure(seed, result);
  console.log(
    `trace ${result.hash}, twice the same; ${result.events} events, ${
      minutes(result.simulatedMs)
    } simulated minutes`,
  );
  console.log(result.complaints.length === 0 ? "1 passed, 0 failed" : "0 passed, 1 failed");
  return result.complaints.length === 0 ? 0 : 1;
}

async function tellFailure(seed: number, result: SeedResult): Promise<void> {
  const [first] = result.complaints;
  const small = values["no-shrink"] || first === undefined
    ? { overrides, result }
    : await shrunk(seed, overrides, first.checker, (given) =>
      outside(() =>
        runSeed(seed, { overrides: given })
      ));
  console.log(storyText(small.result));
  console.log(`replay: ${commandFor(seed, small.overrides)}`);
}

function commandFor(seed: number, { without, disasters, minutes, scenario }: Overrides): string {
  return [
    `deno task simulate --seed ${seed}`,
    ...(scenario !== undefined ? [`--scenario ${scenario}`] : []),
    ...(minutes !== undefined ? [`--minutes ${minutes}`] : []),
    ...(disasters !== undefined ? [`--disasters ${disasters.join(",") || "none"}`] : []),
    ...(without !== undefined && without.length > 0 ? [`--without ${without.join(",")}`] : []),
  ].join(" ");
}

async function many(from: number, count: number): Promise<number> {
  const jobs = jobsWanted();
  console.log(`seeds ${from} to ${from + count - 1}, ${await commitText()}, ${jobs} at a time`);
  const sums = emptySums();
  const startedMs = performance.now();
  const end = from + count;
  let next = from;
  const progress = startProgress("seeds", count, systemClock);
  const run: Run = {
    stopping: new AbortController(),
    ended(summary) {
      addTo(sums, summary);
      const [first] = summary.complaints;
      if (first !== undefined) console.error(`seed ${summary.seed}: ${first.checker}: ${first.text}`);
      progress.at(sums.seeds, `${sums.seeds} of ${count}, ${sums.failures.length} failed`);
    },
    failed: (seed, text) => sums.failures.push({ seed, complaints: [{ checker: "simulation", text }] }),
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => run.stopping.abort("stopped"));
  }
  const takeOn = async () => {
    while (next < end && !run.stopping.signal.aborted) {
      const share = Math.ceil((end - next) / (2 * jobs));
      const mine = Math.min(end - next, Math.max(portionSeeds.least, Math.min(portionSeeds.most, share)));
      next += mine;
      await portion({ from: next - mine, count: mine }, run);
    }
  };
  await Promise.all(Array.from({ length: jobs }, takeOn));
  progress.end();
  if (run.stopping.signal.aborted) console.log(`stopped after ${sums.seeds} of ${count} seeds`);
  const seconds = (performance.now() - startedMs) / 1_000;
  console.log(summed(sums, seconds));
  let failed = sums.failures.length;
  for (const { seed } of sums.failures.slice(0, 3)) {
    const result = await checked(seed, overrides);
    console.log(`\nseed ${seed} fails`);
    await tellFailure(seed, result);
  }
  const never = Object.keys(pointNames).filter((name) => !sums.points.has(name));
  if (never.length > 0) {
    console.log(`never happened: ${never.join(", ")}`);
    if (sums.seeds >= longRunSeeds) failed++;
  }
  console.log(`${sums.seeds - sums.failures.length} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

type Run = {
  /** Aborted when no more is wanted. */
  stopping: AbortController;
  ended(summary: SeedSummary): void;
  failed(seed: number, why: string): void;
};

/** A process of its own per portion: what one leaves behind, or a loop without an end, ends with it. */
async function portion({ from, count }: { from: number; count: number }, run: Run): Promise<void> {
  const runtime = ["run", "--allow-all", "--no-check", "--quiet", `--v8-flags=${v8Flags}`];
  const args = [...runtime, import.meta.filename!, "--worker"];
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args, "--from", `${from}`, "--seeds", `${count}`, ...passedOn()],
    stdout: "piped",
    stderr: "inherit",
    signal: run.stopping.signal,
  }).spawn();
  const heard = { atMs: performance.now() };
  const watch = setInterval(() => {
    if (performance.now() - heard.atMs > seedMsMax) child.kill("SIGKILL");
  }, 1_000);
  let next = from;
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    heard.atMs = performance.now();
    text += chunk;
    const lines = text.split("\n");
    text = lines.pop()!;
    for (const line of lines) {
      const summary = JSON.parse(line) as SeedSummary;
      run.ended(summary);
      next = summary.seed + 1;
    }
  }
  clearInterval(watch);
  const { success } = await child.status;
  if (success || next >= from + count || run.stopping.signal.aborted) return;
  run.failed(next, "the seed did not end");
  await portion({ from: next + 1, count: from + count - next - 1 }, run);
}

function jobsWanted(): number {
  return Number(values.jobs ?? Math.min(4, navigator.hardwareConcurrency));
}

function passedOn(): string[] {
  return (["without", "disasters", "minutes", "scenario"] as const).flatMap((name) =>
    values[name] === undefined ? [] : [`--${name}`, values[name]]
  );
}

async function commitText(): Promise<string> {
  const ask = (...args: string[]) =>
    new Deno.Command("git", { args, stdout: "piped", stderr: "null" }).output()
      .then(({ stdout }) => new TextDecoder().decode(stdout).trim(), () => "");
  const commit = await ask("rev-parse", "--short", "HEAD");
  const changed = await ask("status", "--porcelain", "--", "src", "actors", "tests/simulation");
  return `commit ${commit || "unknown"}${changed === "" ? "" : " and changes"}`;
}

function minutes(ms: number): number {
  return Math.round(ms / 60_000);
}
