/** Which metrics, labels and recorded series PromQL names, held against those that there are. */
import { Histogram } from "prom-client";
import { parse } from "yaml";
import { registry } from "../../src/telemetry/metrics.ts";
import { readText } from "../tidy/tree.ts";

export type Rule = {
  record?: string;
  alert?: string;
  expr: string;
  for?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
};

export const rulesIn = (path: string): Rule[] =>
  parse(readText(path)).groups.flatMap((group: { rules: Rule[] }) => group.rules);

export const recordingRules = rulesIn("deploy/prometheus/recording_rules.yml");
export const alertRules = rulesIn("deploy/prometheus/alert_rules.yml");

/** Labels that Prometheus itself gives. */
const ofPrometheus = ["job", "instance", "le", "alertname", "alertstate", "severity"];

const metrics = new Map(
  registry.getMetricsAsArray().flatMap((metric) => {
    const labels = [...(metric as unknown as { labelNames: string[] }).labelNames, ...ofPrometheus];
    const isHistogram = metric instanceof Histogram;
    const names = isHistogram
      ? ["_bucket", "_sum", "_count"].map((suffix) => metric.name + suffix)
      : [metric.name];
    return names.map((name) => [name, new Set(labels)] as const);
  }),
);
for (const name of ["up", "ALERTS"]) metrics.set(name, new Set(ofPrometheus));

const recorded = new Set(recordingRules.map((rule) => rule.record!));

/** Everything in the expression that stands for nothing. */
export function unknownNames(expr: string): string[] {
  const names = [...expr.matchAll(/[a-z]+:waymark_[a-z0-9_]+:[a-z0-9_]+/g)].map(([name]) => name);
  const rest = names.reduce((text, name) => text.replaceAll(name, ""), expr);
  const asked = [...rest.matchAll(/\b((?:waymark|process)_\w+|up|ALERTS)\b(?:\{([^}]*)\})?/g)];
  return [
    ...names.filter((name) => !recorded.has(name)),
    ...asked.flatMap(([, name, matchers = ""]) => {
      const labels = metrics.get(name!);
      if (labels === undefined) return [name!];
      const used = [...matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!);
      return used.filter((label) => !labels.has(label)).map((label) => `${name}{${label}}`);
    }),
  ];
}
