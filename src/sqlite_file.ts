/**
 * Opening one of the SQLite files of a data directory.
 *
 * Two processes on one data directory would each believe to be the only writer, and a file written by a
 * newer release would be misread; both are refused before anything is touched. The exclusive lock is the
 * operating system's: it is gone the moment the process is, however it ends.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { messageOf, WaymarkError } from "./errors.ts";
import { openWalFile, sharedSync, type Synced, type SyncOptions, type WalFile } from "./wal_sync.ts";

export type SqliteFile = {
  db: DatabaseSync;
  /** Runs the work in one transaction; a throw undoes all of it and is passed on. It survives a killed process. */
  transaction<T>(work: () => T): T;
  /** Resolves when what was committed before the call survives a power cut, too; at once where `durable` is off. */
  synced: Synced;
  close(): void;
};

export type SqliteFileOptions = SyncOptions & {
  path: string;
  /** What the file is, in words, for messages. */
  purpose: string;
  /** SQLite's application_id: tells our file from anybody else's. */
  applicationId: number;
  /** Format version of the tables; 1 or more. A greater one in the file is refused. */
  version: number;
  /** Statements that make the tables of a new file. */
  schema: string;
  /** Whether there is anything to wait for in `synced`. */
  durable: boolean;
};

/**
 * Bytes of the write-ahead log after which SQLite copies it back. The COMMIT that copies holds the event loop: often and
 * a few milliseconds is better than seldom and many.
 */
const walBytes = 4 * 1024 * 1024;
/**
 * To which the file is cut when it has become longer. Not the same: a file that is cut and grows again each time has a
 * new length to sync, and that waits for whatever else the file system is writing.
 */
const walBytesKept = 4 * walBytes;
/** Of a new file. A COMMIT writes whole pages, a few for each partition that it appends to. */
const pageBytes = 4 * 1024;
const cacheBytes = 16 * 1024 * 1024;

// SQLite's fixed texts for SQLITE_BUSY and SQLITE_NOTADB: a statement run by `exec` carries no result code.
const busyText = "database is locked";
const notADatabaseText = "file is not a database";

/**
 * Throws data_dir_in_use when another process holds the file, log_format_unknown when it is not ours to read,
 * config_invalid when it cannot be opened or written.
 */
export function openSqliteFile(options: SqliteFileOptions): SqliteFile {
  try {
    mkdirSync(dirname(options.path), { recursive: true });
    return prepared(new DatabaseSync(options.path, { timeout: 0 }), options);
  } catch (error) {
    throw refusal(error, options);
  }
}

function prepared(db: DatabaseSync, options: SqliteFileOptions): SqliteFile {
  let wal: WalFile | null = null;
  try {
    takeLock(db);
    if (isNew(db)) transaction(db, () => db.exec(create(options)));
    else refuseUnknownFormat(db, options);
    if (options.durable) {
      wal = (options.openWal ?? openWalFile)(options.path);
      secure(db, wal);
    }
    return sqliteFile(db, wal, options);
  } catch (error) {
    wal?.close();
    db.close();
    throw error;
  }
}

/**
 * What a killed process has written need not be on the disk, and what a failed sync has lost is still in the system's
 * memory, where it passes for written: copied back, all of it is written once more.
 */
function secure(db: DatabaseSync, wal: WalFile): void {
  try {
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // A full disk has no room for the copy, and reading must go on.
    wal.syncNow();
  }
}

function takeLock(db: DatabaseSync): void {
  // The order matters: exclusive before the first access, so that the write-ahead index stays in our memory.
  db.exec("PRAGMA locking_mode = EXCLUSIVE");
  db.exec(`PRAGMA page_size = ${pageBytes}`);
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("PRAGMA synchronous = NORMAL");
  // An older file keeps the pages it was made with.
  db.exec(`PRAGMA wal_autocheckpoint = ${walBytes / numberOf(db, "PRAGMA page_size")}`);
  db.exec(`PRAGMA journal_size_limit = ${walBytesKept}`);
  db.exec(`PRAGMA cache_size = -${cacheBytes / 1024}`);
  db.exec("BEGIN IMMEDIATE; COMMIT");
}

function isNew(db: DatabaseSync): boolean {
  return numberOf(db, "SELECT count(*) FROM sqlite_schema") === 0;
}

const create = (options: SqliteFileOptions) =>
  `${options.schema};
   PRAGMA application_id = ${options.applicationId};
   PRAGMA user_version = ${options.version};`;

function refuseUnknownFormat(db: DatabaseSync, { path, purpose, applicationId, version }: SqliteFileOptions) {
  if (numberOf(db, "PRAGMA application_id") !== applicationId) {
    throw new WaymarkError("log_format_unknown", `${path} is not a ${purpose} of Waymark; move it away`);
  }
  const found = numberOf(db, "PRAGMA user_version");
  if (found < 1 || found > version) {
    throw new WaymarkError(
      "log_format_unknown",
      `${path} has ${purpose} format ${found}; this release reads 1 to ${version}: start the release that wrote it`,
    );
  }
}

function refusal(error: unknown, { path, purpose }: SqliteFileOptions): unknown {
  if (error instanceof WaymarkError) return error;
  const text = messageOf(error);
  if (text.includes(busyText)) {
    return new WaymarkError(
      "data_dir_in_use",
      `${path} is open in another process; one process at a time may use a data directory`,
      { cause: error },
    );
  }
  if (text.includes(notADatabaseText)) {
    return new WaymarkError(
      "log_format_unknown",
      `${path} is not a ${purpose} of Waymark: ${text}; move it away`,
      {
        cause: error,
      },
    );
  }
  return new WaymarkError(
    "config_invalid",
    `${path} cannot be opened as a ${purpose}: ${text}; wanted: a writable file`,
    {
      cause: error,
    },
  );
}

function sqliteFile(
  db: DatabaseSync,
  wal: WalFile | null,
  { purpose, syncFailed }: SqliteFileOptions,
): SqliteFile {
  return {
    db,
    transaction: (work) => transaction(db, work),
    synced: wal === null
      ? () => Promise.resolve()
      : sharedSync(() => wal.sync(), { purpose, ...(syncFailed && { failed: syncFailed }) }),
    close() {
      wal?.close();
      db.close();
    },
  };
}

function transaction<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    undo(db);
    throw error;
  }
}

function undo(db: DatabaseSync): void {
  // A full disk makes SQLite roll back by itself, and then there is no transaction left to end.
  if (db.isTransaction) db.exec("ROLLBACK");
}

function numberOf(db: DatabaseSync, query: string): number {
  return Number(Object.values(db.prepare(query).get() ?? {})[0]);
}
