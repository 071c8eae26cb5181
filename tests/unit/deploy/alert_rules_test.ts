/** The rules of deploy/prometheus without Prometheus: what they name exists, each is explained, each is tried. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parse } from "yaml";
import { alertRules, recordingRules, unknownNames } from "../../conformance/promql_names.ts";
import { anchorsOf } from "../../tidy/documents.ts";
import { readText } from "../../tidy/tree.ts";

type Case = {
  name: string;
  input_series: { series: string; values: string }[];
  promql_expr_test?: { exp_samples: { labels: string }[] }[];
};

const page = readText("docs/ALERTS.md");
const cases: Case[] = parse(readText("deploy/prometheus/alert_rules_test.yml")).tests;
const names = alertRules.map((rule) => rule.alert!);

/** The section of each alert, without its heading. */
const sections = new Map(
  page.split(/^### /m).slice(1).map((part) => {
    const [name = "", ...lines] = part.split("\n");
    return [name, lines.join("\n")];
  }),
);

describe("names in PromQL", () => {
  const tries: [expr: string, unknown: string[]][] = [
    ["rate(waymark_publish_retries_total[5m])", []],
    [`waymark_partition_state{state="running", job="waymark"}`, []],
    ["waymark_event_to_window_seconds_bucket", []],
    ["max(partition:waymark_partition_lag_records:max)", []],
    ["waymark_event_to_window_seconds", ["waymark_event_to_window_seconds"]],
    ["waymark_none_total", ["waymark_none_total"]],
    [`waymark_sink_lag_records{topic="x"}`, ["waymark_sink_lag_records{topic}"]],
    ["max(partition:waymark_none:max)", ["partition:waymark_none:max"]],
  ];
  for (const [expr, unknown] of tries) {
    it(`${expr}: ${unknown.length === 0 ? "known" : "found out"}`, () =>
      assert.deepEqual(unknownNames(expr), unknown));
  }
});

describe("alert rules", () => {
  it("name each alert once", () => {
    assert.ok(names.length > 20);
    assert.equal(new Set(names).size, names.length);
  });

  for (const rule of [...recordingRules, ...alertRules]) {
    it(`${rule.alert ?? rule.record}: asks for what exists`, () =>
      assert.deepEqual(unknownNames(rule.expr), []));
  }

  for (const { alert, labels, annotations } of alertRules) {
    it(`${alert}: says how soon, what, and where it is explained`, () => {
      assert.match(labels?.severity ?? "", /^(critical|warning|info)$/);
      assert.match(annotations?.summary ?? "", /\S/);
      assert.match(annotations?.description ?? "", /\.$/);
      const [path, anchor] = annotations?.runbook_url?.split("#") ?? [];
      assert.equal(path, "docs/ALERTS.md");
      assert.equal(anchor, alert!.toLowerCase());
      assert.ok(anchorsOf(page).has(anchor), `docs/ALERTS.md has no heading for ${anchor}`);
    });

    it(`${alert}: its section has what happened, why, and three actions`, () => {
      const section = sections.get(alert!) ?? "";
      for (const part of ["**What happened.** ", "**Why.** ", "**First three actions.**"]) {
        assert.ok(section.includes(part), part);
      }
      assert.deepEqual([...section.matchAll(/^(\d+)\. /gm)].map(([, n]) => n), ["1", "2", "3"]);
    });

    it(`${alert}: a case has it firing, another has its series and nothing that fires`, () => {
      const firing = cases.filter(({ promql_expr_test = [] }) =>
        promql_expr_test.some(({ exp_samples }) =>
          exp_samples.some(({ labels }) => labels.includes(`"${alert}"`))
        )
      );
      assert.ok(firing.length > 0, "no case has it firing");
      const quiet = firing.some(({ promql_expr_test = [] }) =>
        promql_expr_test.some(({ exp_samples }) =>
          !exp_samples.some(({ labels }) => labels.includes(`"${alert}"`))
        )
      );
      assert.ok(quiet || alert === "WaymarkLagHigh", "no case has it quiet before");
    });
  }

  it("docs/ALERTS.md explains no alert that is gone", () => {
    assert.deepEqual([...sections.keys()].sort(), [...names].sort());
  });

  it("the first case has every metric that the rules ask for, and nothing fires", () => {
    const [healthy] = cases;
    const given = healthy!.input_series.map(({ series }) => series);
    const asked = new Set(
      [...recordingRules, ...alertRules].flatMap(({ expr }) =>
        [...expr.matchAll(/(?<![\w:])(waymark_\w+|up)\b(?!:)/g)].map(([name]) => name!)
      ),
    );
    for (const name of asked) assert.ok(given.some((series) => series.startsWith(`${name}{`)), name);
    assert.ok(healthy!.promql_expr_test!.every(({ exp_samples }) => exp_samples.length === 0));
  });
});
