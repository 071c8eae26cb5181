/**
 * The canonical workload: ride events of 50 cities, the same for every system that is measured on them.
 *
 * The same options give the same records, byte for byte: everything is a hash of the ride's number. A thousand events a
 * second of event time (the blueprint's 50,000 a minute are 833), in the order of the log's time and so up to three
 * seconds out of order; no duplicates, so that systems that remove none count the same. The n-th city has 1/n of the
 * first one's traffic: 22 % are in the largest. 92,000 riders, of whom 78,000 are in each window of five minutes. Five
 * of six rides are requested, accepted, started and completed, the sixth is cancelled instead of started. The log
 * begins in the middle of the traffic: of older rides it has what comes next.
 *
 *   events … ─► one event per partition, in the city `end`, 15 minutes after the last window: closes those of the others
 */
import { utf8 } from "../src/ids.ts";
import { isoTime, minuteMs, secondMs } from "../src/time.ts";

export type WorkloadEvent = {
  partition: number;
  key: Uint8Array;
  value: Uint8Array;
  /** The log's time, milliseconds. */
  logMs: number;
  timeMs: number;
  type: (typeof types)[number];
  /** Number of the city; -1 for those that end the log. */
  city: number;
  rider: number;
  estimatedFareCents: number;
};

export type WorkloadOptions = {
  events: number;
  partitionOf(key: Uint8Array): number;
  partitions: number;
  /** The log's time of the first event. */
  startMs?: number;
  /** Events a second of event time. */
  perSecond?: number;
  /** How many cities there are; 50 unless given. */
  cities?: number;
  /** Of the windows that the end of the log closes; five minutes unless given. */
  windowMs?: number;
};

export const workloadStartMs = Date.UTC(2026, 0, 15, 18);
export const eventsPerSecond = 1_000;
export const cityNames = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => `city-${String(i + 1).padStart(2, "0")}`);
export const cities = cityNames(50);
const riders = 92_000;
const driversPerRider = 0.2;
const types = ["requested", "accepted", "started", "completed", "cancelled"] as const;
const cancelReasons = ["changed_mind", "waited_too_long", "no_show"];

/** Five rides of four events, one of three. */
const eventsPerRide = (5 * 4 + 3) / 6;
/** No ride is longer, delivery included. */
const rideMsMax = 13 * minuteMs;
const bucketMs = 100;
const buckets = rideMsMax / bucketMs + 2;
const endsAfterMs = 15 * minuteMs;

type Places = {
  names: readonly string[];
  /** The city of each of 65,536 equal shares. */
  cityOfShare: Uint16Array;
  ridersOfCity: number[];
  firstRider: Uint32Array;
};

function placesOf(names: readonly string[]): Places {
  const weights = names.map((_, i) => 1 / (i + 1));
  const sum = weights.reduce((a, b) => a + b, 0);
  const cityOfShare = new Uint16Array(65_536);
  const firstRider = new Uint32Array(names.length);
  const ridersOfCity = weights.map((weight) => Math.ceil(weight / sum * riders));
  let before = 0;
  for (const [city, weight] of weights.entries()) {
    const share = weight / sum;
    cityOfShare.fill(city, Math.round(before * 65_536), Math.round((before + share) * 65_536));
    before += share;
    if (city > 0) firstRider[city] = firstRider[city - 1]! + ridersOfCity[city - 1]!;
  }
  return { names, cityOfShare, ridersOfCity, firstRider };
}

/** In the order of the log. */
export function* workload(options: WorkloadOptions): Generator<WorkloadEvent> {
  const { startMs = workloadStartMs, perSecond = eventsPerSecond } = options;
  const rideGapMs = secondMs * eventsPerRide / perSecond;
  const places = placesOf(cityNames(options.cities ?? cities.length));
  const wheel: number[][] = Array.from({ length: buckets }, () => []);
  const stamp = stamper();
  let ride = Math.ceil(-rideMsMax / rideGapMs);
  let given = 0;
  let lastMs = startMs;
  for (let bucket = Math.floor(ride * rideGapMs / bucketMs); given < options.events; bucket++) {
    for (; ride * rideGapMs < (bucket + 1) * bucketMs; ride++) {
      for (let step = 0; step < stepsOf(ride); step++) {
        const at = Math.floor(logMsOf(ride, step, rideGapMs) / bucketMs);
        wheel[(at % buckets + buckets) % buckets]!.push(ride * 4 + step);
      }
    }
    const due = wheel[(bucket % buckets + buckets) % buckets]!;
    if (bucket >= 0) {
      for (const packed of due) {
        if (given++ === options.events) break;
        const due = Math.floor(packed / 4);
        const event = eventOf(due, packed - 4 * due, { startMs, rideGapMs, stamp, places });
        lastMs = Math.max(lastMs, event.timeMs);
        yield { ...event, partition: options.partitionOf(event.key) };
      }
    }
    due.length = 0;
  }
  yield* endings(options, lastMs + (options.windowMs ?? 5 * minuteMs) + endsAfterMs);
}

const stepsOf = (ride: number) => isCancelled(ride) ? 3 : 4;
const isCancelled = (ride: number) => hash(ride, 0) % 6 === 5;

/** Milliseconds after the start of the workload. */
function timeMsOf(ride: number, step: number, rideGapMs: number): number {
  const afterMs = step === 0
    ? 0
    : step === 1
    ? 5_000 + hash(ride, 1) % 40_000
    : step === 2
    ? 60_000 + hash(ride, 2) % 180_000
    : 240_000 + hash(ride, 3) % 480_000;
  return Math.floor(ride * rideGapMs) + afterMs;
}

const logMsOf = (ride: number, step: number, rideGapMs: number) =>
  timeMsOf(ride, step, rideGapMs) + 50 + hash(ride, 4 + step) % 2_950;

function eventOf(
  ride: number,
  step: number,
  { startMs, rideGapMs, stamp, places }: {
    startMs: number;
    rideGapMs: number;
    stamp: (timeMs: number) => string;
    places: Places;
  },
): Omit<WorkloadEvent, "partition"> {
  const timeMs = startMs + timeMsOf(ride, step, rideGapMs);
  const type = isCancelled(ride) && step === 2 ? "cancelled" : types[step]!;
  const { names, cityOfShare, ridersOfCity, firstRider } = places;
  const city = cityOfShare[hash(ride, 8) >>> 16]!;
  const name = names[city]!;
  const rider = firstRider[city]! + hash(ride, 9) % ridersOfCity[city]!;
  const estimatedFareCents = 400 + hash(ride, 10) % 2_600;
  const id = `ride-${String(ride + 1e9).slice(-10)}`;
  const place = (n: number) =>
    `{"lat":${(48 + hash(ride, n) % 99_991 / 1e5).toFixed(5)},"lng":${
      (17 + hash(ride, n + 1) % 99_991 / 1e5).toFixed(5)
    }}`;
  const driver = hash(ride, 15) % Math.ceil(ridersOfCity[city]! * driversPerRider);
  const value =
    `{"event_type":"${type}","ride_id":"${id}","timestamp":"${stamp(timeMs)}","event_id":"${id}-${step}",` +
    `"city":"${name}","user_id":"user-${String(rider).padStart(6, "0")}",` +
    (step === 0
      ? ""
      : `"driver_id":"driver-${name.slice("city-".length)}-${String(driver).padStart(5, "0")}",`) +
    `"pickup":${place(11)},"dropoff":${place(13)},"estimated_fare":${(estimatedFareCents / 100).toFixed(2)}` +
    (type === "completed" ? `,"fare":${((estimatedFareCents + 50) / 100).toFixed(2)}` : "") +
    (type === "cancelled"
      ? `,"cancelled_by":"rider","reason":"${cancelReasons[hash(ride, 16) % cancelReasons.length]}"`
      : "") +
    "}";
  return {
    key: utf8(id),
    value: utf8(value),
    logMs: startMs + logMsOf(ride, step, rideGapMs),
    timeMs,
    type,
    city,
    rider,
    estimatedFareCents,
  };
}

function* endings({ partitions, partitionOf }: WorkloadOptions, timeMs: number): Generator<WorkloadEvent> {
  for (let partition = 0; partition < partitions; partition++) {
    let id = "";
    for (let n = 0; id === "" || partitionOf(utf8(id)) !== partition; n++) id = `end-${partition}-${n}`;
    const value = {
      event_type: "requested",
      ride_id: id,
      timestamp: isoTime(timeMs),
      event_id: id,
      city: "end",
    };
    yield {
      ...{
        partition,
        key: utf8(id),
        value: utf8(JSON.stringify({ ...value, user_id: id })),
        logMs: timeMs,
        timeMs,
      },
      ...{ type: "requested", city: -1, rider: -1, estimatedFareCents: 0 },
    };
  }
}

/** 32 well-mixed bits of a ride's number and a use (finalizer of MurmurHash3). */
function hash(ride: number, use: number): number {
  let h = Math.imul(ride ^ Math.imul(use + 1, 0x9e3779b1), 0x85ebca6b);
  h = Math.imul(h ^ h >>> 13, 0xc2b2ae35);
  h = Math.imul(h ^ h >>> 16, 0x85ebca6b);
  return (h ^ h >>> 15) >>> 0;
}

/** Formatting a date costs more than the rest of an event: seconds are remembered. */
function stamper(): (timeMs: number) => string {
  const prefixes = new Map<number, string>();
  return (timeMs) => {
    const second = Math.floor(timeMs / secondMs);
    let prefix = prefixes.get(second);
    if (prefix === undefined) {
      if (prefixes.size > 100) prefixes.clear();
      prefixes.set(second, prefix = isoTime(second * secondMs).slice(0, -4));
    }
    return `${prefix}${String(timeMs - second * secondMs).padStart(3, "0")}Z`;
  };
}
