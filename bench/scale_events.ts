/**
 * The events of scale.ts, the same for the same work: history, rides that are only held, and what is measured.
 *
 * A ride has four events, 10 s apart. What is measured has so many a second of event time. All in the order of the
 * log's time but for those that are late.
 */
import { isoTime, minuteMs, secondMs } from "../src/time.ts";

export type ScaleWork = {
  windowMs: number;
  cities: number;
  partitions: number;
  /** Rides that were requested and wait. */
  rides: number;
  /** Share of events that come 40 s after they happened. */
  late: number;
  /** Of event time. */
  eventsPerSecond: number;
  /** Events that are measured. */
  events: number;
};

export type ScaleEvent = { key: string; value: string; logMs: number };
/** Made chunk by chunk: a million rides at once would be measured as memory. */
export type ScalePart = { kind: "history" | "rides" | "measured"; events: ScaleEvent[] };

const startMs = Date.UTC(2026, 0, 15, 12);
/** Of the history; with more cities each of them has less. */
const eventsPerMinute = 50;
const rideMinutes = 20;
const stepGapMs = 10 * secondMs;
/** Until every ride that is under way was seen from its beginning, a window of five minutes is full, and the code is warm. */
const warmUpMs = 5 * minuteMs;
const types = ["requested", "accepted", "started", "completed"];
const lateMs = 40 * secondMs;
const chunk = 20_000;

export function* scaleEvents(work: ScaleWork): Generator<ScalePart> {
  const historyMinutes = Math.max(60, work.windowMs / minuteMs);
  const historyFromMs = startMs - (historyMinutes + rideMinutes) * minuteMs;
  const history = historyMinutes * eventsPerMinute;
  yield* parts("history", history, (n) => {
    const timeMs = historyFromMs + Math.floor(n / eventsPerMinute) * minuteMs + n % eventsPerMinute * 1_000;
    return event(`h-${n}`, "requested", n % work.cities, timeMs, timeMs);
  });
  if (work.rides > 0) {
    const fromMs = startMs - rideMinutes * minuteMs;
    yield* parts("rides", work.rides, (n) => {
      const timeMs = fromMs + Math.floor(n * rideMinutes / work.rides * minuteMs);
      return event(`w-${n}`, "requested", n % work.cities, timeMs, timeMs);
    });
  }
  const warmUpEvents = work.eventsPerSecond * warmUpMs / secondMs;
  yield* parts("history", warmUpEvents, (n) => step(n, work));
  yield* parts("measured", work.events, (n) => step(warmUpEvents + n, work));
}

/** Rides begin one after the other; each moment has a step of each ride that is as old. */
function step(n: number, { cities, late, eventsPerSecond }: ScaleWork): ScaleEvent {
  const gapMs = types.length * secondMs / eventsPerSecond;
  const [turn, which] = [Math.floor(n / types.length), n % types.length];
  const ride = turn - Math.floor(which * stepGapMs / gapMs);
  const logMs = startMs + Math.floor(turn * gapMs);
  const isLate = hash(n) % 1_000 < late * 1_000;
  return event(`r-${ride}`, types[which]!, hash(ride) % cities, isLate ? logMs - lateMs : logMs, logMs);
}

function* parts(
  kind: ScalePart["kind"],
  count: number,
  make: (n: number) => ScaleEvent,
): Generator<ScalePart> {
  for (let from = 0; from < count; from += chunk) {
    const length = Math.min(chunk, count - from);
    yield { kind, events: Array.from({ length }, (_, i) => make(from + i)) };
  }
}

function event(id: string, type: string, city: number, timeMs: number, logMs: number): ScaleEvent {
  const key = `ride-${id}`;
  const rider = hash(key.length * 31 + timeMs % 100_003) % 92_000;
  const value = `{"event_type":"${type}","ride_id":"${key}","timestamp":"${isoTime(timeMs)}",` +
    `"event_id":"${key}-${type}","city":"city-${city}","user_id":"user-${rider}",` +
    (type === "requested" ? "" : `"driver_id":"driver-${rider % 20_000}",`) +
    `"pickup":{"lat":${place(48, rider)},"lng":${place(17, rider + 1)}},"estimated_fare":12.5` +
    (type === "completed" ? ',"fare":13.25}' : "}");
  return { key, value, logMs };
}

/** Places of a tenth of a degree, as those of a city are. */
const place = (from: number, n: number) => (from + hash(n) % 10_007 / 1e5).toFixed(5);

function hash(n: number): number {
  let h = Math.imul(n ^ 0x9e3779b1, 0x85ebca6b);
  h = Math.imul(h ^ h >>> 13, 0xc2b2ae35);
  return (h ^ h >>> 16) >>> 0;
}
