/**
 * Process chaos on real services: processes of one consumer group under traffic, over three brokers, Redis and
 * ClickHouse, while disasters drawn from a seed strike them and the networks between them.
 *
 *   bed ─► traffic and probes ─► rounds: strike, heal, caught up in time ─► silence ─► the recount of everything
 *
 *   npm run chaos -- [--minutes 10 | --short] [--seed 1] [--rate 2000/s] [--only kill,kafka_cut] …    (--help)
 *
 * Judged are results and that everything goes on, never how fast: times are printed. Last line: `N passed, N failed`.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LedgerAnswer } from "../../schemas/http.ts";
import { messageOf } from "../../src/errors.ts";
import { openServer } from "../../src/sinks/analytics.ts";
import { systemClock } from "../../src/time.ts";
import { type Bed, makeBed } from "./bed.ts";
import { type Disasters, makeDisasters } from "./disasters.ts";
import { readOptions } from "./options.ts";
import { probedRides, type Probes, startProbes, wrongAnswers } from "./probes.ts";
import { notCopied, type Progress, watchProgress } from "./progress.ts";
import { type Recoveries, watchRecoveries } from "./recoveries.ts";
import { disasterTable, recoveryTable } from "./report.ts";
import { missed, runRounds, type Told } from "./rounds.ts";
import { schedule } from "./schedule.ts";
import { allReady, hasTraffic, isQuiet, newestEventMs } from "./silence.ts";
import { type Sent, startTraffic, type Traffic } from "./traffic.ts";
import {
  acknowledgedIsThere,
  differenceOf,
  factsAgree,
  ledgerIsExact,
  readLeft,
  tablesAreExact,
  windowsAreExact,
} from "./verdicts.ts";
import { ask, supervise, until } from "./workers.ts";

const readyMs = 90_000;
const quietMs = 240_000;
/** In so long a run every kind has its turn: one that never came is a fault of the run. */
const longSeconds = 30 * 60;

const options = readOptions(Deno.args);
const stormEveryMs = options.fixed !== null ? 10_000 : 5_000;
const wanted = options.fixed !== null
  ? options.fixed.rounds.flatMap((r) => r.strokes.map((s) => s.kind))
  : options.short
  ? [...schedule({ ...options, once: true })].flatMap((r) => r.strokes.map((s) => s.kind))
  : options.only;
const rows: { what: string; ok: boolean }[] = [];
const startedMs = systemClock.monotonicMs();
const folder = await mkdtemp(join(tmpdir(), "waymark-chaos-"));
for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => void ended(130));
let bed: Bed | null = null;
let traffic: Traffic | null = null;
await ended(await run());

/** Also when told to end: nothing of it may go on running. */
async function ended(code: number): Promise<void> {
  traffic?.kill();
  await bed?.close();
  if (code === 0 && !options.keep) await rm(folder, { recursive: true, force: true });
  Deno.exit(code);
}

async function run(): Promise<number> {
  const { seed, rate, processes, brokers, seconds, short } = options;
  const minutes = `${seconds / 60} minutes`;
  console.log(
    `seed ${seed}: ${processes} processes, ${brokers} brokers, ${rate}, ` +
      `${
        short
          ? "each quick disaster once"
          : options.fixed !== null
          ? `${options.fixed.told} for ${minutes}`
          : `disasters for ${minutes}`
      }; logs in ${folder}`,
  );
  try {
    bed = await makeBed({ folder, ...options, plain: options.fixed?.plain ?? false });
    await chaos(bed);
  } catch (error) {
    console.error(error);
    rows.push({ what: "the run", ok: false });
  }
  const failed = rows.filter((row) => !row.ok).length;
  console.log(`${rows.length - failed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function chaos(bed: Bed): Promise<void> {
  const { workers } = bed;
  for (const worker of workers) worker.start();
  await until("every process is ready", () => allReady(workers), readyMs);
  const watches = {
    recoveries: watchRecoveries(workers),
    progress: watchProgress(bed),
    keepers: supervise(workers),
  };
  const disasters = makeDisasters(bed, { recoveries: watches.recoveries, stormEveryMs });
  const probes = startProbes(workers);
  traffic = startTraffic(bed, { folder, ...options });
  let told: Told;
  let sent: Sent;
  try {
    await until("traffic flows", () => hasTraffic(bed), readyMs);
    told = await strikeOut(bed, disasters, watches.progress);
    sent = await traffic.end();
  } finally {
    await Promise.all([probes.stop(), bed.embedded?.rest()]);
  }
  const newestMs = await newestEventMs(bed);
  await row("everything comes to rest", async () => {
    await until("every process is ready", () => allReady(workers), readyMs);
    await until("every window is closed", () => isQuiet(bed, newestMs), quietMs);
    await allCopied(bed);
    return bed.plain ? "folded and closed" : "folded, closed, and in ClickHouse";
  });
  await watches.keepers.stop();
  await judge(bed, { told, sent, probes });
  await judgeProcesses(bed, { told, disasters, ...watches });
  await Promise.all([watches.recoveries.stop(), watches.progress.stop()]);
}

async function allCopied(bed: Bed): Promise<void> {
  await until("ClickHouse has everything", async () => (await notCopied(bed)).length === 0, quietMs);
}

async function strikeOut(bed: Bed, disasters: Disasters, progress: Progress): Promise<Told> {
  const beganMs = systemClock.monotonicMs();
  const elapsed = () => (systemClock.monotonicMs() - beganMs) / 1_000;
  const told = await runRounds(bed, {
    rounds: options.fixed?.rounds ?? schedule({ ...options, once: options.short }),
    ...{ disasters, progress, aliveMs: 1_000 * options.aliveSeconds },
    isOver: () => !options.short && options.fixed === null && elapsed() >= options.seconds,
    say: (line) => console.log(`  ${elapsed().toFixed(0).padStart(5)} s  ${line}  [${progress.told()}]`),
  });
  await row("alive again after every disaster", async () => {
    if (told.stuck !== null) throw new Error(told.stuck);
    return `${told.rounds} rounds, each caught up within ${options.aliveSeconds} s`;
  });
  return told;
}

async function judge(
  bed: Bed,
  { told, sent, probes }: { told: Told; sent: Sent; probes: Probes },
): Promise<void> {
  const { log, naming, workers } = bed;
  const probed = probedRides();
  const left = await readLeft(log, naming, probed.see);
  await row("windows equal the recount", () => windowsAreExact(log, naming, left, "open"));
  await row("no event is lost or doubled", async () => {
    const { lost, doubled } = await differenceOf(log, naming, left, "open");
    if (lost + doubled > 0) throw new Error(`lost ${lost}, doubled ${doubled}, in all windows`);
    return "lost 0, doubled 0";
  });
  await row("the ledger is exact", async () => {
    let ledger: LedgerAnswer | undefined;
    await until("every node's ledger is in the answer", async () => {
      ledger = (await ask(`${workers[0]!.url}/v1/ledger`, {}, 20_000))?.body as LedgerAnswer | undefined;
      return ledger?.complete ?? false;
    }, readyMs);
    return await ledgerIsExact(log, naming, { left, ledger: ledger! });
  });
  await row("facts and alerts repeat themselves only", () => factsAgree(log, naming));
  await row("everything acknowledged is in Kafka", () => {
    const maybe = sent.repeated + sent.unanswered;
    return acknowledgedIsThere(log, naming, [
      {
        topic: "ride-events",
        least: sent.acknowledged["ride-events"]! + probes.taken.length,
        most: sent.acknowledged["ride-events"]! + probed.count() + maybe,
      },
      {
        topic: "driver-locations",
        least: sent.acknowledged["driver-locations"]!,
        most: sent.acknowledged["driver-locations"]! + maybe,
      },
    ]);
  });
  if (!bed.plain) {
    await row("ClickHouse equals the topics", async () => {
      const analytics = openServer({ url: bed.variables.CLICKHOUSE_URL! });
      try {
        return await tablesAreExact(log, naming, analytics, () => allCopied(bed));
      } finally {
        await analytics.close();
      }
    });
  }
  await row("answers of any node", async () => {
    const wrong = wrongAnswers(probes, probed);
    if (wrong.length > 0) throw new Error(`${wrong.length} wrong: ${wrong.slice(0, 5).join("\n")}`);
    const of = (status: number) => probes.answers.filter((a) => a.status === status).length;
    return `${of(200)} right, ${of(404)} honest 404, ${
      of(503)
    } honest 503; ${probes.taken.length} events taken, all there`;
  });
  await row("each kind of disaster happened", async () => {
    const left = missed(told, wanted);
    const isAll = options.short || options.fixed !== null || options.seconds >= longSeconds;
    if (isAll && left.length > 0) {
      throw new Error(`not happened: ${left.join(", ")}`);
    }
    const named = [...told.notRun].filter(([kind]) =>
      options.only.length < 10 && options.only.includes(kind)
    );
    if (named.length > 0) {
      throw new Error(`cannot be run here: ${named.map(([kind, why]) => `${kind}, ${why}`).join("; ")}`);
    }
    return `${told.alive.size} kinds${left.length > 0 ? `, not yet: ${left.join(", ")}` : ""}`;
  });
}

type Watches = { recoveries: Recoveries; progress: Progress; keepers: ReturnType<typeof supervise> };

async function judgeProcesses(
  bed: Bed,
  { told, disasters, recoveries, progress, keepers }: Watches & { told: Told; disasters: Disasters },
): Promise<void> {
  const { workers, config } = bed;
  if (told.alive.has("churn")) {
    await row("every partition goes on while members come and go", async () => {
      const { seconds, where } = progress.longestStall();
      if (seconds > options.aliveSeconds) throw new Error(`${where} stood still for ${seconds.toFixed(1)} s`);
      return `${disasters.done.joins} joined, ${disasters.done.kills + disasters.done.drains} left`;
    });
  }
  await row("every lost partition is served again", async () => {
    if (recoveries.waiting().length > 0) throw new Error(`not recovered: ${recoveries.waiting()}`);
    return `${recoveries.all.length} recoveries`;
  });
  await row("nobody ended by itself", async () => {
    if (keepers.unexpected.length > 0) throw new Error(keepers.unexpected.join("\n"));
    const given = [
      [keepers.begunAgain, "begun again after they found no broker at their start"],
      [keepers.drainsGivenUp, "begun again after they gave up draining"],
    ] as const;
    return given.flatMap(([count, why]) => count === 0 ? [] : [`${count} ${why}`]).join(", ");
  });
  if (bed.embedded !== null) {
    await row("an embedded process with a full disk is exact", bed.embedded.judge);
  }
  await row("SIGTERM drains each", async () => {
    for (const worker of workers) worker.signal("SIGTERM");
    await until("all have ended", async () => workers.every((w) => !w.running()), 40_000);
    const last = workers.map((w) => w.endings.at(-1));
    if (last.some((ending) => ending !== "0")) throw new Error(`ended with ${last.join(", ")}`);
    return "exit 0";
  });
  const { joins, kills, stops, drains } = disasters.done;
  const { seconds, where } = progress.longestStall();
  console.log(disasterTable(told));
  console.log(recoveryTable(recoveries.all, config.WAYMARK_SESSION_MS));
  console.log(
    `${told.rounds} rounds, ${kills} kills, ${stops} stops, ${drains} drains, ${joins} joins, ` +
      `${progress.rebalances()} rebalances; longest stall ${seconds.toFixed(1)} s (${where}), ` +
      `${progress.largestLag().toLocaleString("en")} records behind at most`,
  );
}

async function row(what: string, check: () => Promise<string>): Promise<void> {
  const beganMs = systemClock.monotonicMs();
  let told: { verdict: string; ok: boolean };
  try {
    told = { verdict: await check(), ok: true };
  } catch (error) {
    told = { verdict: messageOf(error).slice(0, 3_000), ok: false };
  }
  rows.push({ what, ok: told.ok });
  const [took, at] = [beganMs, startedMs].map((ms) => ((systemClock.monotonicMs() - ms) / 1_000).toFixed(1));
  console.log(`${told.ok ? "ok    " : "FAILED"} ${what.padEnd(40)} ${told.verdict}  (${took} s, at ${at} s)`);
}
