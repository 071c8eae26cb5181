/** City operations: which city needs somebody now, worst first, and how it came to be so. */
import type { Dashboard } from "./dashboard.ts";
import type { Panel } from "./panel.ts";
import { alertWords } from "./wording.ts";

export const lastWindow: Panel = {
  title: "Last window closed",
  description:
    "Seconds from the end of the newest closed window of any city to the end of the chosen time. A window " +
    "closes once a minute, half a minute behind: up to two minutes is healthy, above three the figures are old.",
  type: "stat",
  width: 4,
  query: "pipeline_last_window",
  unit: "s",
  name: "ago",
  thresholds: ["green", [120, "orange"], [180, "red"]],
};

export const citiesNow: Panel = {
  title: "Cities, worst first",
  description:
    "The last closed window of each city in the chosen time, and its alert as of then. Below 70 % completed " +
    "something is broken. A city's name leads to its own page.",
  type: "table",
  width: 20,
  query: "operations_cities_now",
  columns: {
    city: {
      link: "/d/waymark-city?var-city=${__value.raw}&${__url_time_range}",
    },
    alert: { words: alertWords },
    complete_to: { title: "complete to" },
    requests_per_minute: { title: "requests/min" },
    completion_rate: {
      title: "completed",
      unit: "percentunit",
      thresholds: ["red", [0.7, "orange"], [0.78, "transparent"]],
    },
    cancellation_rate: {
      title: "cancelled",
      unit: "percentunit",
      thresholds: ["transparent", [0.25, "orange"], [0.3, "red"]],
    },
    by_rider: { title: "by rider" },
    by_driver: { title: "by driver" },
    by_system: { title: "by system" },
    request_to_accept_p50_s: {
      title: "to accept (p50)",
      unit: "s",
      thresholds: ["transparent", [90, "orange"]],
    },
    open_requests: { title: "open requests" },
    available_drivers: { title: "free drivers" },
    utilisation: { unit: "percentunit" },
  },
};

const byCity = "${__field.labels.city}";

export const operations: Dashboard = {
  uid: "waymark-operations",
  title: "Waymark: city operations",
  description:
    "Every city from its windows in ClickHouse: exact figures, complete up to the last closed window.",
  cities: "several",
  from: "now-1h",
  rows: [
    { height: 9, panels: [lastWindow, citiesNow] },
    {
      height: 8,
      panels: [
        {
          title: "Requests per minute",
          description:
            "The mean over each closed window. All cities falling at once: look at the pipeline first.",
          type: "timeseries",
          width: 8,
          query: "operations_requests_per_minute",
          name: byCity,
        },
        {
          title: "Cancellation rate",
          description:
            "Cancelled as a share of ended rides. The alert fires after five minutes above the line.",
          type: "timeseries",
          width: 8,
          query: "operations_cancellation_rate",
          unit: "percentunit",
          show: "cancellation_rate",
          name: byCity,
          max: 1,
          thresholds: ["transparent", [0.3, "red"]],
        },
        {
          title: "Completion rate",
          description:
            "Completed as a share of ended rides. Healthy is above 78 %; below 70 % something is broken.",
          type: "timeseries",
          width: 8,
          query: "operations_completion_rate",
          unit: "percentunit",
          show: "completion_rate",
          name: byCity,
          max: 1,
          thresholds: ["red", [0.7, "transparent"]],
        },
      ],
    },
    {
      height: 8,
      panels: [
        {
          title: "Who cancels",
          description:
            "Cancelled rides per minute over the chosen cities. By the system: no driver was found.",
          type: "timeseries",
          width: 8,
          query: "operations_cancellations_by_whom",
          show: "rider|driver|system",
          stacked: true,
        },
        {
          title: "Request to accept",
          description:
            "Of the windows of a point the slowest, half (p50) and nine tenths (p90) of the riders. Above " +
            "90 s more of them cancel.",
          type: "timeseries",
          width: 8,
          query: "operations_request_to_accept",
          unit: "s",
          name: `${byCity} \${__field.name}`,
          thresholds: ["transparent", [90, "orange"]],
        },
        {
          title: "Requests against drivers",
          description:
            "Over the chosen cities, as of each window's end. Open requests above free drivers: riders wait.",
          type: "timeseries",
          width: 8,
          query: "operations_supply",
          show: "open_requests|available_drivers|busy_drivers",
        },
      ],
    },
    {
      height: 8,
      panels: [
        {
          title: "Utilisation",
          description:
            "Drivers with a ride as a share of all on duty. Near 100 %: no one is left for the next rider.",
          type: "timeseries",
          width: 8,
          query: "operations_utilisation",
          unit: "percentunit",
          show: "utilisation",
          name: byCity,
          max: 1,
          thresholds: ["transparent", [0.9, "orange"]],
        },
        {
          title: "Revenue per hour",
          description:
            "Fares of completed rides, as if each window's pace held for an hour. In the fares' currency.",
          type: "timeseries",
          width: 8,
          query: "operations_revenue_per_hour",
          name: byCity,
        },
        {
          title: "Riders",
          description: "Different riders within one window, exactly. Windows overlap: these do not add up.",
          type: "timeseries",
          width: 8,
          query: "operations_unique_riders",
          name: byCity,
        },
      ],
    },
    {
      height: 9,
      panels: [{
        title: "Busiest cities",
        description: "Exact sums over the chosen time: each event and each ride once.",
        type: "table",
        width: 24,
        query: "operations_top_cities",
        columns: {
          completion_rate: {
            title: "completed rides, share",
            unit: "percentunit",
            thresholds: ["red", [0.7, "orange"], [0.78, "transparent"]],
          },
        },
      }],
    },
  ],
};
