/** What people write: the rules file and the values of settings. A refusal says which, and nothing else is thrown. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { calm, judge } from "../../src/alerts/judge.ts";
import { ruleOf } from "../../src/alerts/rule.ts";
import { readConfig, type SettingName, settings } from "../../src/config.ts";
import { WaymarkError } from "../../src/errors.ts";
import { fromUtf8 } from "../../src/ids.ts";
import { checkRules } from "../../src/node/rules_file.ts";
import { randomFrom } from "../../src/traffic/random.ts";
import { corpusOf, fuzz, mutant, oddValues, pick } from "./mutants.ts";

describe("a rules file", () => {
  const sets = corpusOf("rules.txt").map((line) => {
    const { version, rules } = JSON.parse(fromUtf8(line));
    return new TextEncoder().encode(JSON.stringify({ version, rules }));
  });
  const figures = {
    total_events: 50,
    requests: 40,
    ended_rides: 10,
    cancellation_rate: 0.4,
    available_drivers: 0,
  };

  it("is refused with a message, or its rules can be judged", () =>
    fuzz({
      name: "rules",
      corpus: sets,
      mutants: 6_000,
      judge(input) {
        let value: unknown;
        try {
          value = JSON.parse(fromUtf8(input));
        } catch {
          return;
        }
        let checked;
        try {
          checked = checkRules(value, "rules.json");
        } catch (error) {
          assert.ok(error instanceof WaymarkError && error.code === "config_invalid", String(error));
          return assert.match(error.message, /^the alert rules in rules\.json are refused: ./);
        }
        for (const wire of checked.rules) {
          const rule = ruleOf(wire);
          assert.equal(typeof rule.covers("wien"), "boolean");
          assert.ok(Number.isFinite(rule.clear) && rule.forBoundaries >= 0);
          for (let minute = 1; minute < 4; minute++) judge(rule, calm, minute * 60_000, figures);
          judge(rule, calm, 0, {});
        }
      },
    }));
});

describe("settings", () => {
  const names = Object.keys(settings) as SettingName[];
  const texts = [
    ...[
      "0",
      "1",
      "-1",
      "8080",
      "1e9",
      "99999999999999999999",
      "0x10",
      "1.5",
      "true",
      "off",
      "on",
      "a,b",
      ",",
      "::",
      "*",
    ],
    ...[
      "http://127.0.0.1:1",
      "https://u:p@h/x?y#z",
      "redis://x",
      "127.0.0.1:9092,",
      "name:sha256:00",
      "a=1,b=2",
      "../x",
    ],
    ...[
      "2026-01-31",
      "ride-events=12",
      "ride-events=0",
      "15m",
      "1h",
      "\u0000",
      "ü",
      "x".repeat(5_000),
      " 5 ",
      "%",
      "${HOME}",
    ],
    ...oddValues.map((text) => text.replaceAll('"', "")),
  ];
  const corpus = texts.map((text) => new TextEncoder().encode(text));

  it("that are wrong are refused by name, and a secret is never shown", () => {
    const random = randomFrom(1, "settings");
    const secretMark = "s3cr3t-mark";
    for (let n = 0; n < 6_000; n++) {
      const name = names[n % names.length]!;
      const isSecret = (settings[name] as { secret?: boolean }).secret === true;
      const text = fromUtf8(mutant(random, corpus)) + (isSecret && random.chance(0.5) ? secretMark : "");
      const other = pick(random, names);
      const environment = {
        [name]: text,
        ...(random.chance(0.3) && { [other]: fromUtf8(pick(random, corpus)) }),
      };
      try {
        for (const value of Object.values(readConfig(environment))) assert.ok(!Number.isNaN(value));
      } catch (error) {
        assert.ok(error instanceof WaymarkError, `${name}=${JSON.stringify(text)}: ${error}`);
        assert.ok(["config_invalid", "keys_required"].includes(error.code), error.code);
        assert.ok(!error.message.includes(secretMark), `${name}: ${error.message}`);
      }
    }
  });
});
