/** Records of the two source topics, random logs of them, and what a fold put into its outbox. */
import fc from "fast-check";
import { type Fold, type FoldEntry, type LogRecord, Outbox, type Output } from "../../../src/fold.ts";
import { fromUtf8, utf8 } from "../../../src/ids.ts";
import { secondMs } from "../../../src/time.ts";
import type { TopicName } from "../../../src/log/topics.ts";
import { type Partial } from "../../../src/windows/partial.ts";
import { at, t0 } from "./stage_context.ts";

/** A record; its time is that of the event unless stated, in seconds after t0. */
export function record(offset: number, value: unknown, recordAtS: number): LogRecord {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return { offset, timestampMs: at(recordAtS), key: utf8("k"), value: utf8(text), headers: null };
}

export const iso = (seconds: number): string => new Date(at(seconds)).toISOString();

/** A ride event of ride `r` in city `x`, at seconds after t0. */
export function rideEvent(type: string, atS: number, over: Record<string, unknown> = {}) {
  return { event_type: type, ride_id: "r", timestamp: iso(atS), city: "x", ...over };
}

export function outputsOf(outbox: Outbox, topic: TopicName): Output[] {
  return outbox.take().filter((o) => o.topic === topic);
}

export const json = (output: Output) => JSON.parse(fromUtf8(output.value));

export const partialsIn = (outputs: Output[]): Partial[] =>
  outputs.filter((o) => o.topic === "city-partials").map(json);

/** The state as it comes back from a snapshot. */
export const entriesOf = (fold: Fold): FoldEntry[] => JSON.parse(JSON.stringify([...fold.entries()]));

export function restoreInto<F extends Fold>(fold: F, entries: FoldEntry[]): F {
  for (const entry of JSON.parse(JSON.stringify(entries))) fold.restore(entry);
  return fold;
}

type Step = {
  actor: number;
  type: string;
  forwardS: number;
  backS: number;
  kind: "event" | "event_id" | "repeat" | "broken" | "future";
  city: string | null;
  driver: string | null;
  rider: string | null;
  by: string | null;
  cents: number;
  repeats: number;
};

const forwardS = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 90 }) },
  { weight: 2, arbitrary: fc.integer({ min: 200, max: 1_500 }) },
  { weight: 1, arbitrary: fc.integer({ min: 3_000, max: 16_000 }) },
);
const backS = fc.oneof(
  { weight: 6, arbitrary: fc.constant(0) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 120 }) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 900 }) },
);

const step: fc.Arbitrary<Step> = fc.record({
  actor: fc.integer({ min: 0, max: 4 }),
  type: fc.constantFrom("requested", "accepted", "started", "completed", "cancelled"),
  forwardS,
  backS,
  kind: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom("event" as const, "event_id" as const) },
    { weight: 2, arbitrary: fc.constant("repeat" as const) },
    { weight: 1, arbitrary: fc.constantFrom("broken" as const, "future" as const) },
  ),
  city: fc.constantFrom("x", "y", null),
  driver: fc.constantFrom("d1", "d2", null),
  rider: fc.constantFrom("u1", "u2", "u3", null),
  by: fc.constantFrom("rider", "driver", "system", null),
  cents: fc.integer({ min: 0, max: 5_000 }),
  repeats: fc.nat(50),
});

/** A log of rides: any order, repeats, late and too late ones, clocks ahead, broken bytes, long silences. */
export const rideLog = (steps: number): fc.Arbitrary<LogRecord[]> =>
  logOf(steps, (s, eventS, offset) => ({
    event_type: s.type,
    ride_id: `r${s.actor}`,
    timestamp: iso(eventS),
    ...(s.kind === "event_id" && { event_id: `e${offset}` }),
    city: s.city,
    driver_id: s.driver,
    user_id: s.rider,
    cancelled_by: s.by,
    ...(s.type === "requested" && { estimated_fare: s.cents / 100 }),
    ...(s.type === "completed" && { fare: s.cents / 100 }),
  }));

const statuses = ["available", "en_route", "on_trip", "offline", null];

/** The same of positions. */
export const locationLog = (steps: number): fc.Arbitrary<LogRecord[]> =>
  logOf(steps, (s, eventS, offset) => ({
    driver_id: `d${s.actor}`,
    timestamp: iso(eventS),
    ...(s.kind === "event_id" && { event_id: `e${offset}` }),
    city: s.city,
    status: statuses[s.cents % statuses.length],
    lat: 48 + s.cents / 10_000,
    lng: 17,
  }));

function logOf(steps: number, make: (s: Step, eventS: number, offset: number) => unknown) {
  return fc.array(step, { minLength: 1, maxLength: steps }).map((drawn) => {
    const records: LogRecord[] = [];
    let nowS = 0;
    for (const s of drawn) {
      nowS += s.forwardS;
      const offset = records.length;
      const earlier = records[s.repeats % Math.max(1, offset)];
      if (s.kind === "repeat" && earlier !== undefined) {
        records.push({ ...earlier, offset, timestampMs: t0 + nowS * secondMs });
      } else if (s.kind === "broken") records.push(record(offset, '{"event_type":', nowS));
      else records.push(record(offset, make(s, nowS + (s.kind === "future" ? 301 : -s.backS), offset), nowS));
    }
    return records;
  });
}

/** Folds the records and flushes after every few of them and at the end; all that was published, in order. */
export function publishedBy(fold: Fold, records: LogRecord[], flushEvery = 3): Output[] {
  const outbox = new Outbox();
  records.forEach((r, i) => {
    fold.fold(r, outbox);
    if (i % flushEvery === flushEvery - 1) fold.flush(outbox);
  });
  fold.flush(outbox);
  return outbox.take();
}
