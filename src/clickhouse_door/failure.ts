/**
 * What the door answers when it cannot answer: ClickHouse's own form, `Code: N. DB::Exception: text (NAME)`, which
 * every client of ClickHouse reads. Statuses are those of a ClickHouse server, except that what is read-only is 403
 * and a full house is 503.
 */

/** The door's own refusals, with ClickHouse's numbers. */
export const refusalCodes = {
  BAD_ARGUMENTS: 36,
  NOT_IMPLEMENTED: 48,
  SYNTAX_ERROR: 62,
  CANNOT_PARSE_INPUT_ASSERTION_FAILED: 27,
  UNKNOWN_FORMAT: 73,
  TIMEOUT_EXCEEDED: 159,
  QUERY_IS_TOO_LARGE: 291,
  READONLY: 164,
  REQUIRED_PASSWORD: 194,
  TOO_MANY_SIMULTANEOUS_QUERIES: 202,
  ABORTED: 236,
  NOT_ENOUGH_SPACE: 243,
  UNKNOWN_QUERY_PARAMETER: 456,
  ACCESS_DENIED: 497,
  AUTHENTICATION_FAILED: 516,
} as const;

export type RefusalName = keyof typeof refusalCodes;

export type Failure = { ok: false; code: number; message: string };

export const refuse = (name: RefusalName, message: string): Failure => ({
  ok: false,
  code: refusalCodes[name],
  message: `Code: ${refusalCodes[name]}. DB::Exception: ${message} (${name})`,
});

/** What ClickHouse threw, in its own words; without a code of its own it is 1002, UNKNOWN_EXCEPTION. */
export function failureOf(thrown: unknown): Failure {
  const text = (thrown instanceof Error ? thrown.message : String(thrown)).replace(/^Query failed: /, "");
  const code = /^Code: (\d+)\. /.exec(text)?.[1];
  return code === undefined
    ? { ok: false, code: 1002, message: `Code: 1002. DB::Exception: ${text} (UNKNOWN_EXCEPTION)` }
    : { ok: false, code: Number(code), message: text };
}

const statuses: readonly [status: number, codes: readonly number[]][] = [
  [400, [6, 25, 26, 27, 36, 38, 41, 53, 62, 69, 70, 72, 117, 291, 427, 456]],
  [401, [194]],
  [403, [164, 497, 516]],
  [404, [46, 47, 50, 56, 60, 63, 73, 81, 115]],
  [408, [159]],
  [501, [48]],
  [503, [202, 236, 439]],
];

const statusOf = (code: number): number => statuses.find(([, codes]) => codes.includes(code))?.[0] ?? 500;

export function failureResponse({ code, message }: Failure, queryId: string): Response {
  const headers: Record<string, string> = {
    "content-type": "text/plain; charset=UTF-8",
    "x-clickhouse-exception-code": String(code),
    "x-clickhouse-query-id": queryId,
  };
  if (code === refusalCodes.REQUIRED_PASSWORD) {
    headers["www-authenticate"] = 'Basic realm="ClickHouse server HTTP API"';
  }
  if (statusOf(code) === 503) headers["retry-after"] = "1";
  return new Response(`${message}\n`, { status: statusOf(code), headers });
}
