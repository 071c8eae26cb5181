/**
 * The pipeline of one process with its snapshots and its board, without doors and ClickHouse: a child of bench.ts.
 *
 *   catch-up   a filled log ─► folded, published, on the board ─► every window equals the recount
 *   live       events at a rate, a probe every 50 ms in a city of its own ─► when the board has its window
 *
 * Prints its figures as the last line, in JSON. The catch-up counts from the first quarter on, when the code is warm.
 */
import process from "node:process";
import { namingOf, specsOf, startPipeline } from "../src/node/pipeline.ts";
import { utf8 } from "../src/ids.ts";
import type { Log } from "../src/log/port.ts";
import { type RunningBoard, startBoard } from "../src/sinks/board.ts";
import { isoTime, secondMs, systemClock } from "../src/time.ts";
import { percentile } from "../tests/chaos/recoveries.ts";
import { type BenchLog, configOf, madeEvents, openBenchLog, recordOf, recordsIn } from "./bench_log.ts";
import { newVerdict, type Published } from "./peers/results.ts";
import { peakMb } from "./process_cost.ts";
import { newRecount } from "./workload_recount.ts";

export type EndToEnd =
  & { log: BenchLog }
  & ({ mode: "catch-up"; events: number } | { mode: "live"; perSecond: number; seconds: number });

export type EndToEndFigures = Record<string, number>;

const warmUpShare = 0.25;
const probeMs = 50;
const loopProbeMs = 10;
const pollMs = 20;
const limitMs = 600 * secondMs;

const given = JSON.parse(process.argv[2]!) as EndToEnd;
const parts = await openBenchLog(given.log);
const config = configOf(given.log);
await parts.log.ensureTopics(specsOf(config));
const board = await startBoard({ log: parts.log, naming: namingOf(config), clock: systemClock });
// Before anything is measured.
const verdict = given.mode === "catch-up" ? verdictOn(given.events) : null;
const heapBefore = heapBytes();
const pipeline = await startPipeline({
  config,
  log: parts.log,
  store: parts.store,
  clock: systemClock,
  input: { kind: "live" },
  onStopped(tp, error) {
    throw new Error(`${tp.topic}/${tp.partition} stopped`, { cause: error });
  },
});
const figures = given.mode === "catch-up"
  ? await catchUp(parts.log, verdict!)
  : await live(given, parts.log, board);
console.log(JSON.stringify(figures));
// It has been measured: a drain would only take time.
process.exit(0);

function verdictOn(events: number) {
  const recount = newRecount();
  for (const event of madeEvents({ events })) recount.add(event);
  const verdict = newVerdict(recount.windows());
  board.subscribe((change) => {
    if (change.kind === "window") verdict.add(change.window as unknown as Published);
  });
  return verdict;
}

async function catchUp(
  log: Log,
  verdict: ReturnType<typeof newVerdict>,
): Promise<EndToEndFigures> {
  const all = await recordsIn(log, `${config.WAYMARK_TOPIC_PREFIX}ride-events`);
  const allocated = watchAllocation();
  const startedMs = systemClock.monotonicMs();
  // A tiny log is folded before anybody looks: then all of it counts.
  let warm = { folded: 0, cpu: process.cpuUsage(), atMs: startedMs };
  while (!verdict.complete()) {
    if (warm.folded === 0 && folded() >= all * warmUpShare && folded() < all) {
      warm = { folded: folded(), cpu: process.cpuUsage(), atMs: systemClock.monotonicMs() };
      allocated.reset();
    }
    await systemClock.sleep(pollMs);
    if (systemClock.monotonicMs() - startedMs > limitMs) throw new Error(JSON.stringify(verdict.verdict()));
  }
  const { user, system } = process.cpuUsage(warm.cpu);
  const counted = all - warm.folded;
  const actors = pipeline.rides.flatMap((host) => [...host.actors.values()]).reduce(
    (sum, actor) => sum + Object.values(actor.fold.status().actors).reduce((a, b) => a + b, 0),
    0,
  );
  const bytes = allocated.end();
  return {
    eventsPerCpuSecond: counted / (user + system) * 1e6,
    eventsPerSecond: counted / (systemClock.monotonicMs() - warm.atMs) * secondMs,
    actors,
    bytesPerActor: heapBefore === 0 ? 0 : (heapBytes() - heapBefore) / actors,
    allocatedPerEvent: bytes / counted,
    allocatedMbPerSecond: bytes / 1e6 / (systemClock.monotonicMs() - warm.atMs) * secondMs,
    peakMb: peakMb(process.pid),
  };
}

function folded(): number {
  return pipeline.rides.flatMap((host) => [...host.actors.values()]).reduce(
    (sum, a) => sum + a.nextOffset,
    0,
  );
}

async function live(
  { perSecond, seconds }: { perSecond: number; seconds: number },
  log: Log,
  board: RunningBoard,
): Promise<EndToEndFigures> {
  const latencies: number[] = [];
  const sentMs = new Map<string, number>();
  board.subscribe((change) => {
    if (change.kind !== "window") return;
    const sent = sentMs.get(change.window.city);
    if (sent === undefined) return;
    sentMs.delete(change.window.city);
    latencies.push(systemClock.nowMs() - sent);
  });
  const startMs = systemClock.nowMs();
  const made = madeEvents({ events: perSecond * (seconds + 60), startMs, perSecond });
  const warmUntilMs = startMs + seconds / 4 * secondMs;
  const endMs = startMs + seconds * secondMs;
  const loop = watchLoop();
  let next = made.next();
  let probes = 0;
  let cpu: NodeJS.CpuUsage | null = null;
  for (let nowMs = startMs; nowMs < endMs; nowMs = systemClock.nowMs()) {
    if (cpu === null && nowMs >= warmUntilMs) {
      cpu = process.cpuUsage();
      latencies.length = 0;
      loop.reset();
    }
    const records = [];
    while (!next.done && next.value.logMs <= nowMs && next.value.city >= 0) {
      records.push(recordOf({ ...next.value, logMs: nowMs }, given.log));
      next = made.next();
    }
    const city = `probe-${probes}`;
    const id = `probe-${probes++}-${nowMs}`;
    const value = { event_type: "requested", ride_id: id, timestamp: isoTime(nowMs), event_id: id, city };
    const probe = { key: utf8(id), value: utf8(JSON.stringify(value)), logMs: nowMs };
    const partition = pipeline.context.partitionOf("ride-events", probe.key);
    records.push(recordOf({ ...next.value!, ...probe, partition }, given.log));
    sentMs.set(city, systemClock.nowMs());
    await log.append(records);
    await systemClock.sleep(Math.max(1, nowMs + probeMs - systemClock.nowMs()));
  }
  const { user, system } = process.cpuUsage(cpu!);
  const delay = loop.end();
  const untilMs = systemClock.monotonicMs() + 10 * secondMs;
  while (sentMs.size > 0 && systemClock.monotonicMs() < untilMs) await systemClock.sleep(pollMs);
  return {
    visibleP50Ms: percentile(latencies, 0.5),
    visibleP99Ms: percentile(latencies, 0.99),
    neverSeen: sentMs.size,
    loopDelayP99Ms: delay,
    shareOfCore: (user + system) / 1e6 / (endMs - warmUntilMs) * secondMs,
  };
}

/** How late a timer of 10 ms comes, 99th percentile. */
function watchLoop() {
  const over = new AbortController();
  const late: number[] = [];
  void (async () => {
    while (!over.signal.aborted) {
      const askedMs = systemClock.monotonicMs();
      await systemClock.sleep(loopProbeMs);
      late.push(systemClock.monotonicMs() - askedMs - loopProbeMs);
    }
  })();
  return {
    reset: () => void late.splice(0),
    end() {
      over.abort();
      return percentile(late, 0.99);
    },
  };
}

/** What the heap grew by between looks a few milliseconds apart: what was collected in between is not in it. */
function watchAllocation() {
  let [bytes, before, over] = [0, process.memoryUsage().heapUsed, false];
  void (async () => {
    while (!over) {
      const now = process.memoryUsage().heapUsed;
      bytes += Math.max(0, now - before);
      before = now;
      await systemClock.sleep(1);
    }
  })();
  return {
    reset: () => void (bytes = 0),
    end() {
      over = true;
      return bytes;
    },
  };
}

/** Zero without `--expose-gc`. */
function heapBytes(): number {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) return 0;
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
