/** The windows of a city as six small charts over the same hours. */
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
  const fired = firingBands(view, fromMs, endMs);
  const shared = { times };
  const charts: LineChart[] = [
    {
      ...shared,
      title: "Rides in five minutes",
      series: [
        { name: "requested", values: valuesOf((w) => w.requests, 0) },
        { name: "completed", values: valuesOf((w) => w.rides_completed, 0) },
      ],
      text: (n) => whole(n),
      leastTop: 10,
    },
    {
      ...shared,
      title: "Cancelled",
      series: [{ name: "of ended rides", values: valuesOf((w) => w.cancellation_rate) }],
      text: (n) => percent(n, n !== null && n < 0.1 ? 1 : 0),
      leastTop: 0.5,
      limit: { value: 0.3, text: "limit 30\u202f%; shaded while an alert fired" },
      bands: fired,
    },
    {
      ...shared,
      title: "Wait until accepted",
      series: [
        { name: "median", values: valuesOf((w) => w.request_to_accept_p50_s) },
        { name: "90 %", values: valuesOf((w) => w.request_to_accept_p90_s) },
      ],
      text: (n) => withUnit(n, "s"),
      leastTop: 60,
      limit: { value: 90, text: "limit 90\u202fs" },
    },
    {
      ...shared,
      title: "Drivers",
      series: [
        { name: "free", values: valuesOf((w) => w.available_drivers) },
        { name: "in use", values: valuesOf((w) => w.busy_drivers) },
      ],
      text: (n) => whole(n),
      leastTop: 10,
    },
    {
      ...shared,
      title: "Open requests",
      series: [{ name: "waiting", values: valuesOf((w) => w.open_requests) }],
      text: (n) => whole(n),
      leastTop: 10,
    },
    {
      ...shared,
      title: "Surge",
      series: [{ name: "final", values: valuesOf((w) => w.surge) }],
      text: (n) => factor(n),
      leastTop: 2,
      bottom: 1,
    },
  ];
  return markup`${charts.map(lineChart)}`;
}

/** When any alert of the city fired, as shares of the span. */
function firingBands({ alerts }: CityView, fromMs: number, endMs: number): [number, number][] {
  const long = endMs - fromMs;
  return alerts.filter(({ state }) => state === "firing" || state === "resolved").flatMap((alert) => {
    const from = Math.max(0, (Date.parse(alert.since) - fromMs) / long);
    const to = alert.state === "firing" ? 1 : Math.min(1, (Date.parse(alert.at) - fromMs) / long);
    return to > from ? [[from, to] as [number, number]] : [];
  });
}
