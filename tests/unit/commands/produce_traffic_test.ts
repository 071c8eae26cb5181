import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { produceTraffic } from "../../../src/commands/produce_traffic.ts";
import { WaymarkError } from "../../../src/errors.ts";
import { fromUtf8, utf8 } from "../../../src/ids.ts";
import { memoryLog } from "../../../src/log/memory.ts";
import type { Log, NewRecord } from "../../../src/log/port.ts";
import { manualClock, settle } from "../../../src/time.ts";
import type { SentItem } from "../../../src/traffic/item.ts";
import { inChunks } from "../../../src/traffic/pace.ts";
import { codeOf } from "../../conformance/eventually.ts";

const topic = "ride-events";

const sendings = (count: number) =>
  Array.from({ length: count }, (_, i): { item: SentItem } => ({
    item: { topic, key: "k", value: String(i), recordedAtMs: i },
  }));

const toRecord = ({ key, value }: SentItem): NewRecord => ({
  topic,
  partition: 0,
  key: utf8(key),
  value: utf8(value as string),
});

/** A log whose appends go as the list says: `lost` is there without an answer, `refused` is not there. */
async function logThatAnswers(...outcomes: ("answered" | "lost" | "unreached" | "refused")[]) {
  const clock = manualClock();
  const memory = memoryLog({ clock });
  await memory.ensureTopics([{ topic, partitions: 1, retentionMs: 1e12 }]);
  const log: Pick<Log, "append"> = {
    async append(records) {
      const outcome = outcomes.shift() ?? "answered";
      if (outcome === "refused") throw new WaymarkError("topic_mismatch", "no such partition");
      if (outcome !== "unreached") await memory.append(records);
      if (outcome !== "answered") throw new WaymarkError("log_unavailable", "no answer");
    },
  };
  const values = async () =>
    (await memory.read({ topic, partition: 0 }, 0, 100_000)).map((r) => Number(fromUtf8(r.value)));
  return { clock, log, values };
}

async function produced(
  { log, clock }: Awaited<ReturnType<typeof logThatAnswers>>,
  count: number,
  signal = new AbortController().signal,
) {
  const counted: number[] = [];
  const going = produceTraffic(log, inChunks(sendings(count)), {
    clock,
    speed: null,
    nowIs: null,
    signal,
    toRecord,
    acknowledged: (sent) => void counted.push(...sent.map(({ item }) => Number(item.value))),
  });
  let over = false;
  const done = going.finally(() => over = true);
  done.catch(() => {});
  while (!over) {
    await clock.advance(100);
    await settle();
  }
  return { told: await done, counted };
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("produceTraffic", () => {
  it("sends everything in order, and counts it when it is acknowledged", async () => {
    const under = await logThatAnswers();
    const { told, counted } = await produced(under, 12_345);
    assert.deepEqual(await under.values(), upTo(12_345));
    assert.deepEqual(counted, upTo(12_345));
    assert.deepEqual([told.records, told.repeated, told.unanswered], [12_345, 0, 0]);
  });

  it("sends again what was not answered, in its place, and says how many may be there twice", async () => {
    const under = await logThatAnswers("answered", "lost", "unreached", "answered");
    const { told, counted } = await produced(under, 12_000);
    assert.deepEqual([told.records, told.repeated, told.unanswered], [12_000, 5_000, 0]);
    assert.deepEqual(counted, upTo(12_000));
    const twice = upTo(10_000).slice(5_000);
    assert.deepEqual(await under.values(), [...upTo(10_000), ...twice, ...upTo(12_000).slice(10_000)]);
  });

  it("ends with what a refusal says", async () => {
    const under = await logThatAnswers("answered", "refused");
    assert.equal(await codeOf(() => produced(under, 12_000)), "topic_mismatch");
    assert.deepEqual(await under.values(), upTo(5_000));
  });

  it("gives up what is not answered when it is told to end, and says so", async () => {
    const told = new AbortController();
    const under = await logThatAnswers("answered", ...Array(100).fill("unreached"));
    const append = under.log.append;
    let calls = 0;
    under.log.append = (records) => {
      if (++calls === 5) told.abort();
      return append(records);
    };
    const ended = await produced(under, 12_000, told.signal);
    assert.deepEqual([ended.told.records, ended.told.unanswered], [5_000, 5_000]);
    assert.deepEqual(ended.counted, upTo(5_000));
  });
});
