/** The pipeline: is what the cities see true and fresh, and if not, which partition or sink holds it back. */
import type { Dashboard } from "./dashboard.ts";
import { lastWindow } from "./operations.ts";
import type { Panel } from "./panel.ts";

const job = `job="waymark"`;

/** A figure that should be nought. */
const wanted0 = (panel: Pick<Panel, "title" | "description" | "expressions">): Panel => ({
  ...panel,
  type: "stat",
  width: 4,
  unit: "none",
  thresholds: ["green", [1, "red"]],
});

const shareOf = (line: string) =>
  `topic:waymark_partition_${line}_records:delta5m / (topic:waymark_partition_read_records:delta5m > 0)`;

export const pipeline: Dashboard = {
  uid: "waymark-pipeline",
  title: "Waymark: pipeline",
  description:
    "What the processes say of themselves (Prometheus), and what arrived in ClickHouse. Alerts and what to " +
    "do about them: docs/ALERTS.md.",
  cities: null,
  from: "now-1h",
  rows: [
    {
      height: 5,
      panels: [
        lastWindow,
        {
          title: "Behind now",
          description:
            "Age of the newest window that is closed for every city, as the processes say: above 180 s " +
            "WaymarkNoFreshWindows fires, or nobody sends. Much less than the figure beside it: ClickHouse is behind.",
          type: "stat",
          width: 4,
          expressions: [{ expr: "max(job:waymark_window_closed_age_seconds:max)", legend: "behind" }],
          unit: "s",
          thresholds: ["green", [120, "orange"], [180, "red"]],
        },
        wanted0({
          title: "Alerts firing",
          description: "Alerts of deploy/prometheus that fire now, without those of severity info.",
          expressions: [{
            expr: `count(ALERTS{alertname=~"Waymark.*", alertstate="firing", severity!="info"}) or vector(0)`,
            legend: "firing",
          }],
        }),
        wanted0({
          title: "Partitions not running",
          description:
            "Stopped, restoring or warming up. A stopped one stays so until its process is started again.",
          expressions: [{
            expr: `count(waymark_partition_state{${job}, state!="running"}) or vector(0)`,
            legend: "not running",
          }],
        }),
        {
          title: "Greatest lag",
          description:
            "Of all partitions, how long ago the newest folded record was appended; 0 at the log end.",
          type: "stat",
          width: 4,
          expressions: [{ expr: "max(partition:waymark_partition_lag_seconds:max)", legend: "lag" }],
          unit: "s",
          thresholds: ["green", [60, "orange"], [300, "red"]],
        },
        {
          title: "Sink lag",
          description:
            "Age of the oldest record that ClickHouse does not have yet. Healthy is about WAYMARK_INSERT_MS.",
          type: "stat",
          width: 4,
          expressions: [{ expr: `max(waymark_sink_oldest_seconds{${job}})`, legend: "sink" }],
          unit: "s",
          thresholds: ["green", [30, "orange"], [120, "red"]],
        },
      ],
    },
    {
      height: 8,
      panels: [
        {
          title: "From event to window",
          description:
            "From an event's log time to the acknowledged window that counts it: the oldest of each flush.",
          type: "timeseries",
          width: 8,
          expressions: [
            { expr: "job:waymark_event_to_window_seconds:p50_5m", legend: "p50" },
            { expr: "job:waymark_event_to_window_seconds:p99_5m", legend: "p99" },
          ],
          unit: "s",
          thresholds: ["transparent", [5, "orange"]],
        },
        {
          title: "Records folded",
          description:
            "Per second and stage, over all processes. A stage at nought while the one before it works: look at its partitions.",
          type: "timeseries",
          width: 8,
          expressions: [{
            expr: `sum by (stage) (rate(waymark_records_folded_total{${job}}[$__rate_interval]))`,
            legend: "{{stage}}",
          }],
          unit: "cps",
        },
        {
          title: "Records logged",
          description:
            "Per second and topic by the log's own time, from the rows in ClickHouse: it ends where ClickHouse is behind.",
          type: "timeseries",
          width: 8,
          query: "pipeline_ingestion_rate",
          unit: "cps",
          name: "${__field.labels.topic}",
        },
      ],
    },
    {
      height: 8,
      panels: [
        {
          title: "Partitions furthest behind",
          description:
            "Records behind the log end. The greatest, not the mean: one partition holds a city back.",
          type: "timeseries",
          width: 8,
          expressions: [{
            expr: "topk(10, partition:waymark_partition_lag_records:max)",
            legend: "{{topic}}/{{partition}}",
          }],
        },
        {
          title: "Oldest snapshots",
          description: "Of partitions with records folded since: what a crash would make them fold again.",
          type: "timeseries",
          width: 8,
          expressions: [{
            expr: `topk(10, waymark_snapshot_age_seconds{${job}} and on (instance, topic, partition) ` +
              `waymark_snapshot_behind_records{${job}} > 0)`,
            legend: "{{topic}}/{{partition}}",
          }],
          unit: "s",
          thresholds: ["transparent", [600, "orange"]],
        },
        {
          title: "Partitions by owner",
          description:
            "How many partitions run in each process. They move when processes come and go, and for nothing else.",
          type: "timeseries",
          width: 8,
          expressions: [{
            expr: `sum by (instance) (waymark_partition_state{${job}, state="running"})`,
            legend: "{{instance}}",
          }],
          unit: "none",
          stacked: true,
        },
      ],
    },
    {
      height: 8,
      panels: [
        {
          title: "What records become",
          description: "Growth of the ledger in five minutes: every record ends in one of these lines.",
          type: "timeseries",
          width: 8,
          expressions: ["counted", "duplicates", "too_late", "dead_lettered"].map((line) => ({
            expr: `sum(topic:waymark_partition_${line}_records:delta5m)`,
            legend: line.replace("_", " "),
          })),
          stacked: true,
        },
        {
          title: "Late, too late, refused",
          description:
            "As a share of the records read. Too late counts in no window; refused are dead letters.",
          type: "timeseries",
          width: 8,
          expressions: ["late", "too_late", "dead_lettered"].map((line) => ({
            expr: shareOf(line),
            legend: `{{topic}} ${line.replace("_", " ")}`,
          })),
          unit: "percentunit",
        },
        {
          title: "Late events by lateness",
          description:
            "Events behind their partition's watermark, in ClickHouse: late are counted, too_late are not.",
          type: "timeseries",
          width: 8,
          query: "pipeline_late_events",
          name: "${__field.labels.reason} ${__field.name}",
          show: "events",
        },
      ],
    },
    {
      height: 8,
      panels: [
        {
          title: "Dead letters",
          description:
            "Records that could not be folded, by topic and reason. Each reason has a section in docs/OPERATIONS.md.",
          type: "timeseries",
          width: 8,
          query: "pipeline_dead_letters",
          name: "${__field.labels.topic} ${__field.labels.reason}",
        },
        {
          title: "Samples of dead letters",
          description:
            "The latest of each topic and reason: where it stands in the log, what was wrong, how it begins.",
          type: "table",
          width: 16,
          query: "pipeline_dead_letter_samples",
        },
      ],
    },
    {
      height: 8,
      panels: [
        {
          title: "From log to ClickHouse",
          description: "Seconds from a record's log time to its row: the slowest of each point, per topic.",
          type: "timeseries",
          width: 8,
          query: "pipeline_sink_delay",
          unit: "s",
          name: "${__field.labels.topic}",
          thresholds: ["transparent", [120, "orange"]],
        },
        {
          title: "Tried again",
          description:
            "Per minute: appends to the log, starts of partitions, inserts into ClickHouse, failed snapshots. All nought when all is well.",
          type: "timeseries",
          width: 8,
          expressions: [
            ["publish", "waymark_publish_retries_total"],
            ["acquire", "waymark_acquire_retries_total"],
            ["insert", "waymark_sink_failures_total"],
            ["snapshot", "waymark_snapshot_failures_total"],
          ].map(([legend, metric]) => ({
            expr: `sum(60 * rate(${metric}{${job}}[$__rate_interval]))`,
            legend: legend!,
          })),
        },
        {
          title: "Requests",
          description:
            "Per second by status, over all doors. 429 and 503: producers are turned away; 500: a bug of ours.",
          type: "timeseries",
          width: 8,
          expressions: [{
            expr: `sum by (status) (rate(waymark_http_requests_total{${job}}[$__rate_interval]))`,
            legend: "{{status}}",
          }],
          unit: "rps",
        },
      ],
    },
    {
      height: 7,
      panels: [
        {
          title: "Event loop",
          description:
            "How late the flush timer came. Above half a second the process is short of processor time.",
          type: "timeseries",
          width: 8,
          expressions: [{ expr: `waymark_event_loop_delay_seconds{${job}}`, legend: "{{instance}}" }],
          unit: "s",
          thresholds: ["transparent", [0.5, "orange"]],
        },
        {
          title: "Actors in memory",
          description: "Rides, drivers and cities that are remembered, by topic.",
          type: "timeseries",
          width: 8,
          expressions: [{
            expr: `sum by (topic) (max by (topic, partition) (waymark_partition_actors{${job}}))`,
            legend: "{{topic}}",
          }],
        },
        {
          title: "Processes",
          description: "1: Prometheus could scrape it.",
          type: "timeseries",
          width: 8,
          expressions: [{ expr: `up{${job}}`, legend: "{{instance}}" }],
          unit: "none",
          max: 1,
        },
      ],
    },
  ],
};
