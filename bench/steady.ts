/**
 * One process of the service on a real Kafka, measured from outside.
 *
 *   deno run -A bench/steady.ts [--events 1000000] [--rate 20000/s] [--seconds 60] [--positions 0.99] [--clickhouse]
 *
 * 1. Catch-up: a backlog of `--events` records is there before the process starts. Records per CPU-second = backlog /
 *    CPU of the process from its start to the last record's published windows, start-up included. Meanwhile, from when
 *    it is ready, it is asked for its cities. Of each answer it is told as well how long it took without the time in
 *    which the process's main thread waited for a core: Kafka's brokers and this program have the same ones.
 * 2. Steady state: the same process under `--rate`. Latency = from the moment an event is handed to Kafka's client
 *    until a record on `analytics-aggregated` that counts it is in a consumer's hands. The probes that are timed are
 *    24 events a second, spread over all partitions; the clock is that of this machine, both ends.
 *
 * Kafka, the sender and the consumer share the machine with the process; their CPU is not counted.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startServices, stopServices } from "../src/commands/services.ts";
import { readConfig } from "../src/config.ts";
import { fromUtf8, utf8 } from "../src/ids.ts";
import { openKafkaLog } from "../src/log/kafka/log.ts";
import type { Log } from "../src/log/port.ts";
import { stageContext } from "../src/node/context.ts";
import { systemClock } from "../src/time.ts";
import type { CityWindow } from "../schemas/city_window.ts";
import { percentile } from "../tests/chaos/recoveries.ts";
import { ask, makeWorkers, runCommand, until, type Worker } from "../tests/chaos/workers.ts";
import { coreWaitMs } from "./process_cost.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    rate: { type: "string", default: "20000/s" },
    seconds: { type: "string", default: "60" },
    positions: { type: "string", default: "0.99" },
    clickhouse: { type: "boolean", default: false },
  },
});
const [backlog, seconds] = [Number(values.events), Number(values.seconds)];
const perSecond = Number(/^\d+/.exec(values.rate)![0]) / (values.rate.endsWith("/min") ? 60 : 1);

const folder = await mkdtemp(join(tmpdir(), "waymark-bench-"));
const services = await startServices({ folder: join(folder, "services") });
const variables = {
  ...services.variables,
  WAYMARK_CLICKHOUSE: values.clickhouse ? "on" : "off",
};
const [worker] = await makeWorkers(1, { folder, variables }) as [Worker];
const log = await openKafkaLog({ brokers: services.variables.KAFKA_BROKERS.split(","), clock: systemClock });
try {
  const { model } = cpus()[0]!;
  console.log(
    `${cpus().length} cores, ${model.trim()}; Deno ${Deno.version.deno}; Kafka on the same machine`,
  );
  await catchUp();
  await steady();
} finally {
  worker.signal("SIGKILL");
  await log.close();
  await stopServices(services.folder);
  await rm(folder, { recursive: true, force: true });
}

async function catchUp(): Promise<void> {
  await send(backlog, ["--speed", "max"]);
  worker.start();
  const startedMs = systemClock.monotonicMs();
  await until(
    "the process is ready",
    async () => (await ask(`${worker.url}/readyz`))?.status === 200,
    60_000,
  );
  const asking = askMeanwhile();
  await until("everything is folded", isCaughtUp, 600_000);
  const [cpu, wall] = [cpuSeconds(), (systemClock.monotonicMs() - startedMs) / 1_000];
  const answers = await asking.end();
  console.log(
    `catch-up      ${n(backlog)} records in ${wall.toFixed(1)} s, ${cpu.toFixed(1)} s of CPU: ` +
      `${n(backlog / cpu)} records per CPU-second, ${n(backlog / wall)} a second, ` +
      `${(backlog / wall / perSecond).toFixed(1)} times ${values.rate}`,
  );
  const spread = (of: "tookMs" | "ownMs") => {
    const [p50, p99, max] = [0.5, 0.99, 1].map((share) => percentile(answers.map((a) => a[of]), share));
    return `p50 ${p50!.toFixed(0)} ms, p99 ${p99!.toFixed(0)} ms, max ${max!.toFixed(0)} ms`;
  };
  console.log(`asked then    ${answers.length} times for cities: ${spread("tookMs")}`);
  console.log(`              without its main thread's waits for a core: ${spread("ownMs")}`);
}

/** `ownMs`: without the time in which the process could run but had no core, since others had them all. */
type Answered = { tookMs: number; ownMs: number };

/** A query every 50 ms, or as soon as the one before is answered. Unanswered ones are left out. */
function askMeanwhile() {
  const over = new AbortController();
  const answered: Answered[] = [];
  const loop = (async () => {
    while (!over.signal.aborted) {
      const [askedMs, waitedMs] = [systemClock.monotonicMs(), coreWaitMs(worker.pid())];
      const answer = await ask(`${worker.url}/v1/cities`);
      const tookMs = systemClock.monotonicMs() - askedMs;
      if (answer?.status === 200) {
        answered.push({ tookMs, ownMs: tookMs - (coreWaitMs(worker.pid()) - waitedMs) });
      }
      await systemClock.sleep(50, over.signal);
    }
  })();
  return {
    async end(): Promise<Answered[]> {
      over.abort();
      await loop;
      return answered;
    },
  };
}

async function steady(): Promise<void> {
  const watching = timeProbes();
  const sending = send(Math.ceil(perSecond * seconds), []);
  // The first seconds warm up.
  await systemClock.sleep(10_000);
  const [cpuBefore, startedMs] = [cpuSeconds(), systemClock.monotonicMs()];
  watching.reset();
  await sending;
  const [cpu, wall] = [cpuSeconds() - cpuBefore, (systemClock.monotonicMs() - startedMs) / 1_000];
  await watching.end();
  const { latencies } = watching;
  const [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1].map((share) => percentile(latencies, share));
  console.log(
    `steady state  ${values.rate} for ${wall.toFixed(0)} s: ${(100 * cpu / wall).toFixed(0)} % of a core, ` +
      `${n(perSecond * wall / cpu)} records per CPU-second, ${memory()} MB resident`,
  );
  console.log(
    `latency       ${latencies.length} probes, ${watching.open()} never seen: p50 ${p50!.toFixed(0)} ms, ` +
      `p99 ${p99!.toFixed(0)} ms, p99.9 ${p999!.toFixed(0)} ms, max ${max!.toFixed(0)} ms`,
  );
}

type Probe = { sentMs: number; endMs: number };

/** Sends timed events in a city for each partition, and waits for the windows that count them. */
function timeProbes() {
  const [sending, receiving] = [new AbortController(), new AbortController()];
  const { partitionOf, partitions } = stageContext(readConfig({}));
  const latencies: number[] = [];
  /** Of a partition's city, by window end: the probes in it, in the order of the log. */
  const waiting = new Map<string, Map<number, { sent: Probe[]; seen: number }>>();
  let sent = 0;
  let openProbes = 0;
  const [sender, receiver] = [send(), receive()];

  async function send(): Promise<void> {
    for (let n = 0; !sending.signal.aborted; n++) {
      const partition = n % partitions["ride-events"];
      let id = `probe-${n}`;
      for (let i = 0; partitionOf("ride-events", utf8(id)) !== partition; i++) id = `probe-${n}-${i}`;
      const sentMs = systemClock.nowMs();
      const city = `probe-${partition}`;
      // The earliest window that still holds the event: the one that has counted every probe since five minutes.
      const endMs = (Math.floor(sentMs / 60_000) + 1) * 60_000;
      const probes = waiting.get(city) ?? new Map();
      waiting.set(city, probes);
      const of = probes.get(endMs) ?? { sent: [], seen: 0 };
      probes.set(endMs, of);
      of.sent.push({ sentMs, endMs });
      openProbes++;
      const event = { event_type: "requested", ride_id: id, timestamp: new Date(sentMs).toISOString(), city };
      await log.append([{
        topic: "ride-events",
        partition,
        key: utf8(id),
        value: utf8(JSON.stringify(event)),
      }]);
      sent++;
      await systemClock.sleep(1_000 / 24, sending.signal);
    }
  }

  async function receive(): Promise<void> {
    const member = await log.join({
      group: `bench-${sent}`,
      topics: ["analytics-aggregated"],
      handlers: {
        assigned: async (tp) => (await log.bounds(tp.topic))[tp.partition]!.end,
        async batch(_, records) {
          const arrivedMs = systemClock.nowMs();
          for (const { value } of records) {
            const window = JSON.parse(fromUtf8(value)) as CityWindow;
            const probes = waiting.get(window.city);
            if (probes !== undefined) see(probes, window, arrivedMs);
          }
        },
        async empty() {},
        async revoked() {},
        lost() {},
        failed: (_, error) => console.error(error),
      },
    });
    while (!receiving.signal.aborted) await systemClock.sleep(1_000, receiving.signal);
    await member.leave();
  }

  /** The window that ends at the end of a minute counts every probe of its five: those before were seen before. */
  function see(
    probes: Map<number, { sent: Probe[]; seen: number }>,
    window: CityWindow,
    arrivedMs: number,
  ): void {
    const endMs = Date.parse(window.window_end);
    const of = probes.get(endMs);
    if (of === undefined) return;
    let earlier = 0;
    for (const [end, { sent }] of probes) if (end < endMs && end > endMs - 5 * 60_000) earlier += sent.length;
    const counted = window.total_events - earlier;
    for (; of.seen < Math.min(counted, of.sent.length); of.seen++) {
      latencies.push(arrivedMs - of.sent[of.seen]!.sentMs);
      openProbes--;
    }
  }

  return {
    latencies,
    open: () => openProbes,
    reset: () => void latencies.splice(0),
    /** Sends no more, and waits for what was sent to be seen. */
    async end() {
      sending.abort();
      await sender;
      await until("the last probes are seen", async () => openProbes === 0, 20_000).catch(() => {});
      receiving.abort();
      await receiver;
    },
  };
}

async function send(events: number, how: string[]): Promise<void> {
  await runCommand([
    ...["traffic", "--to", "kafka", "--events", String(events), "--rate", values.rate, ...how],
    ...["--positions", values.positions, "--duplicates", "0.005", "--disorder", "0.02"],
  ], variables);
}

async function isCaughtUp(): Promise<boolean> {
  const answer = await ask(`${worker.url}/v1/partitions`);
  if (answer?.status !== 200) return false;
  const { partitions } = answer.body as {
    partitions: { topic: string; partition: number; position: number }[];
  };
  for (const topic of ["ride-events", "driver-locations"]) {
    for (const [partition, { end }] of (await (log as Log).bounds(topic)).entries()) {
      const view = partitions.find((p) => p.topic === topic && p.partition === partition);
      if (view?.position !== end) return false;
    }
  }
  return true;
}

/** User and system time of the process, in seconds: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${worker.pid()}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function memory(): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${worker.pid()}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 1_024);
}

function n(value: number): string {
  return Math.round(value).toLocaleString("en");
}
