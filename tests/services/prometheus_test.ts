/**
 * Prometheus's own tools over deploy/prometheus and the dashboards: configurations they read, rules that parse, alerts
 * that fire when they should; and a real Prometheus that scrapes a real process with its read key.
 *
 * Needs promtool, amtool and prometheus (Debian: prometheus, prometheus-alertmanager). One that is missing fails.
 */
import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { freePorts, runToEnd } from "../../src/commands/services/launched.ts";
import { eventually } from "../conformance/eventually.ts";
import { promqlAsked } from "../conformance/dashboards.ts";
import { alertRules, recordingRules } from "../conformance/promql_names.ts";
import { home } from "../tidy/tree.ts";

const advice = "Debian: apt-get install --no-install-recommends prometheus prometheus-alertmanager";
const tool = (name: string, ...args: string[]) => runToEnd(name, args, advice);
const readKey = "read-key-0123456789";

describe("deploy/prometheus", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-prometheus-"));
    await cp(fileURLToPath(new URL("deploy/prometheus", home)), folder, { recursive: true });
    await writeFile(join(folder, "waymark_read_key"), readKey);
  });
  after(() => rm(folder, { recursive: true }));

  it("promtool check config: the configuration, the files it names and its rules", async () => {
    const output = await tool("promtool", "check", "config", join(folder, "prometheus.yml"));
    assert.match(output, new RegExp(`${alertRules.length} rules found`));
    assert.match(output, new RegExp(`${recordingRules.length} rules found`));
  });

  it("promtool check rules: no rule twice", async () => {
    const output = await tool(
      "promtool",
      ...["check", "rules", "--lint=all", "--lint-fatal"],
      ...["recording_rules.yml", "alert_rules.yml"].map((file) => join(folder, file)),
    );
    assert.doesNotMatch(output, /duplicate/i);
  });

  it("promtool test rules: every alert fires when it should, and not before", async () => {
    assert.match(await tool("promtool", "test", "rules", join(folder, "alert_rules_test.yml")), /SUCCESS/);
  });

  it("… and finds an alert whose limit was moved", async () => {
    const moved = await mkdtemp(join(folder, "moved-"));
    for (const file of ["recording_rules.yml", "alert_rules_test.yml"]) {
      await cp(join(folder, file), join(moved, file));
    }
    const rules = await readFile(join(folder, "alert_rules.yml"), "utf8");
    assert.match(rules, /lag_seconds:max > 300/);
    await writeFile(
      join(moved, "alert_rules.yml"),
      rules.replace("lag_seconds:max > 300", "lag_seconds:max > 3000"),
    );
    await assert.rejects(
      tool("promtool", "test", "rules", join(moved, "alert_rules_test.yml")),
      /WaymarkLagHigh/,
    );
  });

  it("promtool reads every expression of the dashboards", async () => {
    const rules = promqlAsked.map(({ target }, i) => ({
      record: `panel:asked:${i}`,
      expr: target.expr!.replaceAll("$__rate_interval", "1m"),
    }));
    assert.ok(rules.length > 15);
    const path = join(folder, "panels.yml");
    // JSON is YAML.
    await writeFile(path, JSON.stringify({ groups: [{ name: "panels", rules }] }));
    assert.match(await tool("promtool", "check", "rules", path), new RegExp(`${rules.length} rules found`));
  });

  it("amtool check-config: the example of Alertmanager", async () => {
    const path = join(folder, "alertmanager.yml");
    assert.match(await tool("amtool", "check-config", path), /SUCCESS/);
    for (
      const [severity, receivers] of [["critical", "pagerduty,slack"], ["warning", "slack"], [
        "info",
        "nobody",
      ]]
    ) {
      const routed = await tool(
        "amtool",
        ...["config", "routes", "test", `--config.file=${path}`, `severity=${severity}`, "job=waymark"],
      );
      assert.equal(routed.trim().split("\n").at(-1), receivers, severity!);
    }
  });
});

describe("a real Prometheus over a real process", () => {
  let folder = "";
  let children: Deno.ChildProcess[] = [];
  let prometheus = "";

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-scraped-"));
    const [port, prometheusPort] = await freePorts(2) as [number, number];
    await cp(fileURLToPath(new URL("deploy/prometheus", home)), folder, { recursive: true });
    await writeFile(join(folder, "waymark_read_key"), readKey);
    const config = join(folder, "prometheus.yml");
    const text = await readFile(config, "utf8");
    await writeFile(
      config,
      text.replace("127.0.0.1:8080", `127.0.0.1:${port}`).replaceAll(": 15s", ": 1s"),
    );
    await tool("prometheus", "--version");
    begin(Deno.execPath(), ["run", "--no-check", "--allow-all", "src/main.ts", "start"], {
      WAYMARK_PORT: String(port),
      WAYMARK_DATA_DIR: join(folder, "data"),
      WAYMARK_READ_KEYS: readKey,
      WAYMARK_CLICKHOUSE: "off",
    });
    prometheus = `http://127.0.0.1:${prometheusPort}`;
    begin("prometheus", [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder, "tsdb")}`,
      `--web.listen-address=127.0.0.1:${prometheusPort}`,
    ]);
  });
  after(async () => {
    for (const child of children) stop(child);
    await Promise.all(children.map((child) => child.status));
    await rm(folder, { recursive: true });
  });

  function begin(command: string, args: string[], env: Record<string, string> = {}): void {
    children = [
      ...children,
      new Deno.Command(command, { args, env, stdout: "null", stderr: "null" }).spawn(),
    ];
  }
  /** One that could not begin is gone already. */
  function stop(child: Deno.ChildProcess): void {
    try {
      child.kill("SIGTERM");
    } catch (thrown) {
      if (!(thrown instanceof TypeError)) throw thrown;
    }
  }
  const asked = async <T>(path: string): Promise<T> => {
    const { status, data } = await (await fetch(`${prometheus}/api/v1/${path}`)).json();
    assert.equal(status, "success");
    return data;
  };
  const until = (what: string, condition: () => Promise<boolean>) =>
    eventually(what, () => condition().catch(() => false), 180_000);

  it("scrapes it with the key in the file", async () => {
    await until("the target is up", async () => {
      const { activeTargets } = await asked<{ activeTargets: { health: string }[] }>("targets");
      return activeTargets.length === 1 && activeTargets[0]!.health === "up";
    });
  });

  it("evaluates every rule without an error, and nothing fires", async () => {
    type Rule = { name: string; type: string; health: string; lastError?: string; state?: string };
    const rules = async () =>
      (await asked<{ groups: { rules: Rule[] }[] }>("rules")).groups.flatMap((group) => group.rules);
    await until(
      "all rules were evaluated",
      async () => (await rules()).every((rule) => rule.health !== "unknown"),
    );
    const all = await rules();
    assert.equal(all.length, alertRules.length + recordingRules.length);
    assert.deepEqual(all.filter((rule) => rule.health !== "ok"), []);
    assert.deepEqual(all.filter((rule) => rule.state === "firing"), []);
  });

  it("the recorded series have values: one for every partition", async () => {
    type Answer = { result: { value: [number, string] }[] };
    const value = async (expr: string) =>
      (await asked<Answer>(`query?query=${encodeURIComponent(expr)}`)).result[0]?.value[1];
    await until(
      "42 partitions run",
      async () => await value("count(partition:waymark_partition_running:max)") === "42",
    );
    // Idle sources tell so now and then, and that is folded a moment later.
    await until(
      "nothing lags",
      async () => await value("sum(partition:waymark_partition_lag_records:max)") === "0",
    );
  });
});
