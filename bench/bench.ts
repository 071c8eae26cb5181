/**
 * The canonical benchmark: what an event costs, and how long it takes to be seen.
 *
 *   deno task bench [services] [--events 500000] [--rate 2000] [--seconds 10] [--runs 3] [--json FILE] [--vs FILE]
 *
 * Without `services` everything is embedded; with it, on a Kafka that is started for it. Every run is a process of its
 * own on a log of its own with the same events (bench/workload.ts), runs of the three kinds in turn: catching up with a
 * filled log, events at a rate, each stage alone. What is printed is the median and the range. README.md says what each
 * figure means. `--json` writes them; `--vs` reads what another commit wrote and prints the ratios.
 */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { startServices, stopServices } from "../src/commands/services.ts";
import { type BenchLog, fillLog } from "./bench_log.ts";
import type { EndToEnd } from "./end_to_end.ts";
import { type Figures, figuresOf, table, type Told } from "./figures.ts";
import type { StagesGiven } from "./stages.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    events: { type: "string", default: "500000" },
    rate: { type: "string", default: "2000" },
    seconds: { type: "string", default: "10" },
    runs: { type: "string", default: "3" },
    json: { type: "string" },
    vs: { type: "string" },
  },
});
const [events, perSecond, seconds, runs] = [values.events, values.rate, values.seconds, values.runs].map(
  Number,
) as [
  number,
  number,
  number,
  number,
];
const onKafka = positionals.includes("services");

type Result = { about: Record<string, string | number>; figures: Figures };

const headline: Record<string, Told> = {
  eventsPerCpuSecond: { label: "events per CPU-second, end to end", unit: "", decimals: 0 },
  visibleP99Ms: { label: "event → visible, p99", unit: "ms", decimals: 0 },
};
const stage = (label: string): Told => ({ label, unit: "µs", decimals: 2 });
const bytes = (label: string): Told => ({ label, unit: "B", decimals: 0 });
/** In the order of an event's way. */
const stages: Record<string, Told> = {
  "fetch": stage("fetch"),
  "decode": stage("decode and check"),
  "fold": stage("fold"),
  "tell cities": stage("tell cities"),
  "windows": stage("windows"),
  "publish": stage("publish"),
  "sum": stage("sum of these"),
  "end to end": stage("end to end, snapshots and board too"),
  "snapshot, per actor": stage("snapshot, per actor"),
  "sink, per row": stage("ClickHouse sink, per row"),
  "decode bytes": bytes("allocated: decode and check"),
  "fold bytes": bytes("allocated: fold"),
  "tell cities bytes": bytes("allocated: tell cities"),
  "windows bytes": bytes("allocated: windows"),
};
const wholeProcess: Record<string, Told> = {
  visibleP50Ms: { label: "event → visible, p50", unit: "ms", decimals: 0 },
  loopDelayP99Ms: { label: "event loop's delay at that rate, p99", unit: "ms", decimals: 1 },
  shareOfCore: { label: "of a core at that rate", unit: "", decimals: 2 },
  eventsPerSecond: { label: "events a second, catching up", unit: "", decimals: 0 },
  actors: { label: "actors after it", unit: "", decimals: 0 },
  bytesPerActor: bytes("heap per actor, panes and riders too"),
  allocatedMbPerSecond: { label: "allocated, catching up", unit: "MB/s", decimals: 0 },
  peakMb: { label: "resident at most", unit: "MB", decimals: 0 },
};

const home = await mkdtemp(join(tmpdir(), "waymark-bench-"));
const services = onKafka ? await startServices({ folder: join(home, "services") }) : null;
try {
  const result = await measured();
  const others = values.vs === undefined ? null : JSON.parse(await readFile(values.vs, "utf8")) as Result;
  console.log(told(result, others));
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(result, null, 2)}\n`);
} finally {
  if (services !== null) await stopServices(services.folder);
  await rm(home, { recursive: true, force: true });
}

async function measured(): Promise<Result> {
  const about = aboutThis();
  const filled = await logFor("filled");
  let valueBytes = 0;
  let count = 0;
  if (!onKafka) await fillLog(filled, events, tell);
  const [caughtUp, lived, staged]: Record<string, number>[][] = [[], [], []];
  for (let run = 1; run <= runs; run++) {
    const [folding, stageLog] = [
      await copyOf(filled, `catch-up-${run}`),
      await copyOf(filled, `stages-${run}`),
    ];
    caughtUp!.push(...await child<EndToEnd>("end_to_end.ts", { log: folding, mode: "catch-up", events }));
    const live = await logFor(`live-${run}`);
    lived!.push(...await child<EndToEnd>("end_to_end.ts", { log: live, mode: "live", perSecond, seconds }));
    staged!.push(...await child<StagesGiven>("stages.ts", { log: stageLog, runs: 1, sink: true }));
    for (const { folder } of [folding, live, stageLog]) await rm(folder, { recursive: true, force: true });
    if (!process.stderr.isTTY) continue;
    console.error(`run ${run} of ${runs}`);
  }
  if (lived!.some(({ neverSeen }) => neverSeen !== 0)) {
    throw new Error("some events were never seen on the board");
  }
  const summed = staged!.map((figures, run) => ({
    ...figures,
    "sum": ["fetch", "decode", "fold", "tell cities", "windows", "publish"].reduce(
      (s, n) => s + figures[n]!,
      0,
    ),
    "end to end": 1e6 / caughtUp![run]!.eventsPerCpuSecond!,
  }));
  const more = { "bytes an event": Math.round(valueBytes / count), "load after": loadavg()[0]!.toFixed(1) };
  return {
    about: { ...about, ...more },
    figures: { ...figuresOf(caughtUp!), ...figuresOf(lived!), ...figuresOf(summed) },
  };

  function tell({ value }: { value: Uint8Array }): void {
    valueBytes += value.length;
    count++;
  }

  /** A log with the events: the embedded one is copied, on Kafka topics are filled again. */
  async function copyOf(from: BenchLog, name: string): Promise<BenchLog> {
    const copy = await logFor(name);
    if (onKafka) await fillLog(copy, events, tell);
    else await cp(from.folder, copy.folder, { recursive: true });
    return copy;
  }
}

async function logFor(name: string): Promise<BenchLog> {
  const folder = join(home, name);
  await mkdir(folder, { recursive: true });
  const brokers = services?.variables.KAFKA_BROKERS;
  return { folder, kafka: brokers === undefined ? null : { brokers, prefix: `${name}.` } };
}

/** The lines of JSON that a child prints. */
async function child<Given>(file: string, given: Given): Promise<Record<string, number>[]> {
  const path = fileURLToPath(new URL(file, import.meta.url));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", "--v8-flags=--expose-gc", path, JSON.stringify(given)],
    stdout: "piped",
    stderr: "piped",
  }).output();
  const said = new TextDecoder().decode(stdout);
  if (code !== 0) throw new Error(`${file} ended with ${code}: ${said}${new TextDecoder().decode(stderr)}`);
  return said.trim().split("\n").map((line) => JSON.parse(line) as Record<string, number>);
}

function aboutThis(): Result["about"] {
  const git = new Deno.Command("git", { args: ["rev-parse", "--short", "HEAD"], stderr: "null" });
  let commit = "unknown";
  try {
    commit = new TextDecoder().decode(git.outputSync().stdout).trim() || commit;
  } catch {
    // A checkout without git is measured as well.
  }
  return {
    ...{ commit, deno: Deno.version.deno, v8: Deno.version.v8, log: onKafka ? "Kafka" : "embedded" },
    ...{ cores: cpus().length, machine: cpus()[0]!.model.trim(), "load before": loadavg()[0]!.toFixed(1) },
    ...{ events, runs, "events a second, live": perSecond },
  };
}

function told({ about, figures }: Result, others: Result | null): string {
  const than = others?.figures ?? null;
  return [
    table(headline, figures, than),
    "",
    table(stages, figures, than),
    "",
    table(wholeProcess, figures, than),
    "",
    Object.entries(about).map(([name, value]) => `${name} ${value}`).join(", "),
    ...(others === null
      ? []
      : [`against ${Object.entries(others.about).map(([n, v]) => `${n} ${v}`).join(", ")}`]),
    ...otherwise(about, others?.about ?? about),
  ].join("\n");
}

/** Ratios of different work mean nothing. */
function otherwise(now: Result["about"], before: Result["about"]): string[] {
  const names = ["log", "events", "events a second, live", "bytes an event", "machine", "cores"];
  const different = names.filter((name) => now[name] !== before[name]);
  return different.length === 0
    ? []
    : [`NOT THE SAME: ${different.join(", ")} differ; the ratios mean nothing`];
}
