/** `/`: the operations desk. One line per city, worst first, and nothing else. */
import { cancelledBar } from "../charts/cancelled_bar.ts";
import { sparkline } from "../charts/sparkline.ts";
import { type CityRow, cityRows, endedRides, floorEndedRides } from "../city_row.ts";
import type { Handles } from "../handles.ts";
import { statusView } from "../status_view.ts";
import { headline, shownSupply, shownWindow, stateMarkup, stateText, summaryText } from "./city_state.ts";
import { cityPath } from "./city_path.ts";
import { type Column, line, place, type Slots, table } from "./layout.ts";
import { type Markup, markup, nothing } from "./markup.ts";
import { linesOf, type PageView } from "./page.ts";
import { factor, none, percent, plural, whole, withUnit } from "./wording.ts";

export type PostingFacts = {
  /** Where the reader reached us: the example posts there. */
  origin: string;
  ingestNeedsKey: boolean;
};

/** Cities on one page; of more, those that are calmest are counted and not shown. */
export const pageCitiesMax = 200;

export function operationsView(handles: Handles, facts: PostingFacts): PageView {
  const rows = cityRows(handles);
  const status = statusView(handles, rows);
  const nowMs = handles.nowMs();
  const firing = status.states.firing > 0 ? `(${status.states.firing} firing) ` : "";
  const hidden = rows.length - pageCitiesMax;
  return {
    kind: "operations",
    status: 200,
    title: `${firing}City operations · Waymark`,
    parts: {
      headline: headline(status, nowMs),
      summary: markup`${summaryText(status)}${
        hidden > 0 ? ` (${plural(hidden, "calmer city", "calmer cities")} not shown)` : ""
      }`,
      trouble: status.trouble.length === 0
        ? nothing
        : markup`<a href="/sre">${status.trouble.join(" · ")}</a>`,
      empty: rows.length === 0 ? emptyMarkup(nowMs, facts) : nothing,
      cities: linesOf(rows.slice(0, pageCitiesMax).map((row) => [row.city, cityLine(row)])),
    },
  };
}

export const operationsBody = (slot: Slots): Markup =>
  markup`<div class="head">
<h1>City operations</h1>
${place(slot, "headline", "p")}
${place(slot, "summary", "p")}
<p class="legend">cancelled by <span class="rider">rider</span><span class="driver">driver</span>\
<span class="system">system</span></p>
</div>
<div class="stage">
${place(slot, "trouble")}
${place(slot, "empty", "section")}
${table(slot, { name: "cities", label: "Cities, worst first", columns })}
</div>
<p class="note">Worst first. Rates are shares of the rides that ended in the last five minutes; below ${floorEndedRides} \
ended rides a city is not judged. The bar reaches to 50\u00a0%, its mark stands at the alert's 30\u00a0%. Open requests, \
drivers and surge are as of the newest complete minute; provisional surge is as of now. Arrow keys go from line to \
line, Ctrl+K looks something up.</p>`;

const columns: readonly Column[] = [
  { key: "city", label: "City" },
  { key: "state", label: "State", help: "of the alert that matters most now" },
  { key: "completion", label: "Completed", help: "completed rides of those that ended" },
  { key: "cancelled", label: "Cancelled", help: "cancelled rides of those that ended, by whom" },
  { key: "accept", label: "To accept", help: "median wait from request to acceptance" },
  { key: "open", label: "Open", help: "requests waiting for a driver" },
  { key: "free", label: "Free", help: "drivers available" },
  { key: "busy", label: "In use", help: "drivers on a ride or on the way, of those on duty" },
  { key: "surge", label: "Surge", help: "price factor: final, and provisional where one is known" },
  { key: "hour", label: "Last hour", help: "requests per five minutes, complete windows only" },
];

const labelOf = (key: string) => columns.find((column) => column.key === key)!.label;

export function cityLine(row: CityRow): Markup {
  const supply = shownSupply(row);
  const cell = (key: string, markup: Markup | string) => ({ key, label: labelOf(key), cell: markup });
  return line(row.city, [
    cell("city", markup`<a class="line" href="${cityPath(row.city)}" title="${row.city}">${row.city}</a>`),
    cell("state", stateMarkup(row)),
    cell("completion", completion(row)),
    cell("cancelled", cancelledBar(shownWindow(row))),
    cell("accept", accept(row)),
    cell("open", whole(supply?.open_requests)),
    cell("free", whole(supply?.available_drivers)),
    cell("busy", percent(supply?.utilisation, 0)),
    cell("surge", surgeMarkup(row)),
    cell(
      "hour",
      sparkline(row.requests_last_hour?.values ?? [], "requests per five minutes over the last hour"),
    ),
  ], { tone: `is-${row.state}`, say: `${row.city}: ${stateText(row)}` });
}

export function completion(row: CityRow): Markup | string {
  const window = shownWindow(row);
  if (window === null || window.completion_rate === null) return none;
  const ended = endedRides(window);
  const rate = window.completion_rate;
  const tone = ended < floorEndedRides ? "few" : rate < 0.7 ? "bad" : rate < 0.78 ? "warn" : "";
  const title = `${whole(window.rides_completed)} of ${whole(ended)} ended rides were completed`;
  return markup`<span class="${tone}" title="${title}">${percent(rate, 1)}</span>`;
}

function accept(row: CityRow): Markup | string {
  const seconds = shownWindow(row)?.request_to_accept_p50_s ?? null;
  return seconds === null
    ? none
    : markup`<span class="${seconds > 90 ? "warn" : ""}">${withUnit(seconds, "s")}</span>`;
}

/** The final factor belongs to the last window closed with supply; what the open one would give is said to be so. */
export function surgeMarkup(row: CityRow): Markup | string {
  const final = shownSupply(row)?.surge ?? null;
  const provisional = row.state === "no_data" ? null : row.surge_provisional;
  if (provisional === null) return factor(final);
  return markup`<span class="surge" title="final ${factor(final)}, provisional ${factor(provisional)}">${
    factor(final)
  }<small>prov. ${factor(provisional)}</small></span>`;
}

/** What to do when nothing has come yet: an event that works as it stands. */
function emptyMarkup(nowMs: number, { origin, ingestNeedsKey }: PostingFacts): Markup {
  const event = JSON.stringify({
    event_type: "requested",
    ride_id: "ride-1",
    timestamp: new Date(Math.floor(nowMs / 60_000) * 60_000).toISOString(),
    city: "bratislava",
    user_id: "user-1",
  });
  const key = ingestNeedsKey ? ` \\\n  -H 'authorization: Bearer YOUR-INGEST-KEY'` : "";
  const command =
    `curl ${origin}/v1/events \\\n  -H 'content-type: application/json'${key} \\\n  -d '${event}'`;
  return markup`<h2>No city has sent anything yet</h2>
<p>Post the first event, and its city appears here within a second:</p>
<pre tabindex="0"><code>${command}</code></pre>
<p>Events may also come through the topic <code>ride-events</code>, keyed by ride. For a busy picture at once, \
start simulated cities with <code>npm run demo</code>.</p>`;
}
