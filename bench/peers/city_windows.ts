/**
 * The query that all systems are asked, put together from Waymark's own parts: windows of five minutes, or longer ones,
 * sliding by one, per city, six figures, exactly distinct riders, 30 s of watermark delay.
 *
 *   record ─► scan (all of it is checked) ─► minute of the city + riders ─► changed windows ─► closed by the watermark
 *
 * Of longer windows those are told with every update that end within five minutes, the others when they close.
 *
 * What Waymark does besides is left out: a state machine and a fact per ride, removal of duplicates, snapshots.
 */
import { decodeRideEvent } from "../../src/codec/ride_event.ts";
import { RideEventScan, rideTexts } from "../../src/codec/scan_ride_event.ts";
import { hash64, hashAscii, utf8 } from "../../src/ids.ts";
import type { LogRecord } from "../../src/log/port.ts";
import { isoTime, minuteMs, secondMs } from "../../src/time.ts";
import { RiderWindows } from "../../src/windows/distinct.ts";
import { PartitionWatermark } from "../../src/windows/watermark.ts";

const settings = { delayMs: 30 * secondMs, latenessMs: 0, skewMs: 5 * minuteMs, holdMs: 0 };
/** Windows that end later are not told with every update. */
const toldMinutes = 5;

export type WindowRecord = { city: string; key: Uint8Array; value: Uint8Array };

/** Of one minute of a city. */
type Pane = {
  minute: number;
  total: number;
  requests: number;
  completions: number;
  cancellations: number;
  fareCents: number;
  fares: number;
  /** The update that is to tell of it, or the last one that did. */
  update: number;
};

class City {
  readonly riders: RiderWindows;
  readonly panes = new Map<number, Pane>();
  /** The newest update that told of a window, by its first minute. */
  readonly told = new Map<number, number>();
  /** The pane of the event before: mostly it is that of the next one, too. */
  last: Pane | null = null;

  constructor(windowMs: number) {
    this.riders = new RiderWindows(windowMs);
  }
}

export class CityWindows {
  readonly #scan = new RideEventScan();
  readonly #hash = new Uint32Array(2);
  readonly #cities = new Map<string, City>();
  readonly #watermarks: PartitionWatermark[];
  #changed: { city: string; pane: Pane }[] = [];
  readonly #windowMs: number;
  readonly #panesPerWindow: number;
  #update = 1;
  #newestMinute = -Infinity;
  /** Windows that begin before this minute are closed. */
  #closedBelow = -Infinity;
  refused = 0;
  late = 0;

  constructor(partitions: number, windowMs: number) {
    this.#windowMs = windowMs;
    this.#panesPerWindow = windowMs / minuteMs;
    this.#watermarks = Array.from(
      { length: partitions },
      () => new PartitionWatermark({ windowMs, ...settings }),
    );
  }

  fold(partition: number, { value, timestampMs }: LogRecord): void {
    const scan = this.#scan;
    let { timeMs, type, city, estimatedFareCents } = scan;
    if (scan.scan(value)) {
      ({ timeMs, type, city, estimatedFareCents } = scan);
      if (scan.has(rideTexts.user_id)) {
        hashAscii(value, scan.from(rideTexts.user_id), scan.to(rideTexts.user_id), this.#hash);
      } else this.#hash.fill(0);
    } else {
      const decoded = decodeRideEvent(value);
      if (!decoded.ok) return void this.refused++;
      ({ timeMs, type, city, estimatedFareCents } = decoded.event);
      const { high, low } = decoded.event.userId === null
        ? { high: 0, low: 0 }
        : hash64(decoded.event.userId);
      this.#hash.set([high, low]);
    }
    this.#watermarks[partition]!.advance(timeMs, timestampMs, 0);
    if (city === null) return;
    const held = this.#city(city);
    const minute = Math.floor(timeMs / minuteMs);
    if (minute < this.#closedBelow) return void this.late++;
    const pane = held.last?.minute === minute ? held.last : this.#pane(held, minute);
    pane.total++;
    if (type === "requested") pane.requests++;
    else if (type === "completed") pane.completions++;
    else if (type === "cancelled") pane.cancellations++;
    if (estimatedFareCents !== null) {
      pane.fareCents += estimatedFareCents;
      pane.fares++;
    }
    const [high, low] = [this.#hash[0]!, this.#hash[1]!];
    if ((high | low) !== 0) held.riders.add(high, low, minute * minuteMs);
    if (pane.update !== this.#update) {
      pane.update = this.#update;
      this.#newestMinute = Math.max(this.#newestMinute, minute);
      this.#changed.push({ city, pane });
    }
  }

  /** The windows that have changed, as they are now; those that the watermark has passed are forgotten. */
  takeChanged(): WindowRecord[] {
    const starts = new Map<string, Set<number>>();
    const endNext = this.#newestMinute - this.#panesPerWindow + toldMinutes;
    for (const { city, pane } of this.#changed) {
      let of = starts.get(city);
      if (of === undefined) starts.set(city, of = new Set());
      const first = Math.max(pane.minute - this.#panesPerWindow + 1, this.#closedBelow);
      for (let start = first; start <= Math.min(pane.minute, endNext); start++) of.add(start);
    }
    this.#changed = [];
    const records: WindowRecord[] = [];
    for (const [city, of] of starts) for (const start of of) records.push(this.#record(city, start));
    this.#close(records);
    this.#update++;
    return records;
  }

  #close(records: WindowRecord[]): void {
    let watermarkMs = Infinity;
    for (const { ms } of this.#watermarks) watermarkMs = Math.min(watermarkMs, ms ?? -Infinity);
    const below = Math.floor(watermarkMs / minuteMs) - this.#panesPerWindow + 1;
    if (below <= this.#closedBelow) return;
    for (const [name, city] of this.#cities) {
      const [oldest, newest] = rangeOf(city.panes.keys());
      const first = Math.max(this.#closedBelow, oldest - this.#panesPerWindow + 1);
      for (let start = first; start < Math.min(below, newest + 1); start++) {
        if (this.#isUntold(city, start)) records.push(this.#record(name, start));
      }
      city.riders.dropBefore(below * minuteMs);
      for (const minute of city.panes.keys()) if (minute < below) city.panes.delete(minute);
      for (const start of city.told.keys()) if (start < below) city.told.delete(start);
    }
    this.#closedBelow = below;
  }

  #isUntold({ panes, told }: City, start: number): boolean {
    const update = told.get(start) ?? 0;
    for (const pane of panes.values()) {
      if (this.#isIn(pane, start) && pane.update > update) return true;
    }
    return false;
  }

  #isIn({ minute }: Pane, start: number): boolean {
    return minute >= start && minute < start + this.#panesPerWindow;
  }

  #city(name: string): City {
    let city = this.#cities.get(name);
    if (city === undefined) {
      this.#cities.set(name, city = new City(this.#windowMs));
      city.riders.dropBefore(this.#closedBelow * minuteMs);
    }
    return city;
  }

  #pane(city: City, minute: number): Pane {
    let pane = city.panes.get(minute);
    if (pane === undefined) {
      const counts = { total: 0, requests: 0, completions: 0, cancellations: 0, fareCents: 0, fares: 0 };
      city.panes.set(minute, pane = { minute, ...counts, update: 0 });
    }
    return city.last = pane;
  }

  #record(city: string, start: number): WindowRecord {
    const { panes, riders, told } = this.#cities.get(city)!;
    told.set(start, this.#update);
    const sum = { total_events: 0, requests: 0, completions: 0, cancellations: 0, fareCents: 0, fares: 0 };
    for (const pane of panes.values()) {
      if (!this.#isIn(pane, start)) continue;
      sum.total_events += pane.total;
      sum.requests += pane.requests;
      sum.completions += pane.completions;
      sum.cancellations += pane.cancellations;
      sum.fareCents += pane.fareCents;
      sum.fares += pane.fares;
    }
    const { fareCents, fares, ...counts } = sum;
    const value = JSON.stringify({
      city,
      window_start: isoTime(start * minuteMs),
      window_end: isoTime((start + this.#panesPerWindow) * minuteMs),
      ...counts,
      avg_fare: fares === 0 ? null : Math.round(fareCents / fares) / 100,
      unique_riders: riders.count(start * minuteMs),
    });
    return { city, key: utf8(`${city}|${start}`), value: utf8(value) };
  }
}

function rangeOf(numbers: Iterable<number>): [least: number, greatest: number] {
  let [least, greatest] = [Infinity, -Infinity];
  for (const number of numbers) [least, greatest] = [Math.min(least, number), Math.max(greatest, number)];
  return [least, greatest];
}
