/**
 * Process chaos on real services: three processes on one consumer group under traffic, of which one is killed with
 * SIGKILL in rotation, one is stopped beyond its session and continued (a zombie), and Redis is wiped. Afterwards
 * each is restarted in turn, and everything that was published must equal the batch recount of what is in Kafka.
 *
 *   npm run chaos -- [--seconds 180] [--rate 20000/s] [--processes 3] [--kill-every 10]
 *                                    [--stop 45] [--brokers 1] [--seed 1] [--keep]
 *
 * Starts its own Kafka and Redis and ends them. Last line: `N passed, N failed`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createClient } from "redis";
import type { LedgerView } from "../../schemas/http.ts";
import { startServices, stopServices } from "../../src/commands/services.ts";
import { readConfig } from "../../src/config.ts";
import { messageOf } from "../../src/errors.ts";
import { fromUtf8 } from "../../src/ids.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { namingOf } from "../../src/node/pipeline.ts";
import { systemClock } from "../../src/time.ts";
import { startProbes, wrongAnswers } from "./probes.ts";
import { type Loss, percentile, type Recovery, watchRecoveries } from "./recoveries.ts";
import { factsAgree, ledgerIsExact, readLeft, windowsAreExact } from "./verdicts.ts";
import { ask, makeWorkers, runCommand, until, type Worker } from "./workers.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "180" },
    rate: { type: "string", default: "20000/s" },
    processes: { type: "string", default: "3" },
    "kill-every": { type: "string", default: "10" },
    stop: { type: "string", default: "45" },
    brokers: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    keep: { type: "boolean", default: false },
  },
});
const whole = (name: "seconds" | "processes" | "kill-every" | "stop" | "brokers" | "seed") => {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  console.error(`--${name} is "${values[name]}"; allowed: a whole number`);
  Deno.exit(2);
};
const [seconds, processes, killEvery, stopFor, brokers, seed] = [
  whole("seconds"),
  whole("processes"),
  whole("kill-every"),
  whole("stop"),
  whole("brokers"),
  whole("seed"),
];

const rows: { what: string; verdict: string; ok: boolean }[] = [];
/** Until every partition has been snapshotted again after a wipe: the default interval and a half. */
const snapshotsBackSeconds = 45;
/** For the restarts one after the other that follow the kills. */
const rollingSeconds = 20;

const lostBy: Record<Loss, string> = {
  killed: "of killed processes",
  stopped: "of the stopped process",
  wiped: "of processes killed when Redis had no snapshots, which replay their whole log",
  drained: "of drained processes",
};

/** Event time of the newest record, once everything was sent. */
let newestMs: number | undefined;

const folder = await mkdtemp(join(tmpdir(), "waymark-chaos-"));
const services = await startServices({ folder: join(folder, "services"), brokers });
Deno.exit(await run());

async function run(): Promise<number> {
  let failed = 1;
  console.log(
    `seed ${seed}: ${processes} processes, ${values.rate} for ${seconds} s, SIGKILL every ${killEvery} s, ` +
      `SIGSTOP for ${stopFor} s, one FLUSHALL; logs in ${folder}`,
  );
  try {
    await chaos();
    failed = rows.filter((row) => !row.ok).length;
  } catch (error) {
    console.error(error);
  } finally {
    await stopServices(services.folder);
    if (failed === 0 && !values.keep) await rm(folder, { recursive: true, force: true });
  }
  console.log(`${rows.filter((row) => row.ok).length} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function chaos(): Promise<void> {
  const variables = { ...services.variables, WAYMARK_CLICKHOUSE: "off" };
  const config = readConfig(variables);
  const naming = namingOf(config);
  const workers = await makeWorkers(processes, { folder, variables });
  for (const worker of workers) worker.start();
  const log = await openKafkaLog({ brokers: config.KAFKA_BROKERS, clock: systemClock });
  const recoveries = watchRecoveries(workers);
  try {
    await until("every process is ready", () => allReady(workers), 60_000);
    const probes = startProbes(workers);
    const sent = send(variables);
    const kills = await torment(workers, recoveries);
    await row("rolling restart under traffic", () => rollingRestart(workers, recoveries));
    console.log(await sent);
    await until("every process is ready again", () => allReady(workers), 60_000).catch(async (error) => {
      for (const worker of workers) console.error(worker.name, await ask(`${worker.url}/readyz`));
      throw error;
    });
    await probes.stop();
    await until("everything is folded and told", () => isQuiet(log, workers[0]!), 180_000);
    await recoveries.stop();
    const ledger = (await ask(`${workers[0]!.url}/v1/ledger`, {}, 10_000))!.body as LedgerView;

    const left = await readLeft(log, naming);
    await row("windows equal the recount", () => windowsAreExact(log, naming, left));
    await row("the ledger is exact", () => ledgerIsExact(log, naming, { left, ledger }));
    await row("facts and alerts repeat themselves only", () => factsAgree(log, naming));
    await row("answers of any node", async () => {
      const wrong = wrongAnswers(probes, left.rides);
      if (wrong.length > 0) throw new Error(`${wrong.length} wrong: ${wrong.slice(0, 5).join("\n")}`);
      const of = (status: number) => probes.answers.filter((a) => a.status === status).length;
      return `${of(200)} right, ${of(404)} honest 404, ${of(503)} honest 503`;
    });
    await row("every lost partition is served again", async () => {
      const told = (["killed", "stopped", "wiped", "drained"] as const)
        .map((how) => recoveredText(how, recoveries.all)).join("; ");
      if (recoveries.waiting().length > 0) throw new Error(`not recovered: ${recoveries.waiting()}; ${told}`);
      if (recoveries.all.length === 0) throw new Error("no loss was seen");
      // Times are printed, not judged: they depend on what else the machine does.
      return `${kills} kills: ${told}; ${recoveryGoal(config.WAYMARK_SESSION_MS, recoveries.all)}`;
    });
    await row("SIGTERM drains each", async () => {
      for (const worker of workers) worker.signal("SIGTERM");
      await until("all have ended", async () => workers.every((w) => !w.running()), 30_000);
      const last = workers.map((w) => w.endings.at(-1));
      if (last.some((ending) => ending !== "0")) throw new Error(`ended with ${last.join(", ")}`);
      const own = workers.flatMap((w) => w.endings).filter((ending) =>
        ending !== "SIGKILL" && ending !== "0"
      );
      if (own.length > 0) throw new Error(`ended by themselves with ${own.join(", ")}`);
      return "exit 0";
    });
  } finally {
    await recoveries.stop();
    for (const worker of workers) worker.signal("SIGKILL");
    await log.close();
  }
}

/** The 95th percentile of all but the wiped ones, beside what it should stay below. */
function recoveryGoal(sessionMs: number, all: readonly Recovery[]): string {
  const seconds = all.filter((r) => r.how !== "wiped").map((r) => r.seconds);
  const goal = sessionMs / 1_000 + 5;
  return `p95 of all but the wiped ${percentile(seconds, 0.95).toFixed(1)} s, goal below ${goal} s`;
}

function recoveredText(how: Loss, all: readonly Recovery[]): string {
  const seconds = all.filter((r) => r.how === how).map((r) => r.seconds);
  const [p50, p95, max] = [0.5, 0.95, 1].map((share) => percentile(seconds, share).toFixed(1));
  return `${seconds.length} partitions ${lostBy[how]} recovered: p50 ${p50} s, p95 ${p95} s, max ${max} s`;
}

/** The records, with duplicates and disorder, as fast as asked for. */
function send(variables: Record<string, string>): Promise<string> {
  const perSecond = Number(/^\d+/.exec(values.rate)![0]) / (values.rate.endsWith("/min") ? 60 : 1);
  return runCommand([
    ...[
      "traffic",
      "--to",
      "kafka",
      "--rate",
      values.rate,
      "--events",
      String(Math.ceil(perSecond * (seconds + rollingSeconds))),
    ],
    ...["--seed", String(seed), "--duplicates", "0.02", "--disorder", "0.05"],
    ...["--late", "0.005", "--poison", "0.0005", "--without-city", "0.3", "--without-event-id", "0.3"],
  ], variables);
}

/** Kills in rotation; stops one at a third of the time; wipes Redis at two thirds. Returns how many were killed. */
async function torment(workers: Worker[], recoveries: ReturnType<typeof watchRecoveries>): Promise<number> {
  let stopped: Worker | null = null;
  let kills = 0;
  const wipeAt = Math.floor(2 * seconds / 3) + 4;
  const steps: [atSecond: number, step: () => Promise<void> | void][] = [];
  for (let at = killEvery; killEvery > 0 && at < seconds; at += killEvery) {
    steps.push([at, () => {
      const worker = workers[kills++ % workers.length]!;
      if (worker === stopped || !worker.running()) return;
      worker.signal("SIGKILL");
      recoveries.lost(worker, at > wipeAt && at < wipeAt + snapshotsBackSeconds ? "wiped" : "killed");
      console.log(`  ${at} s: ${worker.name} killed`);
    }], [at + 1, () => {
      for (const worker of workers) if (!worker.running()) worker.start();
    }]);
  }
  if (stopFor > 0) {
    const at = Math.floor(seconds / 3) + 2;
    steps.push([at, () => {
      // The one whose turn it is to be killed next: it has run the longest.
      stopped = workers[kills % workers.length]!;
      stopped.signal("SIGSTOP");
      recoveries.lost(stopped, "stopped");
      console.log(`  ${at} s: ${stopped.name} stopped`);
    }], [at + stopFor, () => {
      stopped?.signal("SIGCONT");
      console.log(`  ${at + stopFor} s: ${stopped?.name} continued`);
      stopped = null;
    }]);
  }
  steps.push([wipeAt, async () => {
    const redis = createClient({ url: services.variables.REDIS_URL });
    await redis.connect();
    await redis.flushAll();
    await redis.close();
    console.log(`  ${wipeAt} s: Redis wiped`);
  }]);
  const startedMs = systemClock.monotonicMs();
  for (const [at, step] of steps.sort(([a], [b]) => a - b)) {
    await systemClock.sleep(Math.max(0, startedMs + at * 1_000 - systemClock.monotonicMs()));
    await step();
  }
  return kills;
}

/** One after the other: drained, gone with exit code 0, begun again, ready. */
async function rollingRestart(
  workers: Worker[],
  recoveries: ReturnType<typeof watchRecoveries>,
): Promise<string> {
  for (const worker of workers) if (!worker.running()) worker.start();
  await until("every process is ready", () => allReady(workers), 60_000);
  for (const worker of workers) {
    recoveries.lost(worker, "drained");
    worker.signal("SIGTERM");
    await until(`${worker.name} has ended`, async () => !worker.running(), 30_000);
    if (worker.endings.at(-1) !== "0") throw new Error(`${worker.name} ended with ${worker.endings.at(-1)}`);
    worker.start();
    await until(`${worker.name} is ready`, () => allReady([worker]), 60_000);
  }
  return `${workers.length} processes, each exit 0`;
}

async function allReady(workers: readonly Worker[]): Promise<boolean> {
  const answers = await Promise.all(workers.map((w) => w.running() ? ask(`${w.url}/readyz`) : null));
  return answers.every((answer) => answer?.status === 200);
}

/** Every source is read to its end and declared idle, so that the cities' watermark has passed the newest event. */
async function isQuiet(log: Log, worker: Worker): Promise<boolean> {
  const answer = await ask(`${worker.url}/v1/partitions`);
  if (answer?.status !== 200) return false;
  const { partitions } = answer.body as {
    partitions: { topic: string; stage: string; partition: number; position: number; state: string }[];
  };
  for (const stage of ["rides", "locations"]) {
    const of = partitions.filter((p) => p.stage === stage && p.state === "running");
    const topic = of[0]?.topic;
    if (topic === undefined) return false;
    for (const [partition, { end }] of (await log.bounds(topic)).entries()) {
      if (of.find((p) => p.partition === partition)?.position !== end) return false;
    }
  }
  newestMs ??= await newestEventMs(log, partitions.find((p) => p.stage === "rides")!.topic);
  const cities = await ask(`${worker.url}/v1/cities`);
  const watermark = (cities?.body as { watermarks?: { all: string | null } } | undefined)?.watermarks?.all;
  return watermark != null && Date.parse(watermark) > newestMs;
}

/** Of the last records of every partition, which are nearly in order. */
async function newestEventMs(log: Log, topic: string): Promise<number> {
  let newest = 0;
  for (const [partition, { start, end }] of (await log.bounds(topic)).entries()) {
    for (const { value } of await log.read({ topic, partition }, Math.max(start, end - 1_000), 1_000)) {
      const at = /"timestamp":"([^"]+)"/.exec(fromUtf8(value))?.[1];
      if (at !== undefined) newest = Math.max(newest, Date.parse(at) || 0);
    }
  }
  return newest;
}

async function row(what: string, check: () => Promise<string>): Promise<void> {
  const startedMs = systemClock.monotonicMs();
  let told: { verdict: string; ok: boolean };
  try {
    told = { verdict: await check(), ok: true };
  } catch (error) {
    told = { verdict: messageOf(error).slice(0, 3_000), ok: false };
  }
  rows.push({ what, ...told });
  const took = ((systemClock.monotonicMs() - startedMs) / 1_000).toFixed(1);
  console.log(`${told.ok ? "ok    " : "FAILED"} ${what.padEnd(40)} ${told.verdict}  (${took} s)`);
}
