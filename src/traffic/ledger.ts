/**
 * The exact ledger of what was sent, counted at the moment an item leaves, or is acknowledged.
 *
 *   sent = events + duplicates + poison
 *   events = in order + again + disordered + late + tooLate + future + past     (each event in exactly one)
 *
 * `late` and `tooLate` say how long an event was held back. Whether a partition counts it as late depends on
 * how far that partition's own watermark had come: with little traffic, and for what is still held back when
 * the traffic ends, it can be fewer, never more.
 */
import { isoTime } from "../time.ts";
import type { SentItem, TrafficTopic } from "./item.ts";

/** What becomes of an event on its way. `again`: in order, and sent once more or several times. */
export type Fate =
  | "in_order"
  | "again"
  | "disordered"
  | "late"
  | "too_late"
  | "future"
  | "far_future"
  | "hour_ahead"
  | "past";

export type SentCounts = {
  sent: number;
  /** First sendings of well-formed events. */
  events: number;
  /** Further sendings of the same bytes. */
  duplicates: number;
  disordered: number;
  late: number;
  tooLate: number;
  future: number;
  past: number;
  poison: number;
};

export type TrafficLedger = SentCounts & {
  rideEvents: number;
  locations: number;
  byTopic: Record<TrafficTopic, SentCounts>;
  poisonByKind: Record<string, number>;
  /** First sendings of ride events by `event_type`. */
  eventTypes: Record<string, number>;
  /** Rides and drivers that had an event sent, by id. */
  rides: Set<string>;
  drivers: Set<string>;
  /** Intended sending times, milliseconds; null before the first. */
  firstMs: number | null;
  lastMs: number | null;
};

export type Sending =
  | { kind: "event"; fate: Fate; item: SentItem }
  | { kind: "duplicate"; item: SentItem }
  | { kind: "poison"; poison: string; item: SentItem };

const noCounts = (): SentCounts => ({
  sent: 0,
  events: 0,
  duplicates: 0,
  disordered: 0,
  late: 0,
  tooLate: 0,
  future: 0,
  past: 0,
  poison: 0,
});

export function newLedger(): TrafficLedger {
  return {
    ...noCounts(),
    rideEvents: 0,
    locations: 0,
    byTopic: { "ride-events": noCounts(), "driver-locations": noCounts() },
    poisonByKind: {},
    eventTypes: {},
    rides: new Set(),
    drivers: new Set(),
    firstMs: null,
    lastMs: null,
  };
}

const countOfFate: Record<Fate, keyof SentCounts | null> = {
  in_order: null,
  again: null,
  disordered: "disordered",
  late: "late",
  too_late: "tooLate",
  future: "future",
  far_future: "future",
  hour_ahead: "future",
  past: "past",
};

export function countSending(ledger: TrafficLedger, sending: Sending): void {
  const { topic, key, recordedAtMs } = sending.item;
  ledger.firstMs ??= recordedAtMs;
  ledger.lastMs = recordedAtMs ?? ledger.lastMs;
  count(ledger, sending);
  count(ledger.byTopic[topic], sending);
  if (sending.kind === "event") {
    if (topic === "ride-events") {
      ledger.rideEvents++;
      ledger.rides.add(key);
      const type = eventTypeOf(sending.item);
      ledger.eventTypes[type] = (ledger.eventTypes[type] ?? 0) + 1;
    } else {
      ledger.locations++;
      ledger.drivers.add(key);
    }
  } else if (sending.kind === "poison") {
    ledger.poisonByKind[sending.poison] = (ledger.poisonByKind[sending.poison] ?? 0) + 1;
  }
}

/** Events of ours begin with their type. */
function eventTypeOf({ value }: SentItem): string {
  return typeof value === "string" ? /^\{"event_type":"([a-z]+)"/.exec(value)?.[1] ?? "other" : "other";
}

/** The ledger as it is written to a file, for comparing with what arrived. */
export function ledgerJson(ledger: TrafficLedger): Record<string, unknown> {
  const { byTopic, poisonByKind, eventTypes, rides, drivers, firstMs, lastMs } = ledger;
  const time = (ms: number | null) => ms === null ? null : isoTime(ms);
  return {
    ...countsJson(ledger),
    topics: Object.fromEntries(Object.entries(byTopic).map(([topic, counts]) => [topic, countsJson(counts)])),
    event_types: eventTypes,
    poison_by_kind: poisonByKind,
    distinct_rides: rides.size,
    distinct_drivers: drivers.size,
    first_sent_at: time(firstMs),
    last_sent_at: time(lastMs),
  };
}

const countsJson = (counts: SentCounts): Record<string, number> => ({
  sent: counts.sent,
  events: counts.events,
  duplicates: counts.duplicates,
  poison: counts.poison,
  disordered: counts.disordered,
  late: counts.late,
  too_late: counts.tooLate,
  future: counts.future,
  past: counts.past,
});

function count(counts: SentCounts, sending: Sending): void {
  counts.sent++;
  if (sending.kind === "duplicate") counts.duplicates++;
  else if (sending.kind === "poison") counts.poison++;
  else {
    counts.events++;
    const name = countOfFate[sending.fate];
    if (name !== null) counts[name]++;
  }
}
