/** Eight cities whose figures move, and the pipeline behind them, over the doors' twin: what pages are looked at with. */
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { publishCancelled, publishCells, tellOf } from "./city_life.ts";
import { alertOf, driverView, partitionView, rideView, type Twin, windowOf } from "../unit/http/twin.ts";

type City = {
  city: string;
  requests: number;
  cancelled: number;
  alert?: "pending" | "firing";
  silent?: true;
};

export const cities: readonly City[] = [
  { city: "manhattan", requests: 1840, cancelled: 0.41, alert: "firing" },
  { city: "brooklyn", requests: 910, cancelled: 0.33, alert: "pending" },
  { city: "staten island", requests: 21, cancelled: 0.16, silent: true },
  { city: "queens", requests: 640, cancelled: 0.27 },
  { city: "bratislava", requests: 220, cancelled: 0.14 },
  { city: "san francisco", requests: 1280, cancelled: 0.11 },
  { city: "llanfairpwllgwyngyllgogerychwyrndrobwll", requests: 96, cancelled: 0.19 },
  { city: "bronx", requests: 13, cancelled: 0.2 },
];

const minuteOf = (ms: number) => Math.floor(ms / minuteMs) * minuteMs;
const wave = (endMs: number, salt: number) =>
  1 + 0.35 * Math.sin(endMs / minuteMs / 11 + salt) + 0.09 * Math.sin(endMs / minuteMs * 2.3 + salt * 3);

function figures(city: City, endMs: number, share: number) {
  const requests = Math.round(city.requests * wave(endMs, city.requests) * share);
  const ended = Math.round(requests * 0.9);
  const lost = Math.round(ended * city.cancelled * (1 + 0.2 * Math.sin(endMs / minuteMs / 7)));
  const byDriver = Math.round(lost * 0.32);
  const bySystem = Math.round(lost * 0.22);
  const accept = Math.round(28 + city.cancelled * 190 * wave(endMs, 3));
  return {
    city: city.city,
    endMs,
    requests,
    rides: [ended - lost, lost - byDriver - bySystem, byDriver, bySystem] as const,
    request_to_accept_p50_s: accept,
    request_to_accept_p90_s: Math.round(accept * 2.2),
  };
}

function gauges(city: City, endMs: number) {
  const free = Math.round(city.requests / 4 * wave(endMs, 5));
  const busy = Math.round(city.requests / 2);
  return {
    open_requests: Math.round(city.requests / 9),
    available_drivers: free,
    busy_drivers: busy,
    utilisation: Math.round(busy / (busy + free) * 1e4) / 1e4,
    surge: Math.round((1 + 2 * Math.max(0, city.cancelled - 0.15)) * 10) / 10,
  };
}

export type World = {
  /** Everything up to this moment: windows that close, and those that move. */
  go(nowMs: number): Promise<void>;
};

export async function createWorld(twin: Twin, startMs: number): Promise<World> {
  let closedToMs = minuteOf(startMs) - 64 * minuteMs;
  await twin.publish(windowOf(figures(cities[2]!, minuteOf(startMs) - 12 * minuteMs, 1)));
  for (const { city, alert } of cities) {
    const sinceMs = minuteOf(startMs) - (alert === "firing" ? 17 : 4) * minuteMs;
    if (alert === undefined) continue;
    const transition = alertOf({ city, state: alert, sinceMs, atMs: sinceMs });
    await twin.publishAlert(transition);
    if (alert === "firing") await tellOf(twin, transition);
  }
  for (let i = 0; i < 3; i++) {
    const [reason, message] = refusals[i]!;
    await twin.write("dead-letters", "not an event", {
      source_topic: "ride-events",
      source_partition: "4",
      source_offset: String(10_231 + i),
      reason,
      field: "",
      message,
    });
  }
  twin.state.ledger = [
    {
      topic: "ride-events",
      partition: 4,
      read: 91_237,
      counted: 90_811,
      duplicates: 401,
      too_late: 6,
      dead_lettered: 19,
      late: 88,
      misplaced: 12,
    },
    { topic: "driver-locations", read: 8_120_344, counted: 8_119_999, duplicates: 345, late: 2_310 },
  ];
  await publishCells(twin, "manhattan", minuteOf(startMs));
  await publishCancelled(twin, "manhattan", startMs);
  const past = minuteOf(startMs) - 48 * minuteMs;
  const over = alertOf({ city: "manhattan", state: "resolved", sinceMs: past, atMs: past + 9 * minuteMs });
  await twin.publishAlert({ ...over, rule: "acceptance_slow", alert_id: "acceptance_slow/manhattan/1" });
  addRide(twin, startMs);
  addDriver(twin, startMs);
  twin.state.sink = {
    state: "running",
    rows: 8_210_331,
    lag_records: 1_204,
    oldest_seconds: 3.1,
    error: null,
  };

  return {
    async go(nowMs) {
      const watermarkMs = nowMs - 31 * secondMs;
      const closedMs = minuteOf(watermarkMs);
      for (const city of cities) {
        if (city.silent) continue;
        for (let endMs = closedToMs + minuteMs; endMs <= closedMs; endMs += minuteMs) {
          await twin.publish(
            windowOf({ ...figures(city, endMs, 1), ...gauges(city, endMs), positions: 1e9 }),
          );
        }
        const liveEndMs = minuteOf(nowMs) + minuteMs;
        const fromMs = Math.max(closedMs + minuteMs, liveEndMs);
        for (let endMs = fromMs; endMs < liveEndMs + 5 * minuteMs; endMs += minuteMs) {
          const share = Math.max(0.02, (5 * minuteMs - (endMs - nowMs)) / (5 * minuteMs));
          await twin.publish({
            ...windowOf({ ...figures(city, endMs, share), phase: 0, positions: nowMs - 1.7e12 }),
            ...(city.alert === undefined ? {} : { surge_provisional: 1.6 }),
          });
        }
      }
      closedToMs = closedMs;
      const watermark = isoTime(watermarkMs);
      twin.state.watermarks = { rides: watermark, all: watermark, held_by: "ride-events/7" };
      twin.state.partitions = partitionsAt(nowMs, watermarkMs);
    },
  };
}

const refusals = [
  ["json_invalid", "the value is not JSON"],
  ["field_missing", "ride_id is missing; wanted: 1 to 128 characters"],
  ["event_time_future", "timestamp is 86400000 ms ahead of the record's time; allowed: at most 300000"],
] as const;

function partitionsAt(nowMs: number, watermarkMs: number) {
  const shape = [["ride-events", 12, "ride", 41_000], ["driver-locations", 24, "driver", 812_000], [
    "city-partials-g1",
    6,
    "city",
    9_100,
  ]] as const;
  return shape.flatMap(([topic, count, kind, size]) =>
    Array.from({ length: count }, (_, partition) => {
      const position = size + partition * 917 + Math.floor(nowMs / 100) % 100_000;
      return partitionView(topic, partition, {
        stage: topic === "ride-events" ? "rides" : topic === "driver-locations" ? "locations" : "cities",
        owner: "node-1",
        position,
        log_end: position + partition % 3,
        lag_records: partition % 3,
        lag_seconds: partition % 3 === 0 ? 0 : 0.2 * partition,
        watermark: isoTime(watermarkMs + partition * 137),
        watermark_behind_seconds: (nowMs - watermarkMs) / 1_000 - partition * 0.137,
        holds_watermark: topic === "ride-events" && partition === 7,
        idle: topic === "driver-locations" && partition === 3,
        snapshot_age_seconds: 4 + partition,
        published: 8_000 + partition * 313,
        actors: { [kind]: 300 + partition * 41 },
      });
    })
  );
}

const owner = (topic: string, partition: number, offset: number, nowMs: number) => ({
  node: "node-1",
  topic,
  partition,
  offset,
  watermark: isoTime(nowMs - 31 * secondMs),
  as_of: isoTime(nowMs),
});

/** A ride that was offered twice and goes on. */
function addRide(twin: Twin, nowMs: number): void {
  const at = (s: number) => nowMs + s * secondMs;
  const steps: [type: string, s: number, delayMs: number][] = [
    ["requested", -840, 210],
    ["accepted", -812, 180],
    ["cancelled", -700, 41_320],
    ["accepted", -655, 150],
    ["started", -420, 320],
  ];
  twin.state.rides.set("ride-abc-123", {
    ...rideView("ride-abc-123", "started", owner("ride-events", 7, 92_661, nowMs)),
    city: "manhattan",
    user_id: "user-456",
    driver_id: "driver-17",
    requested_at: isoTime(at(-840)),
    accepted_at: isoTime(at(-655)),
    started_at: isoTime(at(-420)),
    attempts: 2,
    estimated_fare: 18.5,
    marks: ["redispatched"],
    forgotten_at: isoTime(at(-420 + 4 * 3_600)),
    events: steps.map(([event_type, s, delayMs], i) => ({
      event_type,
      event_time: isoTime(at(s)),
      record_time: isoTime(at(s) + delayMs),
      topic: "ride-events",
      partition: 7,
      offset: 92_400 + i * 37,
    })),
    refused: {
      code: "too_late",
      topic: "ride-events",
      partition: 7,
      offset: 92_590,
      at: isoTime(at(-61)),
    },
  });
}

function addDriver(twin: Twin, nowMs: number): void {
  const trail = Array.from({ length: 24 }, (_, i) => ({
    event_time: isoTime(nowMs - (24 - i) * 5 * secondMs),
    record_time: isoTime(nowMs - (24 - i) * 5 * secondMs + 120 + i * 7),
    offset: 810_000 + i * 61,
    lat: 40.7306 + 0.0006 * i + 0.0012 * Math.sin(i / 3),
    lng: -73.9866 + 0.0009 * i + 0.0008 * Math.cos(i / 2),
    status: i < 6 ? "available" : i < 12 ? "en_route" : "on_trip",
  }));
  const { lat, lng } = trail.at(-1)!;
  twin.state.drivers.set("driver-17", {
    ...driverView({
      driver_id: "driver-17",
      lat,
      lng,
      last_seen_at: trail.at(-1)!.event_time,
      owner: owner("driver-locations", 11, 867_328, nowMs),
    }),
    city: "manhattan",
    status: "on_trip",
    speed_kmh: 31,
    heading: 52,
    ride_id: "ride-abc-123",
    jumps: 1,
    trail,
  });
}
