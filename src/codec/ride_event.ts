/**
 * Bytes → ride event | rejection: the trust boundary of `ride-events`. Never throws.
 *
 * The usual form is read from the bytes by a scanner; parseRideEvent() reads all of JSON, says what is wrong with the
 * rest, and is what the scanner is compared with.
 */
import { limits } from "../limits.ts";
import { type RideEvent, type RideEventWire, rideEventWire } from "../../schemas/ride_event.ts";
import { compileCheck } from "./check.ts";
import { parseJsonObject } from "./json.ts";
import { toCents } from "./money.ts";
import { type Decoded, reject, type Rejection, shown } from "./rejection.ts";
import { RideEventScan } from "./scan_ride_event.ts";
import { parseTimestamp } from "./timestamp.ts";

const check = compileCheck<RideEventWire>(rideEventWire);

const plain = new RideEventScan();

/** Decodes the value of a record on `ride-events`. */
export function decodeRideEvent(bytes: Uint8Array): Decoded<RideEvent> {
  return plain.scan(bytes) ? { ok: true, event: plain.event() } : parseRideEvent(bytes);
}

/** The same without the scanner. */
export function parseRideEvent(bytes: Uint8Array): Decoded<RideEvent> {
  const parsed = parseJsonObject(bytes);
  return parsed.ok ? toRideEvent(parsed.event) : parsed;
}

/** The same for a value that is JSON already: one item of a request body. */
export function toRideEvent(value: Record<string, unknown>): Decoded<RideEvent> {
  if (!check.fits(value)) return { ok: false, ...check.explain(value) };
  const timeMs = parseTimestamp(value.timestamp);
  if (timeMs === null) return reject("field_invalid", notATime(value.timestamp), "timestamp");
  const malformed = malformedText(value, textFields);
  if (malformed !== null) return { ok: false, ...malformed };
  const estimatedFareCents = value.estimated_fare == null ? null : toCents(value.estimated_fare);
  if (value.estimated_fare != null && estimatedFareCents === null) {
    return tooFine("estimated_fare", value.estimated_fare);
  }
  const fareCents = value.fare == null ? null : toCents(value.fare);
  if (value.fare != null && fareCents === null) return tooFine("fare", value.fare);
  const driverId = value.driver_id ?? null;
  return {
    ok: true,
    event: {
      type: value.event_type,
      rideId: value.ride_id,
      timeMs,
      eventId: value.event_id ?? `${value.ride_id}|${value.event_type}|${timeMs}|${driverId ?? ""}`,
      city: value.city ?? null,
      userId: value.user_id ?? null,
      driverId,
      pickup: value.pickup ?? null,
      dropoff: value.dropoff ?? null,
      estimatedFareCents,
      fareCents,
      cancelledBy: value.cancelled_by ?? null,
      reason: value.reason ?? null,
    },
  };
}

const textFields = ["ride_id", "event_id", "city", "user_id", "driver_id", "reason"] as const;

export const notATime = (text: string): string =>
  `timestamp is ${shown(text)}; allowed: an ISO 8601 date and time from 1970 on, UTC when no zone is given`;

/** A lone surrogate cannot be written back as UTF-8: two different ids would become one. */
export function malformedText<K extends string>(
  value: { [P in K]?: unknown },
  fields: readonly K[],
): Rejection | null {
  for (const field of fields) {
    const text = value[field];
    if (typeof text === "string" && !text.isWellFormed()) {
      return reject("field_invalid", `${field} is ${shown(text)}; allowed: well-formed Unicode`, field);
    }
  }
  return null;
}

function tooFine(field: string, amount: number): { ok: false } & Rejection {
  const max = limits.fareCentsMax / 100;
  return reject(
    "field_invalid",
    `${field} is ${amount}; allowed: 0 to ${max} with at most two decimals`,
    field,
  );
}
