/** `waymark start` and `waymark demo`: the service, until a signal drains it. */
import type { Config } from "../config.ts";
import { WaymarkError } from "../errors.ts";
import { startDoors } from "../node/doors.ts";
import { type Service, startService } from "../node/service.ts";
import { ledgerView } from "../node/views.ts";
import { createSignals, type Signals } from "../telemetry/signals.ts";
import { latencyText } from "../telemetry/latency.ts";
import { utf8 } from "../ids.ts";
import { limits } from "../limits.ts";
import { minuteMs, systemClock } from "../time.ts";
import { cityTraffic } from "../traffic/city_traffic.ts";
import type { SentItem } from "../traffic/item.ts";
import type { Command, Given } from "./command.ts";
import { configFromEnvironment } from "./environment.ts";
import { ledgerText } from "./ledger_text.ts";
import { paced } from "./traffic.ts";
import { trafficFrom, trafficOptions } from "./traffic_options.ts";

export const startCommand: Command = {
  name: "start",
  operands: "",
  summary: "Runs the service on the data directory until it is told to stop.",
  options: { help: { type: "boolean", help: "this text" } },
  run: () => serve(configFromEnvironment(), null),
};

export const demoCommand: Command = {
  name: "demo",
  operands: "",
  summary: "Runs the service with simulated cities, and prints the address of the page.",
  options: { ...trafficOptions, help: { type: "boolean", help: "this text" } },
  run: (given) =>
    serve(
      configFromEnvironment(Deno.env.get("WAYMARK_DATA_DIR") ? {} : { WAYMARK_DATA_DIR: "data/demo" }),
      given,
    ),
};

async function serve(config: Config, demo: Given | null): Promise<number> {
  const signals = createSignals(systemClock, config.WAYMARK_LOG_FORMAT);
  const told = Promise.withResolvers<"signal">();
  const stopped = watchSignals(told.resolve);
  const service = await startService(config, systemClock, signals);
  const doors = startDoors(service, config, systemClock);
  const sending = new AbortController();
  const sent = demo === null ? Promise.resolve() : sendDemo(service, demo, sending.signal);
  const { hostname, port } = doors.address;
  console.log(
    `Waymark is listening on http://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}/`,
  );
  if (demo !== null) console.log("Simulated cities are sending; the page above shows them. Ctrl-C ends it.");
  try {
    await Promise.race([told.promise, service.fatal]);
  } catch (error) {
    if (!(error instanceof WaymarkError)) throw error;
    signals.say("stopping: a partition was refused");
    await end(service, doors, sending, sent, signals).catch(() => {});
    throw error;
  } finally {
    stopped();
  }
  const last = ledgerView(service.pipeline);
  await end(service, doors, sending, sent, signals);
  if (demo !== null) console.log(`${ledgerText(last)}\n${await latencyText()}`);
  return 0;
}

async function end(
  service: Service,
  doors: ReturnType<typeof startDoors>,
  sending: AbortController,
  sent: Promise<void>,
  signals: Signals,
): Promise<void> {
  signals.say("draining");
  const late = new AbortController();
  const deadline = systemClock.sleep(limits.drainMs, late.signal).then(() => {
    if (!late.signal.aborted) {
      throw new WaymarkError(
        "log_unavailable",
        `not drained after ${limits.drainMs} ms; a start continues from the last snapshots`,
      );
    }
  });
  sending.abort();
  await Promise.race([sent.then(() => doors.close()).then(() => service.drain()), deadline]);
  late.abort();
  signals.say("drained");
}

/** The first SIGINT or SIGTERM drains, the second exits at once. */
function watchSignals(drain: (reason: "signal") => void): () => void {
  let count = 0;
  const onSignal = () => ++count === 1 ? drain("signal") : Deno.exit(130);
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
  return () => {
    for (const name of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(name, onSignal);
    for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
  };
}

/** How far back an empty installation is given rides, so that there are some in every state at once. */
const historyMs = 20 * minuteMs;
/** Positions older than this say nothing about now. */
const positionsMs = minuteMs;

async function sendDemo(service: Service, given: Given, signal: AbortSignal): Promise<void> {
  const nowMs = systemClock.nowMs();
  const seed = given.text("seed") === undefined ? { seed: nowMs % 2 ** 32 } : {};
  const { items } = cityTraffic({ ...trafficFrom(given), ...seed, startMs: nowMs - historyMs });
  const begun = ledgerView(service.pipeline).partitions.some((p) => p.read > 0);
  for await (
    const batch of paced(
      wholeRides(items, {
        ridesFromMs: begun ? nowMs : 0,
        positionsFromMs: nowMs - (begun ? 0 : positionsMs),
      }),
    )
  ) {
    for (const topic of ["ride-events", "driver-locations"] as const) {
      if (signal.aborted) return;
      const wanted = batch.filter((item) => item.topic === topic);
      if (wanted.length > 0) {
        await service.handles.append(topic, wanted.map(({ key, value }) => ({ key, value: bytesOf(value) })));
      }
    }
  }
}

const bytesOf = (value: Uint8Array | string): Uint8Array => typeof value === "string" ? utf8(value) : value;

/** Rides from their request on, and positions, that were sent from the given times on. */
function* wholeRides(
  items: Iterable<SentItem>,
  from: { ridesFromMs: number; positionsFromMs: number },
): Generator<SentItem> {
  const begun = new Set<string>();
  for (const item of items) {
    const atMs = item.recordedAtMs ?? 0;
    if (item.topic === "driver-locations") {
      if (atMs >= from.positionsFromMs) yield item;
      continue;
    }
    const requested = typeof item.value === "string" && item.value.includes('"event_type":"requested"');
    if (requested && atMs >= from.ridesFromMs) begun.add(item.key);
    if (begun.has(item.key)) yield item;
  }
}
