/** `/drivers/{id}`: one driver as its actor has it: state, where it was, and each position with both clocks. */
import { metresBetween } from "../charts/projection.ts";
import { statusKey, trailMap } from "../charts/trail_map.ts";
import type { DriverView, TrailPoint } from "../handles.ts";
import { cellsOf, type Column, figures, line, place, type Slots, table } from "./layout.ts";
import { type Markup, markup } from "./markup.ts";
import { cityPath } from "./city_path.ts";
import { linesOf, type PageView } from "./page.ts";
import { provenanceNote } from "./provenance_note.ts";
import { recordLink } from "./record_link.ts";
import { refusedNote } from "./refused_note.ts";
import { driverPath, ridePath } from "./ride.ts";
import { age, gapText, none, spaced, timeOf, whole, withUnit } from "./wording.ts";

export function driverPage(driver: DriverView, nowMs: number): PageView {
  const { topic, partition } = driver.owner;
  const status = driver.status === null ? "unknown" : spaced(driver.status);
  const rounded = driver.trail.length > 0 && driver.trail.every(isRounded);
  const newestFirst = driver.trail.map((point, i) => ({ point, before: driver.trail[i - 1] })).reverse();
  return {
    kind: "driver",
    status: 200,
    title: `${driver.driver_id} · ${status} · Waymark`,
    parts: {
      heading: markup`<small>Driver</small> ${driver.driver_id}`,
      figures: figures([
        ["Status", markup`${status}<small>${age(driver.last_seen_at, nowMs)} ago</small>`],
        ["City", driver.city === null ? none : markup`<a href="${cityPath(driver.city)}">${driver.city}</a>`],
        [
          "Ride",
          driver.ride_id === null
            ? none
            : markup`<a href="${ridePath(driver.ride_id)}">${driver.ride_id}</a>`,
        ],
        ["Speed", withUnit(driver.speed_kmh, "km/h")],
        ["Cell", markup`<span class="mono">${driver.cell}</span>`],
        [
          "Impossible jumps",
          driver.jumps === 0 ? "0" : markup`<span class="warn">${whole(driver.jumps)}</span>`,
        ],
      ]),
      map: markup`${trailMap(driver.trail, driver.heading)}<p class="legend">${
        statuses.map((one) => markup`<span>${statusKey(one)}${spaced(one)}</span>`)
      }</p>${
        rounded
          ? markup`<p class="note">Places are rounded to about a kilometre for readers; an admin key shows them as they are.</p>`
          : null
      }`,
      points: linesOf(newestFirst.map(({ point, before }) => [
        `${point.offset}`,
        pointLine({ ...point, topic, partition }, rounded ? undefined : before, { nowMs, rounded }),
      ])),
      refused: refusedNote(driver.refused, nowMs),
      provenance: provenanceNote(driver.owner, `/v1${driverPath(driver.driver_id)}`, nowMs),
    },
  };
}

const statuses = ["available", "en_route", "on_trip", "offline"];

export const driverBody = (slot: Slots): Markup =>
  markup`<div class="head">${place(slot, "heading", "h1")}</div>
${place(slot, "figures")}
<div class="columns">
<section class="block"><h2>Last positions</h2><div class="card drawn">${place(slot, "map")}</div></section>
<div>
<section class="block"><h2>Last refused position</h2><div class="card">${
    place(slot, "refused")
  }</div></section>
<section class="block"><h2>Where this comes from</h2><div class="card">${
    place(slot, "provenance")
  }</div></section>
</div>
<section class="block wide"><h2>Positions, newest first</h2>${
    table(slot, { name: "points", label: "Positions, newest first", columns })
  }</section>
</div>`;

const columns: readonly Column[] = [
  { key: "at", label: "Event time", help: "when it was there, by its own clock" },
  { key: "logged", label: "Log time", help: "when the log took it" },
  { key: "delay", label: "Arrived", help: "log time after event time" },
  { key: "status", label: "Status" },
  { key: "place", label: "Position" },
  { key: "step", label: "Moved", help: "since the point before, and how fast that would be" },
  { key: "record", label: "Record" },
];

type PlacedPoint = TrailPoint & { topic: string; partition: number };

/** As readers see them: to about a kilometre, too coarse to measure anything by. */
const isRounded = ({ lat, lng }: TrailPoint): boolean =>
  [lat, lng].every((n) => Math.round(n * 100) / 100 === n);

function pointLine(
  point: PlacedPoint,
  before: TrailPoint | undefined,
  { nowMs, rounded }: { nowMs: number; rounded: boolean },
): Markup {
  const digits = rounded ? 2 : 5;
  const delayMs = Date.parse(point.record_time) - Date.parse(point.event_time);
  return line(
    `${point.offset}`,
    cellsOf(columns, [
      timeOf(point.event_time, nowMs, true),
      timeOf(point.record_time, nowMs, true),
      markup`<span class="${Math.abs(delayMs) > 30_000 ? "warn" : ""}">${
        delayMs < 0 ? `${gapText(-delayMs)} early` : `after ${gapText(delayMs)}`
      }</span>`,
      point.status === null
        ? none
        : markup`<span class="keyed">${statusKey(point.status)}${spaced(point.status)}</span>`,
      `${point.lat.toFixed(digits)}, ${point.lng.toFixed(digits)}`,
      stepText(point, before),
      recordLink(point),
    ]),
  );
}

function stepText(point: TrailPoint, before: TrailPoint | undefined): string {
  if (before === undefined) return none;
  const metres = metresBetween(before, point);
  const hours = (Date.parse(point.event_time) - Date.parse(before.event_time)) / 3_600_000;
  const far = metres < 1_000 ? withUnit(metres, "m") : withUnit(metres / 1_000, "km", 1);
  return hours <= 0 ? far : `${far}, ${withUnit(metres / 1_000 / hours, "km/h")}`;
}
