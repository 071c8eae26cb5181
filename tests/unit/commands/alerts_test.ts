import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { alertRuleSet } from "../../../schemas/alert_rule.ts";
import { builtInWire } from "../../../src/alerts/built_in.ts";
import { alertsCommand } from "../../../src/commands/alerts.ts";
import { parse } from "../../../src/commands/command.ts";
import { WaymarkError } from "../../../src/errors.ts";
import { writeJsonl } from "../../../src/traffic/jsonl.ts";
import { endings, ridesEnding } from "../../pipeline/rides_ending.ts";

describe("waymark alerts", () => {
  let folder = "";
  const at = (name: string) => join(folder, name);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-alerts-"));
    await writeJsonl(
      ridesEnding(endings(8, [
        { minutes: 20, cancelled: 1, of: 10 },
        { minutes: 20, cancelled: 7, of: 20 },
        { minutes: 20, cancelled: 1, of: 10 },
      ])),
      at("burst.jsonl"),
    );
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function said(...args: string[]): Promise<{ code: number; text: string }> {
    const lines: string[] = [];
    const { log } = console;
    console.log = (line: string) => void lines.push(line);
    try {
      return { code: await alertsCommand.run(parse(alertsCommand, args)), text: lines.join("\n") };
    } finally {
      console.log = log;
    }
  }

  it("prints the built-in rules as a file that it takes", async () => {
    const { text } = await said("--print-rules");
    assert.deepEqual(alertRuleSet.parse(JSON.parse(text)).rules, builtInWire);
    await writeFile(at("rules.json"), text);
    assert.deepEqual((await said("--print-rules", "--rules", at("rules.json"))).text, text);
  });

  it("tells when what was pending, fired and was over, how bad it was, and how long it took", async () => {
    const { code, text } = await said(at("burst.jsonl"));
    assert.equal(code, 0);
    const row = text.split("\n").find((line) => line.startsWith("cancellation_rate_high"))!.split(/ {2,}/);
    assert.deepEqual(row, [
      ...["cancellation_rate_high", "wien", "2026-01-15 18:25", "2026-01-15 18:30", "2026-01-15 18:48"],
      ...["0.35", "6 min 15 s", "completed 26, cancelled 14, requests 40, open_requests 2"],
    ]);
    assert.match(
      text,
      /1,832 records in .* s, the built-in rules: 2 fired \(0 still open\) in 1 city, 0 pending only/,
    );
  });

  it("judges by the rules it is given", async () => {
    const rule = {
      ...{ name: "many_cancels", value: "rides_cancelled_by_driver / ended_rides", breach: "above" },
      ...{ threshold: 0.2, for: "1m", severity: "info", cities: ["wien"] },
    };
    await writeFile(at("one.json"), JSON.stringify({ version: 3, rules: [rule] }));
    const made = JSON.parse((await said(at("burst.jsonl"), "--rules", at("one.json"), "--json")).text);
    const { incidents, rules_version } = made;
    assert.equal(rules_version, 3);
    // 8 of 40 at 18:22 is the limit itself, 10 of 40 a minute later is beyond.
    assert.deepEqual(
      incidents.map((i: Record<string, unknown>) => [i.rule, i.pending_at, i.firing_at, i.worst_value]),
      [["many_cancels", "2026-01-15T18:23:00.000Z", "2026-01-15T18:24:00.000Z", 0.35]],
    );
    assert.equal(incidents[0].first_breach_by, "event");
  });

  it("refuses rules with the field, its value and what is allowed", async () => {
    await writeFile(at("bad.json"), (await readFile(at("rules.json"), "utf8")).replace('"above"', '"over"'));
    const error = await said(at("burst.jsonl"), "--rules", at("bad.json")).catch((thrown) => thrown);
    assert.ok(error instanceof WaymarkError);
    assert.equal(error.exitCode, 2);
    assert.match(error.message, /rules\[0\]\.breach is "over"; allowed: above or below/);
  });

  it("refuses to run without a file, and a file that is no recording", async () => {
    await assert.rejects(said(), { code: "usage", message: /alerts takes one FILE/ });
    await writeFile(at("empty.jsonl"), "no event\n");
    await assert.rejects(said(at("empty.jsonl")), { code: "input_unreadable" });
  });
});
