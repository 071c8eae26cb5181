/** The loader of snapshots, over kept ones of every stage: each byte flipped, each truncation, each byte too many. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { stageContext } from "../../src/node/context.ts";
import { acquire } from "../../src/runtime/acquire.ts";
import { groupName } from "../../src/runtime/host.ts";
import { decodeManifest } from "../../src/runtime/manifest.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import type { StoredManifest } from "../../src/snapshots/port.ts";
import { keptConfig, keptOfNow, type Opened, openKept } from "../kept/kept.ts";
import { fuzz } from "./mutants.ts";

const foldVersion = stageContext(keptConfig).foldVersion;
const identity = { foldVersion, generation: 1, logEpoch: 0 };

let kept: Opened;

before(async () => void (kept = await openKept(await keptOfNow())));
after(() => kept[Symbol.asyncDispose]());

for (
  const [stage, topic] of [["rides", "ride-events"], ["locations", "driver-locations"], [
    "cities",
    "city-partials-g1",
  ]] as const
) {
  const tp = { topic, partition: 0 };
  const key = `${groupName(keptConfig.WAYMARK_GROUP, stage, 1)}/${topic}/0`;

  /** Whether a store that has this and nothing else gives a snapshot. */
  const isLoaded = async (manifest: StoredManifest, segments: ReadonlyMap<string, Uint8Array>) => {
    const store = memorySnapshots();
    for (const [hash, bytes] of segments) await store.putSegment(key, hash, bytes);
    await store.putManifest(key, manifest);
    return await acquire({ log: kept.log, store, key, tp, identity }) !== null;
  };

  describe(`a kept snapshot of ${stage}`, () => {
    let manifest: StoredManifest;
    let segments: Map<string, Uint8Array>;

    before(async () => {
      manifest = (await kept.store.manifests(key))[0]!;
      const named = manifest.segments.map(async (hash) =>
        [hash, (await kept.store.segment(key, hash))!] as const
      );
      segments = new Map(await Promise.all(named));
    });

    it("is loaded as it is", async () => {
      assert.ok(segments.size > 0);
      assert.ok(await isLoaded(manifest, segments));
    });

    it("is not loaded with any byte of its manifest changed, or cut off anywhere", async () => {
      const { bytes } = manifest;
      for (let at = 0; at < bytes.length; at++) {
        const changed = bytes.with(at, bytes[at]! ^ 1 << (at % 8));
        for (const damaged of [changed, bytes.subarray(0, at)]) {
          assert.equal((await decodeManifest(damaged)).ok, false, `byte ${at}`);
        }
      }
      assert.equal((await decodeManifest(new Uint8Array([...bytes, 10]))).ok, false);
    });

    it("is not loaded with any byte of a segment changed, or cut off anywhere", async () => {
      for (const [hash, bytes] of segments) {
        for (let at = 0; at < bytes.length; at++) {
          const changed = bytes.with(at, bytes[at]! ^ 1 << (at % 8));
          for (const damaged of [changed, bytes.subarray(0, at)]) {
            assert.equal(
              await isLoaded(manifest, new Map([...segments, [hash, damaged]])),
              false,
              `byte ${at}`,
            );
          }
        }
      }
    });

    it("is loaded only as it was, whatever else became of it", () =>
      fuzz({
        name: stage,
        corpus: [manifest.bytes],
        mutants: 1_000,
        async judge(bytes) {
          const read = await decodeManifest(bytes);
          assert.equal(
            read.ok,
            bytes.length === manifest.bytes.length && bytes.every((b, i) => b === manifest.bytes[i]),
          );
        },
      }));
  });
}
