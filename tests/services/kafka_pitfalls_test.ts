/**
 * What the consumer and producer of kafkajs get wrong by default (src/log/kafka/library.ts says why they are not
 * used): one test each that would catch its return. Those about sessions, trimmed logs, codecs and silent connections
 * are in the other suites beside this one.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import kafkajs from "kafkajs";
import type { WaymarkError } from "../../src/errors.ts";
import { vouchedMsMax } from "../../src/log/kafka/continuity.ts";
import { type KafkaTiming, openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log, TopicPartition } from "../../src/log/port.ts";
import { hourMs, minuteMs, systemClock } from "../../src/time.ts";
import { codeOf, eventually } from "../conformance/eventually.ts";
import { groupRecorder, type Recorder, type RecorderOptions } from "../conformance/group_recorder.ts";
import { numbered, valuesOf } from "../conformance/log_suite.ts";
import { brokers, freshPrefix, quickTiming } from "./kafka_under_test.ts";

const partitions = 4;
let log: Log;
let topic: string;
let group: string;

beforeEach(async () => {
  const prefix = freshPrefix();
  [topic, group] = [`${prefix}events`, `${prefix}group`];
  log = await open();
  await log.ensureTopics([{ topic, partitions, retentionMs: minuteMs }]);
});
afterEach(async () => await log.close());

const open = (timing: Partial<KafkaTiming> = {}) =>
  openKafkaLog({ brokers, clock: systemClock, replicationFactor: 1, timing: { ...quickTiming, ...timing } });

async function join(from: Log, options: RecorderOptions = {}, topics = [topic]) {
  const recorder = groupRecorder(options);
  return { recorder, member: await from.join({ group, topics, handlers: recorder.handlers }) };
}

const appendEverywhere = (count: number, from = 0) =>
  log.append([0, 1, 2, 3].flatMap((partition) => numbered(topic, { partition, count, from })));

const delivered = (recorder: Recorder) => [...recorder.offsets.values()].flat().length;

describe("a member", () => {
  it("hands its partitions on at once when it leaves, however long its session is", async () => {
    const patient = await open({ sessionMs: 10 * minuteMs });
    const first = await join(patient);
    await eventually("it holds all", () => first.recorder.holding.size === partitions);
    const second = await join(log);
    await eventually("they share", () => second.recorder.holding.size === partitions / 2);
    await first.member.leave();
    // Far below the session, which is what an unannounced end costs.
    await eventually("the other one holds all", () => second.recorder.holding.size === partitions);
    await second.member.leave();
    await patient.close();
  });

  it("commits nothing by itself: not what it has read, not when it gives back, leaves or is closed", async () => {
    await appendEverywhere(5);
    const first = await join(log);
    await eventually("all is read", () => delivered(first.recorder) === 20);
    const other = await open();
    const second = await join(other);
    await eventually("they share", () => second.recorder.holding.size === partitions / 2);
    await second.member.leave();
    await other.close();
    await first.member.leave();
    assert.deepEqual(await log.committed(group, topic), [null, null, null, null]);
  });

  it("begins where it says and not where the group committed, and never at the newest record", async () => {
    await appendEverywhere(5);
    const first = await join(log);
    await eventually("all is read", () => delivered(first.recorder) === 20);
    await first.member.commit([{ topic, partition: 0, offset: 5, metadata: "" }]);
    await first.member.leave();
    const second = await join(log, { from: ({ partition }) => partition });
    await eventually("all from there on is read", () => delivered(second.recorder) === 5 + 4 + 3 + 2);
    for (const partition of [0, 1, 2, 3]) {
      assert.equal(second.recorder.offsets.get(partition)![0], partition);
    }
    await second.member.leave();
  });

  it("stays one when the wall clock steps back by an hour: heartbeats and time-outs go by the other clock", async () => {
    const brief = await open({ sessionMs: 5_000 });
    const { recorder, member } = await join(brief);
    await eventually("it holds all", () => recorder.holding.size === partitions);
    const wall = Date.now;
    Date.now = () => wall() - hourMs;
    try {
      const startedMs = systemClock.monotonicMs();
      await eventually("two sessions went by", () => systemClock.monotonicMs() - startedMs > 10_000);
      await appendEverywhere(2);
      await eventually("all is read", () => delivered(recorder) === 8);
      await member.commit([{ topic, partition: 0, offset: 2, metadata: "" }]);
    } finally {
      Date.now = wall;
    }
    assert.deepEqual(recorder.calls.filter((call) => call.startsWith("lost")), []);
    await member.leave();
    await brief.close();
  });
});

describe("a topic that is deleted", () => {
  async function deleteTopic(name: string): Promise<void> {
    const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
    await admin.connect();
    await admin.deleteTopics({ topics: [name] });
    await admin.disconnect();
    await eventually("it is gone", async () => await log.partitionCount(name) === null);
  }

  it("fails its own appends only, by name", async () => {
    const doomed = `${topic}-doomed`;
    await log.ensureTopics([{ topic: doomed, partitions: 1, retentionMs: minuteMs }]);
    await log.append([...numbered(doomed), ...numbered(topic)]);
    await deleteTopic(doomed);
    const outcomes = await Promise.allSettled([
      log.append(numbered(topic, { from: 1 })),
      log.append(numbered(doomed, { from: 1 })),
      log.append(numbered(topic, { from: 2 })),
    ]);
    assert.deepEqual(outcomes.map((o) => o.status), ["fulfilled", "rejected", "fulfilled"]);
    const { code, message } = (outcomes[1] as PromiseRejectedResult).reason;
    assert.deepEqual([code, message], ["topic_mismatch", `topic ${doomed} does not exist`]);
    assert.equal(await codeOf(() => log.append(numbered(doomed, { from: 2 }))), "topic_mismatch");
    await log.append(numbered(topic, { from: 3 }));
    assert.deepEqual(valuesOf(await log.read({ topic, partition: 0 }, 0, 10)), ["a0", "a1", "a2", "a3"]);
  });

  it("and made anew stops its reader, which never jumps; the readers of other topics go on", async () => {
    const doomed = `${topic}-doomed`;
    const spec = { topic: doomed, partitions: 1, retentionMs: minuteMs };
    await log.ensureTopics([spec]);
    await log.append(numbered(doomed, { count: 10 }));
    const failed: TopicPartition[] = [];
    const read = new Map<string, number>();
    const { handlers } = groupRecorder();
    const member = await log.join({
      group,
      topics: [topic, doomed],
      handlers: {
        ...handlers,
        assigned: () => Promise.resolve(0),
        batch: async (tp, records) => void read.set(tp.topic, (read.get(tp.topic) ?? 0) + records.length),
        empty: () => Promise.resolve(),
        revoked: () => Promise.resolve(),
        failed: (tp) => void failed.push(tp),
      },
    });
    await eventually("all is read", () => read.get(doomed) === 10);
    await deleteTopic(doomed);
    await log.ensureTopics([spec]);
    await log.append(numbered(doomed, { count: 3 }));
    await eventually("its reader has stopped", () => failed.length === 1);
    assert.deepEqual(failed, [{ topic: doomed, partition: 0 }]);
    await appendEverywhere(5);
    await eventually("the other topic is read", () => read.get(topic) === 20);
    assert.equal(read.get(doomed), 10);
    await member.leave();
  });

  it("and made anew with more records while its reader waits is refused: log_replaced", async () => {
    const doomed = `${topic}-doomed`;
    const spec = { topic: doomed, partitions: 1, retentionMs: minuteMs };
    await log.ensureTopics([spec]);
    await log.append(numbered(doomed, { count: 10 }));
    const { recorder, member } = await join(log, {}, [doomed]);
    await eventually("all is read", () => delivered(recorder) === 10);
    // Nothing is fetched from here on, so that no fetch can fail.
    member.pause({ topic: doomed, partition: 0 });
    const pausedAtMs = systemClock.monotonicMs();
    await deleteTopic(doomed);
    await log.ensureTopics([spec]);
    await log.append(numbered(doomed, { count: 30, from: 100 }));
    await eventually("a while went by", () => systemClock.monotonicMs() - pausedAtMs > 1.5 * vouchedMsMax);
    member.resume({ topic: doomed, partition: 0 });
    await eventually("its reader has stopped", () => recorder.errors.length === 1);
    const { code, message } = recorder.errors[0] as WaymarkError;
    assert.equal(code, "log_replaced");
    assert.match(message, /\/0 offset 9 is not the one that was read: .*raise WAYMARK_LOG_EPOCH/);
    assert.equal(delivered(recorder), 10);
    await member.leave();
  });

  it("is not what a long pause is: what follows is read once", async () => {
    await appendEverywhere(5);
    const { recorder, member } = await join(log);
    await eventually("all is read", () => delivered(recorder) === 20);
    for (const partition of [0, 1, 2, 3]) member.pause({ topic, partition });
    const pausedAtMs = systemClock.monotonicMs();
    await appendEverywhere(3, 5);
    await eventually("a while went by", () => systemClock.monotonicMs() - pausedAtMs > 1.5 * vouchedMsMax);
    for (const partition of [0, 1, 2, 3]) member.resume({ topic, partition });
    await eventually("the rest is read", () => delivered(recorder) === 32);
    for (const partition of [0, 1, 2, 3]) {
      assert.deepEqual(recorder.offsets.get(partition), [0, 1, 2, 3, 4, 5, 6, 7]);
    }
    assert.deepEqual([...recorder.errors, ...recorder.breaches], []);
    await member.leave();
  });
});
