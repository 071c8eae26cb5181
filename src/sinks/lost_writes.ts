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
 *
 * The tokens of inserts are forgotten with it: ClickHouse would take an insert that was set aside, and comes again,
 * for one that it has. So they are at the first look, after whatever an earlier process died of.
 */
import { rm } from "node:fs/promises";
import { type Clock, secondMs } from "../time.ts";

/** The guard's own way to ClickHouse. */
export type GuardedStatements = {
  query<Row>(sql: string): Promise<Row[]>;
  command(sql: string): Promise<void>;
  close(): Promise<void>;
};

export type WriteGuard = {
  /** Runs what writes. Throws LostWrites when the disk refused a write meanwhile, whoever's it was. */
  watched<T>(write: () => Promise<T>): Promise<T>;
  /** Resolves when no table is away to be mended: what reads waits for it. Never throws. */
  whole(): Promise<void>;
  close(): Promise<void>;
};

export class LostWrites extends Error {
  constructor() {
    super("the disk refused writes meanwhile, so it is not known what is stored");
  }
}

/** Between two looks while nothing is inserted: a fiftieth of the time for which merged parts are kept. */
const lookMs = 10 * secondMs;

const failedWritesSql =
  "SELECT toFloat64(sum(value)) AS failed FROM system.events WHERE name = 'WriteBufferFromFileDescriptorWriteFailed'";

const tablesSql =
  "SELECT database, name, data_paths AS paths FROM system.tables WHERE engine LIKE '%MergeTree' " +
  "AND database NOT IN ('system', 'information_schema', 'INFORMATION_SCHEMA') ORDER BY database, name";

type Table = { database: string; name: string; paths: string[] };

export function guardWrites(statements: GuardedStatements, clock: Clock): WriteGuard {
  const closing = new AbortController();
  /** Failed writes of which the tables show nothing any more. Of the process, so those of an earlier opening count. */
  let settled: number | null = null;
  /** Detached, and not attached again yet. */
  const away = new Map<string, Table>();
  let looking: Promise<void> | null = null;

  async function failedWrites(): Promise<number> {
    const [row] = await statements.query<{ failed: number }>(failedWritesSql);
    return row?.failed ?? 0;
  }

  async function look(): Promise<void> {
    const failed = await failedWrites();
    if (failed === settled && away.size === 0) return;
    await mend();
    settled = failed;
  }

  /** What fails in between is gone on with by the next one. */
  async function mend(): Promise<void> {
    for (const [name, table] of await tables()) {
      away.set(name, table);
      await statements.command(`DETACH TABLE ${name} ${besideOthers}`);
    }
    const there = await tables();
    for (const [name, { paths }] of away) {
      if (!there.has(name)) {
        for (const path of paths) {
          await rm(`${path}/deduplication_logs`, { recursive: true, force: true });
        }
        await statements.command(`ATTACH TABLE ${name}`);
      }
      away.delete(name);
    }
  }

  async function tables(): Promise<Map<string, Table>> {
    const found = await statements.query<Table>(tablesSql);
    return new Map(found.map((table) => [`${named(table.database)}.${named(table.name)}`, table]));
  }

  /** One at a time, and one that begins now. */
  async function lookAnew(): Promise<void> {
    await looking?.catch(() => {});
    looking ??= look().finally(() => looking = null);
    await looking;
  }

  async function keepLooking(): Promise<void> {
    while (!closing.signal.aborted) {
      // What fails here is tried again, and told to the next insert.
      await lookAnew().catch(() => {});
      await clock.sleep(lookMs, closing.signal);
    }
  }

  const watching = keepLooking();
  const whole = async () => await looking?.catch(() => {});
  return {
    whole,
    async watched(write) {
      await whole();
      if (settled === null || away.size > 0) await lookAnew();
      const before = settled;
      const result = await write().catch(async (thrown) => {
        // What it asked for may just have been away.
        await whole();
        throw settled === before ? thrown : new LostWrites();
      });
      await lookAnew();
      if (settled === before) return result;
      throw new LostWrites();
    },
    async close() {
      closing.abort();
      await watching;
      await statements.close();
    },
  };
}

const named = (name: string): string => "`" + name.replaceAll("\\", "\\\\").replaceAll("`", "\\`") + "`";

/** Views and dictionaries over a table are no reason to keep it. */
const besideOthers = "SETTINGS check_table_dependencies = 0, check_referential_table_dependencies = 0";
