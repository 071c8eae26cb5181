/**
 * The door to the embedded ClickHouse: ClickHouse's HTTP protocol over ClickHouse in this process, so that its
 * clients, Grafana and BI tools can ask it as if it were a server.
 *
 *   request ──► key ──► what is asked (asked.ts) ──► reads only, and not of people? (statement.ts) ──► engine.ts ──► answer
 *
 * Readers cannot change anything, reach files or other machines, or take more than their share (bounds.ts). With
 * access "all" everything is allowed that ClickHouse allows: for the server of `waymark services`, never for others.
 *
 * Not offered: sessions and temporary tables, ClickHouse's own compression, external tables, progress headers,
 * and bodies that are not UTF-8 text (Native and RowBinary inserts). Answers are whole before they are sent.
 */
import type { Clock } from "../time.ts";
import { fromUtf8 } from "../ids.ts";
import { keyRing } from "../keys.ts";
import { type Asked, readAsked } from "./asked.ts";
import { readBody } from "./body.ts";
import { type DoorBounds, doorBounds } from "./bounds.ts";
import { readerOf } from "./credentials.ts";
import { type Answer, type Engine, openEngine } from "./engine.ts";
import { type Failure, failureResponse, refuse } from "./failure.ts";
import { gzipped } from "./gzipped.ts";
import {
  isPlainName,
  namesPeople,
  readStatement,
  refusedFunctions,
  refuseFormat,
  refusePeople,
  statedFormat,
} from "./statement.ts";

export type DoorOptions = {
  /** The data directory of the ClickHouse in this process. */
  path: string;
  host: string;
  /** 0 takes a free one. */
  port: number;
  access: "read" | "all";
  /** Passwords of readers, as entries of a key setting; none leaves the door open. */
  keys: readonly string[];
  /** Passwords of those who may read what tells of people. */
  adminKeys?: readonly string[];
  /** Parts of the names of tables that tell of people: only for `adminKeys`. None hides nothing from anybody. */
  people?: readonly string[];
  clock: Clock;
  bounds?: Partial<DoorBounds>;
};

export type Door = {
  url: string;
  port: number;
  /** Takes no more, ends what runs within a few seconds, and lets go of ClickHouse. */
  stop(): Promise<void>;
};

/** Throws data_dir_in_use, and what the system says when the address cannot be taken. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const bounds: DoorBounds = { ...doorBounds, ...options.bounds };
  const { host, port, clock } = options;
  const engine = await openEngine({ path: options.path, bounds, clock, writes: options.access === "all" });
  const answer = answering(engine, { ...options, bounds });
  try {
    const server = Deno.serve({ hostname: host, port, onListen: () => undefined }, answer);
    const taken = (server.addr as Deno.NetAddr).port;
    return {
      url: `http://${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${taken}`,
      port: taken,
      async stop() {
        const shut = server.shutdown();
        await engine.close();
        const over = new AbortController();
        await Promise.race([shut, clock.sleep(bounds.closeMs, over.signal)]);
        over.abort();
      },
    };
  } catch (thrown) {
    await engine.close();
    throw thrown;
  }
}

/** Whether a reader may not use a word. */
type Hides = (word: string) => boolean;

type Answering = Omit<DoorOptions, "path" | "host" | "port" | "bounds"> & { bounds: DoorBounds };

function answering(engine: Engine, { access, keys, adminKeys = [], people = [], clock, bounds }: Answering) {
  const readers = keyRing({ read: keys, admin: adminKeys });
  const hidden = namesPeople(people);
  const nothing = () => false;
  const refused = refusedFunctions(engine.tableFunctions);
  const begunAt = clock.nowMs().toString(36);
  let asked = 0;

  async function answer(request: Request, queryId: string): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/ping" || url.pathname === "/replicas_status") return plain(200, "Ok.\n");
    if (url.pathname !== "/") return plain(404, `There is no handle ${url.pathname}\n`);
    if (!["GET", "HEAD", "POST"].includes(request.method)) return plain(405, "Allowed: GET, HEAD, POST\n");
    const fail = (failure: Failure) => failureResponse(failure, queryId);
    const reader = readerOf(url, request.headers, { keys: readers, nowMs: clock.nowMs() });
    if (!reader.ok) return fail(reader);
    const hides = people.length === 0 || reader.administers ? nothing : hidden;
    const readOnly = access === "read" || request.method !== "POST";
    const wanted = readAsked(url, request.headers, { bounds, readOnly });
    if (!wanted.ok) return fail(wanted);
    const body = await readBody(request, {
      bytesMax: readOnly ? bounds.readBytesMax : bounds.writeBytesMax,
      bounds,
      clock,
    });
    if (!body.ok) return fail(readOnly ? refusalOf(wanted.query, hides) ?? body : body);
    const statement = [wanted.query, fromUtf8(body.bytes)].filter((part) => part !== "").join("\n");
    if (statement === "" && request.method !== "POST") return plain(200, "Ok.\n");
    const format = wanted.format ?? "TabSeparated";
    const allowed = readOnly
      ? readersFormat(statement, wanted, { fallback: format, hides })
      : writersFormat(statement, format);
    if (typeof allowed === "object") return fail(allowed);
    const result = await engine.ask({ ...wanted, statement, format, readOnly }, () => request.signal);
    if (!result.ok) return fail(result);
    const timezone = wanted.settings.find(([name]) => name === "session_timezone")?.[1] ?? engine.timezone;
    return answered(result, {
      request,
      compress: wanted.compress,
      format: allowed,
      queryId: wanted.queryId ?? queryId,
      timezone,
    });
  }

  /** The format of the answer, or why the statement is not asked. */
  function readersFormat(
    sql: string,
    { parameters: given }: Pick<Asked, "parameters">,
    { fallback, hides }: { fallback: string; hides: Hides },
  ): string | Failure {
    const statement = readStatement(sql, refused, hides);
    if (!statement.ok) return statement;
    for (const { name, identifier } of statement.placeholders) {
      const value = given.find(([known]) => known === name)?.[1];
      if (value === undefined) {
        return refuse("UNKNOWN_QUERY_PARAMETER", `Substitution \`${name}\` is not set`);
      }
      if (identifier && !isPlainName(value)) {
        return refuse("READONLY", `Cannot use the value of ${name} as a name in readonly mode`);
      }
      if (identifier && hides(value)) return refusePeople(value);
    }
    return statement.format ?? refuseFormat(fallback) ?? fallback;
  }

  /** A statement in the URL that is refused says more than the body that was to go with it. */
  function refusalOf(sql: string, hides: Hides): Failure | null {
    const statement = readStatement(sql, refused, hides);
    return sql === "" || statement.ok ? null : statement;
  }

  return (request: Request): Promise<Response> => answer(request, `${begunAt}-${++asked}`);
}

/** An insert's format is that of its rows, which need not be text that can be read as a statement. */
const writersFormat = (statement: string, fallback: string): string =>
  /^\s*insert\b/i.test(statement) ? fallback : statedFormat(statement) ?? fallback;

type Answered = { request: Request; compress: boolean; format: string; queryId: string; timezone: string };

function answered(
  { bytes, rows, resultBytes, seconds }: Answer,
  { request, compress, format, queryId, timezone }: Answered,
): Response {
  const summary = {
    read_rows: String(rows),
    read_bytes: String(resultBytes),
    written_rows: "0",
    written_bytes: "0",
    total_rows_to_read: "0",
    result_rows: String(rows),
    result_bytes: String(resultBytes),
    elapsed_ns: String(Math.round(seconds * 1e9)),
  };
  const zip = compress && /\bgzip\b/i.test(request.headers.get("accept-encoding") ?? "");
  const headers = {
    "content-type": contentType(format),
    // Only what the client asked for in ClickHouse's own way is compressed.
    "cache-control": "no-transform",
    "x-clickhouse-query-id": queryId,
    "x-clickhouse-format": format,
    "x-clickhouse-timezone": timezone,
    "x-clickhouse-summary": JSON.stringify(summary),
    ...(zip && { "content-encoding": "gzip" }),
  };
  if (request.method === "HEAD") return new Response(null, { headers });
  return new Response(zip ? gzipped(bytes) : bytes as Uint8Array<ArrayBuffer>, { headers });
}

function contentType(format: string): string {
  if (/^JSON.*EachRow/.test(format)) return "application/x-ndjson; charset=UTF-8";
  if (/^JSON/.test(format)) return "application/json; charset=UTF-8";
  if (/^CSV/.test(format)) return "text/csv; charset=UTF-8";
  if (/^(TabSeparated|TSV)/.test(format)) return "text/tab-separated-values; charset=UTF-8";
  return /^(Pretty|Vertical|Values|Markdown|XML)/.test(format)
    ? "text/plain; charset=UTF-8"
    : "application/octet-stream";
}

const plain = (status: number, text: string): Response =>
  new Response(text, { status, headers: { "content-type": "text/plain; charset=UTF-8" } });
