/** What all pages share: head, the bar with the look-up, the places of the parts, and the answer itself. */
import type { Assets } from "../assets.ts";
import { type Markup, markup, nothing } from "./markup.ts";
import { isLines, type PageKind, type PageView } from "./page.ts";

/** Puts the parts into their places. `slot` gives a part's content as it is now. */
export type Slots = (name: string) => Markup;

export type PageFacts = { assets: Assets; node: string; version: string; nowMs: number; isLive: boolean };

export function pageResponse(view: PageView, body: (slot: Slots) => Markup, facts: PageFacts): Response {
  const { assets, nowMs, isLive } = facts;
  const now = new Date(nowMs).toISOString();
  const slot: Slots = (name) => {
    const part = view.parts[name];
    if (part === undefined) return nothing;
    return isLines(part) ? markup`${part.order.map((key) => part.lines.get(key))}` : part;
  };
  const page = markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${view.title}</title>
<link rel="icon" href="${assets.path("icon.svg")}" type="image/svg+xml">
${assets.styles}
<script type="module" src="${assets.path("keys.js")}"></script>
${
    isLive
      ? markup`<link rel="modulepreload" href="${assets.path("morph.js")}">
<link rel="modulepreload" href="${assets.path("announce.js")}">
<script type="module" src="${assets.path("live.js")}"></script>`
      : nothing
  }
${view.acts ? markup`<script type="module" src="${assets.path("act.js")}"></script>` : nothing}
</head>
<body data-kind="${view.kind}" data-release="${assets.release}" data-now="${now}">
<a class="skip" href="#main">To the content</a>
<div id="page">
${top(view.kind, now)}
<main id="main" tabindex="-1">
${body(slot)}
</main>
<p id="lost" class="lost-note" role="alert" hidden></p>
<div id="announce" class="unseen" role="log" aria-live="polite"></div>
<footer>
<nav aria-label="Data"><a href="/v1/cities">Cities</a><a href="/v1/alerts">Alerts</a>\
<a href="/v1/partitions">Partitions</a><a href="/v1/ledger">Ledger</a><a href="/metrics">Metrics</a>\
<a href="/docs">Interface</a></nav>
<p>${facts.node} · Waymark ${facts.version} · all times UTC</p>
<noscript><p>Scripts are off: reload to see newer figures.</p></noscript>
</footer>
</div>
</body>
</html>
`;
  return new Response(page.toString(), {
    status: view.status,
    headers: { "content-type": "text/html; charset=utf-8", vary: "accept", ...view.headers },
  });
}

function top(kind: PageKind, now: string): Markup {
  const item = (href: string, text: string, of: PageKind) =>
    markup`<a href="${href}"${kind === of ? markup` aria-current="page"` : null}>${text}</a>`;
  return markup`<header class="top">
<nav aria-label="Pages">${item("/", "Cities", "operations")}${item("/sre", "Pipeline", "pipeline")}</nav>
<form role="search" action="/find" method="get">
<label class="unseen" for="q">Look up a ride, a driver or a city</label>
<input id="q" name="q" type="search" placeholder="Ride, driver or city" required maxlength="128" \
autocomplete="off" autocapitalize="off" spellcheck="false" aria-keyshortcuts="Control+K">
<button>Look up</button>
</form>
<p id="link" class="link" role="status"><i></i><span>as of ${now.slice(11, 19)}</span></p>
</header>`;
}

/** A place whose content is kept current. */
export const place = (slot: Slots, name: string, tag: "div" | "p" | "h1" | "section" = "div"): Markup => {
  const content = slot(name);
  if (tag === "p") return markup`<p data-part="${name}" id="${name}">${content}</p>`;
  if (tag === "h1") return markup`<h1 data-part="${name}" id="${name}">${content}</h1>`;
  if (tag === "section") return markup`<section data-part="${name}" id="${name}">${content}</section>`;
  return markup`<div data-part="${name}" id="${name}">${content}</div>`;
};

export type Column = { key: string; label: string; help?: string };

/** A table whose lines come and go; the first column heads its line. */
export function table(
  slot: Slots,
  { name, label, columns, isTall = false }: {
    name: string;
    label: string;
    columns: readonly Column[];
    /** Scrolls in itself, so that what stands below is not pushed out of sight. */
    isTall?: boolean;
  },
): Markup {
  const heads = columns.map(({ key, label, help }) =>
    markup`<th role="columnheader" scope="col" class="c-${key}">${
      help === undefined ? label : markup`<abbr title="${help}">${label}</abbr>`
    }</th>`
  );
  return markup`<div class="scroll${isTall ? " tall" : ""}" role="region" aria-label="${label}" tabindex="0">
<table role="table" class="t-${name}">
<caption class="unseen">${label}</caption>
<thead role="rowgroup"><tr role="row">${heads}</tr></thead>
<tbody role="rowgroup" data-part="${name}">${slot(name)}</tbody>
</table>
</div>`;
}

export type Cell = { key: string; label: string; cell: Markup | string };

/** One line; its first cell is the line's head. `say` is read out when it changes. */
export function line(
  key: string,
  [head, ...cells]: readonly [Cell, ...Cell[]],
  { tone = "", say }: { tone?: string; say?: string } = {},
): Markup {
  return markup`<tr role="row" class="${tone}" data-key="${key}"${
    say === undefined ? null : markup` data-say="${say}"`
  }><th role="rowheader" scope="row" class="c-${head.key}">${head.cell}</th>${
    cells.map(({ key, label, cell }) =>
      markup`<td role="cell" class="c-${key}" data-label="${label}">${cell}</td>`
    )
  }</tr>`;
}

/** A line's cells in the order of the columns. */
export function cellsOf(
  columns: readonly Column[],
  cells: readonly (Markup | string)[],
): readonly [Cell, ...Cell[]] {
  const [head, ...rest] = columns.map(({ key, label }, i) => ({ key, label, cell: cells[i] ?? "" }));
  return [head!, ...rest];
}

/** A strip of the few figures that matter most. */
export const figures = (entries: readonly (readonly [label: string, value: Markup | string])[]): Markup =>
  markup`<dl class="figures of-${entries.length}">${
    entries.map(([label, value]) => markup`<div><dt>${label}</dt><dd>${value}</dd></div>`)
  }</dl>`;
