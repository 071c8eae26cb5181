/**
 * How soon the systems see an event, at a rate that leaves none of them behind, and what that takes.
 *
 *   deno run -A bench/peers/paced.ts [--rate 20000] [--seconds 30] [--warm 30] [--systems waymark,flink-process-100ms,…]
 *
 * The canonical workload is sent as it happens: an event's time is the present. Latency = from the moment an event is
 * handed to Kafka's client until the first record that counts it is in a consumer's hands. It is looked for in the
 * window that ends next: the n-th event sent of a window is counted once a record of the window tells of n events.
 * Systems go one after the other, each with topics and a warm-up of its own. Sender, consumer and Kafka share the
 * machine with the system; only the system's CPU is counted.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { freePorts } from "../../src/commands/services/launched.ts";
import { startServices, stopServices } from "../../src/commands/services.ts";
import { fromUtf8 } from "../../src/ids.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log, NewRecord } from "../../src/log/port.ts";
import { readConfig } from "../../src/config.ts";
import { stageContext } from "../../src/node/context.ts";
import { minuteMs, secondMs, systemClock } from "../../src/time.ts";
import { percentile } from "../../tests/chaos/recoveries.ts";
import { treeCost } from "../process_cost.ts";
import { cities, workload } from "../workload.ts";
import { keyOf } from "../workload_recount.ts";
import { begin, ended } from "./measure.ts";
import type { Published } from "./results.ts";
import { makeSystems, type System, systemsNamed } from "./systems.ts";
import { makeOutput, makeTopics } from "./topics.ts";
import { headerHelp } from "../../tests/header_help.ts";

headerHelp(import.meta.url);

const { values } = parseArgs({
  options: {
    rate: { type: "string", default: "20000" },
    seconds: { type: "string", default: "30" },
    warm: { type: "string", default: "30" },
    systems: {
      type: "string",
      default: "waymark,waymark-windows-100ms,waymark-windows,kafkajs-deno,flink-process-100ms,kafka-streams",
    },
  },
});
const [perSecond, seconds, warm] = [Number(values.rate), Number(values.seconds), Number(values.warm)];
const chosen = systemsNamed(values.systems);
const panesPerWindow = 5;
/** So long after the last event whatever was not seen is not waited for any more. */
const patienceMs = 10 * secondMs;

await makeSystems(chosen);
const folder = await mkdtemp(join(tmpdir(), "waymark-paced-"));
const services = await startServices({ folder: join(folder, "services") });
const { KAFKA_BROKERS: brokers, REDIS_URL: redisUrl } = services.variables;
const log = await openKafkaLog({ brokers: brokers.split(","), clock: systemClock });
try {
  console.log(
    `${cpus().length} cores, ${cpus()[0]!.model.trim()}; Deno ${Deno.version.deno}; ` +
      `${perSecond.toLocaleString("en")} events a second for ${seconds} s after ${warm} s of warm-up\n` +
      `${"system".padEnd(32)} p50 ms  p99 ms  max ms  % of a core  peak MB  load`,
  );
  for (const system of chosen) {
    if (system.updates === false) {
      console.log(`${system.label.padEnd(32)} publishes no window before it closes`);
    } else await one(system);
  }
} finally {
  await log.close();
  await stopServices(services.folder);
  await rm(folder, { recursive: true, force: true });
}

async function one(system: System): Promise<void> {
  const prefix = `paced-${system.name}.`;
  const its = { prefix, input: `${prefix}ride-events`, folder: join(folder, prefix) };
  const place = { brokers, redisUrl, windowMs: 5 * minuteMs, ...its };
  await mkdir(join(place.folder, "state"), { recursive: true });
  await makeTopics(brokers, prefix);
  const output = system.output.topic(prefix);
  if (!system.output.own) await makeOutput(log, output);
  const [port] = await freePorts(1);
  const loadBefore = loadavg()[0]!;
  const started = begin(system.start({ ...place, port: port! }), join(place.folder, "output.log"));
  try {
    while (await log.partitionCount(output) === null) await systemClock.sleep(secondMs / 10);
    const sightings = await watch(log, output);
    const measuredFromMs = systemClock.nowMs() + warm * secondMs;
    const sending = send(log, place.input, sightings);
    await systemClock.sleep(warm * secondMs);
    const before = treeCost(started.pid!);
    await sending;
    const cost = treeCost(started.pid!);
    const cpu = cost.cpuSeconds - before.cpuSeconds;
    const took = (systemClock.nowMs() - measuredFromMs) / secondMs;
    const untilMs = systemClock.monotonicMs() + patienceMs;
    while (sightings.open() > 0 && systemClock.monotonicMs() < untilMs) await systemClock.sleep(100);
    const seen = sightings.latencies(measuredFromMs);
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(seen, share).toFixed(0).padStart(6));
    console.log(
      `${system.label.padEnd(32)} ${p50}  ${p99}  ${max}  ${(100 * cpu / took).toFixed(0).padStart(11)}  ` +
        `${String(cost.peakMb).padStart(7)}  ${loadBefore.toFixed(1)}` +
        (sightings.open() > 0 ? `  ${sightings.open()} never seen` : ""),
    );
    await sightings.close();
  } finally {
    await ended(started);
    await rm(place.folder, { recursive: true, force: true });
  }
}

/** The workload as it happens. */
async function send(to: Log, topic: string, { sent }: Sightings): Promise<void> {
  const { partitionOf, partitions } = stageContext(readConfig({}));
  const startMs = systemClock.nowMs();
  const made = workload({
    events: perSecond * (warm + seconds),
    partitions: partitions["ride-events"],
    partitionOf: (key) => partitionOf("ride-events", key),
    startMs,
    perSecond,
  });
  let underWay: Promise<void>[] = [];
  let waiting: NewRecord[] = [];
  for (const { city, logMs, timeMs, partition, key, value } of made) {
    if (city < 0) break;
    if (logMs > systemClock.nowMs()) {
      underWay.push(to.append(waiting));
      waiting = [];
      if (underWay.length > 100) underWay = [Promise.all(underWay).then(() => {})];
      await systemClock.sleep(Math.max(1, logMs - systemClock.nowMs()));
    }
    waiting.push({ topic, partition, key, value });
    sent(cities[city]!, timeMs, systemClock.nowMs());
  }
  await Promise.all([...underWay, to.append(waiting)]);
}

type Sightings = {
  sent(city: string, timeMs: number, atMs: number): void;
  /** Events nobody has told of yet. */
  open(): number;
  /** Of the events that were sent from then on, in ms. */
  latencies(sinceMs: number): number[];
  close(): Promise<void>;
};

/** What was sent of a window, in order: when, and whether this window is the one to look in. */
type Awaited = { sentMs: number[]; isLast: boolean[]; seen: number };

async function watch(from: Log, topic: string): Promise<Sightings> {
  const windows = new Map<string, Awaited>();
  const seen: { sentMs: number; ms: number }[] = [];
  let open = 0;

  function see({ city, window_start, total_events }: Published, atMs: number): void {
    const window = windows.get(keyOf(city, new Date(window_start).getTime()));
    if (window === undefined) return;
    for (; window.seen < Math.min(total_events, window.sentMs.length); window.seen++) {
      if (!window.isLast[window.seen]) continue;
      open--;
      seen.push({ sentMs: window.sentMs[window.seen]!, ms: atMs - window.sentMs[window.seen]! });
    }
  }

  const member = await from.join({
    group: `sightings-${topic}`,
    topics: [topic],
    handlers: {
      assigned: () => Promise.resolve(0),
      batch(_, records) {
        const atMs = systemClock.nowMs();
        for (const { value } of records) see(JSON.parse(fromUtf8(value)) as Published, atMs);
        return Promise.resolve();
      },
      empty: () => Promise.resolve(),
      revoked: () => Promise.resolve(),
      lost() {},
      failed(_, error) {
        throw error;
      },
    },
  });
  return {
    sent(city, timeMs, atMs) {
      open++;
      const minute = Math.floor(timeMs / minuteMs);
      for (let start = minute - panesPerWindow + 1; start <= minute; start++) {
        const key = keyOf(city, start * minuteMs);
        let window = windows.get(key);
        if (window === undefined) windows.set(key, window = { sentMs: [], isLast: [], seen: 0 });
        window.sentMs.push(atMs);
        window.isLast.push(start === minute - panesPerWindow + 1);
      }
    },
    open: () => open,
    latencies: (sinceMs) => seen.filter(({ sentMs }) => sentMs >= sinceMs).map(({ ms }) => ms),
    close: () => member.leave(),
  };
}
