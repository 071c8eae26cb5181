/**
 * Processes of the service on one consumer group, each with its own port and data directory: killed, stopped and
 * begun again by id.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { freePorts } from "../../src/commands/services/launched.ts";
import { systemClock } from "../../src/time.ts";

export type Worker = {
  name: string;
  url: string;
  /** What the process calls itself in its answers: of the newest process with this port. */
  pid(): number;
  running(): boolean;
  start(): void;
  signal(name: "SIGKILL" | "SIGSTOP" | "SIGCONT" | "SIGTERM"): void;
  /** The last that it wrote. */
  lastWords(): string;
  /** Exit codes and signals of every process that ended by itself or was ended. */
  endings: string[];
};

const root = fileURLToPath(new URL("../..", import.meta.url));
const flags = ["run", "--no-prompt", "--no-check", "-A", "src/main.ts"];

/** `waymark …` as a process, of another copy of the tree where one is given. */
export const commandLine = (args: string[], tree = root) => ({
  program: Deno.execPath(),
  args: [...flags, ...args],
  cwd: tree,
});

export async function makeWorkers(
  count: number,
  { folder, variables, own = () => ({}), tree = () => root }: {
    folder: string;
    /** As they are when a process begins. */
    variables: Record<string, string>;
    /** What only one of them is given, by its index. */
    own?(index: number): Record<string, string>;
    /** The copy of the tree that a process of it begins with. */
    tree?(index: number): string;
  },
): Promise<Worker[]> {
  const ports = await freePorts(count);
  return ports.map((port, i) => {
    const begun = { variables: () => ({ ...variables, ...own(i) }), tree: () => tree(i) };
    return worker(`worker ${i + 1}`, port, join(folder, `worker-${i + 1}`), begun);
  });
}

/** What a process is begun with, looked at each time. */
type Begun = { variables(): Record<string, string>; tree(): string };

function worker(name: string, port: number, home: string, begun: Begun): Worker {
  mkdirSync(home, { recursive: true });
  const endings: string[] = [];
  let child: ChildProcess | null = null;
  let pid = 0;
  return {
    name,
    url: `http://127.0.0.1:${port}`,
    endings,
    pid: () => pid,
    running: () => child !== null,
    lastWords: () =>
      readFileSync(join(home, "output.txt"), "utf8").trimEnd().split("\n").slice(-3).join(" | "),
    start() {
      const env = {
        ...{ WAYMARK_DATA_DIR: home, ...begun.variables() },
        ...{ WAYMARK_PORT: String(port), NO_COLOR: "1" },
      };
      const { program, args, cwd } = commandLine(["start"], begun.tree());
      // Written by the process itself: once it has ended, its last words are there.
      const output = openSync(join(home, "output.txt"), "a");
      const started = spawn(program, args, {
        cwd,
        env: { ...Deno.env.toObject(), ...env },
        stdio: ["ignore", output, output],
      });
      closeSync(output);
      started.once("exit", (code, signal) => {
        endings.push(signal ?? String(code));
        if (child === started) child = null;
      });
      child = started;
      pid = started.pid!;
    },
    signal(signal) {
      // Not through the child: the runtime would then report the signal as its ending, whatever its exit code.
      if (child !== null) process.kill(pid, signal);
    },
  };
}

const meant = ["SIGKILL", "SIGTERM", "0"];

/**
 * Begins processes again that ended by themselves, as whoever runs them in earnest would. One that found no broker at
 * its start is meant to end, as is one that could not drain in time; every other one is noted as unexpected. Whoever
 * sends a signal begins it again: SIGTERM ends one that does not run yet, and drains any other.
 */
export function supervise(workers: readonly Worker[]) {
  const over = new AbortController();
  const told = { unexpected: [] as string[], begunAgain: 0, drainsGivenUp: 0 };
  const watching = (async () => {
    for (; !over.signal.aborted; await systemClock.sleep(500, over.signal)) {
      for (const worker of workers) {
        const ending = worker.endings.at(-1);
        if (worker.running() || ending === undefined || meant.includes(ending)) continue;
        const words = worker.lastWords();
        if (ending === "1" && words.includes("not drained after")) told.drainsGivenUp++;
        else if (ending === "1" && words.includes("[log_unavailable]")) told.begunAgain++;
        else told.unexpected.push(`${worker.name} ended with ${ending}: ${words}`);
        worker.start();
      }
    }
  })();
  return Object.assign(told, {
    async stop() {
      over.abort();
      await watching;
    },
  });
}

/** Runs `waymark …` to its end; throws with its output when that is not exit code 0. */
export async function runCommand(args: string[], variables: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...flags, ...args],
    cwd: root,
    env: { ...variables, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (code !== 0) throw new Error(`waymark ${args.join(" ")} ended with ${code}: ${text}`);
  return text;
}

/** What a worker answers, or null when it does not in time. */
export async function ask(
  url: string,
  init: RequestInit = {},
  timeoutMs = 3_000,
): Promise<{ status: number; headers: Headers; body: unknown } | null> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
    return { status: response.status, headers: response.headers, body: await response.json() };
  } catch {
    return null;
  }
}

/** What a process answers that is up: on a busy machine that may take its time. */
export async function answerOf(url: string): Promise<{ status: number; headers: Headers; body: unknown }> {
  const answer = await ask(url, {}, answerMs);
  if (answer === null) throw new Error(`${url} did not answer within ${answerMs} ms`);
  return answer;
}

const answerMs = 60_000;

export async function until(
  what: string,
  condition: () => Promise<boolean>,
  deadlineMs: number,
): Promise<void> {
  const startedMs = systemClock.monotonicMs();
  while (!await condition()) {
    if (systemClock.monotonicMs() - startedMs > deadlineMs) {
      throw new Error(`waited ${deadlineMs} ms in vain until ${what}`);
    }
    await systemClock.sleep(250);
  }
}
