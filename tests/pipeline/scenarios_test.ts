/** Scenarios through the real pipeline: each shows what docs/ALERTING.md tells people to expect of it. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../src/ids.ts";
import { isoTime, minuteMs } from "../../src/time.ts";
import { cityTraffic } from "../../src/traffic/city_traffic.ts";
import type { ScenarioOptions } from "../../src/traffic/scenario.ts";
import { context } from "./folds.ts";
import { play, type Run } from "./harness.ts";
import { valueOf } from "./published.ts";
import { assertRecounted } from "./recounted.ts";

const city = "bratislava";
const startMs = Date.UTC(2026, 0, 15, 17);
const fromMs = startMs + 45 * minuteMs;
const untilMs = fromMs + 12 * minuteMs;

/** One city with a point of every driver each fifteen seconds, and what has been made of it. */
async function played(scenario: ScenarioOptions | null) {
  const traffic = cityTraffic({
    ...{ seed: 5, ratePerMinute: 1_000, cities: 1, positionsShare: 0.97, startMs, durationMs: 70 * minuteMs },
    ...(scenario !== null && { scenario: { afterMs: 45 * minuteMs, forMs: 12 * minuteMs, ...scenario } }),
  });
  const run = await play([...traffic.items]);
  run.pipeline.abandon();
  const windowAt = (endMs: number) => run.windows.find((w) => w.window_end === isoTime(endMs))!;
  const alerts = (rule: string) =>
    run.alerts.filter((a) => a.rule === rule && Date.parse(a.since) > fromMs)
      .sort((a, b) => (a.at < b.at ? -1 : 1));
  return { run, windowAt, alerts, ledger: traffic.ledger };
}

async function ends({ run }: { run: Run }): Promise<void> {
  await assertRecounted(run);
  await run.dispose();
}

describe("a scenario in the pipeline", () => {
  it("concert: twice the requests, fewer free drivers, surge", async () => {
    const [usual, concert] = [await played(null), await played({ name: "concert" })];
    const [before, at] = [usual.windowAt(untilMs), concert.windowAt(untilMs)];
    const [asUsual, asConcert] = [usual, concert].map(({ windowAt }) => valueOf(windowAt(fromMs)));
    assert.deepEqual(asConcert, asUsual, "the same until it begins");
    assert.ok(at.requests > 1.5 * before.requests, `${at.requests} requests for ${before.requests}`);
    assert.ok(at.available_drivers! < 0.8 * before.available_drivers!, `${at.available_drivers} free`);
    assert.ok(at.surge! >= before.surge! + 0.3, `${at.surge} for ${before.surge}`);
    await ends(usual);
    await ends(concert);
  });

  it("supply-drop: free drivers fall, and the alert fires", async () => {
    const drop = await played({ name: "supply-drop" });
    const [before, after] = [fromMs, fromMs + 2 * minuteMs].map((ms) => drop.windowAt(ms).available_drivers!);
    assert.ok(after! < 0.6 * before!, `${after} of ${before} are free`);
    const [pending, firing] = drop.alerts("supply_drop");
    assert.deepEqual([pending!.state, firing!.state], ["pending", "firing"]);
    assert.ok(Date.parse(pending!.at) <= fromMs + 2 * minuteMs, pending!.at);
    assert.equal(Date.parse(firing!.at) - Date.parse(pending!.at), 3 * minuteMs);
    await ends(drop);
  });

  it("cancellation-burst: the alert pends, fires once five minutes later, and resolves once", async () => {
    const burst = await played({ name: "cancellation-burst" });
    const told = burst.alerts("cancellation_rate_high");
    assert.deepEqual(told.map((a) => a.state), ["pending", "firing", "resolved"]);
    const [pending, firing, resolved] = told.map((a) => Date.parse(a.at));
    assert.ok(pending! <= fromMs + 4 * minuteMs, isoTime(pending!));
    assert.equal(firing! - pending!, 5 * minuteMs);
    assert.ok(resolved! > untilMs);
    await ends(burst);
  });

  it("silent-partition: its rides are missing while it is silent, and nothing else", async () => {
    const partitionOf = (key: string) => context.partitionOf("ride-events", utf8(key));
    const partition = { silent: 4, count: context.partitions["ride-events"], of: partitionOf };
    const silent = await played({ name: "silent-partition", partition });
    const usual = await played(null);
    const read = ({ run }: typeof usual) =>
      run.ledger.partitions.filter((p) => p.topic === "ride-events").map((p) => p.read);
    for (const [i, count] of read(silent).entries()) {
      const wanted = read(usual)[i]!;
      assert.ok(i === 4 ? count < wanted : count === wanted, `partition ${i}: ${count} of ${wanted}`);
    }
    await ends(usual);
    await ends(silent);
  });

  it("fast-clock: what is an hour ahead is a dead letter, to the event, and no window closes early", async () => {
    const fast = await played({ name: "fast-clock" });
    assert.ok(fast.ledger.future > 100);
    assert.equal(fast.run.dead.length, fast.ledger.future);
    assert.deepEqual([...new Set(fast.run.dead.map((dead) => dead.reason))], ["event_time_future"]);
    assert.equal(fast.run.late.length, 0);
    assert.ok(fast.run.windows.every((w) => Date.parse(w.window_start) < startMs + 70 * minuteMs));
    assert.ok(fast.run.windows.every((w) => w.city === city));
    await ends(fast);
  });
});
