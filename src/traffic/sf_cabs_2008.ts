/**
 * San Francisco cabs of 2008: GPS points as driver locations, and the rides derived from them.
 *
 * Points:  unix_ts, cab_id, lat, lng, occupied      sorted by time; occupied means on_trip, else available
 * Rides:   ride_id, cab_id, pickup_ts, pickup_lat, pickup_lng, dropoff_ts, dropoff_lat, dropoff_lng, …, gps_km
 *
 * Two cabs over three weeks are thin traffic. *Folding* lays every cab-day (UTC) onto the first day and makes
 * it a virtual driver of its own: dozens of drivers on one day. A folded ride belongs to the driver of the day
 * it began on and keeps its length, so it may end after that day. Folding needs the last day before the first
 * point can be sent: the points are then held, as numbers. Unfolded points stream. Items leave by event time.
 */
import type { Place } from "../../schemas/ride_event.ts";
import { WaymarkError } from "../errors.ts";
import { hash64 } from "../ids.ts";
import { dayMs, isoTime, minuteMs, secondMs } from "../time.ts";
import { fareCents } from "./fare.ts";
import type { SentItem } from "./item.ts";
import { beginning, completion, type RecordedRide, type TimedItem } from "./recorded_ride.ts";

export const sfCity = "san-francisco";

/** Riders that the rides are shared among; the file has none. */
const riders = 600;
const gpsHeader = "unix_ts,cab_id,lat,lng,occupied";
const rideHeader =
  "ride_id,cab_id,pickup_ts,pickup_lat,pickup_lng,dropoff_ts,dropoff_lat,dropoff_lng,gps_points,gps_km";

export type SfCabOptions = {
  seed: number;
  fold: boolean;
  /** The derived rides; null leaves them out. */
  rides: AsyncIterable<string[]> | null;
};

type Point = { timeMs: number; cab: string; lat: number; lng: number; occupied: boolean };
type DerivedRide = {
  id: string;
  cab: string;
  startMs: number;
  endMs: number;
  pickup: Place;
  dropoff: Place;
  km: number;
};

export async function* sfCabItems(
  batches: AsyncIterable<string[]>,
  options: SfCabOptions,
): AsyncGenerator<SentItem[]> {
  const rides = options.rides === null ? [] : await allOf(ridesIn(options.rides));
  const points = pointsIn(batches);
  if (!options.fold) {
    const events = sorted(rides.flatMap((ride) => eventsOf(ride, options.seed)));
    yield* merged(points, events);
    return;
  }
  const held = await allOf(points);
  const firstDay = Math.floor((held[0]?.timeMs ?? 0) / dayMs);
  const folded = held.map((point) => ({ ...point, ...foldedTo(firstDay, point.cab, point.timeMs) }));
  const events = sorted(rides.flatMap((ride) => {
    const { cab, timeMs: startMs } = foldedTo(firstDay, ride.cab, ride.startMs);
    return eventsOf({ ...ride, cab, startMs, endMs: startMs + ride.endMs - ride.startMs }, options.seed);
  }));
  yield* merged(oneBatch(folded.sort((a, b) => a.timeMs - b.timeMs)), events);
}

/** The virtual driver of a cab-day, and the time on the first day. */
function foldedTo(firstDay: number, cab: string, timeMs: number): { cab: string; timeMs: number } {
  const day = Math.floor(timeMs / dayMs);
  return { cab: `${cab}-${isoTime(day * dayMs).slice(0, 10)}`, timeMs: timeMs - (day - firstDay) * dayMs };
}

async function allOf<T>(batches: AsyncIterable<T[]>): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of batches) for (const one of batch) all.push(one);
  return all;
}

async function* oneBatch<T>(batch: T[]): AsyncGenerator<T[]> {
  yield batch;
}

const sorted = (items: TimedItem[]): TimedItem[] => items.sort((a, b) => a.timeMs - b.timeMs);

/** Points, with the ride events that are due before each of them. */
async function* merged(batches: AsyncIterable<Point[]>, events: TimedItem[]): AsyncGenerator<SentItem[]> {
  let next = 0;
  for await (const points of batches) {
    const items: SentItem[] = [];
    for (const point of points) {
      while (next < events.length && events[next]!.timeMs <= point.timeMs) items.push(events[next++]!.item);
      items.push(locationItem(point));
    }
    yield items;
  }
  yield events.slice(next).map(({ item }) => item);
}

function locationItem({ timeMs, cab, lat, lng, occupied }: Point): SentItem {
  const status = occupied ? "on_trip" : "available";
  return {
    topic: "driver-locations",
    key: cab,
    value: `{"driver_id":${JSON.stringify(cab)},"timestamp":"${
      isoTime(timeMs)
    }","lat":${lat},"lng":${lng},"city":"${sfCity}","status":"${status}"}`,
    recordedAtMs: timeMs,
  };
}

function eventsOf(derived: DerivedRide, seed: number): TimedItem[] {
  const ride: RecordedRide = {
    rideId: derived.id,
    userId: `rider-${hash64(`rider of ${derived.id}`).low % riders + 1}`,
    driverId: derived.cab,
    city: sfCity,
    pickup: derived.pickup,
    dropoff: derived.dropoff,
  };
  const minutes = (derived.endMs - derived.startMs) / minuteMs;
  // gps_km is by street already.
  const fare = fareCents({ streetKm: derived.km, minutes });
  return [...beginning(ride, derived.startMs, seed), completion(ride, derived.endMs, fare)];
}

async function* pointsIn(batches: AsyncIterable<string[]>): AsyncGenerator<Point[]> {
  for await (const rows of rowsIn(batches, gpsHeader)) {
    yield rows.map(([time, cab, lat, lng, occupied]) => ({
      timeMs: Number(time) * secondMs,
      cab: cab!,
      lat: Number(lat),
      lng: Number(lng),
      occupied: occupied === "1",
    }));
  }
}

async function* ridesIn(batches: AsyncIterable<string[]>): AsyncGenerator<DerivedRide[]> {
  for await (const rows of rowsIn(batches, rideHeader)) {
    yield rows.map((row) => ({
      id: row[0]!,
      cab: row[1]!,
      startMs: Number(row[2]) * secondMs,
      pickup: { lat: Number(row[3]), lng: Number(row[4]) },
      endMs: Number(row[5]) * secondMs,
      dropoff: { lat: Number(row[6]), lng: Number(row[7]) },
      km: Number(row[9]),
    }));
  }
}

const words = new Set(["cab_id", "ride_id"]);

/** Rows of cells under a known header; every cell but the ids must be a number. */
async function* rowsIn(batches: AsyncIterable<string[]>, header: string): AsyncGenerator<string[][]> {
  const columns = header.split(",");
  let lineNumber = 0;
  for await (const lines of batches) {
    const rows: string[][] = [];
    for (const raw of lines) {
      const line = raw.trimEnd();
      lineNumber++;
      if (lineNumber === 1 ? line === header : line === "") continue;
      const cells = line.split(",");
      const readable = lineNumber > 1 && cells.length === columns.length &&
        cells.every((cell, i) => cell !== "" && (words.has(columns[i]!) || Number.isFinite(Number(cell))));
      if (!readable) throw unreadableRow(line, lineNumber, header);
      rows.push(cells);
    }
    yield rows;
  }
}

const unreadableRow = (line: string, lineNumber: number, header: string) =>
  new WaymarkError(
    "input_unreadable",
    `Cannot read line ${lineNumber} of the cab data: ${JSON.stringify(line.slice(0, 120))}. ` +
      `Wanted ${lineNumber === 1 ? "the header" : "values for"} ${header}.`,
  );
