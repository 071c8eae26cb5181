/**
 * One city as operations see it: what its windows and alerts say, reduced to a state and the figures beside it.
 *
 *   firing    the cancellation alert fires
 *   watching  it is pending: n of the 5 minutes it must last have passed
 *   no_data   nothing of this city has come for a while, in event time or in log time: older figures are no news
 *   ok        judged, and calm
 *   too_few   the newest closed window has fewer ended rides than the rule needs to judge
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import { hourMs, isoTime, minuteMs } from "../time.ts";
import type { Handles } from "./handles.ts";

/** Ended rides a window needs to be judged, and the minutes a breach must last: those of the alert rule. */
export const floorEndedRides = 20;
export const watchMinutes = 5;

/** A closing may be under way for a moment; a city without a window two minutes past the watermark is silent. */
const silentMs = 2 * minuteMs;
/** Nothing new in the log for so long: the figures stand still, whatever the watermark says. */
const stillMs = 5 * minuteMs;

export const cityStates = ["firing", "watching", "no_data", "ok", "too_few"] as const;
export type CityState = (typeof cityStates)[number];

/** As of a window's end; null until the sources have passed it. */
export type CitySupply = {
  as_of: string;
  open_requests: number | null;
  available_drivers: number | null;
  busy_drivers: number | null;
  utilisation: number | null;
  surge: number | null;
};

export type CityRow = {
  city: string;
  state: CityState;
  /** Firing and watching: end of the first breaching window. No fresh data: end of the last window there was. */
  since: string | null;
  /** Watching: whole minutes of the five that have passed. */
  watched_minutes: number | null;
  /** The newest window with a full length of data that is still open; its figures move. */
  live: CityWindow | null;
  /** The newest window whose end the watermark has passed. */
  closed: CityWindow | null;
  supply: CitySupply | null;
  /** What the open window would give as surge; null where nobody says. */
  surge_provisional: number | null;
  /** Requests of the windows that end at `from` and each minute after it, up to `closed`; null before the first one known. */
  requests_last_hour: { from: string; step_s: 60; values: (number | null)[] } | null;
};

export type RowSource = Pick<Handles, "board" | "watermarks" | "nowMs">;

/** Null for a city without windows. */
export function cityRow(handles: RowSource, city: string): CityRow | null {
  const { board } = handles;
  const { live, closed } = board.current(city);
  const newest = live ?? closed;
  if (newest === null) return null;
  const lastHour = board.windows(city, recent);
  const alert = newestAlert(board.alerts(), city);
  const judged = stateOf(handles, { city, live, closed, alert, lastHour });
  return {
    city,
    ...judged,
    live,
    closed,
    supply: supplyOf(lastHour),
    surge_provisional: provisionalSurge(live),
    requests_last_hour: requestsOf(lastHour, Date.parse((closed ?? newest).window_end)),
  };
}

/** Rows of all cities, worst first. */
export function cityRows(handles: RowSource): CityRow[] {
  return handles.board.cities()
    .map((city) => cityRow(handles, city))
    .filter((row) => row !== null)
    .sort(worstFirst);
}

/** By state; within one by what is worst there; by name where that says nothing. Stable within a minute. */
export function worstFirst(a: CityRow, b: CityRow): number {
  const byState = cityStates.indexOf(a.state) - cityStates.indexOf(b.state);
  if (byState !== 0) return byState;
  const bySince = a.state === "firing" || a.state === "watching" ? compare(a.since ?? "", b.since ?? "") : 0;
  const completion = (row: CityRow) => row.closed?.completion_rate ?? 1;
  return bySince || completion(a) - completion(b) || compare(a.city, b.city);
}

const compare = (a: string, b: string): number => a < b ? -1 : a > b ? 1 : 0;

const recent = { fromMs: 0, untilMs: Number.MAX_SAFE_INTEGER, limit: 66 };

export const endedRides = (w: CityWindow): number =>
  w.rides_completed + w.rides_cancelled_by_rider + w.rides_cancelled_by_driver + w.rides_cancelled_by_system;

/** The board lists an incident's newest transition; of several incidents the one with the newest window counts. */
function newestAlert(alerts: readonly AlertTransition[], city: string): AlertTransition | null {
  let newest: AlertTransition | null = null;
  for (const alert of alerts) {
    if (alert.city === city && (newest === null || alert.window_end > newest.window_end)) newest = alert;
  }
  return newest;
}

type Seen = Pick<CityRow, "city" | "live" | "closed"> & {
  alert: AlertTransition | null;
  lastHour: readonly CityWindow[];
};

function stateOf(handles: RowSource, seen: Seen): Pick<CityRow, "state" | "since" | "watched_minutes"> {
  const { alert, closed } = seen;
  if (isSilent(handles, seen)) {
    const since = (closed ?? seen.live)!.window_end;
    return { state: "no_data", since, watched_minutes: null };
  }
  if (alert?.state === "firing") return { state: "firing", since: alert.since, watched_minutes: null };
  if (alert?.state === "pending") {
    const watched = seen.lastHour.filter((w) =>
      w.kind !== "update" && w.window_end > alert.since && endedRides(w) >= floorEndedRides
    );
    return {
      state: "watching",
      since: alert.since,
      watched_minutes: Math.min(watched.length, watchMinutes),
    };
  }
  if (alert?.state === "no_data") return { state: "no_data", since: alert.since, watched_minutes: null };
  const few = closed === null || endedRides(closed) < floorEndedRides;
  return { state: few ? "too_few" : "ok", since: null, watched_minutes: null };
}

function isSilent(handles: RowSource, { city, live, closed }: Seen): boolean {
  const changedMs = handles.board.changedMs(city);
  if (changedMs !== null && handles.nowMs() - changedMs > stillMs) return true;
  const watermark = handles.watermarks().rides;
  if (live !== null || closed === null || watermark === null) return false;
  return Date.parse(watermark) - Date.parse(closed.window_end) >= silentMs;
}

/** The newest closed window knows open requests at once and drivers a moment later; until then the one before does. */
function supplyOf(lastHour: readonly CityWindow[]): CitySupply | null {
  const closed = lastHour.filter((w) => w.kind !== "update").slice(-3);
  const found = closed.findLast((w) => w.available_drivers !== null) ?? closed.at(-1);
  if (found === undefined) return null;
  const { window_end, open_requests, available_drivers, busy_drivers, utilisation, surge } = found;
  return { as_of: window_end, open_requests, available_drivers, busy_drivers, utilisation, surge };
}

/** A remark of the version, beside its value: not every version carries it. */
function provisionalSurge(live: CityWindow | null): number | null {
  const remark: unknown = live === null ? null : Reflect.get(live, "surge_provisional");
  return typeof remark === "number" ? remark : null;
}

function requestsOf(windows: readonly CityWindow[], lastEndMs: number): CityRow["requests_last_hour"] {
  const first = windows[0];
  if (first === undefined) return null;
  const byEnd = new Map(windows.map((w) => [Date.parse(w.window_end), w.requests]));
  const fromMs = lastEndMs - hourMs + minuteMs;
  const knownFromMs = Date.parse(first.window_end);
  const values = Array.from({ length: 60 }, (_, i) => {
    const endMs = fromMs + i * minuteMs;
    // A window without events is not published: within what is known, absent means none.
    return byEnd.get(endMs) ?? (endMs < knownFromMs ? null : 0);
  });
  return { from: isoTime(fromMs), step_s: 60, values };
}
