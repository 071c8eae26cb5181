/** `waymark start` and `waymark demo`: the service, until a signal drains it. */
import type { Config, SettingName } from "../config.ts";
import { WaymarkError } from "../errors.ts";
import { type App, createApp } from "../http/app.ts";
import { keysOf } from "../http/auth.ts";
import { maskKeyOf } from "../http/mask.ts";
import { ratesOf } from "../http/rate_limits.ts";
import { type Service, startService } from "../node/service.ts";
import { ledgerView } from "../node/views.ts";
import { createSignals, type Signals } from "../telemetry/signals.ts";
import { latencyText } from "../telemetry/latency.ts";
import { utf8 } from "../ids.ts";
import { limits } from "../limits.ts";
import { minuteMs, secondMs, systemClock } from "../time.ts";
import { cityTraffic } from "../traffic/city_traffic.ts";
import type { SentItem } from "../traffic/item.ts";
import type { Command, Given } from "./command.ts";
import { choosePorts, openDoors } from "./doors.ts";
import { configFromEnvironment, isGiven } from "./environment.ts";
import { ledgerText } from "./ledger_text.ts";
import { scenarioText } from "../traffic/scenario.ts";
import { scenariosText } from "./scenario_options.ts";
import { paced } from "./traffic.ts";
import { trafficFrom, trafficOptions } from "./traffic_options.ts";
import { superviseWorkers } from "./workers.ts";

export const startCommand: Command = {
  name: "start",
  operands: "",
  summary: "Runs the service on the data directory until it is told to stop.",
  options: {
    worker: { type: "string", value: "N", help: "given by the process that keeps WAYMARK_WORKERS running" },
    help: { type: "boolean", help: "this text" },
  },
  run: start,
};

async function start(given: Given): Promise<number> {
  const config = configFromEnvironment();
  const worker = given.text("worker") ?? null;
  if (config.WAYMARK_WORKERS === 1 || worker !== null) return await serve(config, { worker, demo: null });
  const [told, insisted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  watchSignals(told.resolve, insisted.resolve);
  const signals = createSignals(systemClock, config.WAYMARK_LOG_FORMAT);
  return await superviseWorkers(config, { signals, told: told.promise, insisted: insisted.promise });
}

export const demoCommand: Command = {
  name: "demo",
  operands: "",
  summary: "Runs the service with simulated cities, and prints the address of the page.",
  options: { ...trafficOptions, help: { type: "boolean", help: "this text" } },
  more: scenariosText,
  run: (given) => serve(configFromEnvironment(demoSettings()), { worker: null, demo: given }),
};

/**
 * What the simulated cities are best shown with, where nothing else is set: of their 500 rides' events a minute each
 * of three partitions has one every few tenths of a second, for which its watermark waits, and the pressure that is
 * usual there is 0.06 to 0.07: what a doubled demand adds is in the first surge after it. On a Kafka of somebody's own
 * the usual settings hold, since others may share it.
 */
function demoSettings(): Record<string, string> {
  const own: [SettingName, string][] = isGiven("KAFKA_BROKERS")
    ? []
    : [["WAYMARK_PARTITIONS", "ride-events=3"], ["WAYMARK_SURGE_BALANCE", "0.07"]];
  const all: [SettingName, string][] = [["WAYMARK_DATA_DIR", "data/demo"], ...own];
  return Object.fromEntries(all.filter(([name]) => !isGiven(name)));
}

type Serving = {
  /** Which of several on this machine, which share the port; null for a process by itself. */
  worker: string | null;
  demo: Given | null;
};

async function serve(config: Config, { worker, demo }: Serving): Promise<number> {
  const signals = createSignals(systemClock, config.WAYMARK_LOG_FORMAT);
  const told = Promise.withResolvers<void>();
  if (worker !== null) watchSupervisor(told.resolve);
  else watchSignals(told.resolve);
  const ports = choosePorts(config, worker);
  const { address, instance } = ports;
  const service = await startService({
    config,
    clock: systemClock,
    signals,
    address,
    ...(instance !== undefined && { instance }),
  });
  const doors = await openDoors(appOf(service, config, signals), config, ports);
  const sending = new AbortController();
  const sent = demo === null
    ? Promise.resolve()
    : sendDemo(service, { given: demo, config, signal: sending.signal });
  const sendingFailed = sent.then(() => new Promise<never>(() => {}));
  console.log(`Waymark is listening on ${worker !== null ? address : doors.url}/`);
  if (service.clickHouseUrl !== null) console.log(`ClickHouse is readable at ${service.clickHouseUrl}/`);
  if (demo !== null) console.log("Simulated cities are sending; the page shows them. Ctrl-C ends it.");
  const drain = async () => {
    const last = ledgerView(service.pipeline);
    await inTime(async () => {
      service.closeIntake();
      sending.abort();
      await sent.catch(() => {});
      await doors.stop(serverStopMs);
      await service.drain();
    });
    return last;
  };
  try {
    await Promise.race([told.promise, service.fatal, sendingFailed]);
  } catch (error) {
    signals.say("stopping");
    await drain().catch(() => {});
    throw error;
  }
  signals.say("draining");
  const ledger = await drain();
  signals.say("drained");
  if (demo !== null) console.log(`${ledgerText(ledger)}\n${await latencyText()}`);
  return 0;
}

/** What a stuck client may take of the time for draining. */
const serverStopMs = 5 * secondMs;

function appOf(service: Service, config: Config, signals: Signals): App {
  return createApp({
    handles: service.handles,
    config: keysOf(config),
    clock: systemClock,
    rates: ratesOf(config),
    corsOrigins: config.WAYMARK_CORS_ORIGINS,
    access: {
      every: config.WAYMARK_ACCESS_LOG === "on" ? config.WAYMARK_ACCESS_LOG_EVERY : null,
      write: (line) => signals.request(line),
    },
    maskKey: maskKeyOf(config),
    audit: (read) => signals.unmaskedRead(read),
    defect: (thrown, requestId) => signals.defect(thrown, requestId),
  });
}

/** Throws when the work is not done in limits.drainMs: the next start goes on from the last snapshots. */
async function inTime(work: () => Promise<void>): Promise<void> {
  const done = new AbortController();
  const late = systemClock.sleep(limits.drainMs, done.signal).then(() => done.signal.aborted);
  const finished = await Promise.race([work().then(() => true), late]);
  done.abort();
  if (!finished) {
    throw new WaymarkError(
      "log_unavailable",
      `not drained after ${limits.drainMs} ms; the next start goes on from the last snapshots`,
    );
  }
}

/** The first SIGINT or SIGTERM drains, the second exits at once. */
function watchSignals(drain: () => void, insist: () => void = () => Deno.exit(130)): void {
  let count = 0;
  const onSignal = () => ++count === 1 ? drain() : insist();
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
}

/**
 * Ctrl-C reaches every process of a terminal: a worker waits for what its supervisor makes of it. When the supervisor
 * is gone, which closes the worker's input, it drains: nobody would begin it again, or end it.
 */
function watchSupervisor(drain: () => void): void {
  let count = 0;
  Deno.addSignalListener("SIGINT", () => {});
  Deno.addSignalListener("SIGTERM", () => ++count === 1 ? drain() : Deno.exit(130));
  void Deno.stdin.readable.pipeTo(new WritableStream()).catch(() => {}).finally(drain);
}

/** How far back an empty installation is given rides, so that there are some in every state at once. */
const historyMs = 30 * minuteMs;
/**
 * Positions of before say nothing about now. They begin so long before the newest boundary that is closed by now, that
 * every driver has sent some: no boundary is told with the few drivers who happened to be first.
 */
const positionsMs = 35 * secondMs;
/** The first rides to end are cancelled ones, a trip takes its time: until then a cancellation rate says nothing. */
const rampMs = 15 * minuteMs;

async function sendDemo(
  service: Service,
  { given, config, signal }: { given: Given; config: Config; signal: AbortSignal },
): Promise<void> {
  const nowMs = systemClock.nowMs();
  const seed = given.text("seed") === undefined ? { seed: nowMs % 2 ** 32 } : {};
  const options = trafficFrom(given, { historyMs, config });
  const closedMs = Math.floor((nowMs - config.WAYMARK_WATERMARK_DELAY_MS) / minuteMs) * minuteMs;
  const { items, scenario } = cityTraffic({
    ...options,
    ...seed,
    startMs: nowMs - historyMs,
    usualAtMs: nowMs,
  });
  if (scenario !== null) console.log(scenarioText(scenario));
  const begun = ledgerView(service.pipeline).partitions.some((p) => p.read > 0);
  const wanted = wholeRides({
    ridesFromMs: begun ? nowMs : nowMs - historyMs,
    positionsFromMs: begun ? nowMs : closedMs - positionsMs,
  });
  for await (const batch of paced(items, wanted)) {
    for (const topic of ["ride-events", "driver-locations"] as const) {
      if (signal.aborted) return;
      const sent = batch.filter((item) => item.topic === topic);
      if (sent.length === 0) continue;
      await service.handles.append(topic, sent.map(({ key, value }) => ({ key, value: bytesOf(value) })));
    }
  }
}

const bytesOf = (value: Uint8Array | string): Uint8Array => typeof value === "string" ? utf8(value) : value;

/** Wants rides from their request on, and positions, that were sent from the given times on. */
function wholeRides(from: { ridesFromMs: number; positionsFromMs: number }): (item: SentItem) => boolean {
  const begun = new Set<string>();
  return (item) => {
    const atMs = item.recordedAtMs ?? 0;
    if (item.topic === "driver-locations") return atMs >= from.positionsFromMs;
    const is = (type: string) =>
      typeof item.value === "string" && item.value.includes(`"event_type":"${type}"`);
    if (is("requested") && atMs >= from.ridesFromMs) begun.add(item.key);
    return begun.has(item.key) && !(is("cancelled") && atMs < from.ridesFromMs + rampMs);
  };
}
