/** The operations page: its first paint, complete without a script. assets/app.js then keeps it current. */
import { columns, escapeHtml, headlineHtml, rowHtml, summaryText } from "./assets/row.js";
import { cityRows } from "./city_row.ts";
import type { Handles } from "./handles.ts";
import { statusView } from "./status_view.ts";

export type PageFacts = {
  /** Where the reader reached us: the example posts there. */
  origin: string;
  ingestNeedsKey: boolean;
};

export function operationsPage(handles: Handles, facts: PageFacts): Response {
  const rows = cityRows(handles);
  const status = statusView(handles, rows);
  const empty = rows.length === 0;
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>City operations · Waymark</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/app.css">
<link rel="modulepreload" href="/assets/row.js">
<script type="module" src="/assets/app.js"></script>
</head>
<body>
<a class="skip" href="#board">To the cities</a>
<div id="page"${empty ? ' class="empty"' : ""} data-now="${status.now}">
<header>
<h1>City operations<small>Waymark</small></h1>
<p id="link" class="link" role="status"><i></i><span>as of ${status.now.slice(11, 19)} UTC</span></p>
<p id="headline">${headlineHtml(status, handles.nowMs())}</p>
<p class="legend">cancelled by <span class="rider">rider</span><span class="driver">driver</span>\
<span class="system">system</span></p>
<p id="summary">${summaryText(status)}</p>
</header>
<p id="trouble" role="status"${status.trouble.length === 0 ? " hidden" : ""}>${
    escapeHtml(status.trouble.join(" · "))
  }</p>
<main>
<section id="empty"${empty ? "" : " hidden"}>${emptyHtml(handles, facts)}</section>
<div id="board" class="scroll" role="region" aria-label="Cities, worst first" tabindex="0"${
    empty ? " hidden" : ""
  }>
<table role="table">
<caption class="unseen">Cities, worst first</caption>
<thead role="rowgroup"><tr role="row"><th role="columnheader" scope="col" class="c-city">City</th>${headHtml}</tr></thead>
<tbody id="rows" role="rowgroup">${rows.map(rowHtml).join("\n")}</tbody>
</table>
</div>
</main>
<p id="announce" class="unseen" role="status" aria-live="polite"></p>
<footer>
<p id="explained">Worst first. Rates are shares of the rides that ended in the last five minutes; below 20 ended rides a city is \
not judged. The bar reaches to 50\u00a0%, its mark stands at the alert's 30\u00a0%. Open requests and drivers are as of the \
newest complete minute. All times UTC.</p>
<nav aria-label="Data">
<a href="/v1/cities">Cities</a><a href="/v1/alerts">Alerts</a><a href="/v1/partitions">Partitions</a>\
<a href="/v1/ledger">Ledger</a><a href="/metrics">Metrics</a>
</nav>
<noscript><p>Scripts are off: reload to see newer figures.</p></noscript>
</footer>
</div>
</body>
</html>
`;
  return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
}

const headHtml = columns.map(({ key, label, help }) =>
  `<th role="columnheader" scope="col" class="c-${key}"><abbr title="${help}">${label}</abbr></th>`
).join("");

/** What to do when nothing has come yet: an event that works as it stands. */
function emptyHtml(handles: Handles, { origin, ingestNeedsKey }: PageFacts): string {
  const event = JSON.stringify({
    event_type: "requested",
    ride_id: "ride-1",
    timestamp: new Date(handles.nowMs()).toISOString(),
    city: "bratislava",
    user_id: "user-1",
  });
  const key = ingestNeedsKey ? ` \\\n  -H 'authorization: Bearer YOUR-INGEST-KEY'` : "";
  const command =
    `curl ${origin}/v1/events \\\n  -H 'content-type: application/json'${key} \\\n  -d '${event}'`;
  return `<h2>No city has sent anything yet</h2>
<p>Post the first event, and its city appears here within a second:</p>
<pre tabindex="0"><code>${escapeHtml(command)}</code></pre>
<p>Events may also come through the topic <code>ride-events</code>, keyed by ride. For a busy picture at once, \
start simulated cities with <code>npm run demo</code>.</p>`;
}
