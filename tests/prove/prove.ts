/**
 * The full-size proof: one traffic file, replayed in every way there is, must give the same bytes, the same alerts
 * and the recount.
 *
 *   deno run -A tests/prove/prove.ts [--events 2000000] [--kills 20] [--seed 1]
 *
 * Ways: as fast as it goes; sixty times real time; 1, 3 and 12 owners; killed with SIGKILL at random moments. The
 * seed decides traffic and moments and is printed, so that a failure can be looked at again.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { messageOf } from "../../src/errors.ts";
import { minuteMs, systemClock } from "../../src/time.ts";
import { cityTraffic } from "../../src/traffic/city_traffic.ts";
import { writeJsonl } from "../../src/traffic/jsonl.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { assertCounted } from "./counted.ts";
import { assertComputed, recordedRides } from "./recorded.ts";
import { replayed, replayedThroughKills, type Result } from "./replays.ts";
import { headerHelp } from "../header_help.ts";

headerHelp(import.meta.url);

const minutes = 40;

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "2000000" },
    kills: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
  },
});
const [events, kills, seed] = [values.events, values.kills, values.seed].map(Number) as [
  number,
  number,
  number,
];
if (![events, kills, seed].every(Number.isSafeInteger)) {
  console.error("usage: prove.ts [--events N] [--kills N] [--seed N], all whole numbers");
  Deno.exit(2);
}

const folder = await mkdtemp(join(tmpdir(), "waymark-prove-"));
const rows: [way: string, verdict: string, seconds: string][] = [];
try {
  await proveRecorded();
  await prove();
} finally {
  await rm(folder, { recursive: true, force: true });
}
const failed = rows.filter(([, verdict]) => !verdict.startsWith("ok")).length;
console.log(`${rows.length - failed} passed, ${failed} failed`);
Deno.exit(failed === 0 ? 0 : 1);

async function prove(): Promise<void> {
  const file = join(folder, "traffic.jsonl");
  const { items, bytes } = await writeJsonl(traffic(), file);
  console.log(
    `seed ${seed}: ${items.toLocaleString("en")} records, ${(bytes / 1e6).toFixed(0)} MB, ${kills} kills`,
  );
  const dataDir = join(folder, "first");
  const first = await attempt("speed max, 1 owner", () => replayed({ file, dataDir }), null);
  if (first === null) return;
  const same = (way: string, run: () => Promise<Result>) => attempt(way, run, first);
  await attempt("windows equal the recount", async () => {
    const startedMs = systemClock.monotonicMs();
    await assertCounted(file, dataDir, first.lines);
    return { ...first, seconds: (systemClock.monotonicMs() - startedMs) / 1_000 };
  }, first);
  await same("speed max, 3 owners", () => replayed({ file, owners: 3 }));
  await same("speed max, 12 owners", () => replayed({ file, owners: 12 }));
  await same("speed 60, 3 owners", () => replayed({ file, owners: 3, speed: 60 }));
  await same(`killed ${kills} times, 3 owners`, () => {
    const killMsMax = Math.max(1_000, first.seconds * 400);
    return replayedThroughKills({ file, owners: 3, snapshotMs: 1_000 }, {
      kills,
      random: randomFrom(seed, "kills"),
      killMsMax,
    });
  });
}

/** The same over real rides, where the recorded data lies beside the project. */
async function proveRecorded(): Promise<void> {
  const file = await recordedRides();
  if (file === null) return console.log("the recorded rides are absent: nothing was proven over them");
  const dataDir = join(folder, "recorded");
  const format = "nyc-taxi-2013";
  const run = await attempt(
    "New York, whole, 1 owner",
    () => replayed({ file, format, clickhouse: true, dataDir }),
    null,
  );
  if (run === null) return;
  const checked = async (work: () => Promise<unknown>) => {
    const startedMs = systemClock.monotonicMs();
    await work();
    return { ...run, seconds: (systemClock.monotonicMs() - startedMs) / 1_000 };
  };
  await attempt(
    "New York equals the recount",
    () => checked(() => assertCounted(file, dataDir, run.lines, format)),
    run,
  );
  await attempt(
    "New York equals SQL over raw rows",
    () => checked(() => assertComputed(dataDir, run.lines)),
    run,
  );
}

/** A way counts as passed when it ends and its windows and ledger are, byte for byte, those of the first. */
async function attempt(
  way: string,
  run: () => Promise<Result>,
  first: Result | null,
): Promise<Result | null> {
  try {
    const result = await run();
    const differs = first === null
      ? ""
      : result.lines !== first.lines
      ? "windows differ"
      : result.ledger !== first.ledger
      ? "ledger differs"
      : JSON.stringify(result.alerts) !== JSON.stringify(first.alerts)
      ? "alerts differ"
      : "";
    const detail = result.kills > 0
      ? ` (${result.kills} kills, ${result.rounds} runs to the end)`
      : ` (${result.lines.split("\n").length - 1} windows, ${result.alerts.length} alert transitions)`;
    tell([way, differs === "" ? `ok${detail}` : differs, `${result.seconds.toFixed(1)} s`]);
    return result;
  } catch (error) {
    tell([way, messageOf(error).slice(0, 2_000), ""]);
    return null;
  }
}

function tell(row: (typeof rows)[number]): void {
  const [way, verdict, seconds] = row;
  rows.push(row);
  console.log(`${way.padEnd(34)} ${seconds.padStart(8)}  ${verdict}`);
}

/** Forty minutes of eight cities, with everything that goes wrong. */
function traffic() {
  return cityTraffic({
    ...{ seed, ratePerMinute: events / minutes, events, cities: 8, durationMs: (minutes + 5) * minuteMs },
    ...{ positionsShare: 0.75, withoutCity: 0.4, withoutEventId: 0.3, withoutZone: 0.2 },
    ...{ duplicates: 0.02, disorder: 0.05, late: 0.01, tooLate: 0.001, badClocks: 0.001, poison: 0.0005 },
  }).items;
}
