/**
 * Guards the embedded ClickHouse against a disk that refuses to write. chdb (26.7) takes a write that failed for one
 * that went well: on a full disk it answers an insert whose files are empty, and lets an empty merge stand for the
 * parts that went into it. All it does is count the failure, and that is what is looked at here:
 *
 *   insert ──► answered ──► more failed writes than before it? ──► it is not stored: said so, and sent again
 *                                         │
 *   a look every few seconds, for merges ─┘──► mend: detach every table and attach it again
 *
 * Attaching reads the parts from the disk anew. Parts that are not whole are set aside (`broken-on-start` in
 * `system.detached_parts`), and those that had been merged into them count again: ClickHouse keeps them for eight
 * minutes (`old_parts_lifetime`), and for longer while their table is detached. So nothing that was answered is lost,
 * as long as a look comes within that time; a process that dies before loads its parts anew by itself.
 */
import { type Clock, secondMs } from "../time.ts";

/** The guard's own way to ClickHouse. */
export type GuardedStatements = {
  query<Row>(sql: string): Promise<Row[]>;
  command(sql: string): Promise<void>;
  close(): Promise<void>;
};

export type WriteGuard = {
  /** Runs what writes. Throws when the disk refused a write meanwhile, whoever's it was; the tables are whole then. */
  watched<T>(write: () => Promise<T>): Promise<T>;
  /**
   * Differs after each opening and each mending: ends an insert's token, because what had the token before may have
   * been set aside since, while ClickHouse remembers the token.
   */
  repairs(): string;
  close(): Promise<void>;
};

/** Between two looks while nothing is inserted: a fiftieth of the time for which merged parts are kept. */
const lookMs = 10 * secondMs;

const failedWritesSql =
  "SELECT toFloat64(sum(value)) AS failed FROM system.events WHERE name = 'WriteBufferFromFileDescriptorWriteFailed'";

const tablesSql =
  "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' ORDER BY name";

export function guardWrites(statements: GuardedStatements, clock: Clock): WriteGuard {
  const closing = new AbortController();
  /** Failed writes of which the tables show nothing any more. Of the process, so those of an earlier opening count. */
  let settled: number | null = null;
  const openedMs = clock.nowMs();
  let mends = 0;
  /** Detached, and not attached again yet. */
  const away = new Set<string>();
  let looking: Promise<void> | null = null;

  async function failedWrites(): Promise<number> {
    const [row] = await statements.query<{ failed: number }>(failedWritesSql);
    return row?.failed ?? 0;
  }

  async function look(): Promise<void> {
    const failed = await failedWrites();
    settled ??= failed;
    if (failed === settled && away.size === 0) return;
    await mend();
    settled = failed;
    mends++;
  }

  /** What fails in between is gone on with by the next one. */
  async function mend(): Promise<void> {
    for (const name of await tables()) {
      away.add(name);
      await statements.command(`DETACH TABLE \`${name}\` ${besideOthers}`);
    }
    const there = await tables();
    for (const name of away) {
      if (!there.includes(name)) await statements.command(`ATTACH TABLE \`${name}\``);
      away.delete(name);
    }
  }

  async function tables(): Promise<string[]> {
    return (await statements.query<{ name: string }>(tablesSql)).map(({ name }) => name);
  }

  /** One at a time, and one that begins now. */
  async function lookAnew(): Promise<void> {
    await looking?.catch(() => {});
    looking ??= look().finally(() => looking = null);
    await looking;
  }

  async function keepLooking(): Promise<void> {
    while (!closing.signal.aborted) {
      await clock.sleep(lookMs, closing.signal);
      // What fails here is tried again, and told to the next insert.
      if (!closing.signal.aborted) await lookAnew().catch(() => {});
    }
  }

  const watching = keepLooking();
  return {
    async watched(write) {
      if (settled === null || away.size > 0) await lookAnew();
      const before = settled;
      const result = await write();
      await lookAnew();
      if (settled === before) return result;
      throw new Error("the disk refused writes meanwhile, so it is not known what is stored");
    },
    repairs: () => `#${openedMs}-${mends}`,
    async close() {
      closing.abort();
      await watching;
      await statements.close();
    },
  };
}

/** Views and dictionaries over a table are no reason to keep it. */
const besideOthers = "SETTINGS check_table_dependencies = 0, check_referential_table_dependencies = 0";
