/** Alert rules from a file: in force from the start of an empty log, replaced while it runs, the same for any owners. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { WaymarkError } from "../../src/errors.ts";
import { memoryLog } from "../../src/log/memory.ts";
import { startPipeline } from "../../src/node/pipeline.ts";
import { readRules } from "../../src/node/rules_file.ts";
import { keepRules } from "../../src/node/rules_keeper.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import { createSignals } from "../../src/telemetry/signals.ts";
import { hourMs, manualClock, secondMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { disturbedTraffic } from "./disturbed.ts";
import { outcome } from "./harness.ts";
import { quick } from "./quick.ts";

const folder = await mkdtemp(join(tmpdir(), "waymark-rules-"));
after(() => rm(folder, { recursive: true, force: true }));
const path = join(folder, "rules.json");
const rule = { name: "busy", value: "requests", breach: "above", threshold: 3, clear: 2, for: "1m" };
const write = (set: unknown) => writeFile(path, typeof set === "string" ? set : JSON.stringify(set));

describe("a log that begins with a rules file", () => {
  it("is judged by it alone, and the same by three owners that crash", async () => {
    await write({ version: 7, rules: [rule] });
    const items = [...disturbedTraffic({ seed: 11, ratePerMinute: 60 }).items];
    const config = { WAYMARK_RULES: path };
    const one = await outcome(items, { config });
    assert.deepEqual([...new Set(one.alerts.map((a) => a.rule))], ["busy"]);
    assert.ok(one.alerts.filter((a) => a.state === "firing").length > 2, "there is something to compare");
    const crashes = [{ items: 900, when: "folding" as const }, {
      items: 1_700,
      when: "snapshotted" as const,
    }];
    const three = await outcome(items, { config, owners: 3, crashes });
    assert.deepEqual(three.alerts, one.alerts);
    assert.deepEqual(three.cells, one.cells);
  });
});

describe("keepRules", () => {
  it("puts newer sets into the log of every partition, and nothing else; says them again every hour", async () => {
    const clock = manualClock();
    const log = memoryLog({ clock: systemClock });
    let laterMs = 0;
    const said: string[] = [];
    const pipeline = await startPipeline({
      config: { ...quick, WAYMARK_IDLE_MS: hourMs },
      log,
      store: memorySnapshots(),
      clock: systemClock,
      input: { kind: "live" },
      onStopped: (_, error) => said.push(String(error)),
    });
    const stopping = new AbortController();
    await write("{");
    const kept = keepRules({
      // Only the log's clock is moved on: what reads it keeps its own pace.
      log: { ...log, clockMs: () => log.clockMs() + laterMs },
      pipeline,
      clock,
      signals: createSignals(clock, "text", (line) => said.push(line)),
      path,
      signal: stopping.signal,
    });
    const versions = () =>
      pipeline.cities.flatMap((host) =>
        [...host.actors.values()].map((a) => a.fold.rules.newest?.version ?? 0)
      );
    const told = async () => (await log.bounds("city-partials-g1")).reduce((sum, { end }) => sum + end, 0);
    const look = () => clock.advance(5 * secondMs);
    /** The keeper's clock stands still once it has told: the folds have their own. */
    const toldUntil = async (records: number, what: string, holds: () => boolean) => {
      await eventually(what, async () => {
        if (await told() < records) await look();
        return await told() >= records && holds();
      });
      assert.equal(await told(), records, "one record a partition");
    };
    const inForce = (version: number) => () =>
      versions().length === 6 && versions().every((v) => v === version);

    await eventually("the broken file was told of", () => said.some((line) => line.includes("is no JSON")));
    await write({ version: 2, rules: [rule] });
    await toldUntil(6, "version 2 is everywhere", inForce(2));

    await write({ version: 2, rules: [{ ...rule, threshold: 4 }] });
    await eventually("other rules of one version are told of", async () => {
      await look();
      return said.some((line) => line.includes("other rules than version 2"));
    });
    await write({ version: 1, rules: [] });
    await eventually("a lower version is told of", async () => {
      await look();
      return said.some((line) => line.includes("has version 1, the log version 2"));
    });
    assert.deepEqual(versions(), [2, 2, 2, 2, 2, 2]);
    assert.equal(await told(), 6);

    await write({ version: 2, rules: [rule] });
    laterMs = hourMs;
    await toldUntil(12, "they are said again", () => true);
    await write({ version: 3, rules: [] });
    laterMs = 0;
    await toldUntil(18, "version 3 is everywhere", inForce(3));
    stopping.abort();
    await kept;
    pipeline.abandon();
    await log.close();
  });
});

describe("readRules", () => {
  const refusal = async (set: unknown): Promise<string> => {
    await write(set);
    const error = await readRules(path).then(() => null, (e: unknown) => e);
    assert.ok(error instanceof WaymarkError && error.exitCode === 2, "a refused file ends with exit code 2");
    return error.message;
  };

  it("names the field, its value and what is allowed", async () => {
    const wrong = { version: 1, rules: [rule, { ...rule, name: "other", breach: "over" }] };
    assert.match(await refusal(wrong), /rules\[1\]\.breach is "over"; allowed: above or below/);
    assert.match(
      await refusal({ version: 1, rules: [{ ...rule, for: "1h" }] }),
      /rules\[0\]\.for is "1h"; allowed: whole minutes/,
    );
    assert.match(await refusal({ rules: [] }), /version is missing; allowed: a whole number from 1/);
    assert.match(await refusal({ version: 1, rules: [{ ...rule, severtiy: "info" }] }), /severtiy/);
  });

  it("names a file that is not there, or no JSON", async () => {
    assert.match(await refusal("[1,"), /is no JSON/);
    await rm(path);
    await assert.rejects(readRules(path), /could not be read/);
  });
});
