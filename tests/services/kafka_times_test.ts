/** Whose word counts for a record's time: the broker's on a topic that it stamps, unless the topic is a replay's own. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import kafkajs from "kafkajs";
import { utf8 } from "../../src/ids.ts";
import { contractTopicSettings, openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log, LogRecord } from "../../src/log/port.ts";
import { minuteMs, systemClock } from "../../src/time.ts";
import { codeOf, eventually } from "../conformance/eventually.ts";
import { groupRecorder } from "../conformance/group_recorder.ts";
import { brokers, freshPrefix, quickTiming } from "./kafka_under_test.ts";

const { Kafka, logLevel, Partitioners } = kafkajs;
const statedMs = 1_358_000_000_123;

let log: Log;
let replay: Log;
let tp: { topic: string; partition: number };

beforeEach(async () => {
  const prefix = freshPrefix();
  tp = { topic: `${prefix}ride-events`, partition: 0 };
  const topicSettings = contractTopicSettings({ prefix, generation: 1 });
  const options = { brokers, clock: systemClock, replicationFactor: 1, timing: quickTiming, topicSettings };
  log = await openKafkaLog(options);
  replay = await openKafkaLog({ ...options, recordedTimes: true });
  await log.ensureTopics([
    { topic: tp.topic, partitions: 1, retentionMs: minuteMs },
    { topic: `${prefix}alerts`, partitions: 1, retentionMs: minuteMs },
  ]);
});
afterEach(async () => void await Promise.all([log.close(), replay.close()]));

const isNow = ({ timestampMs }: LogRecord) => Math.abs(timestampMs - systemClock.nowMs()) < minuteMs;

describe("a stranger's record that states a time in our header", () => {
  beforeEach(async () => {
    const producer = new Kafka({ brokers, logLevel: logLevel.NOTHING })
      .producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    const headers = { "waymark-recorded-at": String(statedMs), reason: "mine" };
    await producer.send({
      topic: tp.topic,
      messages: [{ value: "x", headers, timestamp: String(statedMs) }],
    });
    await producer.disconnect();
  });

  it("carries the broker's time for a reader without a group, and for a member", async () => {
    const [read] = await log.read(tp, 0, 1);
    assert.ok(isNow(read!), String(read!.timestampMs));
    assert.equal(read!.headers?.reason, "mine");
    const got: LogRecord[] = [];
    const recorder = groupRecorder({ onBatch: (_, records) => got.push(...records) });
    const member = await log.join({ group: tp.topic, topics: [tp.topic], handlers: recorder.handlers });
    await eventually("it is read", () => got.length === 1);
    assert.ok(isNow(got[0]!), String(got[0]!.timestampMs));
    await member.leave();
  });

  it("carries its own on topics that were opened for recorded times", async () => {
    assert.equal((await replay.read(tp, 0, 1))[0]!.timestampMs, statedMs);
  });
});

describe("append of a record that states its time", () => {
  it("to a topic that the broker stamps is refused, and nothing is appended", async () => {
    const stating = { ...tp, key: null, value: utf8("x"), timestampMs: statedMs };
    assert.equal(await codeOf(() => log.append([stating])), "topic_mismatch");
    await assert.rejects(log.append([stating]), /states its own time to .*ride-events.*LogAppendTime/);
    assert.deepEqual(await log.bounds(tp.topic), [{ start: 0, end: 0 }]);
  });

  it("to one that records carry their own time on needs no header", async () => {
    const topic = tp.topic.replace("ride-events", "alerts");
    await log.append([{
      ...tp,
      topic,
      key: null,
      value: utf8("x"),
      timestampMs: systemClock.nowMs() - 30_000,
    }]);
    const [record] = await log.read({ ...tp, topic }, 0, 1);
    assert.ok(record!.timestampMs < systemClock.nowMs() - 29_000);
    assert.equal(record!.headers, null);
  });

  it("is kept where the log was opened for recorded times", async () => {
    await replay.append([{ ...tp, key: null, value: utf8("x"), timestampMs: statedMs }]);
    assert.deepEqual(
      (await replay.read(tp, 0, 1)).map((r) => [r.timestampMs, r.headers]),
      [[statedMs, null]],
    );
  });
});
