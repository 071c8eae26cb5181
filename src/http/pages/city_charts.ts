/** The windows of a city as six small charts over the same hours. */
import { type RuleField, silence } from "../../../schemas/alert_rule.ts";
import type { CityWindow } from "../../../schemas/city_window.ts";
import { hourMs, isoTime, minuteMs } from "../../time.ts";
import { type LineChart, lineChart } from "../charts/line_chart.ts";
import type { CityView } from "../city_view.ts";
import { type Markup, markup } from "./markup.ts";
import { clockOf, factor, percent, whole, withUnit } from "./wording.ts";

/** Points of a line; of longer spans every n-th window is drawn. */
const pointsMax = 180;

export function cityCharts(view: CityView): Markup {
  const endMs = Date.parse((view.closed ?? view.live!).window_end);
  const fromMs = endMs - view.hours * hourMs;
  const step = Math.max(1, Math.ceil(view.hours * 60 / pointsMax));
  const count = Math.floor(view.hours * 60 / step) + 1;
  const byEnd = new Map(view.windows.map((w) => [Date.parse(w.window_end), w]));
  const windows = Array.from(
    { length: count },
    (_, i) => byEnd.get(endMs - (count - 1 - i) * step * minuteMs),
  );
  const firstMs = Math.min(...byEnd.keys());
  const valuesOf = (of: (w: CityWindow) => number | null, absent: number | null = null) =>
    windows.map((w, i) => {
      if (w !== undefined) return of(w);
      // A window without events is not published: after the first one known, absent means none.
      return endMs - (count - 1 - i) * step * minuteMs > firstMs ? absent : null;
    });
  const times = Array.from({ length: 4 }, (_, i) => clockOf(isoTime(fromMs + i * view.hours * hourMs / 3)));
  const judged = judgedBy(view);
  const shared = (fields: readonly JudgedField[]) => ({ times, bands: judged.bands(fields, fromMs, endMs) });
  const charts: LineChart[] = [
    {
      ...shared(["total_events", "requests", "rides_completed", "demand_vs_usual", silence]),
      title: "Rides in five minutes",
      series: [
        { name: "requested", values: valuesOf((w) => w.requests, 0) },
        { name: "completed", values: valuesOf((w) => w.rides_completed, 0) },
      ],
      text: (n) => whole(n),
      leastTop: 10,
    },
    {
      ...shared(["cancellation_rate", "completion_rate"]),
      title: "Cancelled",
      series: [{ name: "of ended rides", values: valuesOf((w) => w.cancellation_rate) }],
      text: (n) => percent(n, n !== null && n < 0.1 ? 1 : 0),
      leastTop: 0.5,
      ...judged.limit("cancellation_rate", (n) => percent(n, 0)),
    },
    {
      ...shared(["request_to_accept_p50_s", "request_to_accept_p90_s"]),
      title: "Wait until accepted",
      series: [
        { name: "median", values: valuesOf((w) => w.request_to_accept_p50_s) },
        { name: "90 %", values: valuesOf((w) => w.request_to_accept_p90_s) },
      ],
      text: (n) => withUnit(n, "s"),
      leastTop: 60,
      ...judged.limit("request_to_accept_p50_s", (n) => withUnit(n, "s")),
    },
    {
      ...shared(["available_drivers", "busy_drivers", "utilisation", "supply_vs_usual"]),
      title: "Drivers",
      series: [
        { name: "free", values: valuesOf((w) => w.available_drivers) },
        { name: "in use", values: valuesOf((w) => w.busy_drivers) },
      ],
      text: (n) => whole(n),
      leastTop: 10,
    },
    {
      ...shared(["open_requests"]),
      title: "Open requests",
      series: [{ name: "waiting", values: valuesOf((w) => w.open_requests) }],
      text: (n) => whole(n),
      leastTop: 10,
    },
    {
      ...shared(["surge"]),
      title: "Surge",
      series: [{ name: "final", values: valuesOf((w) => w.surge) }],
      text: (n) => factor(n),
      leastTop: 2,
      bottom: 1,
    },
  ];
  return markup`${charts.map(lineChart)}`;
}

type JudgedField = RuleField | typeof silence;

/** What the rules in force say of a chart: the limit of what it shows, and when an alert about it fired. */
function judgedBy({ alerts, rules }: CityView) {
  const about = (fields: readonly JudgedField[]) =>
    new Set(
      rules.filter(({ value }) => value.split(" / ").some((field) => fields.includes(field as JudgedField)))
        .map(({ name }) => name),
    );
  return {
    /** As shares of the span. */
    bands(fields: readonly JudgedField[], fromMs: number, endMs: number): [number, number][] {
      const names = about(fields);
      const long = endMs - fromMs;
      const fired = alerts.filter(({ rule, state }) =>
        names.has(rule) && (state === "firing" || state === "resolved")
      );
      return fired.flatMap(({ state, since, at }) => {
        const from = Math.max(0, (Date.parse(since) - fromMs) / long);
        const to = state === "firing" ? 1 : Math.min(1, (Date.parse(at) - fromMs) / long);
        return to > from ? [[from, to] as [number, number]] : [];
      });
    },
    limit(field: RuleField, text: (n: number) => string): Pick<LineChart, "limit"> {
      const threshold = rules.find(({ value }) => value === field)?.threshold;
      return threshold === undefined ? {} : { limit: { value: threshold, text: `limit ${text(threshold)}` } };
    },
  };
}
