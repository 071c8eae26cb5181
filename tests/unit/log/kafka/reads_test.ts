import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Fetched, Wanted } from "../../../../src/log/kafka/fetch.ts";
import { type FetchBounds, kafkaReads } from "../../../../src/log/kafka/reads.ts";

const offsetOutOfRange = 1;

/** Partitions of ten records each, in batches of four, led by broker 1 (even) or 2; an answer is `room` batches at most. */
function cluster({ room = Infinity, ends = 10, held = 10, start = 0 } = {}) {
  const requests: { leader: number; partitions: number[]; bounds: FetchBounds }[] = [];
  const seen: number[] = [];
  let forgotten = 0;
  const reads = kafkaReads({
    nodes: {
      leaderOf: ({ partition }) => Promise.resolve(1 + partition % 2),
      forgetLeaders: () => void forgotten++,
    },
    request(leader, wanted, bounds) {
      requests.push({ leader, partitions: wanted.map((w) => w.partition), bounds });
      let left = room;
      return Promise.resolve(wanted.map((w) => answer(w, left-- > 0)));
    },
    startOf: () => Promise.resolve(start),
    saw: (_, end) => void seen.push(end),
  });
  function answer({ topic, partition, offset }: Wanted, fits: boolean): Fetched {
    const errorCode = offset < start || offset > ends ? offsetOutOfRange : 0;
    const isEmpty = !fits || offset >= held || errorCode !== 0;
    const base = offset - offset % 4;
    const records = isEmpty
      ? []
      : [base, base + 1, base + 2, base + 3].filter((n) => n >= offset && n < held).map((n) => ({
        ...{ offset: n, timestampMs: 0, key: null, value: new Uint8Array(1), headers: null },
      }));
    const nextOffset = (records.at(-1)?.offset ?? offset - 1) + 1;
    return { topic, partition, errorCode, end: ends, records, nextOffset, failure: null, isEmpty };
  }
  const read = async (partition: number, offset: number, recordsMax = 100) =>
    (await reads.read({ topic: "t", partition }, offset, recordsMax)).map((record) => record.offset);
  return { read, requests, seen, forgotten: () => forgotten };
}

describe("kafkaReads", () => {
  it("sends one request to each broker for the reads that begin together", async () => {
    const { read, requests } = cluster();
    const found = await Promise.all([0, 1, 2, 3].map((partition) => read(partition, partition)));
    assert.deepEqual(found, [[0, 1, 2, 3], [1, 2, 3], [2, 3], [3]]);
    assert.deepEqual(requests.map(({ leader, partitions }) => [leader, partitions]), [[1, [0, 2]], [2, [
      1,
      3,
    ]]]);
    assert.deepEqual(await read(0, 4), [4, 5, 6, 7]);
    assert.equal(requests.length, 3);
  });

  it("asks alone for a partition that an answer had no room for", async () => {
    const { read, requests, seen } = cluster({ room: 1 });
    assert.deepEqual(await Promise.all([read(0, 0), read(2, 5), read(4, 10)]), [[0, 1, 2, 3], [5, 6, 7], []]);
    assert.deepEqual(requests.map(({ partitions }) => partitions), [[0, 2, 4], [2]]);
    assert.ok(requests[1]!.bounds.partitionBytesMax > requests[0]!.bounds.partitionBytesMax);
    assert.deepEqual(seen, [10, 10, 10, 10]);
  });

  it("takes an answer that is empty again for the end: an open transaction holds back what there is", async () => {
    const { read, requests } = cluster({ ends: 10, held: 8 });
    assert.deepEqual(await read(0, 8), []);
    assert.equal(requests.length, 2);
  });

  it("asks for a partition twice where two read it, each from its offset", async () => {
    const { read, requests } = cluster();
    assert.deepEqual(await Promise.all([read(0, 0, 2), read(0, 4), read(2, 0, 1)]), [[0, 1], [4, 5, 6, 7], [
      0,
    ]]);
    assert.deepEqual(requests.map(({ partitions }) => partitions), [[0, 2], [0]]);
  });

  it("tells an offset before the start from one behind the end", async () => {
    const { read, forgotten } = cluster({ start: 3 });
    await assert.rejects(read(0, 1), { code: "log_trimmed" });
    assert.deepEqual(await read(0, 11), []);
    assert.equal(forgotten(), 2);
  });

  it("fails the reads that shared a request which failed, and no later one", async () => {
    let isDown = true;
    const reads = kafkaReads({
      nodes: { leaderOf: () => Promise.resolve(1), forgetLeaders() {} },
      request: (_, wanted) =>
        isDown ? Promise.reject(new Error("down")) : Promise.resolve(wanted.map((w) => ({
          ...{ topic: w.topic, partition: w.partition, errorCode: 0, end: 0, records: [] },
          ...{ nextOffset: w.offset, failure: null, isEmpty: true },
        }))),
      startOf: () => Promise.resolve(0),
      saw() {},
    });
    const read = (partition: number) => reads.read({ topic: "t", partition }, 0, 1);
    const outcomes = await Promise.allSettled([read(0), read(1)]);
    assert.deepEqual(outcomes.map((o) => o.status), ["rejected", "rejected"]);
    isDown = false;
    assert.deepEqual(await read(0), []);
  });
});
