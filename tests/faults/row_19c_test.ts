/** Rows 5 and 19c: two owners at once, and held-back sends that land after newer ones, on every topic. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TopicName } from "../../src/log/topics.ts";
import { topicName } from "../../src/log/topics.ts";
import { startPipeline } from "../../src/node/pipeline.ts";
import { feed } from "../../src/node/replay.ts";
import { replayDone } from "../../src/node/replay_done.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import { systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { flushCities, leftBy, openParts, outcome, play } from "../pipeline/harness.ts";
import { valueOf } from "../pipeline/published.ts";
import { quick } from "../pipeline/quick.ts";
import { storm } from "../pipeline/storm.ts";

const items = storm(4);
const told = (run: Awaited<ReturnType<typeof leftBy>>) => {
  const { windows, alerts, facts, late, dead, ledger } = run;
  return { windows: windows.map(valueOf), alerts, facts, late, dead, ledger };
};

const published: TopicName[] = [
  "city-partials",
  "analytics-aggregated",
  "ride-facts",
  "alerts",
  "late-events",
  "dead-letters",
];

describe("row 19c: a zombie's held-back sends", () => {
  it("landing last and in any order on every topic change nothing", async () => {
    const run = await play(items, { owners: 2 });
    const before = told(run);
    for (const topic of published) {
      const name = topicName(topic, run.pipeline.naming);
      for (const [partition, { end }] of (await run.log.bounds(name)).entries()) {
        const records = end === 0 ? [] : await run.log.read({ topic: name, partition }, 0, end);
        const again = records.reverse().map(({ key, value, headers }) => ({
          ...{ topic: name, partition, key, value },
          ...(headers && { headers }),
        }));
        await run.log.append(again);
      }
    }
    await eventually("the cities have folded them", () => replayDone(run.pipeline, run.log));
    await flushCities(run.pipeline);
    assert.deepEqual(told(await leftBy(run.pipeline, run.log)), before);
    run.pipeline.abandon();
    await run.dispose();
  });
});

describe("row 5: two processes that both own everything", () => {
  it("publish what one of them would", async () => {
    const expected = told(await outcome(items));
    const parts = await openParts("memory");
    const input = { complete: false };
    const start = (group: string) =>
      startPipeline({
        config: { ...quick, WAYMARK_GROUP: group },
        ...{ log: parts.log, store: memorySnapshots(), clock: systemClock },
        input: { kind: "replay", complete: () => input.complete },
        onStopped: (_, error) => assert.fail(String(error)),
      });
    const both = [await start("one"), await start("other")];
    async function* chunks() {
      for (let from = 0; from < items.length; from += 100) yield items.slice(from, from + 100);
    }
    const slowly = { chunks: chunks(), speed: null, fed: () => systemClock.sleep(2) };
    await feed(parts.log, both[0]!, systemClock, slowly);
    input.complete = true;
    for (const pipeline of both) {
      await eventually("both have folded everything", () => replayDone(pipeline, parts.log));
      await flushCities(pipeline);
    }
    for (const pipeline of both) assert.deepEqual(told(await leftBy(pipeline, parts.log)), expected);
    for (const pipeline of both) pipeline.abandon();
    await parts.dispose();
  });
});
