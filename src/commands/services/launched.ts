/**
 * Programs that outlive the command which started them: begun in the background, found again by their process id,
 * and ended only when that id still belongs to them (an id is given to somebody else after a restart).
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import process from "node:process";
import { messageOf, WaymarkError } from "../../errors.ts";
import { secondMs, systemClock } from "../../time.ts";

export type Launched = {
  name: string;
  pid: number;
  /** Stands in its command line and in no other: tells it from a stranger with the same process id. */
  mark: string;
  /** Path of the file that has its output. */
  log: string;
};

/** Begins a program whose output goes to a file. */
export async function launch(
  name: string,
  command: string[],
  { log, mark }: { log: string; mark: string },
): Promise<Launched> {
  const script = 'log="$1"; shift; exec "$@" >>"$log" 2>&1 </dev/null';
  const child = spawn("/bin/sh", ["-c", script, "sh", log, ...command], { detached: true, stdio: "ignore" });
  const begun = Promise.withResolvers<void>();
  child.once("spawn", () => begun.resolve());
  child.once("error", (error) => begun.reject(error));
  try {
    await begun.promise;
  } catch (error) {
    throw new WaymarkError("usage", `services: ${name} cannot be started: ${messageOf(error)}`);
  }
  child.unref();
  return { name, pid: child.pid!, mark, log };
}

/** Runs a program to its end. Throws `usage` with the advice when it is not installed, and with its output when it fails. */
export async function runToEnd(name: string, args: string[], advice: string): Promise<string> {
  const child = spawn(name, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => output += chunk);
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => output += chunk);
  const code = await new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve((error as { code?: string }).code ?? messageOf(error)));
    child.once("close", (code) => resolve(code ?? "a signal"));
  });
  if (code === 0) return output;
  const why = code === "ENOENT" ? `${name} is not installed` : `${name} ended with ${code}: ${output.trim()}`;
  throw new WaymarkError("usage", `services: ${why}. ${advice}`);
}

const lastWordsCharacters = 2_000;

/** The end of what it has written. */
export async function lastWords({ log }: Launched): Promise<string> {
  const output = await readFile(log, "utf8").catch(() => "");
  return output.trim().slice(-lastWordsCharacters) || `nothing in ${log}`;
}

export function isRunning({ pid, mark }: Launched): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(mark);
  } catch (error) {
    if ((error as { code?: string }).code !== "ENOENT") return false;
  }
  // No /proc: the id alone has to do.
  return process.platform !== "linux" && signalled(pid, 0);
}

/** SIGTERM, then SIGKILL for what is still there after the deadline. */
export async function end(all: readonly Launched[], deadlineMs = 10 * secondMs): Promise<void> {
  const running = () => all.filter(isRunning);
  for (const { pid } of running()) signalled(pid, "SIGTERM");
  const untilMs = systemClock.monotonicMs() + deadlineMs;
  while (running().length > 0 && systemClock.monotonicMs() < untilMs) await systemClock.sleep(50);
  for (const { pid } of running()) signalled(pid, "SIGKILL");
  while (running().length > 0) await systemClock.sleep(20);
}

function signalled(pid: number, signal: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/**
 * Ports of the loopback address that were free a moment ago, all different. Below those that the kernel gives to
 * outgoing connections: one of these would take the port of a server that is away for a moment.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held: Server[] = [];
  for (let tries = 0; held.length < count; tries++) {
    const any = (await listening(0))!;
    const server = await listening(lowestPort + portOf(any) % ports);
    await closed(any);
    if (server !== null) held.push(server);
    else if (tries > 100 * count) throw new WaymarkError("usage", "services: no free ports on 127.0.0.1");
  }
  const found = held.map(portOf);
  await Promise.all(held.map(closed));
  return found;
}

const lowestPort = 20_000;
const ports = 12_000;

/** Null when somebody else has it. */
function listening(port: number): Promise<Server | null> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once("error", () => resolve(null));
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

const portOf = (server: Server): number => (server.address() as { port: number }).port;
const closed = (server: Server) => new Promise((resolve) => server.close(resolve));
