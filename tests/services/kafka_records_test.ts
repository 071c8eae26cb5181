/** What only the Kafka log promises of records: codecs, the broker's time, transactions, what strangers write. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createRequire } from "node:module";
import { after, afterEach, beforeEach, describe, it } from "node:test";
import kafkajs from "kafkajs";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { contractTopicSettings, type KafkaLogOptions, openKafkaLog } from "../../src/log/kafka/log.ts";
import { fromSnappy } from "../../src/log/kafka/codecs.ts";
import { logClock } from "../../src/log/kafka/log_clock.ts";
import type { Log, LogRecord } from "../../src/log/port.ts";
import { hourMs, manualClock, minuteMs, systemClock } from "../../src/time.ts";
import { codeOf, eventually } from "../conformance/eventually.ts";
import { groupRecorder } from "../conformance/group_recorder.ts";
import { framedSnappy } from "../unit/log/kafka/batch_bytes.ts";
import { brokers, freshPrefix, quickTiming } from "./kafka_under_test.ts";

const { CompressionCodecs, CompressionTypes, Kafka, logLevel, Partitioners } = kafkajs;
const stranger = new Kafka({ brokers, logLevel: logLevel.NOTHING });
const strangerProducer = (options = {}) =>
  stranger.producer({ createPartitioner: Partitioners.DefaultPartitioner, ...options });

let log: Log;
let prefix: string;
const topic = () => `${prefix}ride-events`;
const tp = () => ({ topic: topic(), partition: 0 });
const spec = (partitions = 1) => ({ topic: topic(), partitions, retentionMs: 60_000 });

const open = (other: Partial<KafkaLogOptions> = {}) =>
  openKafkaLog({
    brokers,
    clock: systemClock,
    replicationFactor: 1,
    timing: quickTiming,
    topicSettings: contractTopicSettings({ prefix, generation: 1 }),
    ...other,
  });

beforeEach(async () => {
  prefix = freshPrefix();
  log = await open();
});
afterEach(async () => await log.close());

describe("openKafkaLog", () => {
  it("says which broker it cannot reach, within the time to connect", async () => {
    const timing = { connectMs: 300 };
    const nowhere = { brokers: ["127.0.0.1:1"], clock: systemClock, timing };
    assert.equal(await codeOf(() => openKafkaLog(nowhere)), "log_unavailable");
    await assert.rejects(openKafkaLog(nowhere), /cannot reach Kafka.*127\.0\.0\.1:1/);
  });

  it("ensureTopics refuses a topic whose time type or cleanup policy is another one, naming it", async () => {
    const plain = await openKafkaLog({ brokers, clock: systemClock, replicationFactor: 1 });
    await plain.ensureTopics([spec()]);
    await plain.close();
    assert.equal(await codeOf(() => log.ensureTopics([spec()])), "topic_mismatch");
    await assert.rejects(log.ensureTopics([spec()]), /message\.timestamp\.type=CreateTime; LogAppendTime/);
  });
});

describe("times on a topic that the broker stamps", () => {
  beforeEach(async () => await log.ensureTopics([spec()]));

  it("a stated time travels beside the broker's, and is the record's time where stated times count", async () => {
    const replay = await open({ recordedTimes: true });
    await replay.append([{ ...tp(), key: null, value: utf8("old"), timestampMs: 1_358_000_000_123 }]);
    const [record] = await replay.read(tp(), 0, 1);
    await replay.close();
    assert.deepEqual([record!.timestampMs, record!.headers], [1_358_000_000_123, null]);
    assert.ok(await log.offsetAt(tp(), systemClock.nowMs() - hourMs) === 0, "the broker's own time is today");
    const [stamped] = await log.read(tp(), 0, 1);
    assert.ok(stamped!.timestampMs > systemClock.nowMs() - hourMs, "elsewhere the broker's time counts");
    assert.deepEqual(stamped!.headers, { "waymark-recorded-at": "1358000000123" });
  });

  it("clockMs follows the acknowledged append times", async () => {
    await log.append([{ ...tp(), key: null, value: utf8("now") }]);
    const [record] = await log.read(tp(), 0, 1);
    assert.ok(log.clockMs() >= record!.timestampMs && log.clockMs() < record!.timestampMs + minuteMs);
  });
});

describe("logClock", () => {
  it("is the wall clock until a record is acknowledged, then append time plus monotonic time", async () => {
    const clock = manualClock(1_000_000);
    const time = logClock(clock);
    assert.equal(time.nowMs(), 1_000_000);
    time.acknowledged(5_000_000);
    clock.stepWall(-hourMs);
    await clock.advance(250);
    assert.equal(time.nowMs(), 5_000_250);
    time.acknowledged(5_000_240); // on its way for 10 ms
    assert.equal(time.nowMs(), 5_000_250);
    time.acknowledged(4_000_000); // the broker's clock was set back
    assert.equal(time.nowMs(), 4_000_000);
  });
});

describe("record batches of strangers", () => {
  beforeEach(async () => await log.ensureTopics([spec()]));

  const readSnappy = CompressionCodecs[CompressionTypes.Snappy]!;
  CompressionCodecs[CompressionTypes.Snappy] = () => ({
    ...readSnappy(),
    compress: async ({ buffer }: { buffer: Buffer }) => framedSnappy(buffer),
  });
  after(() => CompressionCodecs[CompressionTypes.Snappy] = readSnappy);

  it("are read whatever their compression", async () => {
    const producer = strangerProducer();
    await producer.connect();
    const names = ["None", "GZIP", "Snappy", "LZ4", "ZSTD"] as const;
    for (const name of names) {
      const messages = [0, 1, 2].map((i) => ({ key: "k", value: `${name} ${i} ${"x".repeat(500)}` }));
      await producer.send({ topic: topic(), compression: CompressionTypes[name], messages });
    }
    await producer.disconnect();
    const values = (await readAll(0)).map((r) => fromUtf8(r.value).split(" x")[0]);
    assert.deepEqual(values, names.flatMap((name) => [0, 1, 2].map((i) => `${name} ${i}`)));
  });

  it("are not delivered when their transaction was aborted, and its marks leave gaps only", async () => {
    const producer = strangerProducer({ transactionalId: `${prefix}t`, maxInFlightRequests: 1 });
    await producer.connect();
    for (const [value, commit] of [["kept", true], ["dropped", false], ["kept too", true]] as const) {
      const transaction = await producer.transaction();
      await transaction.send({ topic: topic(), messages: [{ value }, { value }] });
      await (commit ? transaction.commit() : transaction.abort());
    }
    await producer.disconnect();
    const read = (await readAll(0)).map((r) => [r.offset, fromUtf8(r.value)]);
    assert.deepEqual(read, [[0, "kept"], [1, "kept"], [6, "kept too"], [7, "kept too"]]);
    const recorder = groupRecorder();
    const member = await log.join({ group: prefix, topics: [topic()], handlers: recorder.handlers });
    await eventually("it was found empty behind the last mark", () => recorder.empties.length > 0);
    assert.deepEqual(recorder.offsets.get(0), [0, 1, 6, 7]);
    assert.equal(recorder.empties[0]!.end, 9);
    await member.leave();
  });
});

describe("who waits for appends of its own process and of others", () => {
  for (const [stamps, name] of [["the broker stamps", "ride-events"], ["keeps stated times", "ride-facts"]]) {
    it(`is given what a broker gives, on a topic that ${stamps}`, async () => {
      const at = { topic: `${prefix}${name}`, partition: 0 };
      const record = (value: string) => ({ ...at, key: utf8("k"), value: utf8(value) });
      await log.ensureTopics([{ topic: at.topic, partitions: 1, retentionMs: 60_000 }]);
      // A replay states times on every topic.
      const [one, other] = [await open({ recordedTimes: true }), await open({ recordedTimes: true })];
      const stop = new AbortController();
      const waited = one.appended(at.topic, stop.signal);
      for (let round = 0; round < 3; round++) {
        await one.append([record(`own ${round}`), record(`own too ${round}`)]);
        await other.append([record(`other ${round}`)]);
        await one.append([{ ...record(`stated ${round}`), timestampMs: systemClock.nowMs() - minuteMs }]);
      }
      stop.abort();
      await waited;
      const [own, others] = [await readAll(0, { log: one, at }), await readAll(0, { log: other, at })];
      assert.equal(others.length, 12);
      assert.deepEqual(own, others);
      assert.deepEqual([one.hasMore(at, 11), one.hasMore(at, 12)], [true, false]);
      await Promise.all([one.close(), other.close()]);
    });
  }

  it("is woken by what others append, though another topic that it waits for is not there", async () => {
    await log.ensureTopics([spec()]);
    const other = await open();
    const stop = new AbortController();
    const waits = [log.appended(`${prefix}missing`, stop.signal), log.appended(topic(), stop.signal)];
    let isWoken = false;
    void waits[1]!.then(() => isWoken = true);
    await eventually("the log end was seen", () => !log.hasMore(tp(), 0));
    await other.append([{ ...tp(), key: null, value: utf8("v") }]);
    await eventually("it is woken", () => isWoken);
    assert.equal(log.hasMore(tp(), 0), true);
    stop.abort();
    await Promise.all(waits);
    await other.close();
  });
});

async function readAll(from: number, where = { log, at: tp() }): Promise<LogRecord[]> {
  const records = await where.log.read(where.at, from, 1_000);
  return records.length === 0 ? [] : [...records, ...await readAll(records.at(-1)!.offset + 1, where)];
}

describe("the request queue of kafkajs", () => {
  it("sets no timer while nothing waits to be sent", () => {
    const { prototype } = createRequire(import.meta.url)("kafkajs/src/network/requestQueue");
    const queue = { pending: [], throttledUntil: -1, throttleCheckTimeoutId: null };
    prototype.scheduleCheckPendingRequests.call(queue);
    assert.equal(queue.throttleCheckTimeoutId, null);
  });
});

describe("fromSnappy", () => {
  it("repeats what a copy points back at, also where it runs into itself", () => {
    const twentyOnce = Buffer.from([20, 0x00, 0x61, (19 - 1) << 2 | 2, 1, 0]);
    assert.equal(fromSnappy(twentyOnce).toString(), "a".repeat(20));
    const abcabcab = Buffer.from([8, 2 << 2, 0x61, 0x62, 0x63, (5 - 4) << 2 | 1, 3]);
    assert.equal(fromSnappy(abcabcab).toString(), "abcabcab");
  });

  it("refuses bytes that point outside", () => {
    assert.throws(() => fromSnappy(Buffer.from([4, 0, 0x61, 2 << 2 | 2, 9, 0])), /malformed/);
    assert.throws(() => fromSnappy(Buffer.from([9, 0, 0x61])), /malformed/);
  });
});

describe("append", () => {
  it("takes a call beyond the size of a record batch, in order", async () => {
    await log.ensureTopics([spec(2)]);
    const value = (i: number) => new Uint8Array(60_000).map((_, at) => (at * 31 + i * 7) % 251);
    const records = Array.from({ length: 40 }, (_, i) => ({ ...tp(), key: null, value: value(i) }));
    await log.append(records);
    for (let next = 0; next < 40;) {
      for (const record of await log.read(tp(), next, 100)) {
        assert.equal(record.offset, next);
        assert.deepEqual(new Uint8Array(record.value), value(next++));
      }
    }
  });

  it("a record that the topic does not take fails its own call only, with the setting named", async () => {
    await log.ensureTopics([spec()]);
    const noise = crypto.getRandomValues(new Uint8Array(65_536));
    const large = new Uint8Array(65_536 * 20);
    for (let at = 0; at < large.length; at += noise.length) {
      large.set(noise.map((byte) => byte ^ (at >> 16)), at);
      noise.reverse();
    }
    const calls = [utf8("a"), large, utf8("b")].map((value) => log.append([{ ...tp(), key: null, value }]));
    const outcomes = await Promise.allSettled(calls);
    assert.deepEqual(outcomes.map((o) => o.status), ["fulfilled", "rejected", "fulfilled"]);
    assert.match(String((outcomes[1] as PromiseRejectedResult).reason), /max\.message\.bytes/);
    assert.deepEqual((await log.read(tp(), 0, 10)).map((r) => fromUtf8(r.value)), ["a", "b"]);
  });
});
