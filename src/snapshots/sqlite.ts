/**
 * The embedded snapshot store: one SQLite file beside the log.
 *
 * Segments are put one by one, each in a transaction of its own, and only after the manifest's commit the write-ahead
 * log is synced, off the event loop (src/wal_sync.ts): the manifest comes after its segments in there, so that one which
 * survives a power cut has them with it.
 *
 * A segment is put before any manifest names it. Until then the key's own rounds protect it: `fresh` holds it through
 * the manifest of the round it was put in and through the next one, so that two owners of a partition (one of them
 * a zombie) do not collect each other's segments from under a manifest that is on its way.
 *
 * What a dropped manifest named is held by `fresh` as well, in a round that is over. So all that may be collected is found
 * there, and it goes a few segments at a time: overwriting those of a large partition in one transaction would hold the
 * event loop for tens of milliseconds. What a process leaves when it ends in between is collected in the next round.
 */
import { messageOf, WaymarkError } from "../errors.ts";
import { limits } from "../limits.ts";
import { openSqliteFile, type SqliteFile } from "../sqlite_file.ts";
import { systemClock } from "../time.ts";
import { eventLoopTurns } from "../turns.ts";
import type { SyncOptions } from "../wal_sync.ts";
import type { SnapshotKey, SnapshotStore, StoredManifest } from "./port.ts";
import { refuseMissingSegment, storeClosed } from "./refusals.ts";

const snapshotFormat = {
  purpose: "snapshot store",
  applicationId: 0x574d534e,
  version: 1,
  schema: `
    CREATE TABLE segment (hash TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
    CREATE TABLE manifest (
      key TEXT NOT NULL, next_offset INTEGER NOT NULL, bytes BLOB NOT NULL, segments TEXT NOT NULL,
      PRIMARY KEY (key, next_offset)) STRICT;
    CREATE TABLE named (
      hash TEXT NOT NULL, key TEXT NOT NULL, next_offset INTEGER NOT NULL,
      PRIMARY KEY (hash, key, next_offset)) STRICT, WITHOUT ROWID;
    CREATE INDEX named_by_manifest ON named (key, next_offset);
    CREATE TABLE fresh (
      key TEXT NOT NULL, hash TEXT NOT NULL, round INTEGER NOT NULL, PRIMARY KEY (key, hash)) STRICT, WITHOUT ROWID;
    CREATE INDEX fresh_by_hash ON fresh (hash);
    CREATE TABLE round (key TEXT PRIMARY KEY, number INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
};

/** Segments that are collected between two turns of the event loop: each has up to `limits.segmentBytesMax`. */
const collectedAtOnce = 4;
/** Before the first round of any key. */
const roundOver = -1;

export type SqliteSnapshotsOptions = SyncOptions & {
  /** The file; its folder is made when missing. */
  path: string;
  /** Whether a stored manifest survives a power cut. */
  fsync: boolean;
};

/** Throws data_dir_in_use when another process has the file open, log_format_unknown when it cannot be read. */
export function openSqliteSnapshots({ fsync, ...options }: SqliteSnapshotsOptions): SnapshotStore {
  const file = openSqliteFile({ ...snapshotFormat, ...options, durable: fsync });
  // What an erasure takes out of the store must not stand on in freed pages.
  file.db.exec("PRAGMA secure_delete = ON");
  const tables = snapshotTables(file);
  const turn = eventLoopTurns(systemClock);
  let closed = false;

  function guarded<T>(work: () => T): T {
    if (closed) throw storeClosed();
    try {
      return work();
    } catch (error) {
      if (error instanceof WaymarkError) throw error;
      const message = `the snapshot store's file failed: ${messageOf(error)}`;
      throw new WaymarkError("snapshot_store_unavailable", message, { cause: error });
    }
  }

  async function collect(key: SnapshotKey): Promise<void> {
    for (let collected = collectedAtOnce; collected === collectedAtOnce;) {
      await turn();
      collected = guarded(() => file.transaction(() => tables.collectSome(key)));
    }
  }

  return {
    async putSegment(key, hash, bytes) {
      // A partition has dozens, and now and then a commit takes ten milliseconds to copy the WAL back.
      await turn();
      guarded(() => file.transaction(() => tables.putSegment(key, hash, bytes)));
    },
    async putManifest(key, manifest) {
      const outcome = guarded(() => file.transaction(() => tables.putManifest(key, manifest)));
      if (outcome === "stored") await collect(key);
      await file.synced();
      return outcome;
    },
    manifests: async (key) => guarded(() => tables.manifests(key)),
    segment: async (_key, hash) => guarded(() => tables.segment(hash)),
    async discard(key, offset) {
      guarded(() => file.transaction(() => tables.drop(key, offset)));
      await collect(key);
    },
    async close() {
      if (closed) return;
      closed = true;
      file.close();
    },
  };
}

type ManifestRow = { next_offset: number; bytes: Uint8Array; segments: string };

function snapshotTables({ db }: SqliteFile) {
  const putSegment = db.prepare("INSERT INTO segment (hash, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING");
  const segmentBytes = db.prepare("SELECT bytes FROM segment WHERE hash = ?");
  const segmentHeld = db.prepare("SELECT 1 FROM segment WHERE hash = ?");
  const roundOf = db.prepare("SELECT number FROM round WHERE key = ?");
  const setRound = db.prepare(
    "INSERT INTO round (key, number) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET number = ?2",
  );
  const freshen = db.prepare(
    "INSERT INTO fresh (key, hash, round) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET round = ?3",
  );
  const stale = db.prepare(
    `DELETE FROM fresh WHERE key = ?1
     AND hash IN (SELECT hash FROM fresh WHERE key = ?1 AND round < ?2 LIMIT ${collectedAtOnce}) RETURNING hash`,
  );
  const putManifest = db.prepare(
    "INSERT INTO manifest (key, next_offset, bytes, segments) VALUES (?, ?, ?, ?)",
  );
  const manifestsOf = db.prepare(
    "SELECT next_offset, bytes, segments FROM manifest WHERE key = ? ORDER BY next_offset DESC",
  );
  const offsetsOf = db.prepare("SELECT next_offset FROM manifest WHERE key = ? ORDER BY next_offset DESC");
  const dropManifest = db.prepare("DELETE FROM manifest WHERE key = ? AND next_offset = ?");
  const name = db.prepare(
    "INSERT INTO named (hash, key, next_offset) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
  );
  const release = db.prepare(
    `INSERT INTO fresh (key, hash, round) SELECT key, hash, ${roundOver} FROM named WHERE key = ? AND next_offset = ?
     ON CONFLICT DO NOTHING`,
  );
  const unname = db.prepare("DELETE FROM named WHERE key = ? AND next_offset = ?");
  const collectOne = db.prepare(
    `DELETE FROM segment WHERE hash = ?1
     AND NOT EXISTS (SELECT 1 FROM named WHERE hash = ?1) AND NOT EXISTS (SELECT 1 FROM fresh WHERE hash = ?1)`,
  );

  const round = (key: SnapshotKey) => (roundOf.get(key) as { number: number } | undefined)?.number ?? 0;
  const offsets = (key: SnapshotKey) => (offsetsOf.all(key) as ManifestRow[]).map((row) => row.next_offset);

  function drop(key: SnapshotKey, offset: number): void {
    dropManifest.run(key, offset);
    release.run(key, offset);
    unname.run(key, offset);
  }

  function store(key: SnapshotKey, { offset, bytes, segments }: StoredManifest): void {
    drop(key, offset);
    putManifest.run(key, offset, bytes, JSON.stringify(segments));
    for (const hash of segments) name.run(hash, key, offset);
    setRound.run(key, round(key) + 1);
  }

  return {
    putSegment(key: SnapshotKey, hash: string, bytes: Uint8Array): void {
      putSegment.run(hash, bytes);
      freshen.run(key, hash, round(key));
    },
    putManifest(key: SnapshotKey, manifest: StoredManifest): "stored" | "older" {
      if ((offsets(key)[0] ?? -1) > manifest.offset) return "older";
      for (const hash of manifest.segments) {
        refuseMissingSegment(key, manifest, { hash, held: segmentHeld.get(hash) !== undefined });
      }
      store(key, manifest);
      for (const offset of offsets(key).slice(limits.manifestsKept)) drop(key, offset);
      return "stored";
    },
    drop,
    /** How many segments it has looked at, `collectedAtOnce` if there may be more. */
    collectSome(key: SnapshotKey): number {
      const rows = stale.all(key, Math.max(0, round(key) - 1)) as { hash: string }[];
      for (const { hash } of rows) collectOne.run(hash);
      return rows.length;
    },
    manifests: (key: SnapshotKey): StoredManifest[] =>
      (manifestsOf.all(key) as ManifestRow[]).map(({ next_offset, bytes, segments }) => ({
        offset: next_offset,
        bytes,
        segments: JSON.parse(segments),
      })),
    segment: (hash: string): Uint8Array | null =>
      (segmentBytes.get(hash) as { bytes: Uint8Array } | undefined)?.bytes ?? null,
  };
}
