/**
 * The exact ledger of what was sent, counted at the moment an item leaves.
 *
 *   sent = events + duplicates + poison
 *   events = in order + again + disordered + late + tooLate + future + past     (each event in exactly one)
 *
 * `late` and `tooLate` say how long an event was held back. Whether a partition counts it as late depends on
 * how far that partition's own watermark had come: with little traffic, and for what is still held back when
 * the traffic ends, it can be fewer, never more.
 */
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
  past: "past",
};

export function countSending(ledger: TrafficLedger, sending: Sending): void {
  const topic = sending.item.topic;
  count(ledger, sending);
  count(ledger.byTopic[topic], sending);
  if (sending.kind === "event") {
    if (topic === "ride-events") ledger.rideEvents++;
    else ledger.locations++;
  } else if (sending.kind === "poison") {
    ledger.poisonByKind[sending.poison] = (ledger.poisonByKind[sending.poison] ?? 0) + 1;
  }
}

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
