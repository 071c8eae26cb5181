import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { alertRuleSet } from "../../../schemas/alert_rule.ts";
import { builtInRules } from "../../../src/alerts/built_in.ts";
import { RuleBook, type RuleSetAt } from "../../../src/alerts/rule_book.ts";

const set = (version: number, fromMs: number): RuleSetAt => ({
  ...alertRuleSet.parse({
    version,
    rules: [{ name: `v${version}`, value: "requests", breach: "above", threshold: 1 }],
  }),
  fromMs,
});
const names = (book: RuleBook) => book.rules("rides").map((rule) => rule.name);
const restored = (book: RuleBook) => {
  const again = new RuleBook();
  again.restore(JSON.parse(JSON.stringify(book.state())));
  return again;
};

describe("RuleBook", () => {
  it("begins with the built-in rules", () => {
    const book = new RuleBook();
    book.advance("rides", 60_000);
    assert.deepEqual(book.rules("rides"), builtInRules);
    assert.equal(book.newest, null);
  });

  it("puts a set in force for the boundaries after its own, and says what it leaves", () => {
    let book = new RuleBook();
    assert.equal(book.say(set(3, 120_000), 5), true);
    book = restored(book);
    assert.deepEqual(book.switches("rides", 60_000), [180_000]);
    assert.equal(book.advance("rides", 120_000), null);
    book = restored(book);
    assert.deepEqual(book.advance("rides", 180_000), builtInRules);
    assert.deepEqual(names(book), ["v3"]);
    assert.deepEqual(book.rules("supply"), builtInRules, "supply is behind");
    book = restored(book);
    assert.deepEqual(book.advance("supply", 240_000), builtInRules);
    assert.deepEqual(book.switches("supply", 60_000), []);
  });

  it("takes the greatest version, whatever comes when, and a repeat only for its time", () => {
    const book = new RuleBook();
    book.say(set(3, 0), 10);
    assert.equal(book.say(set(2, 60_000), 20), false);
    assert.equal(book.saidMs, 10);
    assert.equal(book.say(set(3, 0), 30), false);
    assert.equal(book.saidMs, 30);
    book.advance("rides", 120_000);
    assert.deepEqual(names(restored(book)), ["v3"]);
  });

  it("lets several wait, and passes over those in between", () => {
    const book = new RuleBook();
    book.say(set(1, 60_000), 0);
    book.say(set(2, 120_000), 0);
    assert.deepEqual(book.switches("rides", 60_000), [120_000, 180_000]);
    assert.deepEqual(book.advance("rides", 240_000), builtInRules);
    assert.deepEqual(names(book), ["v2"]);
    assert.equal(book.newest?.version, 2);
  });
});
