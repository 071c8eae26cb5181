/** One city: what happens in it, how its rides end, and what was alarmed about. */
import type { Dashboard } from "./dashboard.ts";
import { citiesNow, lastWindow } from "./operations.ts";
import { alertWords } from "./wording.ts";

export const city: Dashboard = {
  uid: "waymark-city",
  title: "Waymark: one city",
  description: "A city's rides, from the windows and the finished rides in ClickHouse.",
  cities: "one",
  from: "now-3h",
  rows: [
    { height: 4, panels: [{ ...lastWindow, width: 5 }, { ...citiesNow, title: "Now", width: 19 }] },
    {
      height: 8,
      panels: [
        {
          title: "Events per minute",
          description:
            "By kind, the mean over each closed window. Requests far above accepts: too few drivers. " +
            "Everything at nought at once: the city's producer is silent.",
          type: "timeseries",
          width: 12,
          query: "city_events_per_minute",
          unit: "cps",
          show: "requested|accepted|started|completed|cancelled",
        },
        {
          title: "Cancellation rate",
          description:
            "Cancelled rides as a share of ended rides. The alert fires after five minutes above the line.",
          type: "timeseries",
          width: 12,
          query: "operations_cancellation_rate",
          unit: "percentunit",
          show: "cancellation_rate",
          name: "${__field.labels.city}",
          max: 1,
          thresholds: ["transparent", [0.3, "red"]],
        },
      ],
    },
    {
      height: 8,
      panels: [
        {
          title: "Who cancels",
          description: "Cancelled rides per minute. By the system: no driver was found.",
          type: "timeseries",
          width: 8,
          query: "operations_cancellations_by_whom",
          show: "rider|driver|system",
          stacked: true,
        },
        {
          title: "Request to accept",
          description: "Half and nine tenths of the riders wait no longer. Above 90 s more of them cancel.",
          type: "timeseries",
          width: 8,
          query: "operations_request_to_accept",
          unit: "s",
          name: "${__field.name}",
          thresholds: ["transparent", [90, "orange"]],
        },
        {
          title: "Requests against drivers",
          description: "As of each window's end. Open requests above free drivers: riders wait.",
          type: "timeseries",
          width: 8,
          query: "operations_supply",
          show: "open_requests|available_drivers|busy_drivers",
        },
      ],
    },
    {
      height: 9,
      panels: [
        {
          title: "How rides ended",
          description:
            "Rides that ended in the chosen time, by outcome, who cancelled and why. Each ride once.",
          type: "table",
          width: 10,
          query: "city_outcomes",
        },
        {
          title: "Last cancelled rides",
          description:
            "Each ride once, with its newest outcome. What is known of a ride: GET /v1/rides/{id}.",
          type: "table",
          width: 14,
          query: "city_last_cancelled_rides",
          columns: { waited_s: { title: "waited", unit: "s" } },
        },
      ],
    },
    {
      height: 8,
      panels: [
        {
          title: "Alerts",
          description: "Every change of state of the city's alerts in the chosen time, latest first.",
          type: "table",
          width: 12,
          query: "city_alerts",
          columns: {
            state: { words: alertWords },
            value: { unit: "percentunit" },
            threshold: { unit: "percentunit" },
          },
        },
        {
          title: "Hour by hour",
          description:
            "Exact sums: each event and each ride in one hour. windows_open is 0 once an hour is complete.",
          type: "table",
          width: 12,
          query: "city_hours",
          columns: {
            completion_rate: { unit: "percentunit" },
            cancellation_rate: {
              unit: "percentunit",
              thresholds: ["transparent", [0.25, "orange"], [0.3, "red"]],
            },
          },
        },
      ],
    },
  ],
};
