/**
 * First phase of owning a partition: find the snapshot to begin from, or refuse.
 *
 *   acquire ─► restore ─► run ─► drain
 *
 * Torn, foreign and newer-format snapshots are passed over, counted, and the next older one is tried. A valid
 * snapshot that does not fit the log is never passed over: the log was trimmed, recreated or rolled back, and
 * going on would lose or double data. That is a refusal (exit 3) and the message says what to do. A partition that has
 * no snapshot is held to those of its neighbours: it would fold a log that was recreated from its first record on,
 * and publish, before the others have refused.
 */
import { WaymarkError } from "../errors.ts";
import { contentHash, fingerprint } from "../ids.ts";
import type { Log, LogBounds, TopicPartition } from "../log/port.ts";
import { readNext } from "../log/read_next.ts";
import { bringBack, logReplaced } from "../log/refusals.ts";
import type { SnapshotKey, SnapshotStore } from "../snapshots/port.ts";
import { metrics } from "../telemetry/metrics.ts";
import { decodeManifest, type Manifest } from "./manifest.ts";

export type Identity = { foldVersion: string; generation: number; logEpoch: number };

export type Snapshot = { manifest: Manifest; segments: Uint8Array[] };

export type AcquireOptions = {
  log: Log;
  store: SnapshotStore;
  key: SnapshotKey;
  tp: TopicPartition;
  identity: Identity;
  /** Whether the log may let single records of the topic go. Default false. */
  compacted?: boolean;
};

/** The newest usable snapshot, or null when there is none. Throws the refusals of faults row 10. */
export async function acquire(options: AcquireOptions): Promise<Snapshot | null> {
  const { log, store, key, tp, identity } = options;
  const partitions = await log.partitionCount(tp.topic) ?? 0;
  for await (const manifest of readable(options, tp.partition)) {
    refuseOther(manifest, identity, partitions);
    const bounds = await boundsOf(log, tp);
    refuseBehind(manifest, bounds, tp);
    refuseTrimmed(manifest, bounds, tp);
    await refuseReplaced(manifest, options, { tp, bounds });
    const segments = await loadSegments(store, key, manifest);
    if (segments !== null) return { manifest, segments };
    metrics.snapshotsDiscarded.inc({ reason: "torn" });
  }
  await refuseByNeighbours(options, partitions);
  return null;
}

/** Whether a neighbour's log was trimmed is its own trouble: its owner may go on from what it has in memory. */
async function refuseByNeighbours(options: AcquireOptions, partitions: number): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    if (partition === options.tp.partition) continue;
    const tp = { topic: options.tp.topic, partition };
    for await (const manifest of readable(options, partition)) {
      refuseOther(manifest, options.identity, partitions);
      // After the manifest: its owner may be running, and the log must not be older than it.
      const bounds = await boundsOf(options.log, tp);
      refuseBehind(manifest, bounds, tp);
      await refuseReplaced(manifest, options, { tp, bounds });
      break;
    }
  }
}

/** The manifests of a partition that can be read and are its own, newest first; the others are counted. */
async function* readable(
  { store, key, tp, identity }: AcquireOptions,
  partition: number,
): AsyncGenerator<Manifest> {
  for (const stored of await store.manifests(keyOf(key, tp.partition, partition))) {
    const read = await decodeManifest(stored.bytes);
    const discarded = !read.ok
      ? read.reason
      : read.manifest.topic !== tp.topic || read.manifest.partition !== partition ||
          read.manifest.generation !== identity.generation
      ? "foreign"
      : null;
    if (read.ok && discarded === null) yield read.manifest;
    else if (partition === tp.partition) metrics.snapshotsDiscarded.inc({ reason: discarded! });
  }
}

/** The key of another partition of the same group and topic: keys end with the partition. */
const keyOf = (key: SnapshotKey, own: number, partition: number): SnapshotKey =>
  `${key.slice(0, -String(own).length)}${partition}`;

const boundsOf = async (log: Log, tp: TopicPartition): Promise<LogBounds> =>
  (await log.bounds(tp.topic))[tp.partition] ?? { start: 0, end: 0 };

function refuseOther(manifest: Manifest, identity: Identity, partitions: number): void {
  const where = `the snapshot of ${manifest.topic}/${manifest.partition}`;
  if (manifest.fold_version !== identity.foldVersion || manifest.log_epoch !== identity.logEpoch) {
    throw new WaymarkError(
      "fold_version_differs",
      `${where} was folded with version ${manifest.fold_version}, log epoch ${manifest.log_epoch}; this process has ` +
        `${identity.foldVersion}, ${identity.logEpoch}. Put the settings back, or start a new WAYMARK_GENERATION beside this one`,
    );
  }
  if (manifest.partitions !== partitions) {
    throw new WaymarkError(
      "partition_count_changed",
      `${manifest.topic} had ${manifest.partitions} partitions when it was snapshotted and has ${partitions} now; keys have moved. ` +
        `Start a new WAYMARK_GENERATION on a new topic`,
    );
  }
}

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`;

function refuseBehind(manifest: Manifest, { end }: LogBounds, tp: TopicPartition): void {
  if (manifest.next_offset <= end) return;
  throw new WaymarkError(
    "log_behind_snapshot",
    `the snapshot of ${
      nameOf(tp)
    } is at offset ${manifest.next_offset} but the log ends at ${end}: it was recreated or rolled back. ` +
      bringBack,
  );
}

function refuseTrimmed(manifest: Manifest, { start }: LogBounds, tp: TopicPartition): void {
  if (manifest.next_offset >= start) return;
  throw new WaymarkError(
    "log_trimmed",
    `the snapshot of ${nameOf(tp)} is at offset ${manifest.next_offset} but the log begins at ${start}: ` +
      `${
        start - manifest.next_offset
      } records are gone. Restore a newer snapshot, or remove this partition's snapshots ` +
      `to begin cold and have the gap named in the ledger`,
  );
}

async function refuseReplaced(
  { last }: Manifest,
  { log, compacted = false }: AcquireOptions,
  { tp, bounds }: { tp: TopicPartition; bounds: LogBounds },
): Promise<void> {
  if (last === null || last.offset < bounds.start) return;
  const [record] = await readNext(log, tp, last.offset, 1);
  if (record === undefined) return;
  // Let go since the bounds were looked up: as little to be compared as if it had been before.
  if (record.offset > last.offset && (await boundsOf(log, tp)).start > last.offset) return;
  const isSame = record.offset === last.offset ? fingerprint(record.value) === last.fingerprint : compacted;
  if (!isSame) throw logReplaced(tp, last.offset, "folded");
}

/** The segments with their content checked, or null when one is missing or not what its name says. */
async function loadSegments(
  store: SnapshotStore,
  key: SnapshotKey,
  manifest: Manifest,
): Promise<Uint8Array[] | null> {
  const segments: Uint8Array[] = [];
  for (const hash of manifest.segments) {
    const bytes = await store.segment(key, hash);
    if (bytes === null || await contentHash(bytes) !== hash) return null;
    segments.push(bytes);
  }
  return segments;
}
