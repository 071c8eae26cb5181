import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { alertRule, alertRuleSet, type AlertRuleWire } from "../../../schemas/alert_rule.ts";
import { builtInRules, builtInWire } from "../../../src/alerts/built_in.ts";
import { ruleOf } from "../../../src/alerts/rule.ts";

const wire = (over: Partial<Record<keyof AlertRuleWire, unknown>> = {}): unknown => ({
  name: "many",
  value: "requests",
  breach: "above",
  threshold: 5,
  ...over,
});
const rule = (over?: Parameters<typeof wire>[0]) => ruleOf(alertRule.parse(wire(over)));

describe("ruleOf", () => {
  it("reads a field, one divided by another, or silence", () => {
    assert.equal(rule().read({ requests: 7 }), 7);
    assert.equal(rule().read({}), null);
    const ratio = rule({ value: "rides_cancelled_by_driver / requests" });
    assert.equal(ratio.read({ rides_cancelled_by_driver: 3, requests: 12 }), 0.25);
    assert.equal(ratio.read({ rides_cancelled_by_driver: 3, requests: 0 }), null);
    const silent = rule({ value: "silence" });
    assert.deepEqual([silent.read({}), silent.read({ total_events: 1 })], [1, 0]);
  });

  it("waits for supply when any field of it is known only then", () => {
    assert.deepEqual(
      [
        rule().moment,
        rule({ value: "surge" }).moment,
        rule({ value: "requests / available_drivers" }).moment,
        rule({ floor: { field: "busy_drivers", min: 1 } }).moment,
      ],
      ["rides", "supply", "supply", "supply"],
    );
  });

  it("covers every city, those named, or all but those left out", () => {
    const covered = (cities: string[]) => ["x", "y", "z"].filter(rule({ cities }).covers);
    assert.deepEqual(covered(["*"]), ["x", "y", "z"]);
    assert.deepEqual(covered(["x", "z"]), ["x", "z"]);
    assert.deepEqual(covered(["!y"]), ["x", "z"]);
    assert.deepEqual(covered(["*", "!x"]), ["y", "z"]);
  });

  it("asks for the floor, and a floor that is not known is not reached", () => {
    const floored = rule({ floor: { field: "ended_rides", min: 20 } });
    assert.deepEqual([19, 20, null].map((ended_rides) => floored.isEnough({ ended_rides })), [
      false,
      true,
      false,
    ]);
    assert.equal(floored.isEnough({}), false);
    assert.equal(rule().isEnough({}), true);
  });
});

describe("alertRuleSet", () => {
  const refused = (set: unknown) => alertRuleSet.safeParse(set).error?.issues[0]?.path.join(".");
  const cases: [string, unknown, string][] = [
    ["a version of 0: that is the built-in set", { version: 0, rules: [] }, "version"],
    ["a name with capitals", { version: 1, rules: [wire({ name: "Many" })] }, "rules.0.name"],
    [
      "a field that is not in the list",
      { version: 1, rules: [wire({ value: "unique_riders" })] },
      "rules.0.value",
    ],
    [
      "an expression of three",
      { version: 1, rules: [wire({ value: "requests / starts / starts" })] },
      "rules.0.value",
    ],
    ["a clear beyond the threshold", { version: 1, rules: [wire({ clear: 6 })] }, "rules.0.clear"],
    ["seconds", { version: 1, rules: [wire({ for: "90s" })] }, "rules.0.for"],
    ["a name twice", { version: 1, rules: [wire(), wire()] }, "rules"],
    ["an unknown field of a rule", { version: 1, rules: [{ ...wire() as object, treshold: 1 }] }, "rules.0"],
    ["no city", { version: 1, rules: [wire({ cities: [] })] }, "rules.0.cities"],
    ["no number", { version: 1, rules: [wire({ threshold: "5" })] }, "rules.0.threshold"],
  ];
  for (const [name, set, path] of cases) it(`refuses ${name}`, () => assert.equal(refused(set), path));

  it("fills in what is left out", () => {
    assert.deepEqual(alertRule.parse(wire()), {
      ...wire() as object,
      for: "5m",
      severity: "warning",
      owner: "operations",
      cities: ["*"],
    });
  });

  it("takes the built-in rules as a file would have them", () => {
    assert.deepEqual(alertRuleSet.parse({ version: 1, rules: builtInWire }).rules, builtInWire);
    assert.equal(builtInRules.length, builtInWire.length);
  });
});
