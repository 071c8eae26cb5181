/**
 * Bytes of the topics that the board reads → what it keeps, or null. Never throws.
 *
 * We wrote these records ourselves, so the check is a cheap one: what the board sorts and compares by, and that
 * every figure is a number or null, so that no page trips over it later.
 */
import type { CityCells } from "../../schemas/city_cells.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import { fromUtf8, utf8 } from "../ids.ts";
import type { LogRecord } from "../log/port.ts";
import type { CancelledRide } from "../../schemas/http.ts";
import type { Ended } from "./board_rides.ts";
import type { Placed } from "./board_windows.ts";

const isoPattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const revPattern = /^\d{19}$/;
const kinds: readonly unknown[] = ["update", "final", "revision"];
const texts: ReadonlySet<string> = new Set([
  "city",
  "window_start",
  "window_end",
  "kind",
  "rev",
  "watermark",
]);

export function readWindow(value: Uint8Array): Placed | null {
  const read = parse(value);
  if (read === null || !isCity(read.city) || !isRev(read.rev) || !kinds.includes(read.kind)) return null;
  const startMs = timeOf(read.window_start);
  const endMs = timeOf(read.window_end);
  if (startMs === null || endMs === null || endMs <= startMs) return null;
  if (read.watermark !== null && timeOf(read.watermark) === null) return null;
  for (const [name, figure] of Object.entries(read)) {
    if (!texts.has(name) && figure !== null && typeof figure !== "number") return null;
  }
  if (typeof read.requests !== "number" || typeof read.total_events !== "number") return null;
  return { startMs, endMs, window: read as unknown as CityWindow };
}

export function readCells(value: Uint8Array): CityCells | null {
  const read = parse(value);
  if (read === null || !isCity(read.city) || !isRev(read.rev) || timeOf(read.at) === null) return null;
  const isCell = (cell: unknown) =>
    Array.isArray(cell) && typeof cell[0] === "string" && /^[0-9a-f]{15}$/.test(cell[0]) &&
    cell.length === 4 && cell.slice(1).every((figure) => typeof figure === "number");
  return Array.isArray(read.cells) && read.cells.every(isCell) ? read as unknown as CityCells : null;
}

/**
 * Whether the bytes are the fact of a completed ride, as far as can be told without reading it: most are, and the board
 * asks for the others. A quote within a text has a backslash before it, so no text looks like this.
 */
export const isCompleted = (value: Uint8Array): boolean => find(completed, value) >= 0;

const completed = utf8('"outcome":"completed"');

/** The versions of one window, as far as can be told without reading them. */
export type Versions = { newest: LogRecord; others: LogRecord[] };

/**
 * Windows that are open are published many times a second, and all but the newest version of each is replaced by the time
 * that a reader comes. So records are put together by their key, and by their `rev` where it stands.
 */
export function versionsOf(records: readonly LogRecord[]): Versions[] {
  const versions: Versions[] = [];
  const known = new Map<string, { rev: string; versions: Versions }>();
  for (const record of records) {
    const rev = record.key === null ? null : revIn(record.value);
    const name = rev === null ? "" : fromUtf8(record.key!);
    const held = rev === null ? undefined : known.get(name);
    if (held === undefined) {
      const alone = { newest: record, others: [] };
      versions.push(alone);
      if (rev !== null) known.set(name, { rev, versions: alone });
    } else if (rev! > held.rev) {
      held.rev = rev!;
      held.versions.others.push(held.versions.newest);
      held.versions.newest = record;
    } else held.versions.others.push(record);
  }
  return versions;
}

function revIn(value: Uint8Array): string | null {
  const at = find(revName, value);
  if (at < 0) return null;
  const from = at + revName.length;
  const rev = fromUtf8(value.subarray(from, from + revDigits));
  return isRev(rev) ? rev : null;
}

const revName = utf8('"rev":"');
const revDigits = 19;

/** Where the bytes begin in others; -1 where they do not occur. */
function find(wanted: Uint8Array, value: Uint8Array): number {
  for (let at = 0; at + wanted.length <= value.length; at++) {
    if (value[at] !== wanted[0] || value[at + 1] !== wanted[1]) continue;
    let same = 2;
    while (same < wanted.length && value[at + same] === wanted[same]) same++;
    if (same === wanted.length) return at;
  }
  return -1;
}

/** How a ride ended; null for what is no fact of a ride. */
export function readEnded(value: Uint8Array): Ended | null {
  const read = parse(value);
  if (read === null || !isCity(read.city) || typeof read.ride_id !== "string") return null;
  if (timeOf(read.ended_at) === null || typeof read.attempts !== "number") return null;
  const { ride_id, ended_at, requested_at, cancelled_by, reason, driver_id, attempts } = read;
  const isCancelled = read.outcome === "cancelled";
  if (isCancelled && typeof cancelled_by !== "string") return null;
  const texts = [requested_at, cancelled_by, reason, driver_id];
  if (!texts.every((text) => text === null || typeof text === "string")) return null;
  const ride = {
    ride_id,
    ended_at,
    requested_at,
    cancelled_by,
    reason,
    driver_id,
    attempts,
  } as CancelledRide;
  return { city: read.city as string, ride, isCancelled };
}

function parse(value: Uint8Array): Record<string, unknown> | null {
  try {
    const read: unknown = JSON.parse(fromUtf8(value));
    return typeof read === "object" && read !== null && !Array.isArray(read)
      ? read as Record<string, unknown>
      : null;
  } catch {
    return null;
  }
}

const isCity = (value: unknown): boolean =>
  typeof value === "string" && value.length >= 1 && value.length <= 64;
const isRev = (value: unknown): boolean => typeof value === "string" && revPattern.test(value);

function timeOf(value: unknown): number | null {
  if (typeof value !== "string" || !isoPattern.test(value)) return null;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? null : ms;
}
