/**
 * The dashboards of deploy/grafana: written from scripts/dashboards, laid out without overlap, asking nothing that does
 * not exist. Every SQL is asked here of the tables that real traffic left, with the data source's macros filled in.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { parse } from "yaml";
import { queryText } from "../../scripts/dashboards/panel.ts";
import { dashboardFiles } from "../../scripts/write-dashboards.ts";
import { type Door, openDoor } from "../../src/clickhouse_door/door.ts";
import { copyToClickHouse } from "../../src/node/clickhouse.ts";
import { clickHousePath } from "../../src/node/parts.ts";
import { systemClock } from "../../src/time.ts";
import { cityTraffic } from "../../src/traffic/city_traffic.ts";
import { minuteMs } from "../../src/time.ts";
import { play, type Run } from "../pipeline/harness.ts";
import { quick } from "../pipeline/quick.ts";
import { filesMatching, readText } from "../tidy/tree.ts";
import { dashboards, type Panel, promqlAsked, sqlAsked } from "./dashboards.ts";
import { type Chosen, queryNames, withoutMacros } from "./panel_queries.ts";
import { unknownNames } from "./promql_names.ts";

type Answer = { meta: { name: string; type: string }[]; data: unknown[][] };

describe("dashboards", () => {
  it("are those that scripts/dashboards describes (else: deno run -A scripts/write-dashboards.ts)", () => {
    const found = filesMatching(/^deploy\/grafana\/dashboards\//);
    assert.deepEqual(
      new Map(found.map(({ path, text }) => [path.slice(path.lastIndexOf("/") + 1), text])),
      dashboardFiles(),
    );
  });

  it("are found by the provider, and their sources by uid", () => {
    const { datasources } = parse(readText("deploy/grafana/provisioning/datasources/waymark.yml"));
    const sources = new Map<string, string>(
      datasources.map(({ uid, type }: { uid: string; type: string }) => [uid, type]),
    );
    assert.deepEqual(
      sources,
      new Map([
        ["waymark-clickhouse", "grafana-clickhouse-datasource"],
        ["waymark-prometheus", "prometheus"],
      ]),
    );
    for (const { panels, annotations, templating } of dashboards) {
      for (const { datasource } of [...panels, ...annotations.list, ...templating.list]) {
        assert.ok(sources.has(datasource.uid), datasource.uid);
      }
    }
    const { providers } = parse(readText("deploy/grafana/provisioning/dashboards/waymark.yml"));
    assert.equal(providers[0].options.path, "/var/lib/grafana/dashboards");
  });

  for (const { uid, title, refresh, panels, templating, annotations } of dashboards) {
    it(`${uid}: no two panels overlap, each says what it shows, in which unit`, () => {
      assert.equal(refresh, "10s");
      assert.match(title, /^Waymark: /);
      const cells = new Map<string, string>();
      for (const panel of panels) {
        const { x, y, w, h } = panel.gridPos;
        assert.ok(w > 0 && h > 0 && x >= 0 && x + w <= 24, panel.title);
        for (let dx = 0; dx < w; dx++) {
          for (let dy = 0; dy < h; dy++) {
            const cell = `${x + dx}/${y + dy}`;
            assert.equal(cells.get(cell), undefined, `${panel.title} at ${cell}`);
            cells.set(cell, panel.title);
          }
        }
        assert.match(panel.description, /\.$/, panel.title);
        assert.notEqual(panel.fieldConfig.defaults.unit, "", panel.title);
        assert.ok(panel.fieldConfig.defaults.thresholds.steps.length > 0, panel.title);
      }
      assert.equal(new Set(panels.map((p) => p.id)).size, panels.length);
      assert.ok(panels.some((p) => p.title === "Last window closed"), "how old the figures are");
      assert.deepEqual(templating.list.map((variable) => variable.name), ["city"]);
      assert.equal(annotations.list[0]?.target.rawSql, queryText("operations_alerts"));
    });
  }

  it("ask the time that is chosen, never that of the server", () => {
    for (const { where, target } of sqlAsked) {
      assert.doesNotMatch(target.rawSql!, /\bnow(64)?\s*\(|\btoday\s*\(/i, where);
      assert.match(target.rawSql!, /\$__timeFilter\(/, where);
    }
  });

  it("ask every query that was written for a panel, word for word", async () => {
    const texts = new Map((await queryNames()).map((name) => [queryText(name), name]));
    for (const { where, target } of sqlAsked) assert.ok(texts.has(target.rawSql!), where);
    const asked = new Set(sqlAsked.map(({ target }) => texts.get(target.rawSql!)));
    const unasked = [...texts].filter(([text, name]) => text.includes("$__") && !asked.has(name));
    assert.deepEqual(unasked.map(([, name]) => name), []);
  });

  it("ask for metrics, labels and recorded series that exist", () => {
    for (const { where, target } of promqlAsked) assert.deepEqual(unknownNames(target.expr!), [], where);
  });
});

describe("panels over ClickHouse", () => {
  let folder: string;
  let run: Run;
  let door: Door;
  let chosen: Chosen;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-dashboards-"));
    const traffic = cityTraffic({
      ...{ seed: 5, cities: 3, ratePerMinute: 300, durationMs: 20 * minuteMs, positionsShare: 0.3 },
      ...{ duplicates: 0.02, late: 0.05, tooLate: 0.01, poison: 0.01 },
    });
    run = await play([...traffic.items]);
    run.pipeline.abandon();
    await copyToClickHouse(run.log, folder, quick);
    const path = clickHousePath(folder);
    door = await openDoor({ path, host: "127.0.0.1", port: 0, access: "read", keys: [], clock: systemClock });
    const times = run.windows.map((w) => [Date.parse(w.window_start), Date.parse(w.window_end)]).flat();
    chosen = {
      fromMs: Math.min(...times) - 10 * minuteMs,
      toMs: Math.max(...times) + 10 * minuteMs,
      cities: [...new Set(run.windows.map((w) => w.city))],
      intervalS: 60,
    };
  });
  after(async () => {
    await door.stop();
    await run.dispose();
    await rm(folder, { recursive: true, force: true });
  });

  async function ask(sql: string, more: Partial<Chosen> = {}): Promise<Answer> {
    const search = new URLSearchParams({ default_format: "JSONCompact", max_execution_time: "30" });
    const response = await fetch(`${door.url}/?${search}`, {
      method: "POST",
      body: withoutMacros(sql, { ...chosen, ...more }),
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    return JSON.parse(text);
  }

  for (const { where, panel, target } of sqlAsked) {
    it(`${where}: is answered, in a shape the panel can draw`, async () => {
      const { meta, data } = await ask(target.rawSql!);
      // Three cities of a hundred rides a minute between them need not alarm anybody.
      if (!target.rawSql!.includes("FROM alerts")) assert.ok(data.length > 0, "no rows");
      const columns = meta.map(({ name }) => name);
      if (target.format === 0) drawable(meta, data);
      for (const { matcher } of panel?.fieldConfig.overrides ?? []) {
        assert.ok(columns.includes(matcher.options), `${matcher.options} is no column of ${columns}`);
      }
      for (const shown of shownBy(panel)) {
        assert.ok(columns.includes(shown), `${shown} is no column of ${columns}`);
      }
    });

    it(`${where}: is answered for a time without anything, for a name with a quote, for no city`, async () => {
      await ask(target.rawSql!, { fromMs: 0, toMs: minuteMs, cities: ["l'Aquila"] });
      await ask(target.rawSql!, { fromMs: 0, toMs: minuteMs, cities: [] });
    });
  }
});

/** What the data source needs of a time series: a column of times, rising; numbers; and texts as labels. */
function drawable(meta: Answer["meta"], data: Answer["data"]): void {
  const times = meta.findIndex(({ type }) => type.startsWith("DateTime"));
  assert.equal(meta[times]?.name, "time");
  assert.ok(meta.some(({ type }) => /^(Nullable\()?(U?Int|Float|Decimal)/.test(type)), "no number to draw");
  const seen = data.map((row) => String(row[times]));
  assert.deepEqual(
    seen,
    [...seen].sort(),
    "times must rise: the data source refuses a long series that is not sorted",
  );
}

const shownBy = (panel: Panel | null): string[] =>
  panel?.transformations?.flatMap(({ options }) =>
    /^\^\((.*)\)$/.exec(options.include.pattern)![1]!.split("|")
  ) ?? [];
