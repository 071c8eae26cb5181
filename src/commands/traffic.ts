/** `waymark traffic`: deterministic city traffic to a file or a running service, and the ledger of what was sent. */
import { WaymarkError } from "../errors.ts";
import { breathe, systemClock } from "../time.ts";
import { type CityTraffic, cityTraffic } from "../traffic/city_traffic.ts";
import type { SentItem } from "../traffic/item.ts";
import { writeJsonl } from "../traffic/jsonl.ts";
import type { TrafficLedger } from "../traffic/ledger.ts";
import { type Command, type Given, wholeNumber } from "./command.ts";
import { defaultUrl, postTraffic } from "./post_traffic.ts";
import { type Progress, startProgress } from "./progress.ts";
import { trafficFrom, trafficOptions } from "./traffic_options.ts";

export const trafficCommand: Command = {
  name: "traffic",
  operands: "",
  summary: "Sends deterministic city traffic and prints an exact ledger of what it sent.",
  options: {
    to: {
      type: "string",
      value: "WHERE",
      help: "a FILE of JSON lines (.gz compresses), or http (default) to a running service",
    },
    url: {
      type: "string",
      value: "URL",
      help: "with --to http: the service (default: WAYMARK_HOST and WAYMARK_PORT)",
    },
    events: { type: "string", value: "N", help: "how many items (default 100000)" },
    ...trafficOptions,
    help: { type: "boolean", help: "this text" },
  },
  run: traffic,
};

async function traffic(given: Given): Promise<number> {
  const to = given.text("to") ?? "http";
  if (to === "kafka") {
    throw new WaymarkError("usage", `--to is "kafka"; allowed in this release: http, or the name of a file`);
  }
  const events = wholeNumber(given, "events", { fallback: 100_000, min: 1, max: 1_000_000_000 });
  const live = to === "http";
  const made = cityTraffic({ ...trafficFrom(given), events, ...(live && { startMs: systemClock.nowMs() }) });
  const bar = startProgress("traffic", events, systemClock);
  const items = counted(made, bar);
  if (live) {
    const code = await postTraffic({ chunks: paced(items) }, {
      url: given.text("url") ?? defaultUrl(),
      speed: null,
    });
    bar.end();
    console.log(sentText(made.ledger));
    return code;
  }
  await writeJsonl(items, to);
  const { size } = await Deno.stat(to);
  bar.end();
  console.log(sentText(made.ledger));
  console.log(`${size.toLocaleString("en")} bytes written to ${to}`);
  return 0;
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
