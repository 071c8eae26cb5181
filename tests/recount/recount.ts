/**
 * The independent count: a plain batch program over a whole log of ride events, against which the pipeline's
 * windows are held. It shares no code with the pipeline and takes the dumbest way that is obviously right:
 * parse everything, keep every event, look at each window's events again.
 *
 * Rules: a record published as too late or as a dead letter is passed over. An event counts once, however
 * often it was sent (same event_id within its ride; without one: same type, time and driver). Its city is its
 * own, else the first that its ride was seen in so far, in partition order, else `unknown`. Windows last
 * 5 minutes, begin every minute, and hold the events from their start up to, not including, their end.
 */

export type RecountRecord = { partition: number; offset: number; value: Uint8Array; timestampMs: number };

export type RecountWindow = {
  total_events: number;
  requests: number;
  acceptances: number;
  starts: number;
  completions: number;
  cancellations: number;
  avg_fare: number | null;
  unique_riders: number;
};

export type Recount = {
  /** By `city|window_start`, only windows that have events. */
  windows: Map<string, RecountWindow>;
  ledger: { read: number; excluded: number; distinct: number; duplicates: number };
};

type CountedEvent = {
  type: string;
  timeMs: number;
  city: string;
  rider: string | null;
  fareCents: number | null;
};

const minute = 60_000;

/**
 * `records` in partition order (partitions may alternate). `excluded` names records as `partition/offset`.
 */
export function recount(records: Iterable<RecountRecord>, excluded: Set<string> = new Set()): Recount {
  const counting = startRecount(excluded);
  for (const record of records) counting.add(record);
  return counting.result();
}

export type Recounting = { add(record: RecountRecord): void; result(): Recount };

/** The same for a log that is too large to be held at once: no record is kept, only what it says. */
export function startRecount(excluded: Set<string> = new Set()): Recounting {
  const ledger = { read: 0, excluded: 0, distinct: 0, duplicates: 0 };
  const seenEvents = new Map<number, Set<string>>();
  const cityOfRide = new Map<string, string>();
  const eventsOfCity = new Map<string, CountedEvent[]>();

  function add(record: RecountRecord): void {
    ledger.read++;
    if (excluded.has(`${record.partition}/${record.offset}`)) {
      ledger.excluded++;
      return;
    }
    const sent = JSON.parse(new TextDecoder().decode(record.value));
    const timeMs = timeOf(sent.timestamp);
    // A ride's records share a partition; were they spread, each partition would know its part alone.
    const ride = `${record.partition} ${sent.ride_id}`;
    const identity = JSON.stringify(
      sent.event_id != null
        ? [sent.ride_id, "given", sent.event_id]
        : [sent.ride_id, "derived", sent.event_type, timeMs, sent.driver_id ?? null],
    );
    const seen = seenEvents.get(record.partition) ?? new Set();
    seenEvents.set(record.partition, seen);
    if (seen.has(identity)) {
      ledger.duplicates++;
      return;
    }
    seen.add(identity);
    ledger.distinct++;
    if (sent.city != null && !cityOfRide.has(ride)) cityOfRide.set(ride, sent.city);
    const city = sent.city ?? cityOfRide.get(ride) ?? "unknown";
    const events = eventsOfCity.get(city) ?? [];
    eventsOfCity.set(city, events);
    events.push({
      type: sent.event_type,
      timeMs,
      city,
      rider: sent.user_id ?? null,
      fareCents: sent.estimated_fare == null ? null : Math.round(sent.estimated_fare * 100),
    });
  }
  return { add, result: () => ({ windows: windowsOf(eventsOfCity), ledger }) };
}

function windowsOf(eventsOfCity: Map<string, CountedEvent[]>): Map<string, RecountWindow> {
  const windows = new Map<string, RecountWindow>();
  for (const [city, events] of eventsOfCity) {
    const eventsOfWindow = new Map<number, CountedEvent[]>();
    for (const event of events) {
      const lastStart = Math.floor(event.timeMs / minute) * minute;
      for (let start = lastStart - 4 * minute; start <= lastStart; start += minute) {
        const inWindow = eventsOfWindow.get(start) ?? [];
        eventsOfWindow.set(start, inWindow);
        inWindow.push(event);
      }
    }
    for (const [start, inWindow] of eventsOfWindow) {
      windows.set(`${city}|${new Date(start).toISOString()}`, windowOf(inWindow));
    }
  }
  return windows;
}

function windowOf(events: CountedEvent[]): RecountWindow {
  const ofType = (type: string) => events.filter((event) => event.type === type).length;
  const riders = new Set<string>();
  for (const event of events) if (event.rider !== null) riders.add(event.rider);
  return {
    total_events: events.length,
    requests: ofType("requested"),
    acceptances: ofType("accepted"),
    starts: ofType("started"),
    completions: ofType("completed"),
    cancellations: ofType("cancelled"),
    avg_fare: averageFare(events),
    unique_riders: riders.size,
  };
}

/** In integer cents, half a cent up. */
function averageFare(events: CountedEvent[]): number | null {
  let sum = 0;
  let count = 0;
  for (const event of events) {
    if (event.fareCents === null) continue;
    sum += event.fareCents;
    count++;
  }
  return count === 0 ? null : Math.floor((2 * sum + count) / (2 * count)) / 100;
}

const written =
  /^(\d{4})-(\d{2})-(\d{2})[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(?:[Zz]|([+-])(\d{2}):?(\d{2}))?$/;

/** ISO 8601 to milliseconds: without a zone it is UTC, and what is finer than a millisecond is cut off. */
export function timeOf(timestamp: string): number {
  const parts = written.exec(timestamp);
  if (parts === null) {
    throw new Error(`Cannot recount: the timestamp ${JSON.stringify(timestamp)} is not ISO 8601.`);
  }
  const [, year, month, day, hours, minutes, seconds, fraction, sign, zoneHours, zoneMinutes] = parts;
  const millis = (fraction ?? "").padEnd(3, "0").slice(0, 3);
  const local = Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds ?? "00"}.${millis}Z`);
  if (Number.isNaN(local)) throw new Error(`Cannot recount: there is no such time as ${timestamp}.`);
  const aheadMs = (Number(zoneHours ?? 0) * 60 + Number(zoneMinutes ?? 0)) * minute;
  return sign === "-" ? local + aheadMs : local - aheadMs;
}
