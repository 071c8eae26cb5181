/** `waymark traffic`: deterministic city traffic to a file, a service or Kafka, and the ledger of what was sent. */
import { WaymarkError } from "../errors.ts";
import { breathe, systemClock } from "../time.ts";
import { type CityTraffic, cityTraffic } from "../traffic/city_traffic.ts";
import type { SentItem } from "../traffic/item.ts";
import { writeJsonl } from "../traffic/jsonl.ts";
import { countSending, ledgerJson, newLedger, type TrafficLedger } from "../traffic/ledger.ts";
import { inChunks } from "../traffic/pace.ts";
import { openRecording, type Recording } from "../traffic/recording.ts";
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
    events: { type: "string", value: "N", help: "how many items (default 100000)" },
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
    "With --to kafka the ledger counts what Kafka has acknowledged; Ctrl-C or SIGTERM ends it there (exit code 0).\n",
  run: traffic,
};

async function traffic(given: Given): Promise<number> {
  const to = given.text("to") ?? "http";
  const events = wholeNumber(given, "events", { fallback: 100_000, min: 1, max: 1_000_000_000 });
  if (given.text("speed") !== undefined && to !== "kafka") {
    throw new WaymarkError("usage", `--speed is "${given.text("speed")}"; allowed: only with --to kafka`);
  }
  if (to === "kafka") return await toKafka(given, events);
  const live = to === "http";
  if (given.text("record") !== undefined && !live) {
    throw new WaymarkError("usage", `--record is given; allowed: only with --to http or kafka`);
  }
  const made = cityTraffic({ ...trafficFrom(given), events, ...(live && { startMs: systemClock.nowMs() }) });
  const bar = startProgress("traffic", events, systemClock);
  const items = counted(made, bar);
  if (live) {
    const recording = recordingOf(given);
    const code = await postTraffic({ chunks: recorded(paced(items), recording) }, {
      url: given.text("url") ?? defaultUrl(),
      speed: null,
    });
    await recording?.close();
    bar.end();
    console.log(sentText(made.ledger));
    await writeLedger(given, made.ledger, {});
    return code;
  }
  await writeJsonl(items, to);
  const { size } = await Deno.stat(to);
  bar.end();
  console.log(sentText(made.ledger));
  console.log(`${size.toLocaleString("en")} bytes written to ${to}`);
  await writeLedger(given, made.ledger, {});
  return 0;
}

async function toKafka(given: Given, events: number): Promise<number> {
  const clock = systemClock;
  const speed = speedOf(given, "1");
  const traffic = trafficFrom(given);
  const config = configFromEnvironment();
  refuseWithoutKafka(config);
  const ledger = newLedger();
  const recording = recordingOf(given);
  const bar = startProgress("traffic", events, clock);
  const stop = untilSignal();
  let produced: Produced | null = null;
  try {
    produced = await withInputTopics(config, async (log) => {
      const startMs = clock.nowMs();
      const { sendings } = cityTraffic({ ...traffic, events, ...(speed !== null && { startMs }) });
      return await produceTraffic(log, inChunks(sendings), {
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
      console.log(sentText(ledger));
      await writeLedger(given, ledger, produced === null ? {} : kafkaPart(produced));
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

async function writeLedger(
  given: Given,
  ledger: TrafficLedger,
  more: Record<string, unknown>,
): Promise<void> {
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
