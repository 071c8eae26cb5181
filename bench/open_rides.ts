/**
 * Rides that are open all at once in one process: what each takes, and what a snapshot and a restore of them take.
 *
 *   deno run -A bench/open_rides.ts [--rides 10000000] [--partitions 12] [--only fold|restore --folder DIR] [--json]
 *
 *   requests ─► folds of all partitions ─► a snapshot of each, in the embedded store
 *                                              └─► another process: restored ─► one ride in a thousand is accepted
 *
 * Folds alone, without a log, so that ten million rides fit into a few minutes: bench/restore.ts has the whole way for
 * fewer. All requests come within ten minutes of event time; what is told to the cities at every flush is let go of.
 * Memory is the heap and what hangs on it, when garbage was collected; resident is all of the process, at most.
 * `--only` does one half of it, with the snapshots in a folder that stays. Ends with 1 when a ride is missing, left to keep a bound, or is not as it was after the restore.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readConfig } from "../src/config.ts";
import { Outbox } from "../src/fold.ts";
import { contentHash, utf8 } from "../src/ids.ts";
import type { LogRecord } from "../src/log/port.ts";
import { stageContext } from "../src/node/context.ts";
import { packEntries, unpackEntries } from "../src/runtime/segments.ts";
import type { SnapshotStore } from "../src/snapshots/port.ts";
import { openSqliteSnapshots } from "../src/snapshots/sqlite.ts";
import { type RidesFold, ridesStage } from "../src/stages/rides.ts";
import { isoTime, minuteMs, secondMs, systemClock } from "../src/time.ts";
import { peakMb } from "./process_cost.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

type Given = { folder: string; rides: number; partitions: number };
export type Folded = {
  held: number;
  evicted: number;
  bytesPerRide: number;
  foldMicros: number;
  foldSeconds: number;
  /** The longest that one flush held the event loop, with the events before it. */
  longestMs: number;
  snapshotCpuSeconds: number;
  snapshotBytes: number;
  residentMb: number;
};
export type Restored = {
  restored: number;
  /** Of those that were asked: found open, and accepted. */
  accepted: number;
  restoreCpuSeconds: number;
  restoreSeconds: number;
  residentMb: number;
};

const flushEvery = 2_000;
const acceptEvery = 1_000;
const startMs = Date.UTC(2026, 0, 15, 18);
const whole = (count: number) => Math.round(count).toLocaleString("en");
const keyOf = (partition: number) => `bench/ride-events/${partition}`;
const sum = (folds: readonly RidesFold[], of: (fold: RidesFold) => number) =>
  folds.reduce((total, fold) => total + of(fold), 0);
const ridesIn = (folds: readonly RidesFold[]) => sum(folds, (fold) => fold.status().actors["ride"]!);

const { values } = parseArgs({
  options: {
    rides: { type: "string", default: "10000000" },
    partitions: { type: "string", default: "12" },
    json: { type: "boolean", default: false },
    only: { type: "string", default: "fold,restore" },
    folder: { type: "string" },
    fold: { type: "string" },
    restore: { type: "string" },
  },
});
if (values.fold !== undefined) {
  console.log(JSON.stringify(await foldAll(JSON.parse(values.fold) as Given)));
} else if (values.restore !== undefined) {
  console.log(JSON.stringify(await restoreAll(JSON.parse(values.restore) as Given)));
} else {
  const folder = values.folder ?? await mkdtemp(join(tmpdir(), "waymark-open-rides-"));
  try {
    const given: Given = { folder, rides: Number(values.rides), partitions: Number(values.partitions) };
    const halves = values.only.split(",");
    const folded = halves.includes("fold") ? await inChild<Folded>("--fold", given) : null;
    if (folded !== null && !values.json) console.log(toldOfFold(given, folded));
    const restored = halves.includes("restore") ? await inChild<Restored>("--restore", given) : null;
    if (restored !== null && !values.json) console.log(toldOfRestore(restored));
    console.log(values.json ? JSON.stringify({ folded, restored }) : `load ${loadavg()[0]!.toFixed(1)}`);
    const asked = Math.ceil(given.rides / acceptEvery);
    const isHeld = folded === null || (folded.held === given.rides && folded.evicted === 0);
    const isBack = restored === null || (restored.restored === given.rides && restored.accepted === asked);
    if (!isHeld || !isBack) process.exitCode = 1;
  } finally {
    if (values.folder === undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function inChild<Result>(as: "--fold" | "--restore", given: Given): Promise<Result> {
  const flags = ["run", "--no-check", "-A", "--v8-flags=--expose-gc"];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...flags, fileURLToPath(import.meta.url), as, JSON.stringify(given)],
  }).output();
  if (code !== 0) throw new Error(`${as} ended with ${code}: ${new TextDecoder().decode(stderr)}`);
  return JSON.parse(new TextDecoder().decode(stdout)) as Result;
}

function toldOfFold({ rides, partitions }: Given, folded: Folded): string {
  const { foldSeconds, foldMicros, longestMs, snapshotBytes } = folded;
  return [
    `${whole(rides)} rides in ${partitions} partitions: ${whole(folded.held)} held, ${
      whole(folded.evicted)
    } evicted`,
    `memory            ${whole(folded.bytesPerRide)} bytes a ride; resident at most ${
      whole(folded.residentMb)
    } MB`,
    `fold              ${foldMicros.toFixed(1)} us of CPU an event, ${
      whole(rides / foldSeconds)
    } a second; ` +
    `${flushEvery} events and their flush in ${whole(longestMs)} ms at most`,
    `snapshot of all   ${folded.snapshotCpuSeconds.toFixed(1)} s of CPU, ${
      whole(snapshotBytes / 2 ** 20)
    } MB`,
  ].join("\n");
}

function toldOfRestore({ restored, accepted, residentMb, ...took }: Restored): string {
  return `restore of all    ${took.restoreCpuSeconds.toFixed(1)} s of CPU, ${
    took.restoreSeconds.toFixed(1)
  } s; ` +
    `resident at most ${whole(residentMb)} MB; ${whole(restored)} back, ${whole(accepted)} accepted`;
}

function open({ folder, partitions }: Given) {
  const context = stageContext(readConfig({ WAYMARK_PARTITIONS: `ride-events=${partitions}` }));
  const stage = ridesStage(context);
  const folds: RidesFold[] = Array.from({ length: partitions }, (_, partition) => stage.create(partition));
  for (const fold of folds) fold.since(0);
  const store = openSqliteSnapshots({ path: join(folder, "snapshots.db"), fsync: false });
  const offsets = folds.map(() => 0);
  /** Into the fold of the ride's partition. */
  const give = (n: number, type: "requested" | "accepted", out: Outbox, atMs: number) => {
    const id = `ride-${String(n).padStart(10, "0")}`;
    const key = utf8(id);
    const partition = context.partitionOf("ride-events", key);
    const who = type === "requested"
      ? `"user_id":"user-${n % 92_000}","estimated_fare":12.5`
      : `"driver_id":"driver-${n % 20_000}"`;
    const value = utf8(
      `{"event_type":"${type}","ride_id":"${id}","event_id":"${id}-${type}","timestamp":"${isoTime(atMs)}",` +
        `"city":"city-${n % 50}",${who}}`,
    );
    const record: LogRecord = {
      ...{ offset: offsets[partition]!++, timestampMs: atMs, key, value, headers: null },
    };
    folds[partition]!.fold(record, out);
    return partition;
  };
  return { folds, store, give };
}

async function foldAll(given: Given): Promise<Folded> {
  const { folds, store, give } = open(given);
  const out = new Outbox();
  const before = heapBytes();
  const folding = cost();
  let longestMs = 0;
  for (let from = 0; from < given.rides; from += flushEvery) {
    const beganMs = systemClock.monotonicMs();
    for (let n = from; n < Math.min(given.rides, from + flushEvery); n++) {
      give(n, "requested", out, startMs + Math.floor(n * 10 * minuteMs / given.rides));
    }
    for (const fold of folds) while (!fold.flush(out)) out.take();
    out.take();
    longestMs = Math.max(longestMs, systemClock.monotonicMs() - beganMs);
  }
  const folded = folding.end();
  const bytesPerRide = (heapBytes() - before) / given.rides;
  const snapshotting = cost();
  const snapshotBytes = await snapshotAll(folds, store);
  const snapshotted = snapshotting.end();
  await store.close();
  return {
    held: ridesIn(folds),
    evicted: sum(folds, (fold) => fold.ledger.evicted_by_cap),
    bytesPerRide,
    foldMicros: folded.cpuSeconds * 1e6 / given.rides,
    foldSeconds: folded.seconds,
    longestMs,
    snapshotCpuSeconds: snapshotted.cpuSeconds,
    snapshotBytes,
    residentMb: peakMb(process.pid),
  };
}

async function snapshotAll(folds: readonly RidesFold[], store: SnapshotStore): Promise<number> {
  let bytes = 0;
  for (const [partition, fold] of folds.entries()) {
    const segments: string[] = [];
    for (const segment of packEntries(fold.entries())) {
      if (segment === null) continue;
      const hash = await contentHash(segment);
      await store.putSegment(keyOf(partition), hash, segment);
      segments.push(hash);
      bytes += segment.length;
    }
    await store.putManifest(keyOf(partition), { offset: 1, bytes: utf8("{}"), segments });
  }
  return bytes;
}

async function restoreAll(given: Given): Promise<Restored> {
  const { folds, store, give } = open(given);
  const restoring = cost();
  for (const [partition, fold] of folds.entries()) {
    const [manifest] = await store.manifests(keyOf(partition));
    for (const hash of manifest!.segments) {
      const segment = await store.segment(keyOf(partition), hash);
      for (const entry of unpackEntries(segment!)) fold.restore(entry);
    }
  }
  const { cpuSeconds, seconds } = restoring.end();
  const restored = ridesIn(folds);
  const out = new Outbox();
  let accepted = 0;
  for (let n = 0; n < given.rides; n += acceptEvery) {
    const partition = give(n, "accepted", out, startMs + 10 * minuteMs);
    const { ride } = folds[partition]!.ride(`ride-${String(n).padStart(10, "0")}`)!;
    // A ride that was not there would be an orphan, without a request and a rider.
    if (ride.state === "accepted" && ride.requestedMs !== null && ride.userId !== null) accepted++;
    out.take();
  }
  await store.close();
  return {
    ...{ restored, accepted, restoreCpuSeconds: cpuSeconds, restoreSeconds: seconds },
    residentMb: peakMb(process.pid),
  };
}

function cost() {
  const [cpu, beganMs] = [process.cpuUsage(), systemClock.monotonicMs()];
  return {
    end() {
      const { user, system } = process.cpuUsage(cpu);
      return {
        cpuSeconds: (user + system) / 1e6,
        seconds: (systemClock.monotonicMs() - beganMs) / secondMs,
      };
    },
  };
}

function heapBytes(): number {
  const collect = (globalThis as { gc?: () => void }).gc!;
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
