/**
 * First phase of owning a partition: find the snapshot to begin from, or refuse.
 *
 *   acquire ─► restore ─► run ─► drain
 *
 * Torn, foreign and newer-format snapshots are passed over, counted, and the next older one is tried. A valid
 * snapshot that does not fit the log is never passed over: the log was trimmed, recreated or rolled back, and
 * going on would lose or double data. That is a refusal (exit 3) and the message says what to do.
 */
import { WaymarkError } from "../errors.ts";
import { contentHash, fingerprint } from "../ids.ts";
import type { Log, LogBounds, TopicPartition } from "../log/port.ts";
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
};

/** The newest usable snapshot, or null when there is none. Throws the refusals of faults row 10. */
export async function acquire(options: AcquireOptions): Promise<Snapshot | null> {
  const { log, store, key, tp } = options;
  const partitions = await log.partitionCount(tp.topic) ?? 0;
  for (const stored of await store.manifests(key)) {
    const read = await decodeManifest(stored.bytes);
    if (!read.ok) {
      metrics.snapshotsDiscarded.inc({ reason: read.reason });
      continue;
    }
    const { manifest } = read;
    if (
      manifest.topic !== tp.topic || manifest.partition !== tp.partition ||
      manifest.generation !== options.identity.generation
    ) {
      metrics.snapshotsDiscarded.inc({ reason: "foreign" });
      continue;
    }
    refuseOther(manifest, options.identity, partitions);
    await refuseLog(manifest, log, tp);
    const segments = await loadSegments(store, key, manifest);
    if (segments !== null) return { manifest, segments };
    metrics.snapshotsDiscarded.inc({ reason: "torn" });
  }
  return null;
}

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

async function refuseLog(manifest: Manifest, log: Log, tp: TopicPartition): Promise<void> {
  const bounds: LogBounds = (await log.bounds(tp.topic))[tp.partition] ?? { start: 0, end: 0 };
  const where = `${tp.topic}/${tp.partition}`;
  if (manifest.next_offset > bounds.end) {
    throw new WaymarkError(
      "log_behind_snapshot",
      `the snapshot of ${where} is at offset ${manifest.next_offset} but the log ends at ${bounds.end}: it was recreated or rolled back. ` +
        `Bring the log back, or raise WAYMARK_LOG_EPOCH and WAYMARK_GENERATION together`,
    );
  }
  if (manifest.next_offset < bounds.start) {
    throw new WaymarkError(
      "log_trimmed",
      `the snapshot of ${where} is at offset ${manifest.next_offset} but the log begins at ${bounds.start}: ` +
        `${
          bounds.start - manifest.next_offset
        } records are gone. Restore a newer snapshot, or remove this partition's snapshots ` +
        `to begin cold and have the gap named in the ledger`,
    );
  }
  const { last } = manifest;
  if (last === null || last.offset < bounds.start) return;
  const [record] = await log.read(tp, last.offset, 1);
  if (
    record !== undefined && record.offset === last.offset && fingerprint(record.value) !== last.fingerprint
  ) {
    throw new WaymarkError(
      "log_replaced",
      `the record at ${where} offset ${last.offset} is not the one that was folded: the topic was recreated under its name. ` +
        `Bring the log back, or raise WAYMARK_LOG_EPOCH and WAYMARK_GENERATION together`,
    );
  }
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
