/**
 * The plain form of a driver location, read from its bytes in one pass: the counterpart of scan_ride_event.ts, held to
 * parseDriverLocation() in the same way.
 */
import { type DriverLocation, type DriverStatus, driverStatuses } from "../../schemas/driver_location.ts";
import { limits } from "../limits.ts";
import { CityNames } from "./city_names.ts";
import { asciiOf, JsonCursor, Keys, noMember, unknownKey, Words } from "./scan.ts";

const comma = 0x2c,
  closeBrace = 0x7d;

/** The texts of a location that stay bytes. */
export const locationTexts = { driver_id: 0, event_id: 1, ride_id: 2 } as const;
export type LocationText = (typeof locationTexts)[keyof typeof locationTexts];

const keys = [
  ...["driver_id", "event_id", "ride_id"],
  ...["timestamp", "lat", "lng", "city", "status", "speed_kmh", "heading", "accuracy_m"],
];
const required = ["driver_id", "timestamp", "lat", "lng"].reduce(
  (bits, key) => bits | 1 << keys.indexOf(key),
  0,
);
const statusWords = new Words(driverStatuses);

export class DriverLocationScan {
  timeMs = 0;
  lat = 0;
  lng = 0;
  city: string | null = null;
  status: DriverStatus | null = null;
  speedKmh: number | null = null;
  heading: number | null = null;
  accuracyM: number | null = null;
  readonly #cursor = new JsonCursor();
  readonly #keys = new Keys(keys, limits.jsonKeysMax);
  readonly #cities = new CityNames();
  /** From and to of each text of `locationTexts`, -1 where it is absent. */
  readonly #spans = new Int32Array(2 * 3);
  #bytes: Uint8Array = new Uint8Array(0);

  /** Whether the bytes are a valid location in its plain form; false decides nothing. */
  scan(bytes: Uint8Array): boolean {
    if (bytes.length > limits.recordBytesMax) return false;
    const cursor = this.#cursor;
    this.#begin(bytes);
    let seen = 0;
    for (let n = 0; n < limits.jsonKeysMax; n++) {
      const key = this.#keys.open(cursor, n);
      if (key === noMember) return false;
      if (key === unknownKey) {
        if (!cursor.skip()) return false;
      } else {
        // Of a key that stands twice the last one counts: not usual.
        if ((seen & 1 << key) !== 0) return false;
        seen |= 1 << key;
        if (!this.#member(key)) return false;
      }
      if (bytes[cursor.at] !== comma && cursor.peek() === closeBrace) {
        cursor.at++;
        return (seen & required) === required && cursor.atEnd();
      }
    }
    return false;
  }

  /** Where the text stands in the bytes that were scanned; -1 when it is absent. */
  from(text: LocationText): number {
    return this.#spans[2 * text]!;
  }

  to(text: LocationText): number {
    return this.#spans[2 * text + 1]!;
  }

  /** The whole location, as parseDriverLocation() gives it. */
  event(): DriverLocation {
    return {
      driverId: this.#text(locationTexts.driver_id)!,
      timeMs: this.timeMs,
      eventId: this.#text(locationTexts.event_id),
      lat: this.lat,
      lng: this.lng,
      city: this.city,
      status: this.status,
      speedKmh: this.speedKmh,
      heading: this.heading,
      accuracyM: this.accuracyM,
      rideId: this.#text(locationTexts.ride_id),
    };
  }

  #begin(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#cursor.begin(bytes);
    this.#spans.fill(-1);
    this.city = null;
    this.status = null;
    this.speedKmh = null;
    this.heading = null;
    this.accuracyM = null;
  }

  /** The value of a key that counts, by its index in `keys`. */
  #member(key: number): boolean {
    const cursor = this.#cursor;
    switch (key) {
      case 0:
        return this.#id(locationTexts.driver_id);
      case 1:
        return cursor.isNull() || this.#id(locationTexts.event_id);
      case 2:
        return cursor.isNull() || this.#id(locationTexts.ride_id);
      case 3:
        this.timeMs = cursor.timestamp();
        return !Number.isNaN(this.timeMs);
      case 4:
        this.lat = cursor.number();
        return this.lat >= -90 && this.lat <= 90;
      case 5:
        this.lng = cursor.number();
        return this.lng >= -180 && this.lng <= 180;
      case 6:
        return cursor.isNull() || this.#city();
      case 7:
        return cursor.isNull() || this.#status();
      case 8:
        return cursor.isNull() || (this.speedKmh = this.#upTo(1_000)) !== null;
      case 9:
        return cursor.isNull() || (this.heading = this.#upTo(360)) !== null;
      default:
        return cursor.isNull() || (this.accuracyM = this.#upTo(100_000)) !== null;
    }
  }

  #id(text: LocationText): boolean {
    const cursor = this.#cursor;
    if (!cursor.asciiText(1, limits.idCharsMax)) return false;
    this.#spans[2 * text] = cursor.from;
    this.#spans[2 * text + 1] = cursor.to;
    return true;
  }

  #city(): boolean {
    if (!this.#cursor.text()) return false;
    const { from, to } = this.#cursor;
    this.city = this.#cities.find(this.#bytes, from, to);
    return this.city !== null;
  }

  #status(): boolean {
    const cursor = this.#cursor;
    const status = cursor.text() ? statusWords.find(this.#bytes, cursor.from, cursor.to) : -1;
    if (status === -1) return false;
    this.status = driverStatuses[status]!;
    return true;
  }

  #upTo(most: number): number | null {
    const value = this.#cursor.number();
    return value >= 0 && value <= most ? value : null;
  }

  #text(text: LocationText): string | null {
    const from = this.#spans[2 * text]!;
    return from < 0 ? null : asciiOf(this.#bytes, from, this.#spans[2 * text + 1]!);
  }
}
