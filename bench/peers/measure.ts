/** One system over one filled topic: from its start until every window is right, or nothing more comes. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { freePorts } from "../../src/commands/services/launched.ts";
import type { Log } from "../../src/log/port.ts";
import { secondMs, systemClock } from "../../src/time.ts";
import { processTree, treeCost } from "../process_cost.ts";
import { type Verdict, watchResults } from "./results.ts";
import { home, type System } from "./systems.ts";
import { type Filled, makeOutput } from "./topics.ts";

export type Measured = {
  system: string;
  events: number;
  /** Of the system's processes alone: Kafka's is not in it. */
  cpuSeconds: number;
  seconds: number;
  peakMb: number;
  verdict: Verdict;
  /** Everything right in time. */
  correct: boolean;
  /** What it said last, if it ended before. */
  endedWith: string | null;
  loadBefore: number;
};

const pollMs = 100;

export async function measure(
  system: System,
  filled: Filled,
  { log, brokers, redisUrl, folder, stalledMs, limitMs }: {
    log: Log;
    brokers: string;
    redisUrl: string;
    folder: string;
    /** Without a record more, and in all: then it is given up. */
    stalledMs: number;
    limitMs: number;
  },
): Promise<Measured> {
  const place = join(folder, `${filled.prefix}${system.name}`);
  await mkdir(join(place, "state"), { recursive: true });
  const topic = system.output.topic(filled.prefix);
  if (!system.output.own) await makeOutput(log, topic);
  const results = await watchResults(log, topic, filled.expected);
  const [port] = await freePorts(1);
  const loadBefore = loadavg()[0]!;
  const startedMs = systemClock.monotonicMs();
  const said = join(place, "output.log");
  const started = begin(system.start({ brokers, redisUrl, ...filled, folder: place, port: port! }), said);
  let cost = { cpuSeconds: 0, peakMb: 0 };
  let seen = { records: 0, atMs: startedMs };
  try {
    while (!results.complete()) {
      await systemClock.sleep(pollMs);
      if (hasEnded(started)) break;
      cost = treeCost(started.pid!);
      const records = results.records();
      if (records > seen.records) seen = { records, atMs: systemClock.monotonicMs() };
      const nowMs = systemClock.monotonicMs();
      if (nowMs - seen.atMs > stalledMs || nowMs - startedMs > limitMs) break;
    }
    const seconds = (systemClock.monotonicMs() - startedMs) / secondMs;
    const verdict = results.verdict();
    return {
      ...{ system: system.name, events: filled.events, ...cost, seconds, verdict, loadBefore },
      correct: results.complete(),
      endedWith: hasEnded(started) ? (await readFile(said, "utf8")).slice(-2_000) : null,
    };
  } finally {
    await ended(started);
    await results.close();
    await rm(join(place, "state"), { recursive: true, force: true });
  }
}

/** Starts the system; what it says goes to a file. */
export function begin(
  { command, args, env = {} }: { command: string; args: string[]; env?: Record<string, string> },
  said: string,
): ChildProcess {
  const started = spawn(command, args, {
    cwd: home,
    env: { ...Deno.env.toObject(), ...env, NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = createWriteStream(said);
  started.stdout.pipe(output, { end: false });
  started.stderr.pipe(output, { end: false });
  return started;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean =>
  exitCode !== null || signalCode !== null;

/** It has been measured: how it ends does not matter, and some take long to. */
export async function ended(started: ChildProcess): Promise<void> {
  if (hasEnded(started)) return;
  const exit = new Promise((resolve) => started.once("exit", resolve));
  for (const pid of processTree(started.pid!)) process.kill(pid, "SIGKILL");
  await exit;
}
