/** `/rides/{id}`: one ride as its actor has it: state, history with both clocks, timers, and what was refused. */
import { type Mark, marks as markTexts } from "../../../actors/ride_table.ts";
import { type Phase, phasesBar } from "../charts/phases.ts";
import type { RideView } from "../handles.ts";
import { isMasked } from "../mask.ts";
import { cellsOf, type Column, figures, line, place, type Slots, table } from "./layout.ts";
import { type Markup, markup } from "./markup.ts";
import { cityPath } from "./city_path.ts";
import { linesOf, type PageView } from "./page.ts";
import { provenanceNote } from "./provenance_note.ts";
import { recordLink } from "./record_link.ts";
import { refusedNote } from "./refused_note.ts";
import { amount, gapText, none, plural, spaced, timeOf } from "./wording.ts";

export const driverPath = (id: string): string => `/drivers/${encodeURIComponent(id)}`;
export const ridePath = (id: string): string => `/rides/${encodeURIComponent(id)}`;

export function ridePage(ride: RideView, nowMs: number): PageView {
  return {
    kind: "ride",
    status: 200,
    title: `${ride.ride_id} · ${ride.state} · Waymark`,
    parts: {
      heading: markup`<small>Ride</small> ${ride.ride_id}`,
      figures: figures([
        ["State", stateMarkup(ride)],
        ["City", ride.city === null ? none : markup`<a href="${cityPath(ride.city)}">${ride.city}</a>`],
        [
          "Driver",
          ride.driver_id === null
            ? none
            : markup`<a href="${driverPath(ride.driver_id)}">${ride.driver_id}</a>`,
        ],
        ["Rider", riderMarkup(ride.user_id)],
        ["Fare", fareMarkup(ride)],
        ["Attempts", plural(ride.attempts, "driver")],
      ]),
      phases: phasesBar(phasesOf(ride, nowMs)),
      events: linesOf(ride.events.map((_, i) => [`${ride.events[i]!.offset}`, eventLine(ride, i, nowMs)])),
      timers: timersMarkup(ride, nowMs),
      marks: marksMarkup(ride),
      refused: refusedNote(ride.refused, nowMs),
      provenance: provenanceNote(ride.owner, `/v1${ridePath(ride.ride_id)}`, nowMs),
    },
  };
}

export const rideBody = (slot: Slots): Markup =>
  markup`<div class="head">${place(slot, "heading", "h1")}</div>
${place(slot, "figures")}
${place(slot, "phases")}
<section class="block"><h2>History, in the order of the log</h2>${
    table(slot, { name: "events", label: "History, in the order of the log", columns })
  }</section>
<div class="columns">
<section class="block"><h2>Pending timers</h2><div class="card">${place(slot, "timers")}</div></section>
<section class="block"><h2>Last refused event</h2><div class="card">${place(slot, "refused")}</div></section>
<section class="block"><h2>What was odd</h2><div class="card">${place(slot, "marks")}</div></section>
<section class="block"><h2>Where this comes from</h2><div class="card">${
    place(slot, "provenance")
  }</div></section>
</div>`;

const isOver = ({ state }: RideView): boolean => state === "completed" || state === "cancelled";

function stateMarkup({ state, outcome, reason }: RideView): Markup {
  const tone = state === "cancelled" ? "bad" : state === "completed" ? "good" : "";
  const more = outcome === null || outcome === state
    ? reason
    : `${outcome}${reason === null ? "" : `: ${reason}`}`;
  return markup`<span class="${tone}">${state}</span>${
    more === null ? null : markup`<small>${more}</small>`
  }`;
}

/** A pseudonym is long and says nothing; it is there to be compared. */
const riderMarkup = (id: string | null): Markup | string =>
  id === null ? none : isMasked(id) ? markup`masked<small class="mono">${id}</small>` : id;

function fareMarkup({ fare, estimated_fare }: RideView): Markup {
  return markup`${amount(fare)}${
    estimated_fare === null ? null : markup`<small>${amount(estimated_fare)} estimated</small>`
  }`;
}

/** Steps whose beginning is known, in order of time; the last one of a ride that goes on is open. */
function phasesOf(ride: RideView, nowMs: number): Phase[] {
  const steps = ([
    ["waiting", ride.requested_at],
    ["approach", ride.accepted_at],
    ["trip", ride.started_at],
  ] as const).flatMap(([name, at]) => at === null ? [] : [{ name, fromMs: Date.parse(at) }]);
  const endMs = ride.ended_at === null ? null : Date.parse(ride.ended_at);
  return steps.toSorted((a, b) => a.fromMs - b.fromMs).map(({ name, fromMs }, i, all) => {
    const next = all[i + 1];
    const toMs = next?.fromMs ?? endMs ?? nowMs;
    return { name, fromMs, toMs: Math.max(fromMs, toMs), goesOn: next === undefined && endMs === null };
  });
}

const columns: readonly Column[] = [
  { key: "event", label: "Event" },
  { key: "at", label: "Event time", help: "when it happened, by the producer's clock" },
  { key: "gap", label: "After", help: "event time since the line before" },
  { key: "logged", label: "Log time", help: "when the log took it" },
  { key: "delay", label: "Arrived", help: "log time after event time" },
  { key: "record", label: "Record" },
];

function eventLine({ events }: RideView, i: number, nowMs: number): Markup {
  const event = events[i]!;
  const before = events[i - 1];
  const at = Date.parse(event.event_time);
  const gap = before === undefined ? none : gapText(at - Date.parse(before.event_time));
  const delayMs = Date.parse(event.record_time) - at;
  return line(
    `${event.offset}`,
    cellsOf(columns, [
      event.event_type,
      timeOf(event.event_time, nowMs, true),
      markup`<span class="${
        before !== undefined && at < Date.parse(before.event_time) ? "warn" : ""
      }">${gap}</span>`,
      timeOf(event.record_time, nowMs, true),
      markup`<span class="${Math.abs(delayMs) > 30_000 ? "warn" : ""}">${
        delayMs < 0 ? `${gapText(-delayMs)} early` : `after ${gapText(delayMs)}`
      }</span>`,
      recordLink(event),
    ]),
    { tone: `is-${event.event_type}` },
  );
}

/** Timers run in event time: what the watermark has not reached is still to come. */
function timersMarkup(ride: RideView, nowMs: number): Markup {
  const clockMs = ride.owner.watermark === null ? null : Date.parse(ride.owner.watermark);
  const timers = [
    ["counts as an open request until", ride.open_until],
    [isOver(ride) ? "is forgotten at" : "is forgotten, if nothing comes, at", ride.forgotten_at],
  ] as const;
  const left = (iso: string) => {
    if (clockMs === null) return null;
    const ms = Date.parse(iso) - clockMs;
    return markup` <span class="quiet">${ms > 0 ? `in ${gapText(ms)} of event time` : "passed"}</span>`;
  };
  return markup`<ul class="plain">${
    timers.map(([what, at]) => at === null ? null : markup`<li>${what} ${timeOf(at, nowMs)}${left(at)}</li>`)
  }</ul>`;
}

function marksMarkup({ marks }: RideView): Markup {
  if (marks.length === 0) return markup`<p class="quiet">Nothing: every step came once and in order.</p>`;
  const textOf = (mark: string) => Object.hasOwn(markTexts, mark) ? markTexts[mark as Mark] : "";
  return markup`<ul class="plain">${
    marks.map((mark) => markup`<li><b>${spaced(mark)}</b>: ${textOf(mark)}</li>`)
  }</ul>`;
}
