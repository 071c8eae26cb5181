/** Row 12: a snapshot that is not whole is never loaded; one that is whole and ahead of the log is never passed over. */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { stageContext } from "../../src/node/context.ts";
import { acquire } from "../../src/runtime/acquire.ts";
import { groupName } from "../../src/runtime/host.ts";
import { decodeManifest, encodeManifest, type Manifest, snapshotFormat } from "../../src/runtime/manifest.ts";
import { restore } from "../../src/runtime/restore.ts";
import { memorySnapshots } from "../../src/snapshots/memory.ts";
import type { StoredManifest } from "../../src/snapshots/port.ts";
import { ridesStage } from "../../src/stages/rides.ts";
import { registry } from "../../src/telemetry/metrics.ts";
import { isoTime } from "../../src/time.ts";
import { stateOf } from "../pipeline/folds.ts";
import { quick } from "../pipeline/quick.ts";
import { type Live, live } from "./live.ts";

const tp = { topic: "ride-events", partition: 5 };
const key = `${groupName(quick.WAYMARK_GROUP, "rides", 1)}/ride-events/5`;
const context = stageContext(quick);
const identity = { foldVersion: context.foldVersion, generation: 1, logEpoch: 0 };

let world: Live;
/** The newest and the one before it, with the newest one's only segment. */
let newest: StoredManifest;
let older: StoredManifest;
let segment: Uint8Array;
let olderSegment: Uint8Array;

before(async () => {
  world = await live();
  for (let n = 0; n < 6; n++) {
    const atMs = world.clock.nowMs();
    const ride = {
      event_type: "requested",
      ride_id: `ride-${n}`,
      timestamp: isoTime(atMs),
      city: "wien",
      user_id: "anna",
    };
    await world.send("ride-events", 5, ride);
    if (n === 2 || n === 5) {
      const actor = () => world.pipeline.rides[0]!.actors.get(5);
      await world.until(`a snapshot holds ${n + 1} records`, () => actor()?.snapshotOffset === n + 1);
    }
  }
  [newest, older] = await world.store.manifests(key) as [StoredManifest, StoredManifest];
  segment = (await world.store.segment(key, newest.segments[0]!))!;
  olderSegment = (await world.store.segment(key, older.segments[0]!))!;
  world.crash();
});

/** A store with the older snapshot, whole, and the newest one as given. */
async function storeWith(manifest: StoredManifest, bytes = segment) {
  const store = memorySnapshots();
  await store.putSegment(key, older.segments[0]!, olderSegment);
  await store.putManifest(key, older);
  for (const hash of manifest.segments) await store.putSegment(key, hash, bytes);
  await store.putManifest(key, manifest);
  return store;
}

const acquired = async (manifest: StoredManifest, bytes?: Uint8Array) =>
  await acquire({ log: world.log, store: await storeWith(manifest, bytes), key, tp, identity });

async function discarded(reason: string): Promise<number> {
  const metric = await registry.getSingleMetric("waymark_snapshots_discarded_total")!.get();
  return metric.values.find((v) => (v.labels as { reason: string }).reason === reason)?.value ?? 0;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1 << (at % 8);
  return copy;
}

async function changed(change: Partial<Manifest>): Promise<StoredManifest> {
  const read = await decodeManifest(newest.bytes);
  assert.ok(read.ok);
  const manifest = { ...read.manifest, ...change };
  return { ...newest, offset: manifest.next_offset, bytes: await encodeManifest(manifest) };
}

describe("row 12: damaged snapshots", () => {
  it("the whole one is loaded as it is", async () => {
    assert.equal((await acquired(newest))?.manifest.next_offset, 6);
  });

  it("any flipped bit of the manifest makes it torn: counted, the older one is used", async () => {
    const counted = await discarded("torn");
    for (let at = 0; at < newest.bytes.length; at++) {
      const found = await acquired({ ...newest, bytes: flipped(newest.bytes, at) });
      assert.equal(found?.manifest.next_offset, older.offset, `byte ${at}`);
    }
    assert.equal(await discarded("torn"), counted + newest.bytes.length);
  });

  it("any flipped bit of a segment, too", async () => {
    for (let at = 0; at < segment.length; at++) {
      const found = await acquired(newest, flipped(segment, at));
      assert.equal(found?.manifest.next_offset, older.offset, `byte ${at}`);
    }
  });

  it("a manifest or segment that was cut short, too", async () => {
    for (const length of [0, 1, 64, 65, newest.bytes.length - 1]) {
      const found = await acquired({ ...newest, bytes: newest.bytes.slice(0, length) });
      assert.equal(found?.manifest.next_offset, older.offset);
    }
    assert.equal((await acquired(newest, segment.slice(0, -1)))?.manifest.next_offset, older.offset);
  });

  it("a newer format is passed over and counted", async () => {
    const counted = await discarded("newer_format");
    assert.equal(
      (await acquired(await changed({ format: snapshotFormat + 1 })))?.manifest.next_offset,
      older.offset,
    );
    assert.equal(await discarded("newer_format"), counted + 1);
  });

  it("another partition's, topic's or generation's is passed over and counted", async () => {
    const counted = await discarded("foreign");
    for (const change of [{ partition: 6 }, { topic: "driver-locations" }, { generation: 2 }]) {
      assert.equal((await acquired(await changed(change)))?.manifest.next_offset, older.offset);
    }
    assert.equal(await discarded("foreign"), counted + 3);
  });

  it("a whole one that is ahead of the log is a refusal, although an older one would fit", async () => {
    await assert.rejects(acquired(await changed({ next_offset: 7 })), {
      code: "log_behind_snapshot",
      exitCode: 3,
    });
  });

  it("what the older one restores, with the rest of the log, is the same fold (I4)", async () => {
    const stage = ridesStage(context);
    const [full, half] = [
      await acquired(newest),
      await acquired({ ...newest, bytes: newest.bytes.slice(1) }),
    ];
    const restoredWith = async (snapshot: typeof full) =>
      await restore(stage, tp, snapshot, { log: world.log, group: "any", clock: world.clock });
    const [whole, rest] = [await restoredWith(full), await restoredWith(half)];
    const { Outbox } = await import("../../src/fold.ts");
    const out = new Outbox();
    for (const record of await world.log.read(tp, rest.nextOffset, 100)) rest.fold.fold(record, out);
    rest.fold.flush(out);
    assert.equal(rest.nextOffset, older.offset);
    assert.equal(stateOf(rest.fold), stateOf(whole.fold));
  });
});
