/**
 * New York taxi rides of 2013 as full ride lifecycles.
 *
 * A row is one START or one END, sorted by its time t1; `started` and `completed` are as recorded. The
 * requests and acceptances that the file lacks lie before the start, by at most `waitHorizonMs`: so rows are
 * held back by that much, and items leave sorted by event time with a bounded look-ahead.
 *
 *   rideId, START|END, t1, t2, startLon, startLat, endLon, endLat, passengerCount, taxiId, driverId
 *
 * START has t1 = start; END has t1 = end and t2 = start. Longitude stands before latitude; times are taken as
 * UTC. City = borough of the pickup, `unknown` where a coordinate is zero. Fares: fare.ts. Rides without an
 * END stay open.
 */
import type { Place } from "../../schemas/ride_event.ts";
import { WaymarkError } from "../errors.ts";
import { hash64 } from "../ids.ts";
import { minuteMs } from "../time.ts";
import { boroughOf } from "./boroughs.ts";
import { fareCents, streetKmOf } from "./fare.ts";
import { distanceKm } from "./geography.ts";
import type { SentItem } from "./item.ts";
import { beginning, completion, type RecordedRide, type TimedItem } from "./recorded_ride.ts";
import { type Schedule, schedule } from "./schedule.ts";
import { waitHorizonMs } from "./waits.ts";

/** Riders that the rides are shared among: the file has 53,550 rides and no riders. */
const riders = 30_000;

export async function* nycTaxiItems(
  batches: AsyncIterable<string[]>,
  options: { seed: number },
): AsyncGenerator<SentItem[]> {
  const held = schedule<SentItem>();
  let lineNumber = 0;
  for await (const lines of batches) {
    let rowMs = -Infinity;
    for (const line of lines) {
      lineNumber++;
      if (line === "") continue;
      const row = parseRow(line, lineNumber);
      rowMs = row.timeMs;
      for (const timed of eventsOf(row, options.seed)) held.push(timed.timeMs, timed.item);
    }
    const due = takeUpTo(held, rowMs - waitHorizonMs);
    if (due.length > 0) yield due;
  }
  yield takeUpTo(held, Infinity);
}

function takeUpTo(held: Schedule<SentItem>, untilMs: number): SentItem[] {
  const due: SentItem[] = [];
  while (held.size() > 0 && held.nextMs() <= untilMs) due.push(held.pop()!);
  return due;
}

type Row = { isStart: boolean; timeMs: number; otherMs: number; ride: RecordedRide };

function parseRow(line: string, lineNumber: number): Row {
  const cells = line.trimEnd().split(",");
  const [id, kind, t1, t2, startLng, startLat, endLng, endLat, , , driverId] = cells;
  const timeMs = utcTime(t1);
  const otherMs = utcTime(t2);
  const kindKnown = kind === "START" || kind === "END";
  if (
    cells.length !== 11 || !id || !driverId || !kindKnown || Number.isNaN(timeMs) || Number.isNaN(otherMs)
  ) {
    throw new WaymarkError(
      "input_unreadable",
      `Cannot read line ${lineNumber} of the taxi rides: ${JSON.stringify(line.slice(0, 120))}. ` +
        `Wanted 11 columns: rideId, START or END, two times, four coordinates, passengers, taxiId, driverId.`,
    );
  }
  const pickup = placeFrom(startLat, startLng);
  const ride: RecordedRide = {
    rideId: `nyc-${id}`,
    userId: `rider-${hash64(`rider of ${id}`).low % riders + 1}`,
    driverId,
    city: boroughOf(pickup),
    pickup,
    dropoff: placeFrom(endLat, endLng),
  };
  return { isStart: kind === "START", timeMs, otherMs, ride };
}

/** `2013-01-01 00:00:36` */
function utcTime(text = ""): number {
  return Date.parse(text.replace(" ", "T") + "Z");
}

/** Null when a coordinate is zero (the recorder had no position) or no coordinate. */
function placeFrom(lat = "", lng = ""): Place | null {
  const place = { lat: Number(lat), lng: Number(lng) };
  const known = Math.abs(place.lat) <= 90 && Math.abs(place.lng) <= 180 && place.lat !== 0 && place.lng !== 0;
  return known ? place : null;
}

function eventsOf({ isStart, timeMs, otherMs, ride }: Row, seed: number): TimedItem[] {
  if (isStart) return beginning(ride, timeMs, seed);
  const streetKm = ride.pickup && ride.dropoff ? streetKmOf(distanceKm(ride.pickup, ride.dropoff)) : 0;
  const minutes = Math.max(0, timeMs - otherMs) / minuteMs;
  return [completion(ride, timeMs, fareCents({ streetKm, minutes }))];
}
