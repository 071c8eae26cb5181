/**
 * One city as operations see it: what its windows and alerts say, reduced to a state and the figures beside it.
 *
 *   firing    an alert fires; of several the most severe, then the one that has fired longest
 *   watching  one is pending: n of the minutes it must last have passed
 *   no_data   nothing of this city has come for a while, in event time or in log time: older figures are no news
 *   ok        judged, and calm
 *   too_few   the newest closed window has fewer ended rides than the rule needs to judge
 */
import type { AlertTransition } from "../../schemas/alert.ts";
import { severities } from "../../schemas/alert_rule.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import { hourMs, isoTime, minuteMs } from "../time.ts";
import type { Handles } from "./handles.ts";

/** Ended rides a window needs to be judged, and the minutes a breach must last: those of the rule that is built in. */
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
  /** Firing and watching: the rule that says so. */
  rule: string | null;
  /** Watching: whole minutes that have passed, and how many it takes. */
  watched_minutes: number | null;
  watch_minutes: number | null;
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

export type RowSource = Pick<Handles, "board" | "watermarks" | "nowMs" | "rules">;

/** Null for a city without windows. */
export function cityRow(handles: RowSource, city: string): CityRow | null {
  const { board } = handles;
  const { live, closed } = board.current(city);
  const newest = live ?? closed;
  if (newest === null) return null;
  const lastHour = board.windows(city, recent);
  const alert = worstAlert(board.alerts(), city);
  const judged = stateOf(handles, { city, live, closed, alert, lastHour });
  return {
    city,
    ...judged,
    live,
    closed,
    supply: supplyOf(lastHour),
    surge_provisional: live?.surge_provisional ?? null,
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

const byState: readonly AlertTransition["state"][] = ["firing", "no_data", "pending"];

/** Of the open incidents of a city the one to look at first. */
function worstAlert(alerts: readonly AlertTransition[], city: string): AlertTransition | null {
  const open = alerts.filter((alert) => alert.city === city && alert.state !== "resolved");
  const rank = ({ state, severity }: AlertTransition) =>
    byState.indexOf(state) * severities.length + severities.indexOf(severity);
  return open.sort((a, b) => rank(a) - rank(b) || compare(a.since, b.since))[0] ?? null;
}

type Seen = Pick<CityRow, "city" | "live" | "closed"> & {
  alert: AlertTransition | null;
  lastHour: readonly CityWindow[];
};

type Judged = Pick<CityRow, "state" | "since" | "rule" | "watched_minutes" | "watch_minutes">;

function stateOf(handles: RowSource, seen: Seen): Judged {
  const { alert, closed } = seen;
  const calm = { since: null, rule: null, watched_minutes: null, watch_minutes: null };
  if (isSilent(handles, seen)) {
    const since = (closed ?? seen.live)!.window_end;
    return { ...calm, state: "no_data", since };
  }
  if (alert !== null) {
    const { since, rule } = alert;
    if (alert.state === "firing") return { ...calm, state: "firing", since, rule };
    if (alert.state === "no_data") return { ...calm, state: "no_data", since, rule };
    const written = handles.rules().find(({ name }) => name === rule);
    const floor = written?.floor?.field === "ended_rides" ? written.floor.min : 0;
    const watched = seen.lastHour.filter((w) =>
      w.kind !== "update" && w.window_end > since && endedRides(w) >= floor
    ).length;
    const minutes = written === undefined ? watchMinutes : Number(written.for.slice(0, -1));
    const watched_minutes = Math.min(watched, minutes);
    return { state: "watching", since, rule, watched_minutes, watch_minutes: minutes };
  }
  const few = closed === null || endedRides(closed) < floorEndedRides;
  return { ...calm, state: few ? "too_few" : "ok" };
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
