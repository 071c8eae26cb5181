/**
 * What every log must do, whichever it is: run by log_test.ts over the embedded log and its twin, and by the
 * broker adapter's tests over a real broker.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import type { Log, LogRecord, NewRecord, TopicPartition } from "../../src/log/port.ts";
import { codeOf } from "./eventually.ts";
import { groupMembersSuite } from "./group_members_suite.ts";
import { groupSuite } from "./group_suite.ts";

export type LogUnderTest = {
  log: Log;
  /** Put before every topic and group name: keeps runs on a shared broker apart. */
  prefix: string;
  /** What its members are to be seen under; absent where they have no address. */
  address?: string;
  /** Closes the log and opens it again over the same data; absent where nothing outlives the process. */
  reopen?(): Promise<Log>;
  /** Declares a member dead. */
  expel?(memberId: string): void;
  /** Makes the log begin at `offset` or later. */
  trim?(tp: TopicPartition, offset: number): Promise<void>;
  dispose(): Promise<void>;
};

export type OpenLog = () => Promise<LogUnderTest>;

export const text = (value: string): NewRecord["value"] => utf8(value);

/** Records with the values `a0`, `a1` …, one call. */
export function numbered(topic: string, { partition = 0, count = 1, from = 0 } = {}): NewRecord[] {
  return Array.from({ length: count }, (_, i) => ({
    topic,
    partition,
    key: text(`k${from + i}`),
    value: text(`a${from + i}`),
  }));
}

const plain = ({ offset, key, value, headers, timestampMs }: LogRecord) =>
  [offset, key && fromUtf8(key), fromUtf8(value), headers, timestampMs] as const;

export const valuesOf = (records: LogRecord[]) => records.map((r) => fromUtf8(r.value));

export function logSuite(name: string, open: OpenLog): void {
  describe(`log: ${name}`, () => {
    topicsSuite(open);
    recordsSuite(open);
    modelSuite(open);
    groupSuite(open);
    groupMembersSuite(open);
  });
}

/** Opens a fresh log for each test of the surrounding describe. */
export function eachWithLog(open: OpenLog): () => LogUnderTest & { topic: string } {
  let current: (LogUnderTest & { topic: string }) | undefined;
  beforeEach(async () => {
    const under = await open();
    current = Object.assign(under, { topic: `${under.prefix}events` });
  });
  afterEach(async () => await current?.dispose());
  return () => current!;
}

function topicsSuite(open: OpenLog): void {
  describe("topics", () => {
    const under = eachWithLog(open);

    it("partitionCount is null before a topic is made and its number after", async () => {
      const { log, topic } = under();
      assert.equal(await log.partitionCount(topic), null);
      await log.ensureTopics([{ topic, partitions: 3, retentionMs: 60_000 }]);
      assert.equal(await log.partitionCount(topic), 3);
      assert.deepEqual(await log.bounds(topic), [0, 1, 2].map(() => ({ start: 0, end: 0 })));
    });

    it("ensureTopics leaves an existing topic alone and refuses another partition count", async () => {
      const { log, topic } = under();
      await log.ensureTopics([{ topic, partitions: 2, retentionMs: 60_000 }]);
      await log.append(numbered(topic));
      await log.ensureTopics([{ topic, partitions: 2, retentionMs: 30_000 }]);
      assert.deepEqual(valuesOf(await log.read({ topic, partition: 0 }, 0, 10)), ["a0"]);
      const wrong = { topic, partitions: 3, retentionMs: 60_000 };
      assert.equal(await codeOf(() => log.ensureTopics([wrong])), "topic_mismatch");
      await assert.rejects(log.ensureTopics([wrong]), /2 partitions.*3 are wanted/);
    });

    it("a topic or partition that does not exist is refused by name, and the call appends nothing", async () => {
      const { log, topic } = under();
      await log.ensureTopics([{ topic, partitions: 2, retentionMs: 60_000 }]);
      for (const wrong of [numbered(`${topic}-other`), numbered(topic, { partition: 2 })]) {
        assert.equal(await codeOf(() => log.append([...numbered(topic), ...wrong])), "topic_mismatch");
      }
      assert.equal(await codeOf(() => log.bounds(`${topic}-other`)), "topic_mismatch");
      assert.deepEqual((await log.bounds(topic))[0], { start: 0, end: 0 });
    });

    it("a closed log refuses everything with log_unavailable", async () => {
      const { log, topic } = under();
      await log.ensureTopics([{ topic, partitions: 1, retentionMs: 60_000 }]);
      await log.close();
      assert.equal(await codeOf(() => log.append(numbered(topic))), "log_unavailable");
      assert.equal(await codeOf(() => log.read({ topic, partition: 0 }, 0, 1)), "log_unavailable");
    });
  });
}

function recordsSuite(open: OpenLog): void {
  describe("records", () => {
    const under = eachWithLog(open);
    const tp = () => ({ topic: under().topic, partition: 0 });
    beforeEach(async () => {
      await under().log.ensureTopics([{ topic: under().topic, partitions: 2, retentionMs: 60_000 }]);
    });

    it("append then read gives back offset, key, value, headers and stated time", async () => {
      const { log, topic } = under();
      const common = { topic, partition: 0, timestampMs: 1_358_000_000_123 };
      await log.append([
        { ...common, key: text("key"), value: text("value"), headers: { reason: "zu spät", empty: "" } },
        { ...common, key: null, value: text("no key") },
        { ...common, key: text(""), value: text("") },
      ]);
      const read = await log.read(tp(), 0, 10);
      assert.deepEqual(read.map((r) => [r.offset, r.key && fromUtf8(r.key), fromUtf8(r.value), r.headers]), [
        [0, "key", "value", { reason: "zu spät", empty: "" }],
        [1, null, "no key", null],
        [2, "", "", null],
      ]);
      assert.deepEqual(read.map((r) => r.timestampMs), [
        1_358_000_000_123,
        1_358_000_000_123,
        1_358_000_000_123,
      ]);
    });

    it("append stamps the log's own time where none is stated", async () => {
      const { log, topic } = under();
      const beforeMs = log.clockMs();
      await log.append(numbered(topic));
      const [record] = await log.read(tp(), 0, 1);
      assert.ok(record!.timestampMs >= beforeMs && record!.timestampMs <= log.clockMs());
    });

    it("append gives the records of one call and partition consecutive offsets, calls in turn included", async () => {
      const { log, topic } = under();
      await Promise.all(
        [0, 1, 2, 3].map((call) => log.append(numbered(topic, { count: 50, from: call * 50 }))),
      );
      const values = valuesOf(await log.read(tp(), 0, 1_000));
      assert.equal(values.length, 200);
      for (let i = 0; i < 200; i += 50) {
        const first = Number(values[i]!.slice(1));
        assert.deepEqual(values.slice(i, i + 50), Array.from({ length: 50 }, (_, n) => `a${first + n}`));
      }
    });

    it("whoever waits for appends is given what any other reader is given", async () => {
      const { log, topic } = under();
      const stop = new AbortController();
      const waited = log.appended(topic, stop.signal);
      await log.append([
        {
          topic,
          partition: 0,
          key: text("k"),
          value: text("v"),
          headers: { reason: "zu spät" },
          timestampMs: 7,
        },
        { topic, partition: 0, key: null, value: text(""), headers: {} },
      ]);
      await log.append(numbered(topic, { count: 30 }));
      const own = await readRecords(log, tp(), 32);
      stop.abort();
      await waited;
      const { reopen } = under();
      const others = reopen === undefined ? own : await readRecords(await reopen(), tp(), 32);
      assert.deepEqual(own.map(plain), others.map(plain));
      assert.deepEqual(plain(own[0]!), [0, "k", "v", { reason: "zu spät" }, 7]);
      assert.deepEqual(plain(own[1]!).slice(0, 4), [1, null, "", null]);
    });

    it("read begins in the middle of a batch, stops at maxRecords, and is empty at the end", async () => {
      const { log, topic } = under();
      await log.append(numbered(topic, { count: 100 }));
      assert.deepEqual(valuesOf(await log.read(tp(), 37, 3)), ["a37", "a38", "a39"]);
      assert.deepEqual(valuesOf(await log.read(tp(), 40, 2)), ["a40", "a41"]);
      assert.deepEqual(valuesOf(await log.read(tp(), 5, 1)), ["a5"]);
      assert.deepEqual(valuesOf(await log.read(tp(), 98, 10)), ["a98", "a99"]);
      assert.deepEqual(await log.read(tp(), 100, 10), []);
    });

    it("offsetAt is the first offset at or after a time, also when times go back and forth", async () => {
      const { log, topic } = under();
      for (const times of [[100, 300], [200, 50], [400]]) {
        await log.append(
          times.map((timestampMs) => ({ topic, partition: 0, key: null, value: text("x"), timestampMs })),
        );
      }
      const cases = [[0, 0], [100, 0], [101, 1], [300, 1], [301, 4], [400, 4], [401, 5]] as const;
      for (const [timeMs, offset] of cases) {
        assert.equal(await log.offsetAt(tp(), timeMs), offset, `at ${timeMs}`);
      }
      assert.equal(await log.offsetAt({ topic, partition: 1 }, 0), 0);
    });

    it("appended resolves at the next append to the topic, or when its signal aborts", async () => {
      const { log, topic } = under();
      const next = log.appended(topic);
      await log.append(numbered(topic));
      await next;
      const abort = new AbortController();
      const aborted = log.appended(topic, abort.signal);
      abort.abort();
      await aborted;
      await log.appended(topic, abort.signal);
    });

    it("read below the log start is refused with log_trimmed, and offsets go on after a trim", async (t) => {
      const { log, topic, trim } = under();
      if (trim === undefined) return t.skip("this log trims by itself");
      for (let call = 0; call < 4; call++) await log.append(numbered(topic, { count: 10, from: call * 10 }));
      await trim(tp(), 40);
      const [{ start, end }] = await log.bounds(topic) as [{ start: number; end: number }];
      assert.ok(start > 0 && end === 40, `start ${start}, end ${end}`);
      assert.equal(await codeOf(() => log.read(tp(), start - 1, 1)), "log_trimmed");
      await log.append(numbered(topic, { from: 40 }));
      assert.deepEqual(valuesOf(await log.read(tp(), 40, 10)), ["a40"]);
    });

    it("records and bounds are there after reopening, and appends go on from there", async (t) => {
      const { log, topic, reopen } = under();
      if (reopen === undefined) return t.skip("nothing outlives the process");
      await log.append([...numbered(topic, { count: 3 }), ...numbered(topic, { partition: 1, count: 2 })]);
      const again = await reopen();
      assert.deepEqual(await again.bounds(topic), [{ start: 0, end: 3 }, { start: 0, end: 2 }]);
      assert.deepEqual(valuesOf(await again.read(tp(), 1, 10)), ["a1", "a2"]);
      await again.append(numbered(topic, { from: 3 }));
      assert.deepEqual(valuesOf(await again.read(tp(), 2, 10)), ["a2", "a3"]);
    });
  });
}

type Step =
  | { do: "append"; calls: { partition: number; key: string | null; value: string; timeMs: number }[][] }
  | { do: "read"; partition: number; at: number; max: number }
  | { do: "time"; partition: number; timeMs: number }
  | { do: "reopen" };

const record = fc.record({
  partition: fc.nat(2),
  key: fc.option(fc.string({ maxLength: 4 })),
  value: fc.string({ maxLength: 40 }),
  timeMs: fc.nat(100),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("append"), calls: calls() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("read"),
      partition: fc.nat(2),
      at: fc.nat(99),
      max: fc.integer({ min: 1, max: 30 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("time"), partition: fc.nat(2), timeMs: fc.nat(110) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reopen") }) },
) as fc.Arbitrary<Step>;

function calls() {
  return fc.array(fc.array(record, { maxLength: 12 }), { minLength: 1, maxLength: 3 });
}

function modelSuite(open: OpenLog): void {
  it("any sequence of appends and reads behaves like plain arrays", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const under = await open();
        try {
          await compareWithArrays(under, steps);
        } finally {
          await under.dispose();
        }
      }),
      { numRuns: 40 },
    );
  });
}

async function compareWithArrays(under: LogUnderTest, steps: Step[]): Promise<void> {
  const topic = `${under.prefix}model`;
  let { log } = under;
  const model: [string | null, string, number][][] = [[], [], []];
  await log.ensureTopics([{ topic, partitions: 3, retentionMs: 60_000 }]);
  // Those who wait for appends may be given what this process appended itself.
  const stop = new AbortController();
  const waited = [log.appended(topic, stop.signal)];
  for (const step of steps) {
    if (step.do === "append") {
      // The calls of a step are made at once: in order, because they are begun in order.
      await Promise.all(step.calls.map((call) =>
        log.append(call.map(({ partition, key, value, timeMs }) => {
          model[partition]!.push([key, value, timeMs]);
          return {
            topic,
            partition,
            key: key === null ? null : text(key),
            value: text(value),
            timestampMs: timeMs,
          };
        }))
      ));
    } else if (step.do === "read") {
      const rows = model[step.partition]!;
      const from = Math.floor(step.at * rows.length / 99);
      const read = await readAll(log, { topic, partition: step.partition }, { from, count: step.max });
      assert.deepEqual(read, rows.slice(from, from + step.max).map((row, i) => [from + i, ...row]));
    } else if (step.do === "time") {
      const found = model[step.partition]!.findIndex(([, , timeMs]) => timeMs >= step.timeMs);
      const expected = found < 0 ? model[step.partition]!.length : found;
      assert.equal(await log.offsetAt({ topic, partition: step.partition }, step.timeMs), expected);
    } else if (under.reopen !== undefined) {
      log = await under.reopen();
      waited.push(log.appended(topic, stop.signal));
    }
  }
  stop.abort();
  await Promise.all(waited);
  assert.deepEqual((await log.bounds(topic)).map((b) => b.end), model.map((rows) => rows.length));
}

/** A log may hand out fewer records than asked for, but not none before its end. */
async function readAll(log: Log, tp: TopicPartition, { from, count }: { from: number; count: number }) {
  const records = await readRecords(log, tp, count, from);
  return records.map((r) => [r.offset, r.key && fromUtf8(r.key), fromUtf8(r.value), r.timestampMs]);
}

async function readRecords(log: Log, tp: TopicPartition, count: number, from = 0): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  while (records.length < count) {
    const more = await log.read(tp, from + records.length, count - records.length);
    if (more.length === 0) break;
    records.push(...more);
  }
  return records;
}
