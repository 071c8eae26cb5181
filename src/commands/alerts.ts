/** `waymark alerts FILE`: what a set of alert rules would have said of a recording. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AlertRuleSetWire } from "../../schemas/alert_rule.ts";
import { builtInWire } from "../alerts/built_in.ts";
import { ruleOf } from "../alerts/rule.ts";
import { backtest } from "../node/backtest.ts";
import { readRules } from "../node/rules_file.ts";
import { trafficFormats } from "../traffic/formats.ts";
import { backtestJson, backtestText } from "./alerts_text.ts";
import type { Command, Given } from "./command.ts";
import { replayEmbedded } from "./embedded_replay.ts";
import { configFromEnvironment } from "./environment.ts";
import { planOf } from "./replay.ts";

export const alertsCommand: Command = {
  name: "alerts",
  operands: "[FILE]",
  summary: "Replays a recorded file and prints what alert rules would have said of it.",
  options: {
    rules: {
      type: "string",
      value: "FILE",
      help: "the alert rules (default: WAYMARK_RULES, else the built-in ones)",
    },
    format: {
      type: "string",
      value: "NAME",
      help: `${Object.keys(trafficFormats).join(" | ")} (default jsonl)`,
    },
    seed: {
      type: "string",
      value: "N",
      help: "decides what a format leaves open, such as waits (default 1)",
    },
    json: { type: "boolean", help: "prints JSON" },
    "print-rules": { type: "boolean", help: "prints the rules as a file to start from, and replays nothing" },
    help: { type: "boolean", help: "this text" },
  },
  more: () =>
    "An alert fires when its window is closed, which is its end and the watermark delay. How long that took is counted\n" +
    "from the first event that brought the rule into breach for good, see docs/ALERTING.md.\n",
  run: alerts,
};

async function alerts(given: Given): Promise<number> {
  const environment = configFromEnvironment();
  const path = given.text("rules") ?? environment.WAYMARK_RULES;
  const set: AlertRuleSetWire = path === "" ? { version: 1, rules: [...builtInWire] } : await readRules(path);
  if (given.flag("print-rules")) {
    console.log(JSON.stringify(set, null, 2));
    return 0;
  }
  const plan = { ...planOf(given, "alerts"), speed: null };
  const dataDir = await mkdtemp(join(tmpdir(), "waymark-alerts-"));
  const config = {
    ...environment,
    // Everything of a backtest is in its own directory.
    REDIS_URL: "",
    WAYMARK_LOG_FSYNC: "off" as const,
    WAYMARK_RULES: path,
  };
  try {
    return await replayEmbedded(plan, { config, dataDir, what: "alerts" }, async (replayed) => {
      const incidents = await backtest(replayed, set.rules.map(ruleOf));
      const told = {
        incidents,
        rules: { version: path === "" ? 0 : set.version, count: set.rules.length },
        items: replayed.items,
        seconds: replayed.seconds,
      };
      console.log(given.flag("json") ? backtestJson(told) : backtestText(told));
      return 0;
    });
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
