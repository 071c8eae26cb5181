/**
 * What must come out, from the inputs alone: a batch program that reads each partition in order and knows the
 * contract (docs/GUARANTEES.md), not the code. It leans on what the workload promises: a ride has one end.
 */
import { type Evidence, type EvidenceRecord, textOf } from "./evidence.ts";

const minute = 60_000;
/** An open ride is forgotten when the watermark has passed its newest event by so much. */
const longestRide = 240 * minute;
const types = ["requested", "accepted", "started", "completed", "cancelled"] as const;

export type OracleEvent = {
  partition: number;
  offset: number;
  ride: string;
  type: (typeof types)[number];
  timeMs: number;
  city: string;
  rider: string | null;
  estimateCents: number | null;
  fareCents: number | null;
  by: string | null;
};

export type Verdict = "counted" | "late" | "duplicate" | "too_late" | "dead" | "duplicate_or_too_late";

export type Oracle = {
  verdicts: Verdict[][];
  counted: OracleEvent[];
  /** Frozen sums: per city and boundary, over all partitions, as of the record at which each partition passed it. */
  closings: Map<string, Map<number, { completed: number; cancelled: number }>>;
  points: { duplicateTooLate: number; cityOfRide: number };
};

type Read = Omit<OracleEvent, "city" | "partition" | "offset"> & { city: string | null; identity: string };

export function oracleOf({ rides, settings }: Evidence): Oracle {
  const oracle: Oracle = {
    verdicts: [],
    counted: [],
    closings: new Map(),
    points: { duplicateTooLate: 0, cityOfRide: 0 },
  };
  for (const [partition, records] of rides.entries()) readPartition(partition, records);
  return oracle;

  function readPartition(partition: number, records: EvidenceRecord[]): void {
    const seen = new Map<string, Set<string>>();
    const cityOfRide = new Map<string, string>();
    const newest = new Map<string, number>();
    const ends: OracleEvent[] = [];
    const verdicts: Verdict[] = [];
    oracle.verdicts[partition] = verdicts;
    let watermark: number | null = null;
    for (const record of records) {
      const read = readRide(record);
      if (read === null || read.timeMs > record.timestampMs + settings.skewMs) {
        verdicts.push("dead");
        continue;
      }
      // A first event from a clock that is a day slow: by the second one its ride is long past.
      if (watermark !== null && watermark >= (newest.get(read.ride) ?? Infinity) + longestRide + minute) {
        for (const memory of [seen, cityOfRide, newest]) memory.delete(read.ride);
      }
      const ofRide = seen.get(read.ride) ?? new Set();
      seen.set(read.ride, ofRide);
      const closed: boolean = watermark !== null &&
        watermark >= floor(read.timeMs) + minute + settings.latenessMs;
      if (ofRide.has(read.identity)) {
        verdicts.push(closed ? "duplicate_or_too_late" : "duplicate");
        if (closed) oracle.points.duplicateTooLate++;
      } else if (closed) verdicts.push("too_late");
      else {
        ofRide.add(read.identity);
        newest.set(read.ride, Math.max(newest.get(read.ride) ?? read.timeMs, read.timeMs));
        if (read.city === null && cityOfRide.has(read.ride)) oracle.points.cityOfRide++;
        if (read.city !== null && !cityOfRide.has(read.ride)) cityOfRide.set(read.ride, read.city);
        const city = read.city ?? cityOfRide.get(read.ride) ?? "unknown";
        const event = { ...read, city, partition, offset: record.offset };
        oracle.counted.push(event);
        if (event.type === "completed" || event.type === "cancelled") ends.push(event);
        verdicts.push(watermark !== null && read.timeMs < watermark ? "late" : "counted");
      }
      const next: number = Math.min(read.timeMs, record.timestampMs) - settings.delayMs;
      if (watermark !== null && floor(next) > floor(watermark)) freeze(ends, watermark, next);
      if (watermark === null || next > watermark) watermark = next;
    }
    // What is still open closes as it stands when the partition has become quiet.
    if (watermark !== null) freeze(ends, watermark, Infinity);
  }

  /** The boundaries in (from, to] at which a window of this partition has an end of a ride. */
  function freeze(ends: readonly OracleEvent[], from: number, to: number): void {
    const boundaries = new Set<number>();
    for (const { timeMs } of ends) {
      for (let b = floor(timeMs) + minute; b <= floor(timeMs) + settings.windowMs; b += minute) {
        if (b > floor(from) && b <= to) boundaries.add(b);
      }
    }
    for (const boundary of boundaries) {
      for (const end of ends) {
        if (end.timeMs < boundary - settings.windowMs || end.timeMs >= boundary) continue;
        const ofCity = oracle.closings.get(end.city) ?? new Map();
        oracle.closings.set(end.city, ofCity);
        const sums = ofCity.get(boundary) ?? { completed: 0, cancelled: 0 };
        ofCity.set(boundary, sums);
        sums[end.type === "completed" ? "completed" : "cancelled"]++;
      }
    }
  }
}

export const floor = (ms: number): number => Math.floor(ms / minute) * minute;

/** Null: no ride event by the contract. */
function readRide({ value }: EvidenceRecord): Read | null {
  if (value.length > 64 * 1024) return null;
  let sent: Record<string, unknown>;
  const text = textOf(value);
  try {
    sent = JSON.parse(text);
  } catch {
    return null;
  }
  if (sent === null || typeof sent !== "object" || Array.isArray(sent)) return null;
  if (text.includes('"extra"') || (text.match(/"k\d+"/g)?.length ?? 0) > 200) return null;
  const { event_type, ride_id, timestamp } = sent;
  if (!types.includes(event_type as never) || typeof timestamp !== "string") return null;
  if (typeof ride_id !== "string" || ride_id.length === 0 || ride_id.length > 128) return null;
  if (!Object.hasOwn(sent, "ride_id") || !ride_id.isWellFormed() || text.includes("\ufffd")) return null;
  const timeMs = Date.parse(timestamp);
  if (Number.isNaN(timeMs)) return null;
  const estimate = moneyOf(sent["estimated_fare"]);
  const fare = moneyOf(sent["fare"]);
  if (estimate === "wrong" || fare === "wrong") return null;
  const given = sent["event_id"] as string | undefined;
  return {
    ride: ride_id,
    type: event_type as OracleEvent["type"],
    timeMs,
    city: (sent["city"] as string | undefined) ?? null,
    rider: (sent["user_id"] as string | undefined) ?? null,
    estimateCents: estimate,
    fareCents: fare,
    by: event_type === "cancelled" ? (sent["cancelled_by"] as string | undefined) ?? "rider" : null,
    identity: given !== undefined
      ? `given ${given}`
      : `derived ${event_type} ${timeMs} ${sent["driver_id"] ?? ""}`,
  };
}

function moneyOf(value: unknown): number | null | "wrong" {
  if (value === undefined) return null;
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0) return "wrong";
  return Math.round(value * 100);
}

export type OracleWindow = {
  total_events: number;
  requests: number;
  acceptances: number;
  starts: number;
  completions: number;
  cancellations: number;
  avg_fare: number | null;
  unique_riders: number;
  rides_completed: number;
  rides_cancelled_by_rider: number;
  rides_cancelled_by_driver: number;
  rides_cancelled_by_system: number;
  revenue: number;
};

/** By `city|window_start in ms`: every window that has an event. */
export function windowsOf(counted: readonly OracleEvent[], windowMs: number): Map<string, OracleWindow> {
  const events = new Map<string, OracleEvent[]>();
  for (const event of counted) {
    for (let start = floor(event.timeMs) - windowMs + minute; start <= floor(event.timeMs); start += minute) {
      const key = `${event.city}|${start}`;
      const inWindow = events.get(key);
      if (inWindow === undefined) events.set(key, [event]);
      else inWindow.push(event);
    }
  }
  return new Map([...events].map(([key, all]) => [key, windowOf(all)]));
}

function windowOf(events: readonly OracleEvent[]): OracleWindow {
  const many = (is: (event: OracleEvent) => boolean) => events.filter(is).length;
  const estimates = events.flatMap((e) => e.estimateCents === null ? [] : [e.estimateCents]);
  const sum = (cents: number[]) => cents.reduce((total, c) => total + c, 0);
  const by = (who: string) => many((e) => e.by === who);
  return {
    total_events: events.length,
    requests: many((e) => e.type === "requested"),
    acceptances: many((e) => e.type === "accepted"),
    starts: many((e) => e.type === "started"),
    completions: many((e) => e.type === "completed"),
    cancellations: many((e) => e.type === "cancelled"),
    avg_fare: estimates.length === 0
      ? null
      : Math.floor((2 * sum(estimates) + estimates.length) / (2 * estimates.length)) / 100,
    unique_riders: new Set(events.flatMap((e) => e.rider === null ? [] : [e.rider])).size,
    rides_completed: many((e) => e.type === "completed"),
    rides_cancelled_by_rider: by("rider"),
    rides_cancelled_by_driver: by("driver"),
    rides_cancelled_by_system: by("system"),
    revenue: sum(events.flatMap((e) => e.type === "completed" ? [e.fareCents ?? 0] : [])) / 100,
  };
}
