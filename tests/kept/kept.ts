/**
 * Data directories that earlier code has written, kept for good: a small log and the snapshots of every stage.
 *
 *   NAME/log.db.zst, snapshots.db.zst ─► snapshots of the first part of the log ─► restored, the rest folded ─► expected/
 *                             └► the log alone, folded from its first record ────────────────────────► expected/
 *
 * A folder is made once, when a byte format or the fold versions have changed, and never made again:
 * `deno run -A tests/kept/kept.ts --make NAME`. What is expected of its log changes only with the fold versions, as in
 * tests/golden: `deno run -A tests/kept/kept.ts --expect`.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { Config } from "../../src/config.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import type { Log } from "../../src/log/port.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { stageContext } from "../../src/node/context.ts";
import { type Pipeline, specsOf, startPipeline } from "../../src/node/pipeline.ts";
import { lastWindows } from "../../src/node/replay.ts";
import { replayDone } from "../../src/node/replay_done.ts";
import { ledgerView } from "../../src/node/views.ts";
import { openSqliteSnapshots } from "../../src/snapshots/sqlite.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { foldVersions } from "../../src/stages/context.ts";
import { minuteMs, systemClock } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { eventually } from "../conformance/eventually.ts";
import { inputOf } from "../golden/golden.ts";
import { actorsOf, flushCities, nothingLeft } from "../pipeline/harness.ts";
import { alertsOf, publishedOn } from "../pipeline/published.ts";
import { quick } from "../pipeline/quick.ts";
import { linesOf } from "../pipeline/recounted.ts";

const home = fileURLToPath(new URL(".", import.meta.url));

/** Few partitions, so that the files are small; flushes seldom, so that partials are few. */
export const keptConfig: Config = {
  ...quick,
  WAYMARK_PARTITIONS: [
    "ride-events",
    "driver-locations",
    "city-partials",
    "analytics-aggregated",
    "city-cells",
    "ride-facts",
    "alerts",
    "erasures",
    "late-events",
    "dead-letters",
  ].map((topic) => [topic, topic === "ride-events" ? 2 : 1]) as Config["WAYMARK_PARTITIONS"],
  WAYMARK_FLUSH_MS: 500,
  // None but the kept ones, so that it can be told where each partition began.
  WAYMARK_SNAPSHOT_MS: 10 * minuteMs,
};

/** Whose inputs are in the log, by their times: alerts, late and refused events, supply. */
const goldenCases = [
  "cancellation_alert",
  "bad_clocks_and_poison",
  "duplicates",
  "late_revised_too_late",
  "supply",
];

export const expectedFiles = ["windows.ndjson", "alerts.ndjson", "ledger.json"] as const;
export type Expected = Record<(typeof expectedFiles)[number], string>;

/** What the folder was made by. */
export type About = { fold_version: string; fold_versions: typeof foldVersions };

export async function keptNames(): Promise<string[]> {
  const found = await readdir(home, { withFileTypes: true });
  return found.filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
}

export const aboutOf = async (name: string): Promise<About> =>
  JSON.parse(await readFile(join(home, name, "about.json"), "utf8"));

/** One of the present fold version. */
export async function keptOfNow(): Promise<string> {
  const now = stageContext(keptConfig).foldVersion;
  for (const name of await keptNames()) if ((await aboutOf(name)).fold_version === now) return name;
  throw new Error(
    "the fold version has changed: deno run -A tests/kept/kept.ts --make NAME, and keep the others",
  );
}

export async function expectedOf(name: string): Promise<Expected> {
  const texts = expectedFiles.map(async (
    file,
  ) => [file, await readFile(join(home, name, "expected", file), "utf8")]);
  return Object.fromEntries(await Promise.all(texts));
}

const files = ["log.db", "snapshots.db"] as const;

export type Opened = AsyncDisposable & { log: Log; store: SnapshotStore };

/** A copy of the kept files, opened as the service opens them. */
export async function openKept(name: string, { snapshots = true } = {}): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), "waymark-kept-"));
  for (const file of snapshots ? files : files.slice(0, 1)) {
    await writeFile(join(folder, file), zstdDecompressSync(await readFile(join(home, name, `${file}.zst`))));
  }
  return openFolder(folder, () => rm(folder, { recursive: true, force: true }));
}

function openFolder(folder: string, closed: () => Promise<void>): Opened {
  const log = openSqliteLog({ path: join(folder, "log.db"), clock: systemClock, fsync: false });
  const store = openSqliteSnapshots({ path: join(folder, "snapshots.db"), fsync: false });
  return {
    log,
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await log.close();
      await closed();
    },
  };
}

/** A pipeline over the files; `complete`: whether their sources end where the log ends. */
export function begin(
  { log, store }: Opened,
  config: Config,
  complete: boolean,
  failed: (error: unknown) => void,
) {
  const input = { kind: "replay" as const, complete: () => complete };
  return startPipeline({
    config,
    log,
    store,
    clock: systemClock,
    input,
    onStopped: (_, error) => failed(error),
  });
}

/** What the pipeline makes of the whole log, and where each partition was when it began. */
export async function foldedToEnd(
  opened: Opened,
  config: Config,
): Promise<{ made: Expected; began: number[] }> {
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => {});
  const pipeline = await begin(opened, config, true, failed.reject);
  try {
    const done = eventually("every source has ended", () => replayDone(pipeline, opened.log));
    await Promise.race([done, failed.promise]);
    const began = actorsOf(pipeline).map((actor) => actor.restartOffsets.at(-1)!);
    await flushCities(pipeline);
    return { made: await madeBy(pipeline, opened.log), began };
  } finally {
    pipeline.abandon();
  }
}

/** Without what tells generations apart. */
async function madeBy(pipeline: Pipeline, log: Log): Promise<Expected> {
  const { total, balanced } = ledgerView(pipeline);
  const generation = String(pipeline.naming.generation).padStart(4, "0");
  const published = await publishedOn(log, "alerts", pipeline.naming);
  const alerts = alertsOf(published.filter((p) => fromUtf8(p.value).includes(`"rev":"${generation}`)));
  return {
    "windows.ndjson": linesOf(await lastWindows(log, pipeline)),
    "alerts.ndjson": alerts.map(({ rev: _, ...alert }) => JSON.stringify(alert) + "\n").join(""),
    "ledger.json": JSON.stringify({ total, balanced }, null, 2) + "\n",
  };
}

async function append(log: Log, items: readonly SentItem[]): Promise<void> {
  const { partitionOf } = stageContext(keptConfig);
  await log.append(items.map(({ topic, key, value, recordedAtMs }) => ({
    topic,
    partition: partitionOf(topic, utf8(key)),
    key: utf8(key),
    value: typeof value === "string" ? utf8(value) : value,
    timestampMs: recordedAtMs!,
  })));
}

async function make(name: string): Promise<void> {
  const folder = join(home, name);
  await mkdir(folder);
  const cases = await Promise.all(goldenCases.map(inputOf));
  const all = cases.flat().sort((a, b) => a.recordedAtMs! - b.recordedAtMs!);
  const opened = openFolder(folder, () => Promise.resolve());
  await opened.log.ensureTopics(specsOf(keptConfig));
  await append(opened.log, all.slice(0, Math.ceil(all.length * 0.6)));
  const config = { ...keptConfig, WAYMARK_SNAPSHOT_MS: quick.WAYMARK_SNAPSHOT_MS };
  const pipeline = await begin(opened, config, false, (error) => console.error(error));
  await eventually("everything is in snapshots", () => nothingLeft(pipeline, opened.log));
  pipeline.abandon();
  await append(opened.log, all.slice(Math.ceil(all.length * 0.6)));
  await opened[Symbol.asyncDispose]();
  for (const file of files) {
    await writeFile(join(folder, `${file}.zst`), zstdCompressSync(await readFile(join(folder, file))));
    await rm(join(folder, file));
  }
  const about: About = { fold_version: stageContext(keptConfig).foldVersion, fold_versions: foldVersions };
  await writeFile(join(folder, "about.json"), JSON.stringify(about, null, 2) + "\n");
  await expect(name);
}

/** Writes down what the log alone is folded to now. */
async function expect(name: string): Promise<void> {
  await using opened = await openKept(name, { snapshots: false });
  const { fold_version } = await aboutOf(name);
  const isSame = fold_version === stageContext(keptConfig).foldVersion;
  const { made } = await foldedToEnd(opened, isSame ? keptConfig : { ...keptConfig, WAYMARK_GENERATION: 2 });
  await mkdir(join(home, name, "expected"), { recursive: true });
  for (const file of expectedFiles) await writeFile(join(home, name, "expected", file), made[file]);
}

if (import.meta.main) {
  const [option, name] = Deno.args;
  if (option === "--make" && name !== undefined) await make(name);
  else if (option === "--expect") { for (const kept of await keptNames()) await expect(kept); }
  else {
    console.error("usage: deno run -A tests/kept/kept.ts --make NAME | --expect");
    Deno.exit(2);
  }
  Deno.exit(0);
}
