/**
 * The snapshot store's twin in memory.
 *
 * Leaves out: durability (it dies with the process) and the exclusive use of a data directory.
 */
import { limits } from "../limits.ts";
import type { SnapshotKey, SnapshotStore, StoredManifest } from "./port.ts";
import { refuseMissingSegment, storeClosed } from "./refusals.ts";

type Kept = {
  /** Newest first. */
  manifests: StoredManifest[];
  /** Manifests stored so far under the key. */
  rounds: number;
  /** Segments put, by the round they were put in: kept through that round and the next, named or not. */
  fresh: Map<string, number>;
};

export function memorySnapshots(): SnapshotStore {
  const keys = new Map<SnapshotKey, Kept>();
  const segments = new Map<string, Uint8Array>();
  let closed = false;

  function kept(key: SnapshotKey): Kept {
    if (closed) throw storeClosed();
    const found = keys.get(key) ?? { manifests: [], rounds: 0, fresh: new Map() };
    keys.set(key, found);
    return found;
  }

  function collect(): void {
    const named = new Set([...keys.values()].flatMap(({ manifests, fresh }) => [
      ...manifests.flatMap((m) => m.segments),
      ...fresh.keys(),
    ]));
    for (const hash of [...segments.keys()]) {
      if (!named.has(hash)) segments.delete(hash);
    }
  }

  return {
    async putSegment(key, hash, bytes) {
      const { fresh, rounds } = kept(key);
      fresh.set(hash, rounds);
      if (!segments.has(hash)) segments.set(hash, bytes.slice());
    },
    async putManifest(key, manifest) {
      const entry = kept(key);
      const newest = entry.manifests[0];
      if (newest !== undefined && newest.offset > manifest.offset) return "older";
      for (const hash of manifest.segments) {
        refuseMissingSegment(key, manifest, { hash, held: segments.has(hash) });
      }
      entry.manifests = [copyOf(manifest), ...entry.manifests.filter((m) => m.offset !== manifest.offset)]
        .slice(0, limits.manifestsKept);
      entry.rounds++;
      for (const [hash, round] of entry.fresh) {
        if (round < entry.rounds - 1) entry.fresh.delete(hash);
      }
      collect();
      return "stored";
    },
    manifests: async (key) => kept(key).manifests.map(copyOf),
    async segment(key, hash) {
      kept(key);
      return segments.get(hash)?.slice() ?? null;
    },
    async discard(key, offset) {
      const entry = kept(key);
      entry.manifests = entry.manifests.filter((m) => m.offset !== offset);
      collect();
    },
    async close() {
      closed = true;
    },
  };
}

function copyOf({ offset, bytes, segments }: StoredManifest): StoredManifest {
  return { offset, bytes: bytes.slice(), segments: [...segments] };
}
