/** Topics that take less than we would send at once: batches shrink to what fits, and only what never fits fails. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log, NewRecord } from "../../src/log/port.ts";
import { systemClock } from "../../src/time.ts";
import { numbered } from "../conformance/log_suite.ts";
import { brokers, freshPrefix, quickTiming } from "./kafka_under_test.ts";

const messageBytesMax = 2_000;

let log: Log;
let topic: string;
beforeEach(async () => {
  topic = `${freshPrefix()}small`;
  log = await openKafkaLog({
    brokers,
    clock: systemClock,
    replicationFactor: 1,
    timing: quickTiming,
    // What does not compress is easier to reckon with.
    compression: "none",
    topicSettings: () => ({ "max.message.bytes": String(messageBytesMax) }),
  });
  await log.ensureTopics([{ topic, partitions: 2, retentionMs: 60_000 }]);
});
afterEach(async () => await log.close());

const sized = (name: string, bytes: number, partition = 0): NewRecord => ({
  topic,
  partition,
  key: null,
  value: utf8(name.padEnd(bytes, ".")),
});

async function valuesIn(partition: number): Promise<string[]> {
  const values: string[] = [];
  for (;;) {
    const records = await log.read({ topic, partition }, values.length, 1_000);
    if (records.length === 0) return values;
    values.push(...records.map((r) => fromUtf8(r.value).replace(/\.+$/, "")));
  }
}

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);

describe("append to a topic with a small max.message.bytes", () => {
  it("takes calls far beyond it, every record once and in order, in each partition", async () => {
    const call = (prefix: string) =>
      names(prefix, 100).flatMap((name) => [0, 1].map((partition) => sized(name, 150, partition)));
    await Promise.all([log.append(call("a")), log.append(call("b")), log.append(call("c"))]);
    // After the first refusal the size is known.
    await log.append(call("d"));
    const expected = ["a", "b", "c", "d"].flatMap((prefix) => names(prefix, 100));
    assert.deepEqual(await valuesIn(0), expected);
    assert.deepEqual(await valuesIn(1), expected);
  });

  it("refuses for good one record beyond it, with topic, size and bound; nothing of the other calls is lost or doubled", async () => {
    const outcomes = await Promise.allSettled([
      log.append(numbered(topic, { count: 50 })),
      log.append([sized("before", 10), sized("large", 3_000), sized("after", 10)]),
      log.append(numbered(topic, { count: 50, from: 50 })),
      log.append([sized("elsewhere", 10, 1)]),
    ]);
    assert.deepEqual(outcomes.map((o) => o.status), ["fulfilled", "rejected", "fulfilled", "fulfilled"]);
    const { code, kind, message } = (outcomes[1] as PromiseRejectedResult).reason;
    assert.deepEqual([code, kind], ["topic_mismatch", "configuration"]);
    assert.match(message, new RegExp(`30\\d\\d bytes.*${topic}/0: its max\\.message\\.bytes is 2000$`));
    const values = await valuesIn(0);
    assert.deepEqual(values.filter((v) => v.startsWith("a") && v !== "after"), names("a", 100));
    assert.ok(!values.includes("large"));
    assert.deepEqual(await valuesIn(1), ["elsewhere"]);
    await log.append([sized("later", 10)]);
    assert.deepEqual((await valuesIn(0)).at(-1), "later");
  });

  it("a batch beyond the size of a log segment shrinks too, and its one record is refused with that setting", async () => {
    const other = await openKafkaLog({
      brokers,
      clock: systemClock,
      replicationFactor: 1,
      compression: "none",
      topicSettings: () => ({ "segment.bytes": "1048576", "max.message.bytes": "10000000" }),
    });
    await other.ensureTopics([{ topic: `${topic}-segments`, partitions: 1, retentionMs: 60_000 }]);
    const value = new Uint8Array(2 * 1_048_576);
    const appending = other.append([{ topic: `${topic}-segments`, partition: 0, key: null, value }]);
    await assert.rejects(appending, /20971\d\d bytes.*its segment\.bytes is 1048576/);
    await other.close();
  });
});
