/**
 * The snapshot store port: content-named segments and, per key, manifests that only move forward.
 *
 * A manifest names its segments by the SHA-256 of their bytes. The store refuses a manifest that names a
 * segment it does not hold, keeps the newest `limits.manifestsKept` per key, and collects what no kept manifest names.
 * What is inside manifests and segments is the runtime's business (src/runtime/manifest.ts).
 */

/** One partition of one fold: `rides-g1/ride-events/7`. */
export type SnapshotKey = string;

export type StoredManifest = {
  /** The order of manifests under a key: the next offset to fold. */
  offset: number;
  bytes: Uint8Array;
  segments: string[];
};

export type SnapshotStore = {
  /** Stores bytes under their hash; storing the same bytes again is free. */
  putSegment(key: SnapshotKey, hash: string, bytes: Uint8Array): Promise<void>;
  /** `older` when a manifest with a greater offset is already there (an equal offset replaces). Throws invariant_broken when a segment is missing. */
  putManifest(key: SnapshotKey, manifest: StoredManifest): Promise<"stored" | "older">;
  /** Newest first. */
  manifests(key: SnapshotKey): Promise<StoredManifest[]>;
  segment(key: SnapshotKey, hash: string): Promise<Uint8Array | null>;
  /** Forgets a manifest that turned out to be unusable. */
  discard(key: SnapshotKey, offset: number): Promise<void>;
  close(): Promise<void>;
};
