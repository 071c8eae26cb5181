/** The clients of the strangers' suite: how each brings a file of ride events, one a line, into an installation. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { runToEnd } from "../../src/commands/services/launched.ts";
import { hourMs } from "../../src/time.ts";
import { ask, makeWorkers, runCommand, until, type Worker } from "../chaos/workers.ts";

export type Sending = {
  /** Ride events, one a line. */
  file: string;
  brokers: string;
  topic: string;
  /** Settings of the installation, and the folder that its processes work in. */
  variables: Record<string, string>;
  home: string;
};

export type Client = (sending: Sending) => Promise<void>;

const confluentPackage = "confluent_kafka==2.16.1";
const readyMs = 60_000;
const drainedMs = 180_000;

const kcatAdvice = "Install kcat (Debian: apt-get install kcat)";
const pythonAdvice =
  "Install Python with its venv module (Debian: apt-get install python3-venv), and let pip reach a package index";

/** kcat, the way Java clients choose a partition. Throws now when it is not installed. */
export async function kcatClient(): Promise<Client> {
  await runToEnd("kcat", ["-V"], kcatAdvice);
  return async ({ file, brokers, topic }) => {
    const keyed = `${file}.keyed`;
    const lines = (await readFile(file, "utf8")).trimEnd().split("\n");
    await writeFile(keyed, lines.map((line) => `${JSON.parse(line).ride_id}\t${line}\n`).join(""));
    const settings = ["-X", "partitioner=murmur2_random", "-z", "lz4", "-K", "\t"];
    await runToEnd("kcat", ["-P", "-b", brokers, "-t", topic, ...settings, "-l", keyed], kcatAdvice);
  };
}

/** The confluent_kafka package in an environment of its own below `home`. Throws now when that cannot be made. */
export async function confluentClient(home: string): Promise<Client> {
  const environment = join(home, "venv");
  const python = join(environment, "bin", "python");
  const install = ["install", "--quiet", "--disable-pip-version-check", "--only-binary=:all:"];
  await runToEnd("python3", ["-m", "venv", environment], pythonAdvice);
  await runToEnd(python, ["-m", "pip", ...install, confluentPackage], pythonAdvice);
  const script = fileURLToPath(new URL("confluent_producer.py", import.meta.url));
  return async ({ file, brokers, topic }) => {
    await runToEnd(python, [script, brokers, topic, file], pythonAdvice);
  };
}

/**
 * Our own: posts to a service, which is drained afterwards. A source that was declared idle before its first record
 * lets the others close windows without it, so none may be here.
 */
export const ownClient: Client = async ({ file, variables, home }) => {
  const settings = { ...variables, WAYMARK_IDLE_MS: String(hourMs) };
  const [door] = await makeWorkers(1, { folder: home, variables: settings });
  door!.start();
  try {
    await until("the door is ready", async () => (await ask(`${door!.url}/readyz`))?.status === 200, readyMs);
    const told = await runCommand(["replay", file, "--to", "http", "--url", door!.url], variables);
    assert.match(told, /^[\d,]+ items accepted, 0 rejected/m, told);
    await drain(door!);
  } finally {
    door!.signal("SIGKILL");
  }
};

/** Not by its `signal`: Deno's child processes report the signal that was sent, whatever code the process ended with. */
export async function drain(worker: Worker): Promise<void> {
  process.kill(worker.pid(), "SIGTERM");
  await until(`${worker.name} has drained`, async () => !worker.running(), drainedMs);
  assert.equal(worker.endings.at(-1), "0", worker.lastWords());
}
