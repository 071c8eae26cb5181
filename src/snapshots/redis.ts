/**
 * The snapshot store over Redis, for processes that may restart on another machine.
 *
 * All keys of a partition share a hash tag, so that they live in one slot of a cluster, and every step that decides
 * something is one script: a manifest moves forward, names only segments that are there, and what no kept manifest
 * names is collected in the same step. Segments are put before; two owners of a partition cannot collect each
 * other's, because a fresh segment is kept through the round it was put in and the next.
 *
 *   waymark:{rides-g1/ride-events/7}:segment:<hash>   bytes          …:held   the hashes there are
 *                                   :manifests        offset → bytes …:names  offset → its hashes
 *                                   :fresh            hash → round   …:rounds manifests stored so far
 *
 * Redis may be down, slow or wiped at any time: every call then fails with snapshot_store_unavailable within
 * `timeoutMs`, nothing is queued for later, and the connection comes back by itself (redis_connection.ts).
 */
import { Buffer } from "node:buffer";
import { limits } from "../limits.ts";
import type { SnapshotKey, SnapshotStore, StoredManifest } from "./port.ts";
import { openRedisConnection, type RedisConnectionOptions } from "./redis_connection.ts";
import { refuseMissingSegment } from "./refusals.ts";

export type RedisSnapshotsOptions = RedisConnectionOptions & {
  /** Put before every key. Default `waymark:`. */
  prefix?: string;
};

const putSegmentScript = `
  if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('SET', KEYS[1], ARGV[2]) end
  redis.call('SADD', KEYS[2], ARGV[1])
  redis.call('HSET', KEYS[3], ARGV[1], redis.call('GET', KEYS[4]) or '0')
  return 'stored'`;

/** Shared end of the scripts: deletes the held segments that neither a manifest names nor a round protects. */
const collect = `
  local kept = {}
  for _, names in ipairs(redis.call('HVALS', KEYS[2])) do
    for _, hash in ipairs(cjson.decode(names)) do kept[hash] = true end
  end
  for _, hash in ipairs(redis.call('HKEYS', KEYS[3])) do kept[hash] = true end
  for _, hash in ipairs(redis.call('SMEMBERS', KEYS[5])) do
    if not kept[hash] then
      redis.call('DEL', ARGV[1] .. hash)
      redis.call('SREM', KEYS[5], hash)
    end
  end`;

const putManifestScript = `
  local offset = tonumber(ARGV[2])
  local offsets = {}
  for _, held in ipairs(redis.call('HKEYS', KEYS[1])) do
    if tonumber(held) > offset then return 'older' end
    if tonumber(held) ~= offset then table.insert(offsets, tonumber(held)) end
  end
  for _, hash in ipairs(cjson.decode(ARGV[4])) do
    if redis.call('EXISTS', ARGV[1] .. hash) == 0 then return hash end
  end
  redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[4])
  table.sort(offsets, function(a, b) return a > b end)
  for i = tonumber(ARGV[5]), #offsets do
    local dropped = string.format('%.0f', offsets[i])
    redis.call('HDEL', KEYS[1], dropped)
    redis.call('HDEL', KEYS[2], dropped)
  end
  local round = redis.call('INCR', KEYS[4])
  local fresh = redis.call('HGETALL', KEYS[3])
  for i = 1, #fresh, 2 do
    if tonumber(fresh[i + 1]) < round - 1 then redis.call('HDEL', KEYS[3], fresh[i]) end
  end
  ${collect}
  return 'stored'`;

const discardScript = `
  redis.call('HDEL', KEYS[1], ARGV[2])
  redis.call('HDEL', KEYS[2], ARGV[2])
  ${collect}
  return 'stored'`;

/** Connects in the background: a store that is not there yet answers snapshot_store_unavailable until it is. */
export function openRedisSnapshots(
  { prefix = "waymark:", ...where }: RedisSnapshotsOptions,
): SnapshotStore {
  const { ask, close } = openRedisConnection(where);
  const at = (key: SnapshotKey, part: string) => `${prefix}{${key}}:${part}`;
  const scriptKeys = (key: SnapshotKey) =>
    ["manifests", "names", "fresh", "rounds", "held"].map((part) => at(key, part));

  return {
    async putSegment(key, hash, bytes) {
      await ask("put a segment", ({ client }) =>
        client.eval(putSegmentScript, {
          keys: [at(key, `segment:${hash}`), at(key, "held"), at(key, "fresh"), at(key, "rounds")],
          arguments: [hash, asBuffer(bytes)] as string[],
        }));
    },
    async putManifest(key, manifest) {
      const { offset, bytes, segments } = manifest;
      const answer = await ask("put a manifest", ({ client }) =>
        client.eval(putManifestScript, {
          keys: scriptKeys(key),
          arguments: [
            at(key, "segment:"),
            String(offset),
            asBuffer(bytes),
            JSON.stringify(segments),
            String(limits.manifestsKept),
          ] as string[],
        }));
      if (answer === "stored" || answer === "older") return answer;
      refuseMissingSegment(key, manifest, { hash: String(answer), held: false });
      return "older";
    },
    async manifests(key) {
      const [bytes, names] = await ask(
        "read the manifests",
        ({ client, binary }) =>
          Promise.all([binary.hGetAll(at(key, "manifests")), client.hGetAll(at(key, "names"))]),
      );
      return Object.entries(bytes)
        .flatMap(([offset, manifest]): StoredManifest[] =>
          names[offset] === undefined ? [] : [{
            offset: Number(offset),
            bytes: new Uint8Array(manifest as unknown as Buffer),
            segments: namesIn(names[offset]),
          }]
        )
        .sort((a, b) => b.offset - a.offset);
    },
    async segment(key, hash) {
      const bytes = await ask("read a segment", ({ binary }) => binary.get(at(key, `segment:${hash}`)));
      return bytes === null ? null : new Uint8Array(bytes as unknown as Buffer);
    },
    async discard(key, offset) {
      await ask(
        "discard a manifest",
        ({ client }) =>
          client.eval(discardScript, {
            keys: scriptKeys(key),
            arguments: [at(key, "segment:"), String(offset)],
          }),
      );
    },
    close,
  };
}

/** Arguments are sent as they are when they are Buffers; text would be encoded. */
const asBuffer = (bytes: Uint8Array): unknown =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** The script writes an empty list of names as an empty object. */
function namesIn(text: string): string[] {
  const names = JSON.parse(text) as string[];
  return Array.isArray(names) ? names : [];
}
