/**
 * Processes of the service on one consumer group, each with its own port and data directory: killed, stopped and
 * begun again by id.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
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
  /** Exit codes and signals of every process that ended by itself or was ended. */
  endings: string[];
};

const root = fileURLToPath(new URL("../..", import.meta.url));
const flags = ["run", "--no-prompt", "--no-check", "-A", "src/main.ts"];

export async function makeWorkers(
  count: number,
  { folder, variables }: { folder: string; variables: Record<string, string> },
): Promise<Worker[]> {
  const ports = await freePorts(count);
  return ports.map((port, i) => worker(`worker ${i + 1}`, port, join(folder, `worker-${i + 1}`), variables));
}

function worker(name: string, port: number, home: string, variables: Record<string, string>): Worker {
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
    start() {
      const env = { ...variables, WAYMARK_PORT: String(port), WAYMARK_DATA_DIR: home, NO_COLOR: "1" };
      const started = spawn(Deno.execPath(), [...flags, "start"], {
        cwd: root,
        env: { ...Deno.env.toObject(), ...env },
        stdio: ["ignore", "pipe", "pipe"],
      });
      const output = createWriteStream(join(home, "output.txt"), { flags: "a" });
      started.stdout.pipe(output, { end: false });
      started.stderr.pipe(output, { end: false });
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
