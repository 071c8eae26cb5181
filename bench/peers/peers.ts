/**
 * The same topic and the same query on Waymark and on others, in one run.
 *
 *   deno task bench:peers [--events 1000000] [--runs 1] [--systems waymark,flink-process,…]
 *       [--cities 50] [--window 5] [--json FILE]
 *
 * Of the canonical workload (bench/workload.ts) two topics are filled, with `--events` and with a quarter of them. Each
 * system reads each topic from its beginning, alone, and is done when every window it published equals the recount. Its
 * cost is the CPU of its process, start-up included; Kafka's is not counted. `slope` is the difference of the two:
 * without start-up and warm-up. `--window` is in minutes; windows slide by one. Needs Java and Maven; what differs between the systems is in README.md.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startServices, stopServices } from "../../src/commands/services.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import { minuteMs, systemClock } from "../../src/time.ts";
import { measure, type Measured } from "./measure.ts";
import { makeSystems, type System, systems, systemsNamed } from "./systems.ts";
import { comparison } from "./table.ts";
import { type Filled, fillTopics } from "./topics.ts";
import { headerHelp } from "../../tests/header_help.ts";

headerHelp(import.meta.url);

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    runs: { type: "string", default: "1" },
    cities: { type: "string", default: "50" },
    window: { type: "string", default: "5" },
    systems: { type: "string", default: systems.map(({ name }) => name).join(",") },
    json: { type: "string" },
  },
});
const [events, runs, cities] = [Number(values.events), Number(values.runs), Number(values.cities)];
const windowMs = Number(values.window) * minuteMs;
const chosen = systemsNamed(values.systems);
/** A system that has published nothing for so long, and is not done, has failed. */
const stalledMs = 3 * minuteMs;
const limitMs = 15 * minuteMs;

await makeSystems(chosen);
const folder = await mkdtemp(join(tmpdir(), "waymark-peers-"));
const services = await startServices({ folder: join(folder, "services") });
const { KAFKA_BROKERS: brokers, REDIS_URL: redisUrl } = services.variables;
const log = await openKafkaLog({ brokers: brokers.split(","), clock: systemClock });
const measured: Measured[] = [];
try {
  console.log(
    `${cpus().length} cores, ${
      cpus()[0]!.model.trim()
    }; Deno ${Deno.version.deno}; Kafka on the same machine; ` +
      `${cities} cities; windows of ${values.window} min by 1; load ${loadavg()[0]!.toFixed(1)}`,
  );
  const sizes = [Math.round(events / 4), events];
  // What makes its own topics reads a topic of its own; the others read one and the same.
  const readers = [...new Set(chosen.map(readerOf))];
  const topics = new Map<string, Filled>();
  for (const size of sizes) {
    const names = readers.flatMap((reader) =>
      Array.from({ length: runs }, (_, run) => nameOf(reader, size, run))
    );
    for (
      const filled of await fillTopics(brokers, names, { events: size, cities, windowMs })
    ) {
      topics.set(filled.prefix, filled);
    }
  }
  for (let run = 0; run < runs; run++) {
    for (const size of sizes) {
      for (const system of inTurn(chosen, run)) {
        await one(system, topics.get(nameOf(readerOf(system), size, run))!);
      }
    }
  }
  console.log(`\n${comparison(measured)}`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(measured, null, 2)}\n`);
  if (measured.some(({ correct }) => !correct)) Deno.exitCode = 1;
} finally {
  await log.close();
  await stopServices(services.folder);
  await rm(folder, { recursive: true, force: true });
}

function readerOf({ name, output }: System): string {
  return output.own ? name : "others";
}

function nameOf(reader: string, size: number, run: number): string {
  return `${reader}-${size}-${run + 1}.`;
}

async function one(system: System, filled: Filled): Promise<void> {
  const result = await measure(system, filled, { log, brokers, redisUrl, folder, stalledMs, limitMs });
  measured.push(result);
  const { cpuSeconds, seconds, peakMb, verdict, loadBefore, endedWith } = result;
  console.log(
    `${system.label.padEnd(28)} ${filled.events.toLocaleString("en")} events: ${
      cpuSeconds.toFixed(1)
    } s of CPU, ` +
      `${seconds.toFixed(1)} s, ${peakMb} MB, load before ${loadBefore.toFixed(1)}; ` +
      (result.correct
        ? `all ${verdict.expected} windows right, ${verdict.records} records`
        : `WRONG: of ${verdict.expected} windows ${verdict.missing} missing, ${verdict.wrong} wrong: ${verdict.example}`),
  );
  if (endedWith !== null) console.log(`It ended: ${endedWith}`);
}

/** Each run begins with another one. */
function inTurn<T>(of: readonly T[], run: number): T[] {
  return of.map((_, i) => of[(i + run) % of.length]!);
}
