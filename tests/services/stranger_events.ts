/**
 * The events that every client of the strangers' suite sends: city traffic with duplicates and disorder, moved to
 * now, and what a ride service sends that has never heard of Waymark (the example of the README, whole).
 *
 * Disorder stays below the watermark's delay: whether an event is late depends on the other rides of its partition,
 * and the clients choose partitions in different ways. All of it took place so long ago that an idle source lets
 * every window close at once.
 */
import { invariant } from "../../src/invariant.ts";
import { isoTime, minuteMs } from "../../src/time.ts";
import { cityTraffic } from "../../src/traffic/city_traffic.ts";

/** What is expected of a ride: the events that count, in the order they were sent in, and where they lead. */
export type ExpectedRide = { state: string; events: string[] };

export type StrangerEvents = {
  /** One event a line, in the order of sending. */
  lines: string[];
  /** The end of the last window that has an event. */
  lastEndMs: number;
  /** What the traffic says it made, and the three examples. */
  ledger: { read: number; counted: number; duplicates: number; too_late: number };
  rides: Map<string, ExpectedRide>;
};

const eventsMax = 5_000;
/** How long ago the newest event took place, at least: an idle source stands in up to 10.5 minutes before now. */
const agoMs = 20 * minuteMs;
const windowMs = 5 * minuteMs;

/** No event_id, no zone, microseconds, and a field of the ride service's own. */
export const example = '{"event_type":"requested","ride_id":"ride-abc-123",' +
  '"timestamp":"2026-01-15T18:03:11.123456","user_id":"user-456","pickup":{"lat":48.1486,"lng":17.1077},' +
  '"dropoff":{"lat":48.1586,"lng":17.1177},"estimated_fare":8.50,"city":"bratislava",' +
  '"surge_token":{"v":2,"tags":["app","ios"]}}';
export const exampleRide = "ride-abc-123";

type Sent = {
  event_type: string;
  ride_id: string;
  timestamp: string;
  cancelled_by?: string;
};

export function strangerEvents(nowMs: number): StrangerEvents {
  const traffic = cityTraffic({
    ...{ seed: 21, ratePerMinute: 250, cities: 5, events: eventsMax, positionsShare: 0 },
    ...{ withoutCity: 0.3, withoutEventId: 0.3, withoutZone: 0.3, duplicates: 0.05, disorder: 0.1 },
  });
  const made = [...traffic.items].map(({ value }) => value as string);
  const newestMs = Math.max(...made.map((line) => timeOf(parsed(line))));
  const shiftMs = Math.floor((nowMs - agoMs - newestMs) / minuteMs) * minuteMs;
  const moved = made.map((line) => movedBy(line, shiftMs));
  const current = movedBy(example, shiftMs);
  const at = moved.findIndex((line) => timeOf(parsed(line)) > timeOf(parsed(current)));
  invariant(at > 0, () => `the traffic does not contain the time of ${current}`);
  const among = [...moved.slice(0, at), current, ...moved.slice(at)];
  const { events, duplicates } = traffic.ledger;
  return {
    // First of all on a log without anything: nothing is too late there. Last of all: months too late.
    lines: [example, ...among, example],
    lastEndMs: Math.floor((newestMs + shiftMs) / minuteMs) * minuteMs + windowMs,
    ledger: { read: eventsMax + 3, counted: events + 2, duplicates, too_late: 1 },
    rides: expectedRides(among),
  };
}

const parsed = (line: string) => JSON.parse(line) as Sent;
const stated = /"timestamp":"(.{23})/;

/** With zone or without, the first 23 characters go down to the millisecond. */
const timeOf = ({ timestamp }: Sent): number => Date.parse(`${timestamp.slice(0, 23)}Z`);

const movedBy = (line: string, ms: number) =>
  line.replace(stated, (_, time) => `"timestamp":"${isoTime(Date.parse(`${time}Z`) + ms).slice(0, 23)}`);

/** In plain steps, not by the table of the product. Repeats are told by their bytes: that is how traffic repeats. */
function expectedRides(lines: readonly string[]): Map<string, ExpectedRide> {
  const rides = new Map<string, ExpectedRide>();
  for (const [id, of] of Map.groupBy(new Set(lines), (line) => parsed(line).ride_id)) {
    const events = of.map(parsed);
    rides.set(id, { state: stateAfter(events), events: events.map((event) => event.event_type) });
  }
  return rides;
}

/** The furthest step reached; the first end stands, but a cancel by the driver gives way to another driver. */
function stateAfter(events: readonly Sent[]): string {
  const steps = ["requested", "accepted", "started"];
  let reached = -1;
  let end: Sent | null = null;
  for (const event of events) {
    const step = steps.indexOf(event.event_type);
    if (end !== null) {
      if (end.cancelled_by !== "driver" || event.event_type !== "accepted") continue;
      if (timeOf(event) <= timeOf(end)) continue;
      [end, reached] = [null, step];
    } else if (step < 0) end = event;
    else reached = Math.max(reached, step);
  }
  return end?.event_type ?? steps[reached]!;
}
