/**
 * `GET /v1/cities/{city}/windows`: memory laid over history, newest `rev` of each window.
 *
 * History is asked only when memory may be missing part of what was asked for. Where history could not answer, or
 * lags, `complete_from` says so instead of passing memory off as everything.
 */
import type { CityWindow } from "../../schemas/city_window.ts";
import { isoTime } from "../time.ts";
import type { DoorBounds } from "./bounds.ts";
import { refusalResponse, refuse, type Refused } from "./errors.ts";
import type { Handles } from "./handles.ts";
import { timeParameter, wholeParameter } from "./query.ts";

export type WindowRange = { fromMs: number; untilMs: number; limit: number };

const untilForeverMs = Date.UTC(9999, 11, 31);

/** `from` inclusive, `to` exclusive, over window starts; the latest `limit` of them. */
export function windowRange(url: URL, bounds: DoorBounds): { ok: true; range: WindowRange } | Refused {
  const from = timeParameter(url, "from", 0);
  if (!from.ok) return from;
  const to = timeParameter(url, "to", untilForeverMs);
  if (!to.ok) return to;
  const limit = wholeParameter(url, "limit", { min: 1, max: bounds.windowsLimitMax, fallback: 60 });
  if (!limit.ok) return limit;
  if (from.value >= to.value) {
    const given = `from is ${isoTime(from.value)}, to is ${isoTime(to.value)}`;
    return refuse("query_invalid", `${given}; allowed: a from before to`, { field: "from" });
  }
  return { ok: true, range: { fromMs: from.value, untilMs: to.value, limit: limit.value } };
}

export async function cityWindows(handles: Handles, city: string, range: WindowRange): Promise<Response> {
  const memory = handles.board.windows(city, range);
  const completeFromMs = handles.board.completeFromMs(city);
  const oldestWantedMs = memory.length >= range.limit ? Date.parse(memory[0]!.window_end) : range.fromMs;
  const enough = oldestWantedMs >= completeFromMs;
  const history = enough ? [] : await handles.history(city, range);
  const windows = overlay(history ?? [], memory).slice(-range.limit);
  const known = windows.length > 0 || handles.board.cities().includes(city);
  if (!known && history !== null) {
    return refusalResponse(refuse("city_not_found", `no window of this city has been published`));
  }
  const whole = enough || (history !== null && handles.sink().state === "running");
  return Response.json({ city, windows, complete_from: whole ? null : isoTime(completeFromMs) });
}

/** Oldest start first. */
export function overlay(history: readonly CityWindow[], memory: readonly CityWindow[]): CityWindow[] {
  const newest = new Map<string, CityWindow>();
  for (const window of [...history, ...memory]) {
    const known = newest.get(window.window_start);
    if (known === undefined || window.rev > known.rev) newest.set(window.window_start, window);
  }
  return [...newest.values()].sort((a, b) => a.window_start < b.window_start ? -1 : 1);
}
