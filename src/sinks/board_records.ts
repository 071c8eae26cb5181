/**
 * Bytes of `analytics-aggregated` and `alerts` → what the board keeps, or null. Never throws.
 *
 * We wrote these records ourselves, so the check is a cheap one: what the board sorts and compares by, and that
 * every figure is a number or null, so that no page trips over it later.
 */
import { alertStates, type AlertTransition } from "../../schemas/alert.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import { fromUtf8 } from "../ids.ts";
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

export function readAlert(value: Uint8Array): AlertTransition | null {
  const read = parse(value);
  if (read === null || !isCity(read.city) || !isRev(read.rev)) return null;
  if (!(alertStates as readonly unknown[]).includes(read.state)) return null;
  const named = [read.rule, read.alert_id, read.summary].every((text) => typeof text === "string");
  const timed = [read.since, read.at, read.window_start, read.window_end].every((t) => timeOf(t) !== null);
  return named && timed ? read as unknown as AlertTransition : null;
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
