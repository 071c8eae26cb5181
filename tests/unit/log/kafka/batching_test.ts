/** Records of calls → batches: nothing lost, nothing moved, nothing too large that could be smaller. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import {
  type Batch,
  batchesOf,
  type Call,
  firstOfEach,
  halved,
  nameOf,
  withoutFailed,
} from "../../../../src/log/kafka/batching.ts";

type Given = [partition: number, bytes: number];

/** Records are told apart by their time, which counts up over all calls. */
function callsOf(given: readonly (readonly Given[])[]): Call[] {
  let number = 0;
  return given.map((records) => {
    const call: Call = {
      records: [],
      bytes: 0,
      isReady: true,
      failure: null,
      done: Promise.withResolvers(),
    };
    for (const [partition, bytes] of records) {
      const message = { key: null, value: new Uint8Array(0), headers: {}, timestampMs: number++ };
      call.records.push({ topic: "t", partition, call, message, bytes });
      call.bytes += bytes;
    }
    return call;
  });
}

const numbersIn = (batch: Batch) => batch.records.map((record) => record.message.timestampMs);
const shape = (batches: readonly Batch[]) => batches.map((b) => [b.partition, b.bytes, numbersIn(b)]);
const bound = () => 100;

describe("batchesOf", () => {
  it("joins what fits over calls, per partition, and lets a record beyond the bound go alone", () => {
    const calls = callsOf([[[0, 40], [1, 40]], [[0, 60], [0, 1]], [[0, 250], [1, 60]]]);
    assert.deepEqual(shape(batchesOf(calls, bound)), [
      [0, 100, [0, 2]],
      [1, 100, [1, 5]],
      [0, 1, [3]],
      [0, 250, [4]],
    ]);
  });

  it("keeps every record once, in order within its partition, below the bound unless it is alone", () => {
    const records = fc.array(fc.tuple(fc.nat(2), fc.integer({ min: 1, max: 150 })), { maxLength: 20 });
    fc.assert(fc.property(fc.array(records, { maxLength: 6 }), (given) => {
      const calls = callsOf(given);
      const batches = batchesOf(calls, bound);
      for (const partition of [0, 1, 2]) {
        const expected = calls.flatMap((call) => call.records).filter((r) => r.partition === partition)
          .map((r) => r.message.timestampMs);
        assert.deepEqual(batches.filter((b) => b.partition === partition).flatMap(numbersIn), expected);
      }
      assert.ok(batches.every((b) => b.bytes <= 100 || b.records.length === 1));
      assert.ok(batches.every((b) => b.bytes === b.records.reduce((sum, r) => sum + r.bytes, 0)));
    }));
  });
});

describe("a batch that is too large", () => {
  const one = (...bytes: number[]) => batchesOf(callsOf([bytes.map((b): Given => [0, b])]), () => 1_000)[0]!;

  it("halved is its first and its second half", () => {
    assert.deepEqual(shape(halved(one(10, 20, 30))), [[0, 30, [0, 1]], [0, 30, [2]]]);
  });

  it("halved again and again is its records one by one", () => {
    const singles = (batch: Batch): Batch[] =>
      batch.records.length === 1 ? [batch] : halved(batch).flatMap(singles);
    assert.deepEqual(singles(one(1, 2, 3, 4, 5)).flatMap(numbersIn), [0, 1, 2, 3, 4]);
  });
});

describe("withoutFailed", () => {
  it("leaves out the records of failed calls only, and nothing at all is null", () => {
    const calls = callsOf([[[0, 10]], [[0, 20]], [[0, 30]]]);
    const [batch] = batchesOf(calls, bound) as [Batch];
    assert.equal(withoutFailed(batch), batch);
    calls[1]!.failure = new Error("too large");
    assert.deepEqual(shape([withoutFailed(batch)!]), [[0, 40, [0, 2]]]);
    for (const call of calls) call.failure = new Error("too large");
    assert.equal(withoutFailed(batch), null);
  });
});

describe("firstOfEach", () => {
  it("is the first batch of each partition", () => {
    const batches = batchesOf(callsOf([[[0, 90], [0, 90], [1, 90], [1, 90]]]), bound);
    assert.deepEqual(firstOfEach(batches).map((b) => [nameOf(b), numbersIn(b)]), [["t/0", [0]], ["t/1", [
      2,
    ]]]);
  });
});
