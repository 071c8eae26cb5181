/**
 * The HTTP doors of one process of the service, measured from outside: an open loop over keep-alive connections, with
 * hashed keys, rates and access log as they are by default.
 *
 *   deno run -A bench/doors.ts [--log embedded|kafka] [--fsync on|off] [--seconds 30] [--warm 5] [--rate 2000]
 *       [--batch 500] [--batches 60] [--hostile]
 *
 * 1. single   `--rate` requests a second of one ride event each
 * 2. batches  `--batches` requests a second of `--batch` events each
 * 3. again    the same batches over and over: state does not grow any more, so memory that does is the doors'
 * 4. hostile  (with --hostile) repeated singles at a quarter of the rate, alone and then beside the clients of row 27,
 *             from a process of their own: with a key, without one, and without one in bursts (hostile_clients.ts)
 *
 * `--warm` is how many seconds of singles go before: a process that was just begun runs code that is not compiled yet,
 * and at 2,000 requests a second needs about twenty of them to be as quick as it gets on two cores.
 *
 * CPU and memory are those of the service's process, everything it does with the events included: log, folds, windows
 * and snapshots. Generator, Kafka and service share the machine.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startServices, stopServices } from "../src/commands/services.ts";
import { hashedEntry } from "../src/keys.ts";
import { utf8 } from "../src/ids.ts";
import { isoTime, minuteMs, systemClock } from "../src/time.ts";
import { percentile } from "../tests/chaos/recoveries.ts";
import { ask, makeWorkers, until, type Worker } from "../tests/chaos/workers.ts";
import { type Load, type Measured, openLoop } from "./open_loop.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

const { values } = parseArgs({
  options: {
    log: { type: "string", default: "embedded" },
    fsync: { type: "string", default: "on" },
    seconds: { type: "string", default: "30" },
    warm: { type: "string", default: "5" },
    rate: { type: "string", default: "2000" },
    batch: { type: "string", default: "500" },
    batches: { type: "string", default: "60" },
    hostile: { type: "boolean", default: false },
  },
});
const [seconds, rate, batch, batches] = [values.seconds, values.rate, values.batch, values.batches].map(
  Number,
) as [
  number,
  number,
  number,
  number,
];
/** A ride after the other; the fifth event repeats its first step. */
const types = ["requested", "accepted", "started", "completed", "requested"];
const memorySampleMs = 250;
const key = "a-key-for-the-benchmark-0123456789";

const folder = await mkdtemp(join(tmpdir(), "waymark-doors-"));
const services = values.log === "kafka" ? await startServices({ folder: join(folder, "services") }) : null;
const [worker] = await makeWorkers(1, {
  folder,
  variables: {
    ...services?.variables,
    CLICKHOUSE_URL: "",
    WAYMARK_CLICKHOUSE: "off",
    WAYMARK_LOG_FSYNC: values.fsync,
    WAYMARK_INGEST_KEYS: `bench=${hashedEntry(key)}`,
  },
}) as [Worker];
const port = Number(new URL(worker.url).port);

try {
  console.log(
    `${cpus().length} cores, ${cpus()[0]!.model.trim()}; Deno ${Deno.version.deno}; ${values.log} log` +
      (services === null ? `, fsync ${values.fsync}` : ""),
  );
  worker.start();
  await until(
    "the process is ready",
    async () => (await ask(`${worker.url}/readyz`))?.status === 200,
    60_000,
  );
  const single = { perSecond: rate, connections: 64, port, seconds };
  await openLoop({ ...single, seconds: Number(values.warm) }, (n) => post(n, 1));
  await told("single", single, (n) => post(1e6 + n, 1));
  const many = { perSecond: batches, connections: 16, port, seconds };
  await told("batches", many, (n) => post(n, batch, 1e7), batch);
  const repeated = Array.from({ length: 200 }, (_, n) => post(n, batch, 1e8));
  await openLoop(many, (n) => repeated[n % repeated.length]!);
  await told("again", many, (n) => repeated[n % repeated.length]!, batch);
  if (values.hostile) await hostile({ ...single, perSecond: rate / 4 });
} finally {
  worker.signal("SIGKILL");
  if (services !== null) await stopServices(services.folder);
  await rm(folder, { recursive: true, force: true });
}

async function told(
  name: string,
  load: Load,
  request: (n: number) => Uint8Array,
  events = 1,
): Promise<Measured & { megabytesMost: number }> {
  const [cpuBefore, memory] = [cpuSeconds(), watchMemory()];
  const measured = await openLoop(load, request);
  const cpu = cpuSeconds() - cpuBefore;
  const { megabytes, megabytesMost, slope } = await memory.end();
  const sent = load.perSecond * load.seconds * events;
  const statuses = [...measured.statuses].map(([status, count]) => `${n(count)} × ${status}`).join(", ");
  console.log(
    `${name.padEnd(9)} ${
      n(load.perSecond)
    } requests a second of ${events} for ${load.seconds} s: ${statuses}\n` +
      `          latency ${figures(measured.latencies)}; the generator was late by ${
        figures(measured.lateness)
      }\n` +
      `          ${(100 * cpu / measured.seconds).toFixed(0)} % of a core, ${
        n(sent / cpu)
      } events per CPU-second; ` +
      `${megabytes} MB resident, ${slope >= 0 ? "+" : ""}${
        slope.toFixed(1)
      } MB a minute over the second half`,
  );
  return { ...measured, megabytesMost };
}

async function hostile(load: Load): Promise<void> {
  const repeated = Array.from({ length: 5_000 }, (_, n) => post(n, 1, 1e9));
  const request = (n: number) => repeated[n % repeated.length]!;
  const alone = await told("alone", load, request);
  const clients = new URL("hostile_clients.ts", import.meta.url).pathname;
  const p99 = (measured: Measured) => percentile(measured.latencies, 0.99);
  for (const [of, how] of [["a key", "even"], ["no key", "even"], ["no key", "bursts"]] as const) {
    const attack = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", clients, String(port), of === "no key" ? "none" : key, how],
      stdout: "piped",
    }).spawn();
    const ready = attack.stdout.getReader();
    await ready.read();
    const beside = await told(`${of}, ${how}`, load, request);
    attack.kill("SIGKILL");
    await attack.status;
    await ready.cancel();
    console.log(
      `          p99 × ${
        (p99(beside) / p99(alone)).toFixed(2)
      }, memory at most ${beside.megabytesMost} MB, ` +
        `${alone.megabytesMost} MB alone`,
    );
  }
  const text = await (await fetch(`${worker.url}/metrics`)).text();
  const counted = [...text.matchAll(/^waymark_http_connections_(\w+)_total\{\w+="(\w+)"\} (\d+)$/gm)];
  console.log(
    `          ${counted.map(([, how, what, count]) => `${how} ${what} ${n(Number(count))}`).join(", ")}`,
  );
}

/** The events of one request: five to a ride, numbered on from `first`. */
function post(number: number, events: number, first = 0): Uint8Array {
  const timestamp = isoTime(systemClock.nowMs());
  const lines = Array.from({ length: events }, (_, i) => {
    const event = first + number * events + i;
    const ride = Math.floor(event / 5);
    return JSON.stringify({
      event_type: types[event % 5],
      ride_id: `ride-${ride}`,
      timestamp,
      user_id: `user-${ride % 78_000}`,
      driver_id: `driver-${ride % 20_000}`,
      pickup: { lat: 48.1486, lng: 17.1077 },
      dropoff: { lat: 48.1586, lng: 17.1177 },
      estimated_fare: 8.5,
      city: `city-${ride % 50}`,
    });
  });
  const body = utf8(lines.join("\n"));
  const type = events === 1 ? "application/json" : "application/x-ndjson";
  const head = `POST /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${key}\r\n` +
    `content-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`;
  const whole = new Uint8Array(head.length + body.length);
  whole.set(utf8(head));
  whole.set(body, head.length);
  return whole;
}

function figures(latencies: readonly number[]): string {
  const [p50, p99, p999, max] = [0.5, 0.99, 0.999, 1].map((share) => percentile(latencies, share).toFixed(1));
  return `p50 ${p50} ms, p99 ${p99} ms, p99.9 ${p999} ms, max ${max} ms`;
}

/** The line of least squares through the second half of a sample a second. */
function watchMemory(): { end(): Promise<{ megabytes: number; megabytesMost: number; slope: number }> } {
  const over = new AbortController();
  const samples: number[] = [];
  const sampling = (async () => {
    for (; !over.signal.aborted; await systemClock.sleep(memorySampleMs, over.signal)) {
      samples.push(residentMegabytes());
    }
  })();
  return {
    async end() {
      over.abort();
      await sampling;
      const half = samples.slice(Math.floor(samples.length / 2));
      const [meanX, meanY] = [(half.length - 1) / 2, half.reduce((sum, y) => sum + y, 0) / half.length];
      const above = half.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0);
      const below = half.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0);
      const slope = below === 0 ? 0 : minuteMs / memorySampleMs * above / below;
      return { megabytes: half.at(-1)!, megabytesMost: Math.max(...samples), slope };
    },
  };
}

/** User and system time of the process, in seconds: fields 14 and 15 of /proc/PID/stat, in ticks of 10 ms. */
function cpuSeconds(): number {
  const fields = readFileSync(`/proc/${worker.pid()}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function residentMegabytes(): number {
  const kilobytes = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${worker.pid()}/status`, "utf8"))?.[1];
  return Math.round(Number(kilobytes) / 1_024);
}

function n(value: number): string {
  return Math.round(value).toLocaleString("en");
}
