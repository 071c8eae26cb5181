/**
 * The Analytics port: ClickHouse's SQL, wherever ClickHouse runs. The embedded one is ClickHouse in this
 * process (chdb) behind `@clickhouse/client`; a server or cluster is the same client with an address.
 *
 * Invariants:
 *   - a session runs one statement at a time, in the order asked. There are three, so that a long query
 *     delays neither inserts nor the health check:
 *
 *         insert ──► writing session        query ──► reading session        command, ping ──► third one
 *
 *   - no setting that decides about rows or formats is inherited: each stands in the statement, because
 *     defaults differ between releases (26.7 turns `async_insert` on) and chdb keeps what a client SETs.
 *   - an insert answers only when its rows are stored; a block refused for what is in it is an answer too. Of the
 *     embedded one that takes a second look: lost_writes.ts, with a session of its own.
 *
 * chdb works on threads of its own: while it inserts 20,000 rows, 0.1 s, the event loop is held for 2 to 8 ms,
 * so no worker is used. Opening is synchronous, about 0.1 s and 60 MB.
 */
import { mkdirSync } from "node:fs";
import { type ClickHouseClient, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { createChdbConnection } from "chdb/connection";
import { messageOf, WaymarkError } from "../errors.ts";
import { invariant } from "../invariant.ts";
import { limits } from "../limits.ts";
import { type Clock, isoTime, secondMs, systemClock } from "../time.ts";
import { type GuardedStatements, guardWrites, type WriteGuard } from "./lost_writes.ts";

/** Where a block of rows goes: a cell for each column, in this order. */
export type InsertTarget = { table: string; columns: readonly string[] };

/** `taken: false`: ClickHouse refuses the block for what is in it, and would again. */
export type InsertAnswer = { taken: true } | { taken: false; message: string };

export type QueryParameters = Record<string, string | number | boolean | readonly string[] | null>;

export type Analytics = {
  /**
   * Stores rows, each line a JSON array of cells. One block per ClickHouse partition, so that a repetition
   * with the same token is recognised as far as the table's deduplication window reaches; different rows
   * need different tokens. Throws analytics_unavailable when it is not known that the rows are stored.
   */
  insert(into: InsertTarget, lines: readonly string[], options: { token: string }): Promise<InsertAnswer>;
  /**
   * Rows as objects. 64-bit integers arrive as decimal strings, times as ISO 8601 in UTC; `{name:Type}` in the
   * text is bound from `parameters`. Throws analytics_unavailable.
   */
  query<Row>(sql: string, parameters?: QueryParameters): Promise<Row[]>;
  /** A statement without rows: DDL. Throws analytics_unavailable. */
  command(sql: string): Promise<void>;
  /** Whether a statement is answered. Never throws. */
  ping(): Promise<boolean>;
  /** Waits for what is running. Everything asked later throws analytics_unavailable. */
  close(): Promise<void>;
};

/**
 * ClickHouse in this process, its data under `path` (created when missing). One process at a time, and one
 * path per process: throws data_dir_in_use otherwise.
 */
export function openEmbedded({ path, clock = systemClock }: { path: string; clock?: Clock }): Analytics {
  try {
    mkdirSync(path, { recursive: true });
    return overSessions(
      () => createClient({ connection: createChdbConnection({ path }) as never }),
      (connect) => guardWrites(statementsOf(session(connect)), clock),
    );
  } catch (thrown) {
    throw new WaymarkError(
      "data_dir_in_use",
      `cannot open the embedded ClickHouse at ${path}: ${messageOf(thrown)}; ` +
        "wanted: a folder that may be written, used by one process, and one such folder per process",
      { cause: thrown },
    );
  }
}

/**
 * No insert of ours takes a server this long, so silence means that it, or the way to it, is gone. The block is then
 * sent again: whatever became of the first attempt, its rows replace themselves.
 */
const requestMs = 20 * secondMs;
invariant(requestMs < limits.drainMs, "a request without an answer must end within the time for draining");
/** Shorter than the time after which any ClickHouse closes an idle connection (3 s in old releases). */
const idleConnectionMs = 2_500;

/**
 * A ClickHouse server at `http(s)://user:password@host:port/database`; the database must exist. Opening asks
 * nothing yet. Throws config_invalid, without telling the address, when it has another shape.
 */
export function openServer({ url }: { url: string }): Analytics {
  const { origin, username, password, pathname, search, hash } = new URL(url);
  const [, database] = /^\/([^/]*)$/.exec(pathname) ?? [];
  if (database === undefined || search !== "" || hash !== "") {
    throw new WaymarkError(
      "config_invalid",
      "CLICKHOUSE_URL (not shown) has more than it may; wanted: http(s)://user:password@host:port/database",
    );
  }
  return overSessions(() =>
    createClient({
      url: origin,
      ...(username !== "" && { username: decodeURIComponent(username) }),
      ...(password !== "" && { password: decodeURIComponent(password) }),
      ...(database !== "" && { database: decodeURIComponent(database) }),
      application: "waymark",
      request_timeout: requestMs,
      max_open_connections: 1,
      keep_alive: { enabled: true, idle_socket_ttl: idleConnectionMs },
      compression: { request: false, response: false },
      log: { level: ClickHouseLogLevel.OFF },
    })
  );
}

/** A server that cannot write says so itself. */
const unguarded: WriteGuard = {
  watched: (write) => write(),
  whole: () => Promise.resolve(),
  close: async () => {},
};

/** The port over any way of making a client. */
function overSessions(
  connect: () => ClickHouseClient,
  guardOver: (connect: () => ClickHouseClient) => WriteGuard = () => unguarded,
): Analytics {
  const [writing, reading, third] = [session(connect), session(connect), session(connect)];
  const guard = guardOver(connect);
  return {
    insert({ table, columns }, lines, { token }) {
      if (lines.length === 0) return Promise.resolve({ taken: true });
      const insert = async (client: ClickHouseClient) => {
        const query =
          `INSERT INTO ${table} (${columns.join(", ")}) SETTINGS ${insertSettings(lines.length)}` +
          `, insert_deduplication_token = ${quoted(token)} FORMAT JSONCompactEachRow\n`;
        await client.command({ query: query + lines.join("\n") });
      };
      return writing.run(
        `insert ${lines.length} rows into ${table}`,
        async (client): Promise<InsertAnswer> => {
          try {
            await guard.watched(() => insert(client));
            return { taken: true };
          } catch (thrown) {
            if (!isRefusedBlock(thrown)) throw thrown;
            return { taken: false, message: firstLine(messageOf(thrown)) };
          }
        },
      );
    },
    async query<Row>(sql: string, parameters: QueryParameters = {}) {
      await guard.whole();
      return await reading.run(`query "${firstLine(sql)}"`, (client) => rowsOf<Row>(client, sql, parameters));
    },
    async command(sql) {
      const command = (client: ClickHouseClient) => client.command({ query: sql });
      await third.run(`run "${firstLine(sql)}"`, (client) => guard.watched(() => command(client)));
    },
    async ping() {
      try {
        return await third.run("ping", async (client) => (await client.ping({ select: true })).success);
      } catch {
        return false;
      }
    },
    async close() {
      await Promise.all([writing.close(), reading.close(), third.close()]);
      await guard.close();
    },
  };
}

async function rowsOf<Row>(
  client: ClickHouseClient,
  sql: string,
  parameters: QueryParameters = {},
): Promise<Row[]> {
  const answer = await client.query({
    query: `${sql.trim().replace(/;$/, "")}\nSETTINGS ${readSettings}`,
    format: "JSONEachRow",
    query_params: parameters,
  });
  return await answer.json<Row>();
}

const statementsOf = (own: Session): GuardedStatements => ({
  query: (sql) => own.run(`query "${firstLine(sql)}"`, (client) => rowsOf(client, sql)),
  async command(sql) {
    await own.run(`run "${firstLine(sql)}"`, (client) => client.command({ query: sql }));
  },
  close: () => own.close(),
});

type Session = {
  run<T>(action: string, statement: (client: ClickHouseClient) => Promise<T>): Promise<T>;
  close(): Promise<void>;
};

function session(connect: () => ClickHouseClient): Session {
  let client = connect();
  let tail: Promise<unknown> = Promise.resolve();
  let closed = false;
  const unavailable = (action: string, why: string, cause?: unknown) =>
    new WaymarkError("analytics_unavailable", `cannot ${action}: ${why}`, { cause });
  /** chdb keeps what had been written of the answer to a failed statement, and puts it before the next answer. */
  const renew = async () => {
    const failed = client;
    client = connect();
    await failed.close();
  };
  return {
    run(action, statement) {
      if (closed) return Promise.reject(unavailable(action, "ClickHouse is closed"));
      const answer = tail.then(() => statement(client));
      tail = answer.catch(renew);
      return answer.catch((thrown) => {
        throw unavailable(action, firstLine(messageOf(thrown)) || codeOf(thrown), thrown);
      });
    },
    async close() {
      if (closed) return;
      closed = true;
      await tail;
      await client.close();
    },
  };
}

/**
 * One block for each ClickHouse partition whatever the number of rows: parallel parsing or a smaller block
 * size would cut the insert, and a cut insert is neither refused as a whole nor recognised when repeated.
 */
const insertSettings = (rows: number) =>
  [
    "async_insert = 0",
    "insert_deduplicate = 1",
    "deduplicate_blocks_in_dependent_materialized_views = 1",
    "optimize_on_insert = 1",
    "input_format_parallel_parsing = 0",
    `max_insert_block_size = ${rows + 1}`,
    `min_insert_block_size_rows = ${rows + 1}`,
    "min_insert_block_size_bytes = 1073741824",
    "max_insert_threads = 1",
    "max_partitions_per_insert_block = 0",
    "input_format_null_as_default = 0",
    "input_format_allow_errors_num = 0",
    "date_time_input_format = 'basic'",
    "session_timezone = 'UTC'",
  ].join(", ");

const readSettings = [
  "output_format_json_quote_64bit_integers = 1",
  "output_format_json_quote_decimals = 0",
  "output_format_json_quote_denormals = 0",
  "date_time_output_format = 'iso'",
  "session_timezone = 'UTC'",
].join(", ");

/** ClickHouse's codes for "this block cannot be read or stored as it is", as against "not now". */
const refusedBlockCodes = new Map([
  [6, "CANNOT_PARSE_TEXT"],
  [25, "CANNOT_PARSE_ESCAPE_SEQUENCE"],
  [26, "CANNOT_PARSE_QUOTED_STRING"],
  [27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED"],
  [33, "CANNOT_READ_ALL_DATA"],
  [38, "CANNOT_PARSE_DATE"],
  [41, "CANNOT_PARSE_DATETIME"],
  [53, "TYPE_MISMATCH"],
  [69, "ARGUMENT_OUT_OF_BOUND"],
  [70, "CANNOT_CONVERT_TYPE"],
  [72, "CANNOT_PARSE_NUMBER"],
  [117, "INCORRECT_DATA"],
  [130, "CANNOT_READ_ARRAY_FROM_TEXT"],
  [131, "TOO_LARGE_STRING_SIZE"],
  [321, "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE"],
  [349, "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN"],
  [407, "DECIMAL_OVERFLOW"],
  [467, "CANNOT_PARSE_BOOL"],
  [469, "VIOLATED_CONSTRAINT"],
  [691, "UNKNOWN_ELEMENT_OF_ENUM"],
]);

const isRefusedBlock = (thrown: unknown): boolean => refusedBlockCodes.has(clickHouseCode(thrown) ?? -1);

/**
 * ClickHouse's number of an error. A server's errors carry it; of chdb's the client sometimes cannot tell and
 * wraps them: then it stands in the text of a cause.
 */
function clickHouseCode(thrown: unknown): number | null {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ("code" in error && /^\d+$/.test(String(error.code))) return Number(error.code);
    const stated = /^Code: (\d+)\. DB::Exception/.exec(error.message)?.[1];
    if (stated !== undefined) return Number(stated);
  }
  return null;
}

/** Of a connection that failed on every address of a name, the code is all that is said. */
const codeOf = (thrown: unknown): string =>
  String((thrown as { code?: unknown } | null)?.code ?? "no reason was given");

const quoted = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

/** The first line that says something, without comments: enough to recognise a statement. */
function firstLine(text: string): string {
  const line = text.split("\n").map((l) => l.trim()).find((l) => l !== "" && !l.startsWith("--")) ?? "";
  return line.length <= 200 ? line : `${line.slice(0, 197)}...`;
}

/** A time as a parameter of type `DateTime64(3, 'UTC')`. */
export const sqlTime = (ms: number): string => isoTime(ms).replace("T", " ").replace("Z", "");
