/** A dashboard from rows of panels: places and ids come from the order, so that nothing overlaps. */
import { clickHouse, type Json, type Panel, panelJson, sqlTarget } from "./panel.ts";

export type Row = { height: number; panels: readonly Panel[] };

export type Dashboard = {
  /** Stands in addresses: other dashboards and bookmarks link to it. */
  uid: string;
  title: string;
  description: string;
  /** Which cities can be chosen: several, one, or (null) none. */
  cities: "several" | "one" | null;
  from: string;
  rows: readonly Row[];
};

const widthOfAll = 24;

export function dashboardJson(dashboard: Dashboard): Json {
  const { uid, title, description, cities, from } = dashboard;
  return {
    uid,
    title,
    description,
    tags: ["waymark"],
    editable: false,
    graphTooltip: 1,
    refresh: "10s",
    time: { from, to: "now" },
    timepicker: { refresh_intervals: ["10s", "30s", "1m", "5m"] },
    timezone: "browser",
    schemaVersion: 39,
    version: 1,
    links: [{
      title: "Waymark",
      type: "dashboards",
      tags: ["waymark"],
      asDropdown: false,
      includeVars: true,
      keepTime: true,
    }],
    annotations: { list: [alertMarks] },
    templating: { list: cities === null ? [cityVariable("several", 2)] : [cityVariable(cities, 0)] },
    panels: panelsOf(dashboard.rows),
  };
}

/** The alerts of the cities that are chosen: a mark where one began to fire, was resolved or lost its data. */
const alertMarks: Json = {
  name: "Alerts of cities",
  enable: true,
  iconColor: "red",
  datasource: clickHouse,
  target: sqlTarget("operations_alerts", 1),
};

/** `hide` 2: the marks ask for cities where nobody chooses any. */
const cityVariable = (which: "several" | "one", hide: 0 | 2): Json => ({
  name: "city",
  label: "City",
  type: "query",
  hide,
  datasource: clickHouse,
  query: sqlTarget("cities", 1),
  definition: "cities",
  // With each change of the chosen time: the cities are those of that time.
  refresh: 2,
  sort: 1,
  multi: which === "several",
  includeAll: which === "several",
  ...(which === "several" && { current: { text: ["All"], value: ["$__all"] } }),
});

function panelsOf(rows: readonly Row[]): Json[] {
  const panels: Json[] = [];
  let y = 0;
  for (const { height, panels: inRow } of rows) {
    let x = 0;
    for (const panel of inRow) {
      panels.push(panelJson(panel, { id: panels.length + 1, gridPos: { x, y, w: panel.width, h: height } }));
      x += panel.width;
    }
    if (x !== widthOfAll) {
      throw new Error(`the row of "${inRow[0]?.title}" is ${x} wide; wanted: ${widthOfAll}`);
    }
    y += height;
  }
  return panels;
}
