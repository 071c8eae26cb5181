/** `waymark replay FILE`: a recorded file through the real pipeline, with its ledger at the end. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Config } from "../config.ts";
import { WaymarkError } from "../errors.ts";
import type { Pipeline } from "../node/pipeline.ts";
import { lastWindows, windowLine } from "../node/replay.ts";
import { ledgerView } from "../node/views.ts";
import { type TrafficFormatName, trafficFormats } from "../traffic/formats.ts";
import { type Plan, replayEmbedded } from "./embedded_replay.ts";
import { type Command, type Given, wholeNumber } from "./command.ts";
import { configFromEnvironment } from "./environment.ts";
import { ledgerText } from "./ledger_text.ts";
import { defaultUrl, postTraffic } from "./post_traffic.ts";
import { replayToKafka } from "./replay_to_kafka.ts";
import { speedOf } from "./traffic_options.ts";

export const replayCommand: Command = {
  name: "replay",
  operands: "FILE",
  summary: "Plays a recorded file through the real pipeline and prints the ledger.",
  options: {
    format: {
      type: "string",
      value: "NAME",
      help: `${Object.keys(trafficFormats).join(" | ")} (default jsonl)`,
    },
    speed: { type: "string", value: "N", help: "event time per wall time, or max (default max)" },
    to: {
      type: "string",
      value: "WHERE",
      help: "embedded (default); http: a running service; kafka: the input topics of KAFKA_BROKERS",
    },
    url: {
      type: "string",
      value: "URL",
      help: "with --to http: the service (default: WAYMARK_HOST and WAYMARK_PORT)",
    },
    out: { type: "string", value: "FILE", help: "writes the last version of every window, one a line" },
    "data-dir": {
      type: "string",
      value: "DIR",
      help: "keeps log and snapshots there and goes on where it stopped",
    },
    owners: {
      type: "string",
      value: "N",
      help: "members of each consumer group (default 1); results are the same",
    },
    seed: {
      type: "string",
      value: "N",
      help: "decides what a format leaves open, such as waits (default 1)",
    },
    clickhouse: { type: "boolean", help: "also fills ClickHouse in the data directory" },
    help: { type: "boolean", help: "this text" },
  },
  more: () =>
    `Formats:\n${
      Object.entries(trafficFormats).map(([name, f]) => `  ${name.padEnd(16)} ${f.summary}`).join("\n")
    }\n\n` +
    "With --to kafka each record carries the broker's time, which is now: events of the past are then simply old, and\n" +
    "how far they were ahead of their recording is not checked. Ctrl-C or SIGTERM ends it with what was sent.\n",
  run: replay,
};

async function replay(given: Given): Promise<number> {
  const plan = planOf(given, "replay");
  const to = given.text("to") ?? "embedded";
  if (to === "http") {
    const opened = await trafficFormats[plan.format].open(plan.file, { seed: plan.seed });
    return await postTraffic(opened, {
      url: given.text("url") ?? defaultUrl(),
      speed: plan.speed,
    });
  }
  if (to === "kafka") return await replayToKafka(plan, given);
  if (to !== "embedded") throw new WaymarkError("usage", `--to is "${to}"; allowed: embedded, http or kafka`);
  const kept = given.text("data-dir");
  const dataDir = kept ?? await mkdtemp(join(tmpdir(), "waymark-replay-"));
  const owners = wholeNumber(given, "owners", { fallback: 1, min: 1, max: 64 });
  const config = {
    ...configFromEnvironment(),
    // A replay keeps everything in its own directory: its snapshots fit no other log.
    REDIS_URL: "",
    WAYMARK_OWNERS: owners,
    ...(kept === undefined && { WAYMARK_LOG_FSYNC: "off" as const }),
  };
  try {
    const out = given.text("out");
    await replayEmbedded(plan, { config, dataDir, what: "replay" }, async (replayed) => {
      const { log, pipeline } = replayed;
      const windows = await lastWindows(log, pipeline);
      if (out !== undefined) await Deno.writeTextFile(out, windows.map((w) => windowLine(w) + "\n").join(""));
      report(pipeline, { ...replayed, windows: windows.length, out });
      if (given.flag("clickhouse")) await fillClickHouse(log, dataDir, config);
    });
    return 0;
  } finally {
    if (kept === undefined) await rm(dataDir, { recursive: true, force: true });
  }
}

/** The file and format of a command that replays. */
export function planOf(given: Given, command: string): Plan {
  const [file, ...rest] = given.positionals;
  if (file === undefined || rest.length > 0) {
    throw new WaymarkError("usage", `${command} takes one FILE; see --help`);
  }
  const format = given.text("format") ?? "jsonl";
  if (!Object.hasOwn(trafficFormats, format)) {
    throw new WaymarkError(
      "usage",
      `--format is "${format}"; allowed: ${Object.keys(trafficFormats).join(", ")}`,
    );
  }
  const speed = speedOf(given, "max");
  const seed = wholeNumber(given, "seed", { fallback: 1, min: 0, max: 2 ** 32 - 1 });
  return { file: resolve(file), format: format as TrafficFormatName, speed, seed };
}

function report(
  pipeline: Pipeline,
  told: {
    items: number;
    fresh: number;
    untimed: number;
    seconds: number;
    windows: number;
    out: string | undefined;
  },
): void {
  const ledger = ledgerView(pipeline);
  console.log(
    `${told.items.toLocaleString("en")} records in ${told.seconds.toFixed(1)} s (${
      Math.round(told.fresh / told.seconds).toLocaleString("en")
    } a second)`,
  );
  console.log(ledgerText(ledger));
  if (told.untimed > 0) {
    console.log(
      `${
        told.untimed.toLocaleString("en")
      } records do not say when they were recorded: events ahead of their record's time could not be refused`,
    );
  }
  console.log(
    `${told.windows.toLocaleString("en")} windows${told.out === undefined ? "" : ` written to ${told.out}`}`,
  );
}

async function fillClickHouse(
  log: Parameters<typeof lastWindows>[0],
  dataDir: string,
  config: Config,
): Promise<void> {
  const { copyToClickHouse } = await import("../node/clickhouse.ts");
  const rows = await copyToClickHouse(log, dataDir, config);
  console.log(`ClickHouse has taken ${rows.toLocaleString("en")} rows`);
}
