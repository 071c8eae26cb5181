/**
 * Which partition a key belongs to, as the two families of Kafka clients choose it.
 *
 * Producers we do not control have already chosen; look-ups and the door must land on the same partition, so
 * both are kept bit for bit: murmur2 of the Java client (`Utils.murmur2`, also kafkajs) and the CRC-32 of
 * librdkafka's `consistent_random` for a key that is there. https://kafka.apache.org, https://github.com/confluentinc/librdkafka
 */
import { invariant } from "../invariant.ts";

export type Partitioner = "murmur2" | "crc32";

/** The partition, 0 to `partitions` - 1, of a key. */
export function partitionOf(partitioner: Partitioner, key: Uint8Array, partitions: number): number {
  invariant(partitions > 0, () => `a topic has at least one partition, not ${partitions}`);
  return partitioner === "murmur2" ? (murmur2(key) & 0x7fffffff) % partitions : crc32(key) % partitions;
}

const multiplier = 0x5bd1e995;
const seed = 0x9747b28c;

/** MurmurHash2 with Kafka's seed: a signed 32-bit integer. */
export function murmur2(bytes: Uint8Array): number {
  const whole = bytes.length & ~3;
  let hash = seed ^ bytes.length;
  for (let i = 0; i < whole; i += 4) {
    let word = bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24;
    word = Math.imul(word, multiplier);
    word = Math.imul(word ^ word >>> 24, multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  const rest = bytes.length - whole;
  if (rest > 0) {
    for (let i = rest - 1; i >= 0; i--) hash ^= bytes[whole + i]! << (8 * i);
    hash = Math.imul(hash, multiplier);
  }
  hash = Math.imul(hash ^ hash >>> 13, multiplier);
  return hash ^ hash >>> 15;
}

const crcTable = Int32Array.from({ length: 256 }, (_, index) => {
  let entry = index;
  for (let bit = 0; bit < 8; bit++) entry = entry & 1 ? entry >>> 1 ^ 0xedb88320 : entry >>> 1;
  return entry;
});

/** CRC-32 (IEEE 802.3, reflected): an unsigned 32-bit integer. */
export function crc32(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) crc = crc >>> 8 ^ crcTable[(crc ^ byte) & 0xff]!;
  return (crc ^ -1) >>> 0;
}
