import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { utf8 } from "../../../src/ids.ts";
import { crc32, murmur2, partitionOf } from "../../../src/log/partitioner.ts";

describe("murmur2", () => {
  // The vectors of Kafka's own test, org.apache.kafka.common.utils.UtilsTest.
  const vectors: [string, number][] = [
    ["21", -973932308],
    ["foobar", -790332482],
    ["a-little-bit-long-string", -985981536],
    ["a-little-bit-longer-string", -1486304829],
    ["lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971],
    ["abc", 479470107],
  ];
  for (const [key, hash] of vectors) {
    it(`of ${key} is ${hash}`, () => assert.equal(murmur2(utf8(key)), hash));
  }
});

describe("crc32", () => {
  it("of the check text is the published check value", () => {
    assert.equal(crc32(utf8("123456789")), 0xcbf43926);
  });
  // zlib's crc32, which librdkafka's is; the remainder is what consistent_random takes of a key that is there.
  const vectors: [key: string, crc: number, of12: number, of24: number][] = [
    ["a", 0xe8b7be43, 3, 3],
    ["abc", 0x352441c2, 6, 18],
    ["ride-abc-123", 0xa7884f61, 5, 17],
    ["driver-7", 0xd007bf38, 0, 0],
    ["zürich-ride", 0xd5094dc9, 5, 17],
    ["0123456789".repeat(5), 0xc7a7f554, 8, 20],
  ];
  for (const [key, crc, of12, of24] of vectors) {
    it(`of ${key} is ${crc}: partition ${of12} of 12, ${of24} of 24`, () => {
      assert.equal(crc32(utf8(key)), crc);
      assert.equal(partitionOf("crc32", utf8(key), 12), of12);
      assert.equal(partitionOf("crc32", utf8(key), 24), of24);
    });
  }
  it("of nothing is 0", () => assert.equal(crc32(utf8("")), 0));
});

describe("partitionOf", () => {
  it("murmur2 drops the sign bit instead of negating", () => {
    assert.equal(partitionOf("murmur2", utf8("21"), 12), (-973932308 & 0x7fffffff) % 12);
    assert.equal(partitionOf("murmur2", utf8("abc"), 24), 479470107 % 24);
  });
  it("crc32 takes the unsigned remainder", () => {
    assert.equal(partitionOf("crc32", utf8("123456789"), 12), 0xcbf43926 % 12);
  });
  it("stays within the topic for any key", () => {
    for (let i = 0; i < 1_000; i++) {
      for (const partitioner of ["murmur2", "crc32"] as const) {
        const partition = partitionOf(partitioner, utf8(`ride-${i}`), 7);
        assert.ok(Number.isInteger(partition) && partition >= 0 && partition < 7);
      }
    }
  });
  it("refuses a topic without partitions", () => {
    assert.throws(() => partitionOf("crc32", utf8("a"), 0), /at least one partition/);
  });
});
