/** What a new generation may begin with: a log that was trimmed, a topic that was recreated, a number in use. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Config } from "../../src/config.ts";
import type { WaymarkError } from "../../src/errors.ts";
import { utf8 } from "../../src/ids.ts";
import { type MemoryLog, memoryLog } from "../../src/log/memory.ts";
import type { Log, LogRecord } from "../../src/log/port.ts";
import { type TopicName, topicName, topicSpecs } from "../../src/log/topics.ts";
import { stageContext } from "../../src/node/context.ts";
import { type Pipeline, startPipeline } from "../../src/node/pipeline.ts";
import { replayDone } from "../../src/node/replay_done.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { hourMs, isoTime, minuteMs, systemClock } from "../../src/time.ts";
import { cityTraffic } from "../../src/traffic/city_traffic.ts";
import type { SentItem } from "../../src/traffic/item.ts";
import { eventually } from "../conformance/eventually.ts";
import { crashNow, flushCities, hostsOf } from "./harness.ts";
import { publishedOn, valueOf } from "./published.ts";
import { quick } from "./quick.ts";
import { storm } from "./storm.ts";
import { generationOf, newestFacts, newestWindows, type Told, toldBy, toldOn } from "./two_generations.ts";

const sources = ["ride-events", "driver-locations"] as const;
const clock = systemClock;

async function filled(items: readonly SentItem[], generation: number): Promise<MemoryLog> {
  const log = memoryLog({ clock });
  await log.ensureTopics(topicSpecs({ prefix: "", generation }, 2 ** 30));
  const { partitionOf } = stageContext(quick);
  await log.append(items.map(({ topic, key, value, recordedAtMs }) => ({
    topic,
    partition: partitionOf(topic, utf8(key)),
    key: utf8(key),
    value: typeof value === "string" ? utf8(value) : value,
    timestampMs: recordedAtMs!,
  })));
  return log;
}

/** Drops what was recorded before that time from the source topics. */
async function trim(log: MemoryLog, beforeMs: number): Promise<void> {
  const floors = new Map<string, number>();
  for (const topic of sources) {
    for (const partition of (await log.bounds(topic)).keys()) {
      floors.set(`${topic}/${partition}`, await log.offsetAt({ topic, partition }, beforeMs));
    }
  }
  const specs = topicSpecs({ prefix: "", generation: 2 }, 0);
  await log.ensureTopics(specs);
  await log.housekeep(({ topic, partition }) => floors.get(`${topic}/${partition}`) ?? 0);
}

type World = { log: Log; store?: SnapshotStore };

async function start({ log, store = memorySnapshots() }: World, config: Partial<Config>) {
  const stopped: { topic: string; error: WaymarkError }[] = [];
  const pipeline = await startPipeline({
    config: { ...quick, ...config },
    ...{ log, store, clock },
    input: { kind: "replay", complete: () => true },
    onStopped: ({ topic }, error) => void stopped.push({ topic, error: error as WaymarkError }),
  });
  return { pipeline, stopped };
}

/** Starts and folds everything; a partition that stops fails it. */
async function folded(world: World, config: Partial<Config>): Promise<Pipeline> {
  const { pipeline, stopped } = await start(world, config);
  await eventually(
    "everything is folded, or something has stopped",
    async () => stopped.length > 0 || await replayDone(pipeline, world.log),
  );
  assert.deepEqual(stopped, []);
  await flushCities(pipeline);
  return pipeline;
}

const bytesOf = (told: Pick<Told, "windows">, isOn: (windowEnd: string) => boolean) =>
  new Map(
    [...newestWindows(told.windows)].filter(([, w]) => isOn(w.window_end)).map((
      [key, w],
    ) => [key, JSON.stringify(valueOf(w))]),
  );

describe("a new generation on a log that was trimmed", () => {
  const startMs = Date.UTC(2026, 0, 15, 8);
  const trimmedMs = startMs + hourMs;
  const { items: sent } = cityTraffic({
    ...{ seed: 17, startMs, ratePerMinute: 25, cities: 2, durationMs: 8 * hourMs },
    ...{ positionsShare: 0.5, late: 0.02, duplicates: 0.03 },
  });
  const items = [...sent];
  const generation = { WAYMARK_GENERATION: 2, WAYMARK_LATENESS_MS: 5 * minuteMs };
  const cutAt = (ms: number) => ({ ...generation, WAYMARK_PUBLISH_FROM: ms });
  const trimmed = async () => {
    const log = await filled(items, 2);
    await trim(log, trimmedMs);
    return log;
  };

  /** 4 h of ride, window, lateness and the hour that is usual, after the first record that the emptiest partition still has. */
  async function earliest(log: Log): Promise<number> {
    let latestMs = 0;
    for (const [partition, { start }] of (await log.bounds("ride-events")).entries()) {
      const [first] = await log.read({ topic: "ride-events", partition }, start, 1);
      if (start > 0) latestMs = Math.max(latestMs, first!.timestampMs);
    }
    return Math.ceil((latestMs + 5 * hourMs + 10 * minuteMs) / minuteMs) * minuteMs;
  }

  it("refuses a cut before its warm-up ends, and names the cut, the earliest one and the settings", async () => {
    const log = await trimmed();
    const earliestMs = await earliest(log);
    const cutMs = earliestMs - minuteMs;
    const { pipeline, stopped } = await start({ log }, cutAt(cutMs));
    await eventually("a partition has stopped", () => stopped.length > 0);
    crashNow(pipeline, log);
    for (const { topic, error } of stopped) {
      assert.deepEqual([topic, error.code, error.exitCode], ["ride-events", "cut_before_warm_up", 3]);
    }
    const { message } = stopped[0]!.error;
    for (
      const part of [isoTime(cutMs), isoTime(earliestMs), "WAYMARK_PUBLISH_FROM", "WAYMARK_PUBLISH_UNTIL"]
    ) {
      assert.ok(message.includes(part), `${part} in: ${message}`);
    }
    await log.close();
  });

  it("takes the one it named, and publishes from there on what a log from the beginning gives", async () => {
    const log = await trimmed();
    const cutMs = await earliest(log);
    const pipeline = await folded({ log }, cutAt(cutMs));
    const told = await toldOn(log);
    crashNow(pipeline, log);
    await log.close();
    const isAfter = (windowEnd: string) => windowEnd > isoTime(cutMs);
    const whole = await toldBy(items, { generations: [generation] });
    assert.ok(bytesOf(told, isAfter).size > 100);
    assert.deepEqual([...bytesOf(told, (end) => !isAfter(end))], []);
    const rowsOf = (t: Told | Awaited<ReturnType<typeof toldOn>>) =>
      [...newestWindows(t.windows).values()].filter((w) => isAfter(w.window_end))
        .map(({ rev: _, ...w }) => JSON.stringify(valueOf({ ...w, rev: "" })));
    assert.deepEqual(rowsOf(told), rowsOf(whole));
    const factsAfter = whole.facts.filter((fact) => fact.recorded > isoTime(cutMs));
    assert.deepEqual(newestFacts(told.facts), newestFacts(factsAfter));
  });

  it("takes any cut while the log still has its first records", async () => {
    const log = await filled(items, 2);
    crashNow(await folded({ log }, cutAt(startMs + 10 * minuteMs)), log);
    await log.close();
  });

  it("is not held to a cut that it is long past, when it starts cold once more", async () => {
    const log = await trimmed();
    const cutMs = await earliest(log);
    const first = await folded({ log }, cutAt(cutMs));
    await first.drain();
    await trim(log, cutMs + minuteMs);
    const { pipeline, stopped } = await start({ log }, cutAt(cutMs));
    await eventually(
      "every partition is owned or has stopped",
      () => hostsOf(pipeline).reduce((sum, host) => sum + host.actors.size, 0) + stopped.length === 42,
    );
    assert.deepEqual(stopped.map(({ error }) => error.message), []);
    crashNow(pipeline, log);
    await log.close();
  });
});

describe("a source topic that was deleted and created again", () => {
  const [before, after] = [storm(7), storm(8)];
  const other: Partial<Config> = { WAYMARK_GENERATION: 2, WAYMARK_LOG_EPOCH: 1 };

  /** Snapshots and outputs of a first life, and source topics of a second one. */
  async function recreated(): Promise<{ log: MemoryLog; store: SnapshotStore; first: Told["facts"] }> {
    const store = memorySnapshots();
    const gone = await filled(before, 1);
    await (await folded({ log: gone, store }, {})).drain();
    const log = await filled(after, 1);
    const outputs: TopicName[] = [
      ...[
        "city-partials",
        "analytics-aggregated",
        "ride-facts",
        "alerts",
        "late-events",
        "dead-letters",
      ] as const,
    ];
    for (const topic of outputs) await copied(gone, log, topicName(topic, { prefix: "", generation: 1 }));
    const first = (await toldOn(gone)).facts;
    await gone.close();
    return { log, store, first };
  }

  async function copied(from: Log, to: Log, topic: string): Promise<void> {
    for (const [partition, { end }] of (await from.bounds(topic)).entries()) {
      const records: LogRecord[] = await from.read({ topic, partition }, 0, end);
      await to.append(
        records.map(({ key, value, headers }) => ({
          ...{ topic, partition, key, value },
          ...(headers !== null && { headers }),
        })),
      );
    }
  }

  it("is refused under the old numbers, and under a new epoch alone, with snapshots and without", async () => {
    const { log, store } = await recreated();
    const { pipeline, stopped } = await start({ log, store }, {});
    await eventually("a source partition has stopped", () => stopped.some((s) => s.topic === "ride-events"));
    assert.ok(stopped.every(({ error }) => error.exitCode === 3));
    crashNow(pipeline, log);
    for (const world of [{ log, store }, { log }]) {
      await assert.rejects(start(world, { WAYMARK_LOG_EPOCH: 1 }), {
        code: "fold_version_differs",
        exitCode: 3,
      });
    }
    await log.close();
  });

  it("is folded under a new epoch and generation together: its windows win, its facts stand beside the old", async () => {
    const { log, store, first } = await recreated();
    crashNow(await folded({ log, store }, other), log);
    const told = await toldOn(log);
    const alone = await toldBy(after, { generations: [other] });
    const own = bytesOf(alone, () => true);
    assert.deepEqual(new Map([...bytesOf(told, () => true)].filter(([key]) => own.has(key))), own);
    assert.ok([...newestWindows(told.windows).values()].filter((w) => generationOf(w) === 2).length > 100);
    assert.deepEqual(newestFacts(told.facts), newestFacts([...first, ...alone.facts]));
    assert.equal(newestFacts(told.facts).size, newestFacts(first).size + newestFacts(alone.facts).size);
    assert.ok((await publishedOn(log, "ride-facts", { prefix: "", generation: 2 })).length > 0);
    await log.close();
  });
});

describe("a number that is in use", () => {
  it("is refused to other settings, cut or not: fold_version_differs", async () => {
    const log = await filled(storm(7), 1);
    crashNow(await folded({ log }, {}), log);
    const other = { WAYMARK_LATENESS_MS: 2 * minuteMs };
    for (const cut of [{}, { WAYMARK_PUBLISH_FROM: Date.UTC(2026, 0, 15, 18, 22) }]) {
      await assert.rejects(start({ log }, { ...other, ...cut }), {
        code: "fold_version_differs",
        exitCode: 3,
      });
    }
    await log.close();
  });
});
