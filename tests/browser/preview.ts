/**
 * The operations page over the twin, with eight cities whose figures move: for looking at it while working on it.
 *
 *   node_modules/.bin/deno run -A tests/browser/preview.ts [port] [empty]
 */
import { createApp } from "../../src/http/app.ts";
import { startServer } from "../../src/http/serve.ts";
import { isoTime, minuteMs, secondMs, systemClock } from "../../src/time.ts";
import { alertOf, createTwin, partitionView, type Twin, windowOf } from "../unit/http/twin.ts";

type City = {
  city: string;
  requests: number;
  cancelled: number;
  alert?: "pending" | "firing";
  silent?: true;
};

const cities: City[] = [
  { city: "manhattan", requests: 1840, cancelled: 0.41, alert: "firing" },
  { city: "brooklyn", requests: 910, cancelled: 0.33, alert: "pending" },
  { city: "staten island", requests: 21, cancelled: 0.16, silent: true },
  { city: "queens", requests: 640, cancelled: 0.27 },
  { city: "bratislava", requests: 220, cancelled: 0.14 },
  { city: "san francisco", requests: 1280, cancelled: 0.11 },
  { city: "llanfairpwllgwyngyllgogerychwyrndrobwll", requests: 96, cancelled: 0.19 },
  { city: "bronx", requests: 17, cancelled: 0.2 },
];

const minuteOf = (ms: number) => Math.floor(ms / minuteMs) * minuteMs;
const wave = (endMs: number, salt: number) =>
  1 + 0.35 * Math.sin(endMs / minuteMs / 11 + salt) + 0.09 * Math.sin(endMs / minuteMs * 2.3 + salt * 3);

function figures(city: City, endMs: number, share: number) {
  const requests = Math.round(city.requests * wave(endMs, city.requests) * share);
  const ended = Math.round(requests * 0.9);
  const lost = Math.round(ended * city.cancelled);
  const byDriver = Math.round(lost * 0.32);
  const bySystem = Math.round(lost * 0.22);
  return {
    city: city.city,
    endMs,
    requests,
    rides: [ended - lost, lost - byDriver - bySystem, byDriver, bySystem] as const,
    request_to_accept_p50_s: Math.round(28 + city.cancelled * 190),
  };
}

async function publishNow(twin: Twin, nowMs: number, seen: { closedMs: number }): Promise<void> {
  const watermarkMs = nowMs - 31 * secondMs;
  const closedMs = minuteOf(watermarkMs);
  for (const city of cities) {
    if (city.silent) continue;
    for (let endMs = seen.closedMs + minuteMs; endMs <= closedMs; endMs += minuteMs) {
      const gauges = {
        open_requests: Math.round(city.requests / 9),
        available_drivers: Math.round(city.requests / 4),
      };
      await twin.publish(windowOf({ ...figures(city, endMs, 1), ...gauges, positions: 1e9 }));
    }
    const liveEndMs = minuteOf(nowMs) + minuteMs;
    for (
      let endMs = Math.max(closedMs + minuteMs, liveEndMs);
      endMs < liveEndMs + 5 * minuteMs;
      endMs += minuteMs
    ) {
      const share = Math.max(0.02, (5 * minuteMs - (endMs - nowMs)) / (5 * minuteMs));
      await twin.publish(windowOf({ ...figures(city, endMs, share), phase: 0, positions: nowMs - 1.7e12 }));
    }
  }
  seen.closedMs = closedMs;
  twin.state.watermarks = {
    rides: isoTime(watermarkMs),
    all: isoTime(watermarkMs),
    held_by: "ride-events/7",
  };
  twin.state.partitions = [
    partitionView("ride-events", 7, { watermark: isoTime(watermarkMs), position: nowMs }),
  ];
}

const [port = "8090", empty] = Deno.args;
const clock = systemClock;
const twin = await createTwin(clock);
const app = createApp({ handles: twin.handles, config: { ingestKeys: [], readKeys: [] }, clock });
const server = await startServer({ app, host: "127.0.0.1", port: Number(port), clock });
console.log(server.url);
const startMs = clock.nowMs();
const seen = { closedMs: minuteOf(startMs) - 64 * minuteMs };
if (empty === undefined) {
  await twin.publish(windowOf(figures(cities[2]!, minuteOf(startMs) - 12 * minuteMs, 1)));
  for (const { city, alert } of cities) {
    const sinceMs = minuteOf(startMs) - (alert === "firing" ? 17 : 4) * minuteMs;
    if (alert !== undefined) await twin.publishAlert(alertOf({ city, state: alert, sinceMs, atMs: sinceMs }));
  }
  for (;;) {
    await publishNow(twin, clock.nowMs(), seen);
    await clock.sleep(700);
  }
}
