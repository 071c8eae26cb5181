/** A reader that is fed by hand: what it asks for, hands over and refuses once the log is in doubt. */
import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import type { WaymarkError } from "../../../../src/errors.ts";
import { utf8 } from "../../../../src/ids.ts";
import { type KafkaReader, startKafkaReader } from "../../../../src/log/kafka/partition_reader.ts";
import type { LogBounds, LogRecord } from "../../../../src/log/port.ts";
import { manualClock, settle } from "../../../../src/time.ts";
import { groupRecorder, type Recorder } from "../../../conformance/group_recorder.ts";

const tp = { topic: "ride-events", partition: 0 };
const clock = manualClock();
let bounds: LogBounds;
/** What bounds that are asked for wait for. */
let told: Promise<void>;
/** What the group's word that the partition is still ours waits for. */
let heard: Promise<void>;
let recorder: Recorder;
let reader: KafkaReader;

const records = (from: number, to: number): LogRecord[] =>
  Array.from({ length: to - from }, (_, n) => ({
    ...{ offset: from + n, timestampMs: 0, key: null, value: utf8(`record ${from + n}`), headers: null },
  }));

/** Begins at 5 of a log of ten records. */
beforeEach(async () => {
  bounds = { start: 0, end: 10 };
  told = Promise.resolve();
  heard = Promise.resolve();
  recorder = groupRecorder({ from: () => 5 });
  reader = startKafkaReader({
    ...{ tp, handlers: recorder.handlers, batchRecordsMax: 100, clock },
    async bounds() {
      const asked = bounds;
      await told;
      return asked;
    },
    confirmed: () => heard,
    onTrouble() {},
    wake() {},
    turn: () => Promise.resolve(),
  });
  await settle();
});

/** The broker's answer to what is wanted now. */
async function answer(given: LogRecord[], end: number): Promise<void> {
  const offset = reader.wanted()!;
  const nextOffset = given.length > 0 ? given.at(-1)!.offset + 1 : offset;
  const sent = { offset, atMs: clock.nowMs(), monotonicMs: clock.monotonicMs() };
  const fetched = { ...tp, errorCode: 0, end, records: given, nextOffset, failure: null };
  reader.arrived({ ...fetched, isEmpty: given.length === 0 }, sent);
  await settle();
  await clock.advance(100);
}

const refused = () => recorder.errors.map((error) => (error as WaymarkError).code);

describe("a reader in doubt", () => {
  it("learns the record before its position with the first answer, and hands over what follows", async () => {
    assert.equal(reader.wanted(), 4);
    await answer(records(4, 10), 10);
    assert.deepEqual([recorder.offsets.get(0), reader.wanted()], [[5, 6, 7, 8, 9], 10]);
  });

  it("asks for its last record again and does not hand it over twice", async () => {
    await answer(records(4, 10), 10);
    reader.doubt();
    assert.equal(reader.wanted(), 9);
    await answer(records(9, 12), 12);
    assert.deepEqual([recorder.offsets.get(0), reader.wanted()], [[5, 6, 7, 8, 9, 10, 11], 12]);
  });

  it("refuses another record there at once, and hands over nothing of that answer", async () => {
    heard = new Promise(() => {});
    await answer(records(4, 10), 10);
    reader.doubt();
    await answer(records(9, 12).map((record) => ({ ...record, value: utf8("another") })), 12);
    assert.deepEqual([refused(), recorder.offsets.get(0)!.at(-1)], [["log_replaced"], 9]);
  });

  it("goes on where its last record was let go by the retention meanwhile", async () => {
    await answer(records(4, 10), 10);
    reader.doubt();
    bounds = { start: 10, end: 10 };
    await reader.outOfRange();
    assert.deepEqual([refused(), reader.wanted()], [[], 10]);
    await answer(records(10, 12), 12);
    assert.equal(recorder.offsets.get(0)!.at(-1), 11);
  });

  it("refuses a log that ends right before its last record, of which an answer says nothing", async () => {
    await answer(records(4, 10), 10);
    reader.doubt();
    bounds = { start: 0, end: 9 };
    await answer([], 9);
    assert.deepEqual(refused(), ["log_behind_snapshot"]);
  });

  it("waits for a leader that does not know yet how far it may hand out", async () => {
    await answer(records(4, 10), 10);
    reader.doubt();
    await answer([], 7);
    assert.deepEqual([refused(), recorder.empties, reader.wanted()], [[], [], 9]);
    await answer(records(9, 11), 11);
    assert.equal(recorder.offsets.get(0)!.at(-1), 10);
  });

  it("does not hold the bounds of before against a position that has moved on", async () => {
    await answer(records(4, 10), 10);
    const { promise, resolve } = Promise.withResolvers<void>();
    told = promise;
    reader.doubt();
    await answer([], 7);
    await answer(records(9, 12), 12);
    resolve();
    await settle();
    assert.deepEqual([refused(), reader.wanted(), recorder.offsets.get(0)!.at(-1)], [[], 12, 11]);
    reader.doubt();
    await answer([], 10);
    assert.deepEqual(refused(), ["log_behind_snapshot"]);
  });

  it("is told empty at the end of a log that has nothing left to show", async () => {
    await answer(records(4, 10), 10);
    reader.doubt();
    await answer([], 10);
    assert.deepEqual([recorder.empties.map(({ end }) => end), reader.wanted()], [[10], 9]);
  });

  it("refuses once the group has confirmed that the partition is still ours", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    heard = promise;
    await answer(records(4, 10), 10);
    bounds = { start: 11, end: 20 };
    await reader.outOfRange();
    await settle();
    assert.deepEqual([refused(), reader.wanted()], [[], null]);
    resolve();
    await settle();
    assert.deepEqual(refused(), ["log_trimmed"]);
    reader.lose();
    assert.deepEqual(recorder.calls.filter((text) => text.startsWith("lost")), []);
  });

  it("is lost, and refuses nothing, where the group has given the partition to another one", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    heard = promise;
    await answer(records(4, 10), 10);
    bounds = { start: 11, end: 20 };
    await reader.outOfRange();
    reader.lose();
    resolve();
    await settle();
    assert.deepEqual([refused(), recorder.calls.filter((text) => text.startsWith("lost")).length], [[], 1]);
  });

  it("is lost, and refuses nothing, where it is given back before the group has confirmed", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    heard = promise;
    await answer(records(4, 10), 10);
    bounds = { start: 11, end: 20 };
    await reader.outOfRange();
    reader.release();
    await reader.released;
    resolve();
    await settle();
    assert.deepEqual([refused(), recorder.calls.filter((text) => text.startsWith("lost")).length], [[], 1]);
  });

  it("fails no more once it was given back: an answer may come after it", async () => {
    await answer(records(4, 10), 10);
    reader.release();
    await reader.released;
    reader.fail(new Error("an answer that cannot be decoded"));
    await settle();
    assert.deepEqual(recorder.errors, []);
  });

  it("asks anew after a pause of its own", async () => {
    await answer(records(4, 10), 10);
    reader.pause();
    await clock.advance(60_000);
    reader.resume();
    assert.equal(reader.wanted(), 9);
  });
});
