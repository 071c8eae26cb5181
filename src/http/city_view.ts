/** One city with what stands behind its line: its windows, cells, last cancelled rides and alerts. */
import type { NotedAlert } from "../../schemas/alert_notes.ts";
import type { AlertRuleWire } from "../../schemas/alert_rule.ts";
import type { CityCells } from "../../schemas/city_cells.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { CancelledRide } from "../../schemas/http.ts";
import { ruleOf } from "../alerts/rule.ts";
import { hourMs } from "../time.ts";
import { type CityRow, cityRow } from "./city_row.ts";
import { refuse, type Refused } from "./errors.ts";
import type { CityWatermarks, Handles } from "./handles.ts";
import { pathText, wholeParameter } from "./query.ts";
import { pageAgeMsMax } from "./state_doors.ts";
import type { Showing } from "./unmasked.ts";
import { overlay } from "./windows_door.ts";

export type CityView = CityRow & {
  now: string;
  watermarks: CityWatermarks;
  /** How many hours the windows reach back. */
  hours: number;
  windows: CityWindow[];
  /** Null without positions of drivers. */
  cells: CityCells | null;
  cancelled_rides: CancelledRide[];
  alerts: NotedAlert[];
  /** The alert rules in force that judge this city. */
  rules: AlertRuleWire[];
};

/** What a board holds, and what ClickHouse is asked for beyond it. */
export const hoursOffered = [1, 3, 12] as const;
const hoursHeld = 3;
const historyMs = 60_000;

type Wanted = { city: string; hours: number };

export function cityWanted(given: string, url: URL): { ok: true; wanted: Wanted } | Refused {
  const city = pathText(given, "city");
  if (!city.ok) return city;
  const hours = wholeParameter(url, "hours", { min: 1, max: 12, fallback: 1 });
  return hours.ok ? { ok: true, wanted: { city: city.value, hours: hours.value } } : hours;
}

/** For one opening of the page: history is asked once a minute, however often the page is made. */
export function createCityView(handles: Handles, { city, hours }: Wanted, show: Showing) {
  let history: { atMs: number; windows: CityWindow[] } | null = null;

  async function windowsOf(closedMs: number): Promise<CityWindow[]> {
    const range = {
      fromMs: closedMs - hours * hourMs,
      untilMs: Number.MAX_SAFE_INTEGER,
      limit: hours * 60 + 10,
    };
    const held = handles.board.windows(city, range);
    if (hours <= hoursHeld) return held;
    if (history === null || handles.nowMs() - history.atMs > historyMs) {
      const untilMs = handles.nowMs() + hourMs;
      const windows = await handles.history(city, { ...range, untilMs });
      history = { atMs: handles.nowMs(), windows: windows ?? [] };
    }
    return overlay(history.windows, held).filter((w) => Date.parse(w.window_start) >= range.fromMs);
  }

  return async (): Promise<CityView | Refused> => {
    await handles.fleet?.refreshCities(pageAgeMsMax);
    const row = cityRow(handles, city);
    if (row === null) return refuse("city_not_found", "no window of this city is known to this node");
    const newest = row.closed ?? row.live!;
    return {
      now: new Date(handles.nowMs()).toISOString(),
      watermarks: handles.watermarks(),
      ...row,
      hours,
      windows: (await windowsOf(Date.parse(newest.window_end))).filter((w) => w.kind !== "update"),
      cells: handles.board.cells(city),
      cancelled_rides: show.cancelled(handles.board.cancelled(city).slice(0, ridesShown)),
      alerts: handles.board.alerts().filter((alert) => alert.city === city).map((alert) => ({
        ...alert,
        ...handles.board.notes(alert, handles.nowMs()),
      })),
      rules: handles.rules().filter((rule) => ruleOf(rule).covers(city)),
    };
  };
}

const ridesShown = 20;
