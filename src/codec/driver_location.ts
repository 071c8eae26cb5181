/**
 * Bytes → driver location | rejection: the trust boundary of `driver-locations`. Never throws.
 *
 * The usual form is read from the bytes by a scanner, as in ride_event.ts.
 */
import {
  type DriverLocation,
  type DriverLocationWire,
  driverLocationWire,
} from "../../schemas/driver_location.ts";
import { compileCheck } from "./check.ts";
import { parseJsonObject } from "./json.ts";
import { type Decoded, reject } from "./rejection.ts";
import { malformedText, notATime } from "./ride_event.ts";
import { DriverLocationScan } from "./scan_driver_location.ts";
import { parseTimestamp } from "./timestamp.ts";

const check = compileCheck<DriverLocationWire>(driverLocationWire);

const plain = new DriverLocationScan();

/** Decodes the value of a record on `driver-locations`. */
export function decodeDriverLocation(bytes: Uint8Array): Decoded<DriverLocation> {
  return plain.scan(bytes) ? { ok: true, event: plain.event() } : parseDriverLocation(bytes);
}

/** The same without the scanner. */
export function parseDriverLocation(bytes: Uint8Array): Decoded<DriverLocation> {
  const parsed = parseJsonObject(bytes);
  return parsed.ok ? toDriverLocation(parsed.event) : parsed;
}

/** The same for a value that is JSON already: one item of a request body. */
export function toDriverLocation(value: Record<string, unknown>): Decoded<DriverLocation> {
  if (!check.fits(value)) return { ok: false, ...check.explain(value) };
  const timeMs = parseTimestamp(value.timestamp);
  if (timeMs === null) return reject("field_invalid", notATime(value.timestamp), "timestamp");
  const malformed = malformedText(value, textFields);
  if (malformed !== null) return { ok: false, ...malformed };
  return {
    ok: true,
    event: {
      driverId: value.driver_id,
      timeMs,
      eventId: value.event_id ?? null,
      lat: value.lat,
      lng: value.lng,
      city: value.city ?? null,
      status: value.status ?? null,
      speedKmh: value.speed_kmh ?? null,
      heading: value.heading ?? null,
      accuracyM: value.accuracy_m ?? null,
      rideId: value.ride_id ?? null,
    },
  };
}

const textFields = ["driver_id", "event_id", "city", "ride_id"] as const;
