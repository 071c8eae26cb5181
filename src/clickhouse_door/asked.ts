/**
 * What a request asks, from its URL and headers: statement, database, format, values for `{name:Type}`, and settings
 * for this one query. Pure.
 *
 * ClickHouse's protocol puts settings beside everything else in the URL. A reader's are taken from a list: how an
 * answer is written, how dates are read, and limits, which may only be narrowed. What merely steers the HTTP side of
 * a server is accepted without effect, because clients send it unasked.
 */
import type { DoorBounds } from "./bounds.ts";
import { type Failure, refuse } from "./failure.ts";

export type Asked = {
  ok: true;
  /** The statement, or its beginning when there is a body. */
  query: string;
  queryId: string | null;
  database: string | null;
  format: string | null;
  /** Values as they came: escaped as in TSV. */
  parameters: [name: string, value: string][];
  settings: [name: string, value: string][];
  /** Whether the client wants the answer compressed if its Accept-Encoding allows. */
  compress: boolean;
};

/** Of no effect here: there are no sessions, no progress headers, and an answer is whole before it is sent. */
const withoutEffect = new Set([
  "user",
  "password",
  "role",
  "quota_key",
  "session_id",
  "session_timeout",
  "session_check",
  "close_session",
  "wait_end_of_query",
  "buffer_size",
  "stacktrace",
  "send_progress_in_http_headers",
  "cancel_http_readonly_queries_on_client_close",
  "http_headers_progress_interval_ms",
  "http_response_buffer_size",
  "http_zlib_compression_level",
  "http_write_exception_in_output_format",
  "add_http_cors_header",
  "client_protocol_version",
  "log_queries",
  "log_comment",
]);

/** How answers are written and values read. None of them names a file. */
const freeSettings = new RegExp(
  "^(output_format_(?!schema|avro_rows|sql_insert_table|protobuf|capn_proto)\\w+" +
    "|format_csv_delimiter|format_tsv_null_representation|format_csv_null_representation" +
    "|bool_true_representation|bool_false_representation" +
    "|date_time_(input|output)_format|session_timezone|extremes|final|join_use_nulls|max_block_size" +
    "|max_rows_to_read|max_bytes_to_read|read_overflow_mode|result_overflow_mode|limit|offset" +
    "|max_query_size|use_skip_indexes_if_final|do_not_merge_across_partitions_select_final)$",
);

/** Limits that may be narrowed, with their names in ClickHouse. */
const limitsOf = (bounds: DoorBounds): Readonly<Record<string, number>> => ({
  max_execution_time: bounds.queryMs / 1_000,
  max_memory_usage: bounds.queryMemoryBytes,
  max_result_bytes: bounds.resultBytes,
  max_threads: bounds.queryThreads,
  max_result_rows: 0,
});

export function readAsked(
  url: URL,
  headers: Headers,
  { bounds, readOnly }: { bounds: DoorBounds; readOnly: boolean },
): Asked | Failure {
  const asked: Asked = {
    ok: true,
    query: "",
    queryId: null,
    database: headers.get("x-clickhouse-database"),
    format: headers.get("x-clickhouse-format"),
    parameters: [],
    settings: [],
    compress: false,
  };
  const settings = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    if (name === "query") asked.query += value;
    else if (name === "query_id") asked.queryId = value === "" ? null : value;
    else if (name === "database") asked.database = value;
    else if (name === "default_format") asked.format = value;
    else if (name === "enable_http_compression") asked.compress = value === "1" || value === "true";
    else if (name.startsWith("param_")) asked.parameters.push([name.slice("param_".length), value]);
    else if (name === "compress" || name === "decompress") {
      if (value !== "0") {
        return refuse("NOT_IMPLEMENTED", `${name}=1, ClickHouse's own compression, is not offered`);
      }
    } else if (!withoutEffect.has(name)) settings.set(name, value);
  }
  const wrong = wrongIn(asked, bounds);
  if (wrong !== null) return wrong;
  for (const [name, value] of settings) {
    const setting = readOnly ? readersSetting(name, value, bounds) : value;
    if (typeof setting === "object") return setting;
    asked.settings.push([name, setting]);
  }
  return asked;
}

function wrongIn({ queryId, database, format, parameters }: Asked, bounds: DoorBounds): Failure | null {
  if (queryId !== null && !/^[\x21-\x7e]{1,128}$/.test(queryId)) {
    return refuse("BAD_ARGUMENTS", "query_id is not 1 to 128 characters of ASCII without spaces");
  }
  if (database !== null && !/^\w{0,128}$/.test(database)) {
    return refuse("BAD_ARGUMENTS", "database is not a name");
  }
  if (format !== null && !/^\w{1,64}$/.test(format)) {
    return refuse("UNKNOWN_FORMAT", "default_format is not a format");
  }
  if (parameters.length > bounds.parametersMax) {
    return refuse("BAD_ARGUMENTS", `There are more than ${bounds.parametersMax} parameters`);
  }
  const odd = parameters.find(([name, value]) => !/^\w{1,128}$/.test(name) || value.includes("\0"));
  return odd === undefined ? null : refuse("BAD_ARGUMENTS", "A parameter has no valid name or value");
}

/** The value that takes effect, or why none does. */
function readersSetting(name: string, value: string, bounds: DoorBounds): string | Failure {
  if (freeSettings.test(name)) return value;
  const limit = limitsOf(bounds)[name];
  if (limit === undefined) return refuse("READONLY", `Cannot modify '${name}' setting in readonly mode`);
  const wanted = /^\d{1,15}(\.\d+)?$/.test(value) ? Number(value) : NaN;
  if (Number.isNaN(wanted)) {
    return refuse("CANNOT_PARSE_INPUT_ASSERTION_FAILED", `Cannot parse '${name}': a number is wanted`);
  }
  // 0 lifts a limit in ClickHouse.
  const lifted = limit > 0 && (wanted === 0 || wanted > limit);
  return String(lifted ? limit : wanted);
}
