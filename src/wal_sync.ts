/**
 * Syncs a SQLite file's write-ahead log, off the event loop where the disk is slow.
 *
 * With synchronous = NORMAL a COMMIT only writes its frames; SQLite syncs when it copies the log back and when it
 * begins it anew, so that the file is never torn. What makes a commit outlast a power cut is then one more sync of the
 * log, and that one need not hold the loop: the runtime can do it in a thread, on a descriptor of its own.
 *
 *   COMMIT  COMMIT        COMMIT  COMMIT
 *     └──┬────┘             └──┬────┘          one sync at a time; who comes while it runs shares the next one
 *      sync ───────────────► sync ──────► …
 *
 * Frames carry chained checksums. So what is synced has everything before it, and after a power cut nothing of the log
 * outlives a record that was lost. Only the log gets a second descriptor, never the database: closing any descriptor of
 * a file drops the locks that a process has on it, and the runtime closes one with every sync.
 *
 * A sync that failed is not tried again: the system tells of a loss once, and calls the next sync well.
 */
import { messageOf, WaymarkError } from "./errors.ts";
import { type Clock, minuteMs, secondMs } from "./time.ts";

/** The log's own file. */
export type WalFile = {
  /** Resolves when what was written before the call is on the disk. */
  sync(): Promise<void>;
  syncNow(): void;
  close(): void;
};

/** How the file of a database is synced. */
export type SyncOptions = {
  /** Told once of a sync that failed: nothing is stored any more until the file is opened again. */
  syncFailed?(error: WaymarkError): void;
  /** Opens the write-ahead log a second time. */
  openWal?(databasePath: string): WalFile;
};

/** The log of a database that is open. */
export function openWalFile(databasePath: string): WalFile {
  const file = Deno.openSync(`${databasePath}-wal`, { read: true, write: true });
  return {
    sync: () => file.syncData(),
    syncNow: () => file.syncDataSync(),
    close: () => file.close(),
  };
}

/** The longest sync that may hold the loop: handing it to a thread and hearing of its end costs about as much. */
const quickMs = 2;
const apartMsFirst = secondMs;
const apartMsMax = minuteMs;

/**
 * Syncs in the loop while the disk is quick. One that takes long sends those of the next second to a thread, and every
 * further one those of twice as long: a slow disk holds the loop for one sync a minute.
 */
export function inLoopWhileQuick(file: WalFile, clock: Pick<Clock, "monotonicMs">): WalFile {
  let apartUntilMs = -Infinity;
  let apartMs = apartMsFirst;
  return {
    ...file,
    async sync() {
      const begunMs = clock.monotonicMs();
      if (begunMs < apartUntilMs) return await file.sync();
      file.syncNow();
      const overMs = clock.monotonicMs();
      if (overMs - begunMs <= quickMs) return void (apartMs = apartMsFirst);
      apartUntilMs = overMs + apartMs;
      apartMs = Math.min(2 * apartMs, apartMsMax);
    },
  };
}

/**
 * Resolves when all that was committed before the call is durable. Throws disk_sync_failed, and does so for good once a
 * sync has failed; `failed` is told of it once.
 */
export type Synced = () => Promise<void>;

export function sharedSync(
  sync: () => Promise<void>,
  { purpose, failed }: { purpose: string; failed?(error: WaymarkError): void },
): Synced {
  let waiting: PromiseWithResolvers<void> | null = null;
  let running = false;
  let broken: WaymarkError | null = null;

  async function run(): Promise<void> {
    running = true;
    while (waiting !== null) {
      const served: PromiseWithResolvers<void> = waiting;
      waiting = null;
      try {
        await sync();
        served.resolve();
      } catch (error) {
        served.reject(give(error));
      }
    }
    running = false;
  }

  function give(error: unknown): WaymarkError {
    const message = `the ${purpose} could not be synced to the disk: ${messageOf(error)}; ` +
      `what was being stored may be lost, and nothing more is stored before the process is started again`;
    broken = new WaymarkError("disk_sync_failed", message, { cause: error });
    waiting?.reject(broken);
    waiting = null;
    failed?.(broken);
    return broken;
  }

  return () => {
    if (broken !== null) return Promise.reject(broken);
    waiting ??= Promise.withResolvers();
    const { promise } = waiting;
    if (!running) void run();
    return promise;
  };
}
