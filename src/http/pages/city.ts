/** `/cities/{city}`: what stands behind a city's line on the operations desk. */
import type { CityCells } from "../../../schemas/city_cells.ts";
import type { CancelledRide } from "../../../schemas/http.ts";
import { cancelledBar } from "../charts/cancelled_bar.ts";
import { busiestCells, cellsMap } from "../charts/cells_map.ts";
import { type CityView, hoursOffered } from "../city_view.ts";
import { type Acting, actingMarkup } from "./acting.ts";
import { cityCharts } from "./city_charts.ts";
import { headline, shownSupply, shownWindow, stateMarkup, stateText } from "./city_state.ts";
import { cellsOf, type Column, figures, line, place, type Slots, table } from "./layout.ts";
import { type Markup, markup } from "./markup.ts";
import { alertLine, cityAlertColumns } from "./alert_lines.ts";
import { cityPath } from "./city_path.ts";
import { completion, surgeMarkup } from "./operations.ts";
import { linesOf, type PageView } from "./page.ts";
import { driverPath, ridePath } from "./ride.ts";
import { clockOf, factor, gapText, none, percent, spaced, timeOf, whole, withUnit } from "./wording.ts";

export function cityPage(view: CityView, acting: Acting): PageView {
  const nowMs = Date.parse(view.now);
  const window = shownWindow(view);
  const supply = shownSupply(view);
  return {
    kind: "city",
    status: 200,
    acts: acting.may,
    title: `${view.state === "firing" ? "(firing) " : ""}${view.city} · Waymark`,
    parts: {
      heading: markup`<small>City</small> ${view.city}`,
      headline: headline(view, nowMs),
      state: markup`<span data-say="${view.city}: ${stateText(view)}">${stateMarkup(view)}</span>`,
      figures: figures([
        ["Completed", completion(view)],
        ["Cancelled", cancelledBar(window)],
        ["Wait until accepted", withUnit(window?.request_to_accept_p50_s, "s")],
        ["Open requests", whole(supply?.open_requests)],
        ["Free drivers", whole(supply?.available_drivers)],
        ["In use", percent(supply?.utilisation, 0)],
        ["Surge, final", surgeMarkup(view)],
      ]),
      spans: markup`${
        hoursOffered.map((hours) =>
          markup`<a href="${cityPath(view.city)}?hours=${hours}"${
            hours === view.hours ? markup` aria-current="true"` : null
          }>${hours} h</a>`
        )
      }`,
      charts: cityCharts(view),
      map: view.cells === null
        ? markup`<p class="quiet">No cells are known: they come with the positions of drivers.</p>`
        : markup`<p class="quiet">as of ${clockOf(view.cells.at)}, rides wanted in five minutes</p>${
          cellsMap(view.cells)
        }`,
      cells: linesOf(
        busiestCells(view.cells?.cells ?? []).slice(0, cellsListed).map((cell) => [cell[0], cellLine(cell)]),
      ),
      cancelled: linesOf(view.cancelled_rides.map((ride) => [ride.ride_id, rideLine(ride, nowMs)])),
      alerts: linesOf(
        view.alerts.map((alert) => [
          alert.alert_id,
          alertLine(alert, { nowMs, columns: cityAlertColumns, acts: acting.may }),
        ]),
      ),
      acting: actingMarkup(acting),
    },
  };
}

const cellsListed = 8;

export const cityBody = (slot: Slots): Markup =>
  markup`<div class="head">${place(slot, "heading", "h1")}
${place(slot, "headline", "p")}
${place(slot, "state")}
</div>
${place(slot, "figures")}
<section class="block"><div class="with-spans"><h2>Windows</h2><nav class="spans" aria-label="How far back" \
data-part="spans">${slot("spans")}</nav></div><div class="charts" data-part="charts">${
    slot("charts")
  }</div></section>
<div class="columns">
<section class="block"><h2>Cells</h2><div class="card drawn">${place(slot, "map")}</div></section>
<section class="block"><h2>Cells with the highest price, then the most requests</h2>${
    table(slot, { name: "cells", label: "Busiest cells", columns: cellColumns })
  }</section>
<section class="block wide"><h2>Last cancelled rides</h2>${
    table(slot, { name: "cancelled", label: "Last cancelled rides", columns: rideColumns, isTall: true })
  }</section>
<section class="block wide"><h2>Alerts</h2>${
    table(slot, { name: "alerts", label: "Alerts of this city", columns: cityAlertColumns })
  }${slot("acting")}</section>
</div>`;

const cellColumns: readonly Column[] = [
  { key: "name", label: "Cell" },
  { key: "requests", label: "Wanted" },
  { key: "free", label: "Free drivers" },
  { key: "surge", label: "Surge" },
];

const cellLine = ([cell, requests, available, surge]: CityCells["cells"][number]): Markup =>
  line(
    cell,
    cellsOf(cellColumns, [
      markup`<span class="mono">${cell}</span>`,
      whole(requests),
      whole(available),
      factor(surge),
    ]),
  );

const rideColumns: readonly Column[] = [
  { key: "name", label: "Ride" },
  { key: "when", label: "Cancelled" },
  { key: "after", label: "After", help: "since it was requested" },
  { key: "by", label: "By" },
  { key: "reason", label: "Reason" },
  { key: "driver", label: "Driver" },
];

function rideLine(ride: CancelledRide, nowMs: number): Markup {
  const { ride_id, ended_at, requested_at, cancelled_by, reason, driver_id, attempts } = ride;
  const after = requested_at === null ? none : gapText(Date.parse(ended_at) - Date.parse(requested_at));
  return line(
    ride_id,
    cellsOf(rideColumns, [
      markup`<a class="line mono" href="${ridePath(ride_id)}">${ride_id}</a>`,
      timeOf(ended_at, nowMs),
      after,
      markup`<span class="by ${cancelled_by}">${cancelled_by}</span>`,
      reason === null ? none : markup`<span title="${reason}">${spaced(reason)}</span>`,
      driver_id === null
        ? none
        : markup`<a href="${driverPath(driver_id)}">${driver_id}</a>${
          attempts > 1 ? `, no. ${attempts}` : ""
        }`,
    ]),
  );
}
