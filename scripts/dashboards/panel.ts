/**
 * Panels of Grafana from the few things that differ between ours: what is asked, in which unit, from where on it is bad.
 *
 * Panels over ClickHouse ask the files of sql/queries/ word for word, so that what a panel shows is what the tests of
 * those files hold; panels over Prometheus carry their expressions.
 */
import { readFileSync } from "node:fs";

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

export const clickHouse = { type: "grafana-clickhouse-datasource", uid: "waymark-clickhouse" };
export const prometheus = { type: "prometheus", uid: "waymark-prometheus" };

/** Grafana's names of units. */
export type Unit =
  | "short"
  | "s"
  | "percentunit"
  | "reqpm"
  | "rps"
  | "cps"
  | "none"
  | "currencyEUR"
  | "locale";

/** Colours from a value on; the first holds from minus infinity. */
export type Thresholds = readonly [
  first: string,
  ...later: readonly (readonly [from: number, colour: string])[],
];

export type Expression = { expr: string; legend: string };

export type Panel = {
  title: string;
  /** What it shows, what is healthy, what to do when it is not. */
  description: string;
  type: "stat" | "timeseries" | "table" | "bargauge";
  /** Of 24. */
  width: number;
  query?: string;
  expressions?: readonly Expression[];
  unit?: Unit;
  thresholds?: Thresholds;
  /** Columns of the query that are drawn; default all. */
  show?: string;
  /** Grafana's template of a series' name. */
  name?: string;
  stacked?: boolean;
  max?: number;
  /** Of a table: how a column is called, and what its figures are. */
  columns?: Readonly<Record<string, Column>>;
};

export type Column = {
  title?: string;
  unit?: Unit;
  thresholds?: Thresholds;
  /** Text → text and colour. */
  words?: Readonly<Record<string, readonly [text: string, colour: string]>>;
  link?: string;
  hidden?: boolean;
  width?: number;
};

export const queryText = (name: string): string =>
  readFileSync(new URL(`../../sql/queries/${name}.sql`, import.meta.url), "utf8");

/** A question to ClickHouse as the data source keeps it: 0 is a time series, 1 a table. */
export const sqlTarget = (name: string, format: 0 | 1): Json => ({
  refId: "A",
  datasource: clickHouse,
  editorType: "sql",
  queryType: format === 0 ? "timeseries" : "table",
  format,
  rawSql: queryText(name),
});

/** Windows close once a minute: a point of a chart that stands for less would be empty. */
const clickHouseStep = "1m";

export function panelJson(panel: Panel, place: { id: number; gridPos: Json }): Json {
  const { title, description, type, query } = panel;
  return {
    ...place,
    title,
    description,
    type,
    datasource: query === undefined ? prometheus : clickHouse,
    ...(query !== undefined && type === "timeseries" && { interval: clickHouseStep }),
    targets: targetsOf(panel),
    fieldConfig: { defaults: defaultsOf(panel), overrides: overridesOf(panel.columns ?? {}) },
    options: optionsOf(panel),
    ...(panel.show !== undefined && {
      transformations: [{
        id: "filterFieldsByName",
        options: { include: { pattern: `^(time|${panel.show})` } },
      }],
    }),
  };
}

function targetsOf({ query, expressions = [], type }: Panel): Json {
  if (query !== undefined) return [sqlTarget(query, type === "timeseries" ? 0 : 1)];
  return expressions.map(({ expr, legend }, i) => ({
    refId: String.fromCharCode(65 + i),
    datasource: prometheus,
    editorMode: "code",
    expr,
    legendFormat: legend,
    ...(type === "timeseries"
      ? { range: true }
      : { instant: true, range: false, format: type === "table" ? "table" : "time_series" }),
  }));
}

const thresholdsJson = ([first, ...later]: Thresholds): Json => ({
  mode: "absolute",
  steps: [{ color: first, value: null }, ...later.map(([value, color]) => ({ color, value }))],
});

function defaultsOf({ type, unit = "short", thresholds, name, stacked = false, max }: Panel): Json {
  const line = type === "timeseries";
  return {
    unit,
    min: 0,
    ...(max !== undefined && { max }),
    ...(name !== undefined && { displayName: name }),
    color: { mode: line || thresholds === undefined ? "palette-classic" : "thresholds" },
    thresholds: thresholdsJson(thresholds ?? ["green"]),
    ...(line && {
      custom: {
        drawStyle: "line",
        lineWidth: 1,
        fillOpacity: stacked ? 30 : 5,
        showPoints: "auto",
        // A gap of data is to be seen as one: two minutes without a window are.
        spanNulls: 90_000,
        stacking: { mode: stacked ? "normal" : "none", group: "A" },
        thresholdsStyle: { mode: thresholds === undefined ? "off" : "dashed" },
      },
    }),
  };
}

const overridesOf = (columns: Readonly<Record<string, Column>>): Json =>
  Object.entries(columns).map(([column, { title, unit, thresholds, words, link, hidden, width }]) => {
    const properties: Json[] = [];
    const set = (id: string, value: Json) => properties.push({ id, value });
    if (title !== undefined) set("displayName", title);
    if (unit !== undefined) set("unit", unit);
    if (width !== undefined) set("custom.width", width);
    if (hidden === true) set("custom.hidden", true);
    if (thresholds !== undefined) set("thresholds", thresholdsJson(thresholds));
    if (words !== undefined) {
      const options = Object.fromEntries(
        Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }]),
      );
      set("mappings", [{ type: "value", options }]);
    }
    if (thresholds !== undefined || words !== undefined) {
      set("custom.cellOptions", { type: "color-background", mode: "basic" });
    }
    if (link !== undefined) set("links", [{ title: "Look at it", url: link }]);
    return { matcher: { id: "byName", options: column }, properties };
  });

function optionsOf({ type, stacked = false }: Panel): Json {
  const reduceOptions = { calcs: ["lastNotNull"], fields: "", values: false };
  switch (type) {
    case "timeseries":
      return {
        legend: {
          displayMode: "table",
          placement: "bottom",
          calcs: ["lastNotNull", "max"],
          sortBy: "Max",
          sortDesc: true,
        },
        tooltip: { mode: "multi", sort: stacked ? "none" : "desc" },
      };
    case "stat":
      return { reduceOptions, colorMode: "background", graphMode: "none", textMode: "auto" };
    case "bargauge":
      return { reduceOptions, orientation: "horizontal", displayMode: "basic", showUnfilled: true };
    case "table":
      return { showHeader: true, cellHeight: "sm", footer: { show: false } };
  }
}
