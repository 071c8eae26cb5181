/**
 * What docs/ALERTING.md promises of alerts, on the topic that receivers read: how often they page, and when.
 *
 * Eight rides end in a minute, forty in a window, one of ten cancelled; the burst is from 18:20 to 18:40.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { AlertTransition } from "../../schemas/alert.ts";
import { builtInRules } from "../../src/alerts/built_in.ts";
import { backtest } from "../../src/node/backtest.ts";
import { startPipeline } from "../../src/node/pipeline.ts";
import { feed } from "../../src/node/replay.ts";
import { replayDone } from "../../src/node/replay_done.ts";
import { isoTime, minuteMs, secondMs, systemClock } from "../../src/time.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { writeJsonl } from "../../src/traffic/jsonl.ts";
import { eventually } from "../conformance/eventually.ts";
import { alertsIn, replayOnce } from "../prove/replays.ts";
import { foldedUntil } from "./folded_until.ts";
import { asRecord, onTopic } from "./folds.ts";
import { actorsOf, crashNow, openParts, outcome, play } from "./harness.ts";
import { alertsOf, publishedOn } from "./published.ts";
import { quick } from "./quick.ts";
import { endings, firstEndMs, type Phase, ridesEnding } from "./rides_ending.ts";

const calm: Phase = { minutes: 20, cancelled: 1, of: 10 };
const burstOf = (cancelled: number, of: number): Phase[] => [calm, { minutes: 20, cancelled, of }, calm];
const items = (ridesPerMinute: number, phases: Phase[]) => ridesEnding(endings(ridesPerMinute, phases));
const clock = (time: string): number => Date.parse(`2026-01-15T${time}Z`);

const ofRule = (alerts: AlertTransition[]) =>
  alerts.filter((a) => a.rule === "cancellation_rate_high").sort((a, b) => (a.at < b.at ? -1 : 1))
    .map((a) => [a.state, a.at.slice(11, 16), a.counts.cancelled, a.value]);

/** 12 of 40 is the limit itself; the minute after it has 14. It must recover below 10 of 40, six times. */
const page35 = [
  ["pending", "18:25", 14, 0.35],
  ["firing", "18:30", 14, 0.35],
  ["resolved", "18:48", 4, 0.1],
];

describe("a burst of cancelled rides, forty a window", () => {
  it("of 35 % pages once and resolves once", async () => {
    const run = await outcome(items(8, burstOf(7, 20)));
    assert.deepEqual(ofRule(run.alerts), page35);
    const pages = run.alerts.filter((a) => a.state === "firing" && a.severity === "critical");
    assert.equal(pages.length, 1, "nothing else pages");
  });

  it("of 100 % pages once and resolves once", async () => {
    const run = await outcome(items(8, burstOf(1, 1)));
    // Two minutes of burst and three of calm: 16 + 3. Afterwards 8 + 3 of 40 are no recovery yet, 4 are.
    assert.deepEqual(ofRule(run.alerts), [
      ["pending", "18:22", 19, 0.475],
      ["firing", "18:27", 40, 1],
      ["resolved", "18:50", 4, 0.1],
    ]);
  });

  it("of 29 % never pages, nor is anything pending", async () => {
    const run = await outcome(items(20, burstOf(29, 100)));
    assert.deepEqual(ofRule(run.alerts), []);
  });

  it("of 100 % never pages where five rides a window end", async () => {
    const run = await outcome(items(1, burstOf(1, 1)));
    assert.deepEqual(ofRule(run.alerts), []);
  });

  it("pages no less and no more often after crashes, with wiped snapshots, and with twelve owners", async () => {
    const sent = items(8, burstOf(7, 20));
    const upTo = (time: string) => sent.findIndex((item) => item.recordedAtMs! >= clock(time));
    const straight = await outcome(sent);
    const crashed = await outcome(sent, {
      owners: 3,
      crashes: [
        { items: upTo("18:24:00"), when: "snapshotted" },
        { items: upTo("18:27:30"), when: "folding" },
        { items: upTo("18:30:45"), when: "at_once", wipe: true },
        { items: upTo("18:45:00"), when: "snapshotted" },
      ],
    });
    assert.deepEqual(crashed.alerts, straight.alerts);
    assert.deepEqual(ofRule(crashed.alerts), page35);
    assert.deepEqual((await outcome(sent, { owners: 12 })).alerts, straight.alerts);
  });

  it("pages once when partitions change hands in the middle, with both owners alive", async () => {
    const sent = items(8, burstOf(7, 20));
    const parts = await openParts("memory");
    let complete = false;
    const start = () =>
      startPipeline({
        ...{ config: quick, log: parts.log, store: parts.store, clock: systemClock },
        input: { kind: "replay", complete: () => complete },
        onStopped: (_, error) => assert.fail(String(error)),
      });
    const append = (pipeline: Awaited<ReturnType<typeof start>>, until: number) =>
      feed(parts.log, pipeline, systemClock, {
        chunks: (async function* () {
          yield sent.slice(0, until);
        })(),
        speed: null,
        fed: async () => {},
      });
    const first = await start();
    await append(first, sent.findIndex((item) => item.recordedAtMs! >= clock("18:26:00")));
    const second = await start();
    await eventually("the second has its share of the partitions", () => actorsOf(second).length >= 20);
    await append(second, sent.findIndex((item) => item.recordedAtMs! >= clock("18:33:00")));
    crashNow(first, parts.log);
    await append(second, sent.length);
    complete = true;
    await eventually("the second has folded everything", () => replayDone(second, parts.log));
    const alerts = alertsOf(await publishedOn(parts.log, "alerts", second.naming));
    second.abandon();
    await parts.dispose();
    assert.deepEqual(ofRule(alerts), page35);
  });

  it("pages once when the process is killed with -9 in the middle", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waymark-alerts-"));
    try {
      const [file, dataDir, out] = ["burst.jsonl", "data", "windows.ndjson"].map((name) =>
        join(folder, name)
      );
      await writeJsonl(items(8, burstOf(7, 20)), file!);
      // At this speed the burst passes within the first seconds, wherever a kill meets it.
      const replay = { file: file!, dataDir: dataDir!, owners: 2, speed: 600, snapshotMs: 100 };
      let kills = 0;
      for (const killAfterMs of [2_500, 2_500, 2_500]) {
        if ((await replayOnce(replay, { out: out!, killAfterMs })).killed) kills++;
      }
      assert.ok(kills > 0, "a kill came before the end");
      const { speed: _, ...rest } = replay;
      const ended = await replayOnce(rest, { out: out! });
      assert.equal(ended.code, 0, ended.text);
      assert.deepEqual(ofRule(await alertsIn(dataDir!)), page35);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe("the delay of an alert", () => {
  const toldBy = (sent: readonly SentItem[], untilMs: number) =>
    alertsOf(onTopic(foldedUntil(sent, untilMs), "alerts").map(asRecord));

  const promised: [burst: string, phases: Phase[], pending: string, firing: string][] = [
    ["35 %", burstOf(7, 20), "18:25:30", "18:30:30"],
    ["50 %", burstOf(1, 2), "18:23:30", "18:28:30"],
    ["100 %", burstOf(1, 1), "18:22:30", "18:27:30"],
  ];
  for (const [burst, phases, pending, firing] of promised) {
    it(`is, for a jump from 10 % to ${burst}, that of the table, to the millisecond`, () => {
      const sent = items(8, phases);
      const states = (atMs: number) => ofRule(toldBy(sent, atMs)).map(([state]) => state);
      assert.deepEqual(states(clock(pending) - 1), []);
      assert.deepEqual(states(clock(pending)), ["pending"]);
      assert.deepEqual(states(clock(firing) - 1), ["pending"]);
      assert.deepEqual(states(clock(firing)), ["pending", "firing"]);
    });
  }

  it("is counted by a backtest from the first event in breach", async () => {
    const sent = items(8, burstOf(7, 20));
    const run = await play(sent);
    const found = await backtest(run, builtInRules);
    const [burst] = found.filter((incident) => incident.rule === "cancellation_rate_high");
    run.pipeline.abandon();
    await run.dispose();
    // Of forty rides: twelve of the first 35 of the burst, and one of the last five before it, are 13.
    assert.equal(burst!.firstBreach.by, "event");
    assert.equal(isoTime(burst!.firstBreach.atMs), isoTime(clock("18:20:00") + 34 * 7.5 * secondMs));
    assert.equal(burst!.firedAfterMs, clock("18:30:30") - clock("18:24:15"));
    assert.equal(burst!.worst, 0.35);
    assert.equal(burst!.resolvedMs, clock("18:48:00"));
    assert.equal(firstEndMs, clock("18:20:00") - 20 * minuteMs);
  });
});
