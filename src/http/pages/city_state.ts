/** A city's state as a shape and words, so that it can be told without colour. */
import { type CityRow, type CityState, watchMinutes } from "../city_row.ts";
import type { StatusView } from "../status_view.ts";
import { type Markup, markup } from "./markup.ts";
import { age, clockOf, plural, spaced } from "./wording.ts";

const shapes: Record<CityState, Markup> = {
  firing: markup`<path class="fill" d="M8 1.6 15.2 14.2H.8Z"/><path class="cut" d="M8 6v4M8 11.6v1.2"/>`,
  watching: markup`<circle class="line" cx="8" cy="8" r="6"/><path class="fill" d="M8 2a6 6 0 0 1 0 12Z"/>`,
  no_data: markup`<circle class="line dash" cx="8" cy="8" r="6"/><path class="line" d="M3.9 12.1 12.1 3.9"/>`,
  ok: markup`<circle class="fill" cx="8" cy="8" r="4"/>`,
  too_few: markup`<circle class="line" cx="8" cy="8" r="4"/>`,
};

export const mark = (state: CityState): Markup =>
  markup`<svg class="mark" viewBox="0 0 16 16" aria-hidden="true">${shapes[state]}</svg>`;

export function stateText(
  row: Pick<CityRow, "state" | "since" | "watched_minutes" | "watch_minutes">,
): string {
  switch (row.state) {
    case "firing":
      return `firing since ${clockOf(row.since)}`;
    case "watching":
      return `watching ${row.watched_minutes ?? 0} of ${row.watch_minutes ?? watchMinutes} min`;
    case "no_data":
      return "no fresh data";
    case "ok":
      return "ok";
    case "too_few":
      return "too few rides";
  }
}

export function stateMarkup(row: CityRow): Markup {
  const more = row.state === "no_data"
    ? `last ${clockOf(row.since)}`
    : row.rule === null
    ? null
    : spaced(row.rule);
  return markup`<span class="state is-${row.state}">${mark(row.state)}<span>${stateText(row)}${
    more === null ? null : markup`<small>${more}</small>`
  }</span></span>`;
}

/** The window whose figures are shown: the one that moves, else the last complete one, unless it is old news. */
export const shownWindow = (row: CityRow) => row.state === "no_data" ? null : row.live ?? row.closed;

/** Gauges are known once a window has closed. */
export const shownSupply = (row: CityRow) => row.state === "no_data" ? null : row.supply;

/** "Data complete to 12:03:00 UTC, 6 s behind", with what holds it back once that matters. */
export function headline({ watermarks }: Pick<StatusView, "watermarks">, nowMs: number): Markup {
  const { rides, held_by } = watermarks;
  if (rides === null) return markup`No watermark yet: nothing is complete so far`;
  const behindMs = nowMs - Date.parse(rides);
  const today = new Date(nowMs).toISOString().slice(0, 10) === rides.slice(0, 10);
  const late = behindMs > lateMs;
  const held = late && held_by !== null ? `, held by ${held_by}` : "";
  return markup`Data complete to <time datetime="${rides}">${today ? "" : `${rides.slice(0, 10)} `}${
    clockOf(rides, true)
  }</time>, <span class="${late ? "warn" : ""}">${age(rides, nowMs)} behind${held}</span>`;
}

/** The watermark stands 30 s behind the newest event; minutes say that something holds it. */
export const lateMs = 120_000;

const words: readonly (readonly [CityState, string])[] = [
  ["firing", "firing"],
  ["watching", "watching"],
  ["no_data", "without fresh data"],
  ["ok", "ok"],
  ["too_few", "with too few rides"],
];

/** "8 cities: 1 firing, 7 ok". */
export function summaryText({ order, states }: Pick<StatusView, "order" | "states">): string {
  if (order.length === 0) return "No cities yet";
  const parts = words.filter(([state]) => states[state] > 0).map(([state, said]) =>
    `${states[state]} ${said}`
  );
  return `${plural(order.length, "city", "cities")}: ${parts.join(", ")}`;
}
