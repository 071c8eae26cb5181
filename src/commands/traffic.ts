/** `waymark traffic`: deterministic city traffic to a file, a service or Kafka, and the ledger of what was sent. */
import { WaymarkError } from "../errors.ts";
import { breathe, isoTime, minuteMs, systemClock } from "../time.ts";
import { type CityTraffic, cityTraffic } from "../traffic/city_traffic.ts";
import type { SentItem } from "../traffic/item.ts";
import { writeJsonl } from "../traffic/jsonl.ts";
import { countSending, ledgerJson, newLedger, type TrafficLedger } from "../traffic/ledger.ts";
import { inChunks } from "../traffic/pace.ts";
import { openRecording, type Recording } from "../traffic/recording.ts";
import { type Scenario, scenarioText } from "../traffic/scenario.ts";
import { type Command, type Given, wholeNumber } from "./command.ts";
import { configFromEnvironment } from "./environment.ts";
import { defaultUrl, postTraffic } from "./post_traffic.ts";
import {
  type Produced,
  producedText,
  produceTraffic,
  recordMaker,
  refuseWithoutKafka,
  untilSignal,
  withInputTopics,
} from "./produce_traffic.ts";
import { type Progress, startProgress } from "./progress.ts";
import { scenariosText } from "./scenario_options.ts";
import { speedOf, trafficFrom, trafficOptions } from "./traffic_options.ts";

export const trafficCommand: Command = {
  name: "traffic",
  operands: "",
  summary: "Sends deterministic city traffic and prints an exact ledger of what it sent.",
  options: {
    to: {
      type: "string",
      value: "WHERE",
      help:
        "http (default): a running service; kafka: KAFKA_BROKERS; or a FILE of JSON lines (.gz compresses)",
    },
    url: {
      type: "string",
      value: "URL",
      help: "with --to http: the service (default: WAYMARK_HOST and WAYMARK_PORT)",
    },
    events: {
      type: "string",
      value: "N",
      help: "how many items (default 100000; with --scenario until ten minutes after its end)",
    },
    speed: {
      type: "string",
      value: "N",
      help:
        "with --to kafka: item time per wall time, or max: events of 2026-01-15 on (default 1: from now on)",
    },
    ledger: { type: "string", value: "FILE", help: "also writes the ledger there, as JSON" },
    record: {
      type: "string",
      value: "FILE",
      help: "also writes what was sent there, one a line (.gz compresses)",
    },
    ...trafficOptions,
    help: { type: "boolean", help: "this text" },
  },
  more: () =>
    "With --to kafka the ledger counts what Kafka has acknowledged; Ctrl-C or SIGTERM ends it there (exit code 0).\n\n" +
    scenariosText(),
  run: traffic,
};

async function traffic(given: Given): Promise<number> {
  const to = given.text("to") ?? "http";
  if (given.text("speed") !== undefined && to !== "kafka") {
    throw new WaymarkError("usage", `--speed is "${given.text("speed")}"; allowed: only with --to kafka`);
  }
  if (to === "kafka") return await toKafka(given);
  const { about, ...length } = lengthOf(given);
  const live = to === "http";
  if (given.text("record") !== undefined && !live) {
    throw new WaymarkError("usage", `--record is given; allowed: only with --to http or kafka`);
  }
  const made = cityTraffic({
    ...trafficFrom(given),
    ...length,
    ...(live && { startMs: systemClock.nowMs() }),
  });
  announce(made);
  const bar = startProgress("traffic", about, systemClock);
  const items = counted(made, bar);
  if (live) {
    const recording = recordingOf(given);
    const code = await postTraffic({ chunks: recorded(paced(items), recording) }, {
      url: given.text("url") ?? defaultUrl(),
      speed: null,
    });
    await recording?.close();
    bar.end();
    await tellSent(given, made.ledger, made.scenario);
    return code;
  }
  await writeJsonl(items, to);
  const { size } = await Deno.stat(to);
  bar.end();
  await tellSent(given, made.ledger, made.scenario);
  console.log(`${size.toLocaleString("en")} bytes written to ${to}`);
  return 0;
}

/** How much is sent: a number of items, or until a scenario has been over for a while; and about how many items. */
type Length = { events: number; durationMs?: number; about: number };

function lengthOf(given: Given): Length {
  const { scenario, ratePerMinute } = trafficFrom(given);
  if (scenario === undefined || given.text("events") !== undefined) {
    const events = wholeNumber(given, "events", { fallback: 100_000, min: 1, max: 1_000_000_000 });
    return { events, about: events };
  }
  const durationMs = scenario.afterMs! + scenario.forMs! + afterScenarioMs;
  return { events: Infinity, durationMs, about: Math.ceil(ratePerMinute * durationMs / minuteMs) };
}

/** So long the windows take to be as before, and a minute for a start that is not at a full one. */
const afterScenarioMs = 11 * minuteMs;

function announce({ scenario }: { scenario: Scenario | null }): void {
  if (scenario !== null) console.log(scenarioText(scenario));
}

async function toKafka(given: Given): Promise<number> {
  const clock = systemClock;
  const speed = speedOf(given, "1");
  const traffic = trafficFrom(given);
  const { about, ...length } = lengthOf(given);
  const config = configFromEnvironment();
  refuseWithoutKafka(config);
  const ledger = newLedger();
  const recording = recordingOf(given);
  const bar = startProgress("traffic", about, clock);
  const stop = untilSignal();
  let produced: Produced | null = null;
  let scenario: Scenario | null = null;
  try {
    produced = await withInputTopics(config, async (log) => {
      const startMs = clock.nowMs();
      const made = cityTraffic({ ...traffic, ...length, ...(speed !== null && { startMs }) });
      announce(made);
      scenario = made.scenario;
      return await produceTraffic(log, inChunks(made.sendings), {
        clock,
        speed,
        nowIs: speed === null ? null : startMs,
        signal: stop.signal,
        toRecord: recordMaker(config),
        async acknowledged(sent) {
          for (const sending of sent) countSending(ledger, sending);
          await recording?.add(sent.map(({ item }) => item));
          bar.at(ledger.sent, `${ledger.sent.toLocaleString("en")} items`);
        },
      });
    });
  } finally {
    bar.end();
    stop.done();
    await recording?.close();
    // Also when Kafka refused: what it had taken until then.
    if (produced !== null || ledger.sent > 0) {
      await tellSent(given, ledger, scenario, produced === null ? {} : kafkaPart(produced));
    }
  }
  console.log(producedText(produced, speed !== null));
  return produced.unanswered > 0 ? 1 : 0;
}

const kafkaPart = ({ repeated, unanswered, lateness, seconds }: Produced) => ({
  repeated,
  unanswered,
  late_sending: { max_ms: lateness.maxMs(), p99_ms: lateness.p99Ms() },
  seconds,
});

function recordingOf(given: Given): Recording | null {
  const path = given.text("record");
  return path === undefined ? null : openRecording(path);
}

async function* recorded(
  chunks: AsyncIterable<SentItem[]>,
  recording: Recording | null,
): AsyncGenerator<SentItem[]> {
  for await (const chunk of chunks) {
    await recording?.add(chunk);
    yield chunk;
  }
}

async function tellSent(
  given: Given,
  ledger: TrafficLedger,
  scenario: Scenario | null,
  more: Record<string, unknown> = {},
): Promise<void> {
  console.log(sentText(ledger));
  if (scenario !== null && (ledger.lastMs ?? 0) < scenario.untilMs) {
    const lastAt = ledger.lastMs === null
      ? "nothing was sent"
      : `the last item is of ${isoTime(ledger.lastMs)}`;
    console.error(`The scenario is not there to its end: ${lastAt}. Wanted more --events.`);
  }
  const path = given.text("ledger");
  if (path === undefined) return;
  await Deno.writeTextFile(path, JSON.stringify({ ...ledgerJson(ledger), ...more }, null, 2) + "\n");
}

function* counted(made: CityTraffic, bar: Progress): Generator<SentItem> {
  for (const item of made.items) {
    yield item;
    if (made.ledger.sent % 1_000 === 0) {
      bar.at(made.ledger.sent, `${made.ledger.sent.toLocaleString("en")} items`);
    }
  }
}
const lookedAtMax = 1_000;

/**
 * The wanted items at the moment they are due, in batches of a fifth of a second. What is due already comes at once
 * in small batches, with the event loop free in between.
 */
export async function* paced(
  items: Iterable<SentItem>,
  wanted: (item: SentItem) => boolean = () => true,
): AsyncGenerator<SentItem[]> {
  const batchMs = 200;
  let batch: SentItem[] = [];
  let dueMs = systemClock.nowMs();
  let lookedAt = 0;
  for (const item of items) {
    const atMs = item.recordedAtMs ?? dueMs;
    const later = atMs >= dueMs + batchMs;
    if (later || ++lookedAt >= lookedAtMax) {
      lookedAt = 0;
      if (batch.length > 0) yield batch;
      batch = [];
      await breathe();
    }
    if (later) {
      dueMs = Math.max(dueMs + batchMs, atMs);
      const waitMs = dueMs - systemClock.nowMs();
      if (waitMs > 0) await systemClock.sleep(waitMs);
    }
    if (wanted(item)) batch.push(item);
  }
  if (batch.length > 0) yield batch;
}

export function sentText(ledger: TrafficLedger): string {
  const n = (value: number) => value.toLocaleString("en");
  return Object.entries(ledger.byTopic).map(([topic, c]) =>
    `${topic}: sent ${n(c.sent)} = events ${n(c.events)} + duplicates ${n(c.duplicates)} + poison ${
      n(c.poison)
    }   ` +
    `(of the events: disordered ${n(c.disordered)}, late ${n(c.late)}, too late ${n(c.tooLate)}, ahead ${
      n(c.future)
    }, past ${n(c.past)})`
  ).join("\n");
}
