/**
 * What alert rules made of a recording, read from the log that a replay left: incidents, how bad they became, and how
 * long after the first breaching event they fired.
 *
 * Events are counted again from the records themselves, less those that were published as too late or as dead letters;
 * how a ride ended is taken from its newest fact.
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { RideFact } from "../../schemas/ride_fact.ts";
import { type Counted, firstBreaches, isRecountable } from "../alerts/first_breach.ts";
import { type Incident, incidentsOf } from "../alerts/incidents.ts";
import type { AlertRule, Figures } from "../alerts/rule.ts";
import { parseTimestamp } from "../codec/timestamp.ts";
import { fromUtf8 } from "../ids.ts";
import type { Log, LogRecord } from "../log/port.ts";
import { type TopicName, topicName } from "../log/topics.ts";
import type { Pipeline } from "./pipeline.ts";
import { lastWindows } from "./replay.ts";

export type Backtested = Incident & {
  /** The value furthest beyond the threshold, of the transitions and of the windows in between as they ended up. */
  worst: number | null;
  /** Event time of the first breaching event; where that cannot be recounted, the end of the first breaching window. */
  firstBreach: { atMs: number; by: "event" | "window" };
  /** From there until the alert could be known: its boundary and the watermark delay; null when it never fired. */
  firedAfterMs: number | null;
};

type Left = { log: Log; pipeline: Pick<Pipeline, "naming" | "context"> };

export async function backtest(left: Left, rules: readonly AlertRule[]): Promise<Backtested[]> {
  const transitions: AlertTransition[] = [];
  await eachRecord(left, "alerts", ({ value }) => void transitions.push(JSON.parse(fromUtf8(value))));
  const incidents = incidentsOf(transitions);
  const byName = new Map(rules.map((rule) => [rule.name, rule]));
  const begun = await firstBreachesOf(left, incidents, byName);
  const windows = Map.groupBy(await lastWindows(left.log, left.pipeline), (window) => window.city);
  const { delayMs } = left.pipeline.context.windows;
  return incidents.map((incident) => {
    const atMs = begun.get(incident.id) ?? null;
    const firstBreach = atMs === null
      ? { atMs: incident.sinceMs, by: "window" as const }
      : { atMs, by: "event" as const };
    return {
      ...incident,
      worst: worstOf(incident, byName.get(incident.rule), windows.get(incident.city) ?? []),
      firstBreach,
      firedAfterMs: incident.firedMs === null ? null : incident.firedMs + delayMs - firstBreach.atMs,
    };
  });
}

/** By incident, of those that fired and whose rules can be recounted. */
async function firstBreachesOf(
  left: Left,
  incidents: readonly Incident[],
  rules: ReadonlyMap<string, AlertRule>,
): Promise<Map<string, number | null>> {
  const begun = new Map<string, number | null>();
  const fired = incidents.filter(({ rule, firedMs }) =>
    firedMs !== null && rules.has(rule) && isRecountable(rules.get(rule)!)
  );
  if (fired.length === 0) return begun;
  const events = await eventsOf(left, new Set(fired.map(({ city }) => city)));
  const { windowMs } = left.pipeline.context.windows;
  for (const same of Map.groupBy(fired, ({ rule, city }) => `${rule}|${city}`).values()) {
    const { rule, city } = same[0]!;
    const inOrder = [...same].sort((a, b) => a.firedMs! - b.firedMs!);
    const boundaries = inOrder.map(({ firedMs }) => firedMs!);
    const found = firstBreaches(rules.get(rule)!, events.get(city) ?? [], boundaries, windowMs);
    for (const [i, { id }] of inOrder.entries()) begun.set(id, found[i] ?? null);
  }
  return begun;
}

/** What counts of each of the cities, by event time. */
async function eventsOf(left: Left, cities: ReadonlySet<string>): Promise<Map<string, Counted[]>> {
  const refused = new Set<string>();
  for (const topic of ["late-events", "dead-letters"] as const) {
    await eachRecord(left, topic, ({ headers }) => {
      const { reason, source_topic, source_partition, source_offset } = headers ?? {};
      if (source_topic !== topicName("ride-events", left.pipeline.naming)) return;
      if (topic === "dead-letters" || reason === "too_late") {
        refused.add(`${source_partition}/${source_offset}`);
      }
    });
  }
  const events = new Map<string, Counted[]>([...cities].map((city) => [city, []]));
  const add = (city: string, event: Counted) => events.get(city)?.push(event);
  await countEvents(left, refused, add);
  await countOutcomes(left, add);
  for (const list of events.values()) list.sort((a, b) => a.timeMs - b.timeMs);
  return events;
}

type Add = (city: string, event: Counted) => void;

type Said = {
  event_type: "requested" | "accepted" | "started" | "completed" | "cancelled";
  ride_id: string;
  timestamp: string;
  event_id?: string | null;
  city?: string | null;
  driver_id?: string | null;
};

/** Each event once, in its own city, else in the first one its ride was seen in. */
async function countEvents(left: Left, refused: ReadonlySet<string>, add: Add): Promise<void> {
  let at = -1;
  let seen = new Set<string>();
  let cityOf = new Map<string, string>();
  await eachRecord(left, "ride-events", ({ offset, value }, partition) => {
    if (partition !== at) [at, seen, cityOf] = [partition, new Set(), new Map()];
    if (refused.has(`${partition}/${offset}`)) return;
    const said = JSON.parse(fromUtf8(value)) as Said;
    const timeMs = parseTimestamp(said.timestamp)!;
    const identity = said.event_id ?? `${said.event_type} ${timeMs} ${said.driver_id ?? ""}`;
    const event = `${said.ride_id} ${said.event_id == null ? "derived" : "given"} ${identity}`;
    if (seen.has(event)) return;
    seen.add(event);
    if (said.city != null && !cityOf.has(said.ride_id)) cityOf.set(said.ride_id, said.city);
    add(said.city ?? cityOf.get(said.ride_id) ?? "unknown", { timeMs, kind: said.event_type });
  });
}

async function countOutcomes(left: Left, add: Add): Promise<void> {
  const newest = new Map<string, { offset: number; n: number; fact: RideFact }>();
  await eachRecord(left, "ride-facts", ({ value }) => {
    const fact = JSON.parse(fromUtf8(value)) as RideFact;
    const [n, offset] = fact.fact_id.split("/").reverse().map(Number) as [number, number];
    const held = newest.get(fact.ride_id);
    if (held === undefined || offset > held.offset || (offset === held.offset && n > held.n)) {
      newest.set(fact.ride_id, { offset, n, fact });
    }
  });
  for (const { fact: { outcome, cancelled_by, city, ended_at } } of newest.values()) {
    if (outcome === "taken_back") continue;
    const kind = outcome === "completed" ? "ended_completed" : `ended_by_${cancelled_by!}` as const;
    add(city, { timeMs: Date.parse(ended_at), kind });
  }
}

function worstOf(incident: Incident, rule: AlertRule | undefined, windows: readonly CityWindow[]) {
  const { sinceMs, resolvedMs, values } = incident;
  const read = rule === undefined || rule.isSilence ? [] : windows.flatMap((window) => {
    const endMs = Date.parse(window.window_end);
    if (endMs < sinceMs || endMs > (resolvedMs ?? Infinity)) return [];
    const figures = figuresOf(window);
    const value = rule.isEnough(figures) ? rule.read(figures) : null;
    return value === null ? [] : [value];
  });
  const all = [...values, ...read];
  if (all.length === 0) return null;
  const further = rule?.wire.breach === "below" ? Math.min : Math.max;
  return all.reduce((worst, value) => further(worst, value));
}

/** What a published window says of the fields that rules read; what is usual is not among it. */
function figuresOf(window: CityWindow): Figures {
  const { rides_completed, rides_cancelled_by_rider, rides_cancelled_by_driver, rides_cancelled_by_system } =
    window;
  const cancelled = rides_cancelled_by_rider + rides_cancelled_by_driver + rides_cancelled_by_system;
  const { kind: _, rev: __, watermark: ___, ...figures } = window;
  return { ...figures as Figures, ended_rides: rides_completed + cancelled };
}

async function eachRecord(
  { log, pipeline }: Left,
  topic: TopicName,
  take: (record: LogRecord, partition: number) => void,
): Promise<void> {
  const name = topicName(topic, pipeline.naming);
  for (const [partition, { start, end }] of (await log.bounds(name)).entries()) {
    for (let offset = start; offset < end;) {
      const records = await log.read({ topic: name, partition }, offset, 5_000);
      if (records.length === 0) break;
      for (const record of records) take(record, partition);
      offset = records.at(-1)!.offset + 1;
    }
  }
}
