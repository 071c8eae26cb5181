/**
 * Where one process of the service spends its CPU while it catches up with the canonical topic on Kafka.
 *
 *   deno run -A bench/peers/profile.ts [--events 2000000] [--cities 50] [--window 5] [--keep FOLDER]
 *
 * The process runs under V8's sampling profiler, from its start until every window that it published equals the recount.
 * Shares are of the time its main thread was not idle, by the folder of the code that was running; `beside it` are V8's
 * threads, which compile and collect. With --keep the profile stays, for a viewer.
 */
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { freePorts } from "../../src/commands/services/launched.ts";
import { startServices, stopServices } from "../../src/commands/services.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import { minuteMs, secondMs, systemClock } from "../../src/time.ts";
import { cpuSeconds, threadSeconds } from "../process_cost.ts";
import { begin } from "./measure.ts";
import { watchResults } from "./results.ts";
import { home, systemsNamed } from "./systems.ts";
import { fillTopics } from "./topics.ts";
import { headerHelp } from "../../tests/header_help.ts";

headerHelp(import.meta.url);

const limitMs = 5 * minuteMs;
const shownLeast = 0.01;

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "2000000" },
    cities: { type: "string", default: "50" },
    window: { type: "string", default: "5" },
    keep: { type: "string" },
  },
});
const folder = await mkdtemp(join(tmpdir(), "waymark-profile-"));
const services = await startServices({ folder: join(folder, "services") });
const { KAFKA_BROKERS: brokers, REDIS_URL: redisUrl } = services.variables;
const log = await openKafkaLog({ brokers: brokers.split(","), clock: systemClock });
try {
  const [events, cities] = [Number(values.events), Number(values.cities)];
  const windowMs = Number(values.window) * minuteMs;
  const [filled] = await fillTopics(brokers, ["profile."], { events, cities, windowMs });
  const system = systemsNamed("waymark")[0]!;
  const results = await watchResults(log, system.output.topic(filled!.prefix), filled!.expected);
  const profiles = values.keep ?? join(folder, "profile");
  await mkdir(profiles, { recursive: true });
  const [port] = await freePorts(1);
  const { command, args: [run, ...args], env = {} } = system.start({
    ...{ brokers, redisUrl, folder, port: port! },
    ...filled!,
  });
  const loadBefore = loadavg()[0]!;
  const startedMs = systemClock.monotonicMs();
  const profiled = [run!, "--cpu-prof", `--cpu-prof-dir=${profiles}`, ...args];
  const child = begin({ command, args: profiled, env }, join(folder, "output.log"));
  const exit = new Promise((resolve) => child.once("exit", resolve));
  while (!results.complete()) {
    await systemClock.sleep(100);
    if (child.exitCode !== null || systemClock.monotonicMs() - startedMs > limitMs) {
      process.kill(child.pid!, "SIGKILL");
      throw new Error(`not all windows are right: ${JSON.stringify(results.verdict())}`);
    }
  }
  const seconds = (systemClock.monotonicMs() - startedMs) / secondMs;
  const [all, main] = [cpuSeconds(child.pid!), threadSeconds(child.pid!)];
  process.kill(child.pid!, "SIGTERM");
  await exit;
  await results.close();
  const micros = (cpu: number) => `${(cpu * 1e6 / events).toFixed(1)} us an event`;
  console.log(
    `${events.toLocaleString("en")} events of ${cities} cities in ${
      seconds.toFixed(1)
    } s, all windows right; ` +
      `load before ${loadBefore.toFixed(1)}`,
  );
  console.log(`CPU ${micros(all)}: main thread ${micros(main)}, beside it ${micros(all - main)}\n`);
  const [name] = (await readdir(profiles)).filter((name) => name.endsWith(".cpuprofile")).sort().reverse();
  const profile = JSON.parse(await readFile(join(profiles, name!), "utf8")) as Profile;
  for (const [area, share] of sharesOf(profile, seconds)) {
    if (share >= shownLeast) console.log(`${`${Math.round(100 * share)} %`.padStart(5)}  ${area}`);
  }
} finally {
  await log.close();
  await stopServices(services.folder);
  await rm(folder, { recursive: true, force: true });
}

/** As V8 writes it; times in microseconds. */
type Profile = {
  nodes: { id: number; callFrame: { functionName: string; url: string } }[];
  samples: number[];
  timeDeltas: number[];
};

/** The greatest first. What comes after `seconds` is the drain, and does not count. */
function sharesOf({ nodes, samples, timeDeltas }: Profile, seconds: number): [area: string, share: number][] {
  const areas = new Map(nodes.map(({ id, callFrame }) => [id, areaOf(callFrame)]));
  const spent = new Map<string, number>();
  let [passed, busy] = [0, 0];
  for (const [i, id] of samples.entries()) {
    const micros = timeDeltas[i]!;
    passed += micros;
    if (passed > seconds * 1e6) break;
    const area = areas.get(id)!;
    if (area === "(idle)") continue;
    busy += micros;
    spent.set(area, (spent.get(area) ?? 0) + micros);
  }
  return [...spent].map(([area, micros]): [string, number] => [area, micros / busy])
    .sort(([, a], [, b]) => b - a);
}

function areaOf({ functionName, url }: { functionName: string; url: string }): string {
  const path = decodeURIComponent(url.replace(/^file:\/\//, "")).replace(home, "");
  const dependency = /node_modules\/(?:\.deno\/)?(@[^/]+\/[^/]+|[^/@]+)/.exec(path)?.[1];
  if (dependency !== undefined) return `node_modules/${dependency}`;
  if (url.startsWith("file:")) return path.slice(0, path.lastIndexOf("/"));
  return functionName.startsWith("(") ? functionName : "the runtime's own";
}
