/** What every snapshot store must do: run by snapshot_test.ts over the embedded store and its twin, and over Redis. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import fc from "fast-check";
import { contentHash, utf8 } from "../../src/ids.ts";
import { limits } from "../../src/limits.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { codeOf } from "./eventually.ts";

export type StoreUnderTest = {
  store: SnapshotStore;
  /** Put before every key: keeps runs on a shared server apart. */
  prefix: string;
  /** Closes the store and opens it again over the same data; absent where nothing outlives the process. */
  reopen?(): Promise<SnapshotStore>;
  dispose(): Promise<void>;
};

export type OpenStore = () => Promise<StoreUnderTest>;

/** Puts the segments, then the manifest that names them. The manifest's bytes say its offset. */
async function snapshot(store: SnapshotStore, key: string, { offset = 0, parts = [] as string[] }) {
  const segments = await Promise.all(parts.map((part) => put(store, key, part)));
  return await store.putManifest(key, { offset, bytes: utf8(`manifest ${offset}`), segments });
}

async function put(store: SnapshotStore, key: string, part: string): Promise<string> {
  const hash = await contentHash(utf8(part));
  await store.putSegment(key, hash, utf8(part));
  return hash;
}

async function has(store: SnapshotStore, key: string, part: string): Promise<boolean> {
  const bytes = await store.segment(key, await contentHash(utf8(part)));
  if (bytes !== null) assert.deepEqual(new Uint8Array(bytes), utf8(part));
  return bytes !== null;
}

const offsets = async (store: SnapshotStore, key: string) =>
  (await store.manifests(key)).map((m) => m.offset);

export function snapshotSuite(name: string, open: OpenStore): void {
  describe(`snapshot store: ${name}`, () => {
    let under: StoreUnderTest;
    let store: SnapshotStore;
    let key: string;
    let other: string;
    beforeEach(async () => {
      under = await open();
      store = under.store;
      key = `${under.prefix}rides-g1/ride-events/7`;
      other = `${under.prefix}rides-g1/ride-events/8`;
    });
    afterEach(async () => await under.dispose());

    it("manifests is empty and segment null for a key never used", async () => {
      assert.deepEqual(await store.manifests(key), []);
      assert.equal(await store.segment(key, await contentHash(utf8("a"))), null);
    });

    it("a manifest and its segments come back byte for byte", async () => {
      const segments = [await put(store, key, "b"), await put(store, key, "a")];
      const bytes = Uint8Array.of(0, 255, 10, 13, 128);
      assert.equal(await store.putManifest(key, { offset: 12, bytes, segments }), "stored");
      const [found] = await store.manifests(key);
      assert.deepEqual({ ...found, bytes: new Uint8Array(found!.bytes) }, { offset: 12, bytes, segments });
      assert.ok(await has(store, key, "a") && await has(store, key, "b"));
    });

    it("manifests only move forward: older is refused, equal replaces, greater goes on top", async () => {
      assert.equal(await snapshot(store, key, { offset: 10, parts: ["a"] }), "stored");
      assert.equal(await snapshot(store, key, { offset: 9, parts: ["b"] }), "older");
      assert.equal(await snapshot(store, key, { offset: 10, parts: ["c"] }), "stored");
      assert.equal(await snapshot(store, key, { offset: 11, parts: ["d"] }), "stored");
      assert.deepEqual(await offsets(store, key), [11, 10]);
      assert.deepEqual((await store.manifests(key))[1]!.segments, [await contentHash(utf8("c"))]);
    });

    it("a manifest that names a missing segment is refused, and nothing of it is kept", async () => {
      const named = [await put(store, key, "there"), await contentHash(utf8("missing"))];
      const refused = () => store.putManifest(key, { offset: 1, bytes: utf8("m"), segments: named });
      assert.equal(await codeOf(refused), "invariant_broken");
      assert.deepEqual(await store.manifests(key), []);
    });

    it("an older manifest is answered older even when its segments are gone", async () => {
      await snapshot(store, key, { offset: 10, parts: ["a"] });
      const missing = [await contentHash(utf8("missing"))];
      assert.equal(await store.putManifest(key, { offset: 9, bytes: utf8("m"), segments: missing }), "older");
    });

    it(`the newest ${limits.manifestsKept} manifests of a key are kept, and what only others named is collected`, async () => {
      for (let offset = 1; offset <= 6; offset++) {
        await snapshot(store, key, { offset, parts: ["shared", `only ${offset}`] });
      }
      assert.deepEqual(await offsets(store, key), [6, 5, 4]);
      assert.ok(await has(store, key, "shared"));
      for (const offset of [4, 5, 6]) {
        assert.ok(await has(store, key, `only ${offset}`), `segment of ${offset}`);
      }
      for (const offset of [1, 2, 3]) {
        assert.equal(await has(store, key, `only ${offset}`), false, `of ${offset}`);
      }
    });

    it("a segment that another key's manifest names is not collected", async () => {
      await snapshot(store, other, { offset: 1, parts: ["shared"] });
      for (let offset = 1; offset <= 6; offset++) {
        await snapshot(store, key, { offset, parts: offset === 1 ? ["shared"] : [`only ${offset}`] });
      }
      assert.ok(await has(store, other, "shared"));
      assert.deepEqual(await offsets(store, other), [1]);
    });

    it("a segment put for a manifest that is on its way outlives another manifest of any key", async () => {
      await snapshot(store, key, { offset: 1, parts: ["old"] });
      const segments = [await put(store, key, "on its way")];
      await snapshot(store, key, { offset: 2, parts: ["a zombie's"] });
      for (let offset = 1; offset <= 5; offset++) {
        await snapshot(store, other, { offset, parts: [`o${offset}`] });
      }
      assert.equal(await store.putManifest(key, { offset: 3, bytes: utf8("m"), segments }), "stored");
      assert.ok(await has(store, key, "on its way"));
    });

    it("a segment put again before its manifest is protected anew", async () => {
      await snapshot(store, key, { offset: 1, parts: ["same"] });
      for (let offset = 2; offset <= limits.manifestsKept; offset++) {
        await snapshot(store, key, { offset, parts: [`only ${offset}`] });
      }
      await put(store, key, "same");
      const next = limits.manifestsKept + 1;
      assert.equal(await snapshot(store, key, { offset: next, parts: ["x"] }), "stored");
      assert.ok(await has(store, key, "same"));
    });

    it("segments that no manifest ever named are collected in the end", async () => {
      await put(store, key, "abandoned");
      for (let offset = 1; offset <= 3; offset++) await snapshot(store, key, { offset, parts: ["a"] });
      assert.equal(await has(store, key, "abandoned"), false);
    });

    it("the same manifest a few times, and all others discarded, leave only what it names", async () => {
      for (const offset of [1, 2, 3]) {
        await snapshot(store, key, { offset, parts: [`old ${offset}`, "same"] });
      }
      for (let round = 0; round < 3; round++) {
        await snapshot(store, key, { offset: 3, parts: ["new", "same"] });
      }
      for (const offset of [1, 2]) await store.discard(key, offset);
      assert.deepEqual(await offsets(store, key), [3]);
      for (const offset of [1, 2, 3]) {
        assert.equal(await has(store, key, `old ${offset}`), false, `${offset}`);
      }
      assert.ok(await has(store, key, "new") && await has(store, key, "same"));
    });

    it("discard forgets one manifest, so that the next older is the newest and may be followed", async () => {
      for (const offset of [1, 2, 3]) await snapshot(store, key, { offset, parts: [`only ${offset}`] });
      await store.discard(key, 3);
      await store.discard(key, 77);
      assert.deepEqual(await offsets(store, key), [2, 1]);
      assert.ok(await has(store, key, "only 2"));
      assert.equal(await snapshot(store, key, { offset: 3, parts: ["again"] }), "stored");
      assert.deepEqual(await offsets(store, key), [3, 2, 1]);
    });

    it("manifests and segments are there after reopening", async (t) => {
      if (under.reopen === undefined) return t.skip("nothing outlives the process");
      await snapshot(store, key, { offset: 5, parts: ["a", "b"] });
      const again = await under.reopen();
      assert.deepEqual(await offsets(again, key), [5]);
      assert.ok(await has(again, key, "a") && await has(again, key, "b"));
      assert.equal(await snapshot(again, key, { offset: 4, parts: [] }), "older");
    });

    it("a closed store refuses everything with snapshot_store_unavailable", async () => {
      await store.close();
      assert.equal(await codeOf(() => store.manifests(key)), "snapshot_store_unavailable");
      assert.equal(await codeOf(() => put(store, key, "a")), "snapshot_store_unavailable");
    });

    it("whatever is stored and discarded: kept manifests are the newest and have all their segments", async () => {
      const step = fc.record({
        key: fc.constantFrom("/a", "/b"),
        offset: fc.nat(8),
        parts: fc.uniqueArray(fc.constantFrom("p", "q", "r", "s", "t"), { maxLength: 3 }),
        discards: fc.boolean(),
      });
      let run = 0;
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
          const base = `${under.prefix}run-${++run}`;
          const model: Record<string, number[]> = { "/a": [], "/b": [] };
          for (const { key, offset, parts, discards } of steps) {
            const kept = model[key]!;
            if (discards) {
              await store.discard(base + key, offset);
              model[key] = kept.filter((o) => o !== offset);
              continue;
            }
            const expected = offset < Math.max(-1, ...kept) ? "older" : "stored";
            assert.equal(await snapshot(store, base + key, { offset, parts }), expected);
            if (expected === "stored") {
              model[key] = [offset, ...kept.filter((o) => o !== offset)].slice(0, limits.manifestsKept);
            }
          }
          for (const key of ["/a", "/b"]) {
            const manifests = await store.manifests(base + key);
            assert.deepEqual(manifests.map((m) => m.offset), model[key]);
            for (const hash of manifests.flatMap((m) => m.segments)) {
              assert.ok(await store.segment(base + key, hash) !== null);
            }
          }
        }),
        { numRuns: 30 },
      );
    });
  });
}
