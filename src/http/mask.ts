/**
 * What readers see of people. Masked, unless the key is one for administration:
 *
 *   user_id   a keyed hash, the same for the same rider, so that a rider can be followed and not found out
 *   places    rounded to two decimals, about a kilometre; cells are those of the rounded place
 *   reason    kept where it is a word such as `no_show`, else left out: people write anything into it
 *
 * Ids of rides and drivers stay: they are what is asked with. Who has the key of the hash can try out ids.
 */
import { createHmac } from "node:crypto";
import { cellAt, resolutionOf } from "../../actors/cell.ts";
import type { Config } from "../config.ts";
import { utf8 } from "../ids.ts";
import type { DriverRow, DriverView, RawRecord, RideRow, RideView } from "./handles.ts";

export type Sees = "masked" | "all";

export type Mask = {
  user(id: string): string;
  /** A reason that is one word of a program stays; a sentence may name somebody. */
  reason(text: string | null): string | null;
  ride<V extends RideView | RideRow>(view: V): V;
  driver<V extends DriverView | DriverRow>(view: V): V;
  /** What an event says; what is no JSON object is left out altogether. */
  event(value: unknown): unknown;
  /** A record as it stands in the log. */
  record(record: RawRecord): RawRecord;
};

/**
 * The same on all nodes, because they have the same keys; readers know none of those that it is made from. With no
 * keys at all it is known, as is everything else to whoever is on this machine.
 */
export const maskKeyOf = (config: Config): string =>
  config.WAYMARK_MASK_KEY !== "" ? config.WAYMARK_MASK_KEY : JSON.stringify(
    [config.WAYMARK_ADMIN_KEYS, config.WAYMARK_FLEET_KEYS, config.WAYMARK_INGEST_KEYS],
  );

const hexDigits = 16;
const masked = "masked";
export const isMasked = (id: string): boolean => id.startsWith(`${masked}-`);
const isWord = (text: string): boolean => /^[a-z][a-z0-9_-]{0,39}$/.test(text);
const rounded = (degrees: number): number => Math.round(degrees * 100) / 100;

export function createMask(key: string): Mask {
  const user = (id: string): string =>
    `${masked}-${createHmac("sha256", key).update(utf8(id)).digest("hex").slice(0, hexDigits)}`;
  const reason = (text: string): string => isWord(text) ? text : masked;

  /** By the names that events have: whatever else a producer sends along may hold anything. */
  const field = (name: string, value: unknown): unknown => {
    if (typeof value === "string") {
      if (name === "user_id") return user(value);
      if (name === "reason") return reason(value);
      return value.length <= 128 && known.has(name) ? value : masked;
    }
    if (typeof value === "number") {
      return name === "lat" || name === "lng" ? rounded(value) : known.has(name) ? value : masked;
    }
    if (typeof value !== "object" || value === null) return known.has(name) ? value : masked;
    return Array.isArray(value) || !known.has(name) ? masked : fields(value);
  };
  const fields = (object: object): Record<string, unknown> =>
    Object.fromEntries(Object.entries(object).map(([name, value]) => [name, field(name, value)]));

  const event = (value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value) ? fields(value) : masked;

  return {
    user,
    reason: (text) => text === null ? null : reason(text),
    ride: (view) => ({
      ...view,
      user_id: view.user_id === null ? null : user(view.user_id),
      reason: view.reason === null ? null : reason(view.reason),
    }),
    driver<V extends DriverView | DriverRow>(view: V): V {
      const place = { lat: rounded(view.lat), lng: rounded(view.lng) };
      const trail = "trail" in view
        ? {
          trail: view.trail.map((point) => ({ ...point, lat: rounded(point.lat), lng: rounded(point.lng) })),
        }
        : {};
      return { ...view, ...place, cell: cellAt(place, resolutionOf(view.cell)), ...trail };
    },
    event,
    record(record) {
      const { message: _, ...headers } = record.headers;
      const value = record.value === null ? null : JSON.stringify(event(parsed(record.value)));
      return { ...record, headers, value };
    },
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Whether a message about a refused field may quote what it said: of these it would be a person. */
export const mayBeQuoted = (field: string): boolean =>
  !/^(user_id|reason|lat|lng|pickup|dropoff)(\b|$)/.test(field);

/** The fields of events and positions; of any other a reader sees that it is there. */
const known: ReadonlySet<string> = new Set([
  "event_type",
  "ride_id",
  "timestamp",
  "event_id",
  "city",
  "driver_id",
  "pickup",
  "dropoff",
  "estimated_fare",
  "fare",
  "cancelled_by",
  "status",
  "speed_kmh",
  "heading",
  "accuracy_m",
  "recorded_at",
]);
