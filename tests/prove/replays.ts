/**
 * `waymark replay` as a child process: run to its end, or killed at chosen moments and started again.
 *
 * Only processes started here are ended, each by its own id.
 */
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { AlertTransition } from "../../schemas/alert.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { systemClock } from "../../src/time.ts";
import type { Random } from "../../src/traffic/random.ts";
import { alertsOf, publishedOn } from "../pipeline/published.ts";

export type Replay = {
  file: string;
  owners?: number;
  speed?: number;
  /** Default: jsonl. */
  format?: string;
  /** Whether ClickHouse is filled too. */
  clickhouse?: boolean;
  /** Kept when given; else a folder that goes with the run. */
  dataDir?: string;
  /** How often the child takes snapshots. Default: as the service does. */
  snapshotMs?: number;
};

export type Ended = { code: number | null; killed: boolean; text: string; seconds: number };

const main = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

/** One child; killed with SIGKILL after `killAfterMs` unless it ended before. */
export async function replayOnce(
  { file, format, clickhouse, owners = 1, speed, dataDir, snapshotMs }: Replay,
  { out, killAfterMs }: { out: string; killAfterMs?: number },
): Promise<Ended> {
  const args = ["run", "-A", main, "replay", file, "--owners", String(owners), "--out", out];
  if (format !== undefined) args.push("--format", format);
  if (clickhouse === true) args.push("--clickhouse");
  if (speed !== undefined) args.push("--speed", String(speed));
  if (dataDir !== undefined) args.push("--data-dir", dataDir);
  const startedMs = systemClock.monotonicMs();
  const child = spawn(Deno.execPath(), args, {
    cwd: root,
    env: {
      ...Deno.env.toObject(),
      NO_COLOR: "1",
      ...(snapshotMs !== undefined && { WAYMARK_SNAPSHOT_MS: String(snapshotMs) }),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  child.stdout.on("data", (data) => text += data);
  child.stderr.on("data", (data) => text += data);
  const over = new AbortController();
  if (killAfterMs !== undefined) {
    void systemClock.sleep(killAfterMs, over.signal).then(() => {
      if (!over.signal.aborted) child.kill("SIGKILL");
    });
  }
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (...ended) => resolve(ended));
  });
  over.abort();
  const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
  return { code, killed: signal === "SIGKILL", text, seconds };
}

export type Result = {
  lines: string;
  ledger: string;
  alerts: AlertTransition[];
  kills: number;
  rounds: number;
  seconds: number;
};

/** Runs to the end once. Throws when the child does not end with 0. */
export async function replayed(replay: Replay): Promise<Result> {
  return await inFolder(async (folder) => {
    const out = join(folder, "windows.ndjson");
    const dataDir = replay.dataDir ?? join(folder, "data");
    const ended = await replayOnce({ ...replay, dataDir }, { out });
    if (ended.code !== 0) throw new Error(`the replay ended with ${ended.code}: ${ended.text}`);
    const lines = await readFile(out, "utf8");
    const alerts = await alertsIn(dataDir);
    return { lines, ledger: ledgerIn(ended.text), alerts, kills: 0, rounds: 1, seconds: ended.seconds };
  });
}

/**
 * Kills the child at random moments and starts it again over the same folder until it ends with 0. When a run ends
 * before all kills have happened, the next round begins in a new folder; every round must give the same.
 */
export async function replayedThroughKills(
  replay: Replay,
  { kills, random, killMsMax }: { kills: number; random: Random; killMsMax: number },
): Promise<Result> {
  const startedMs = systemClock.monotonicMs();
  let killed = 0;
  let first: Pick<Result, "lines" | "ledger" | "alerts"> | null = null;
  for (let rounds = 1;; rounds++) {
    const round = await inFolder(async (folder) => {
      const out = join(folder, "windows.ndjson");
      for (;;) {
        const killAfterMs = killed < kills ? 150 + random.below(killMsMax) : undefined;
        const dataDir = join(folder, "data");
        const ended = await replayOnce(
          { ...replay, dataDir },
          { out, ...(killAfterMs !== undefined && { killAfterMs }) },
        );
        if (ended.killed) {
          killed++;
          continue;
        }
        if (ended.code !== 0) {
          throw new Error(`after ${killed} kills it ended with ${ended.code}: ${ended.text}`);
        }
        const alerts = await alertsIn(dataDir);
        return { lines: await readFile(out, "utf8"), ledger: ledgerIn(ended.text), alerts };
      }
    });
    first ??= round;
    const same = round.lines === first.lines && round.ledger === first.ledger;
    if (!same || JSON.stringify(round.alerts) !== JSON.stringify(first.alerts)) {
      throw new Error(`round ${rounds} differs from the first`);
    }
    if (killed >= kills) {
      const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
      return { ...round, kills: killed, rounds, seconds };
    }
  }
}

/** Every transition that a replay has published, once. */
export async function alertsIn(dataDir: string): Promise<AlertTransition[]> {
  const log = openSqliteLog({ path: join(dataDir, "log.db"), clock: systemClock, fsync: false });
  try {
    return alertsOf(await publishedOn(log, "alerts", { prefix: "", generation: 1 }));
  } finally {
    await log.close();
  }
}

/** The ledger lines of a replay's report. */
export function ledgerIn(text: string): string {
  return text.split("\n").filter((line) => /read [\d,]+ = counted|^ledger /.test(line)).join("\n");
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "waymark-prove-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
