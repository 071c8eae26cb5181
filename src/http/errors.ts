/**
 * Every error an HTTP door answers with: `{error: {code, message, field?, docs}}`.
 *
 * The codes are a closed list and stable; each has a section in docs/OPERATIONS.md (a test holds the two together).
 * Refusing is ordinary here, so refusals are values; only what nobody foresaw is thrown, and becomes `internal`.
 */
import { WaymarkError } from "../errors.ts";

type HttpError = { status: number; retryAfterS?: number; help: string };

export const httpErrorCodes = {
  key_missing: { status: 401, help: "the request carries no key and this door needs one" },
  key_unknown: { status: 401, help: "the key is not one of the configured keys" },
  key_expired: { status: 401, help: "the key is configured with an end that has passed" },
  key_scope: {
    status: 403,
    help: "the key is valid, but not for this kind of door (posting, reading or administration)",
  },
  request_malformed: { status: 400, help: "what came is no HTTP/1.1 request, or its chunks do not add up" },
  request_timeout: { status: 408, help: "the headers did not arrive within limits.headersMs" },
  headers_too_large: {
    status: 431,
    help: "the headers are larger than limits.headersBytesMax, or more than limits.headersMax",
  },
  origin_refused: { status: 403, help: "a page of another host may not send what changes anything" },
  route_not_found: { status: 404, help: "there is nothing at this path" },
  method_not_allowed: { status: 405, help: "the path exists, but not for this method" },
  path_invalid: { status: 400, help: "an id or city name in the path is not possible" },
  query_invalid: { status: 400, help: "a query parameter is unknown, given twice or not allowed" },
  content_type_unsupported: { status: 415, help: "the body is neither JSON nor NDJSON in UTF-8" },
  encoding_unsupported: { status: 415, help: "the body is compressed in another way than gzip or zstd" },
  body_too_large: {
    status: 413,
    help: "the body, or what it expands to, is larger than limits.bodyBytesMax",
  },
  body_ratio_exceeded: { status: 413, help: "the compressed body expands more than events ever do" },
  body_items_exceeded: { status: 413, help: "the body has more items than limits.bodyItemsMax" },
  body_timeout: { status: 408, help: "the body did not arrive within limits.bodyMs" },
  body_unreadable: { status: 400, help: "the body broke off or cannot be decompressed" },
  body_empty: { status: 400, help: "the body has no items" },
  body_not_json: {
    status: 400,
    help: "the body is a JSON array that does not end, or goes on after its end",
  },
  key_rate_exceeded: {
    status: 429,
    retryAfterS: 1,
    help: "the key sends more requests or items a second than a key may",
  },
  ride_rate_exceeded: {
    status: 429,
    retryAfterS: 1,
    help: "events of one ride come faster than a ride may have them; also the verdict of an item",
  },
  no_valid_items: { status: 400, help: "every item was rejected; the answer lists why" },
  erasure_invalid: { status: 400, help: "the body of a request for erasure names no rider" },
  alert_note_invalid: { status: 400, help: "the body of a silence or an acknowledgement is not one" },
  alert_not_found: { status: 404, help: "no such alert is open" },
  silence_not_found: { status: 404, help: "no such silence is in force" },
  erasure_not_found: { status: 404, help: "no such erasure is known" },
  ride_not_found: { status: 404, help: "the owner of the ride's partition does not know the ride" },
  driver_not_found: { status: 404, help: "the owner of the driver's partition does not know the driver" },
  window_not_found: { status: 404, help: "the window is not in memory, or nothing happened in it" },
  city_not_found: { status: 404, help: "no window of this city has been published" },
  record_not_found: {
    status: 404,
    help: "the log has no record at this topic, partition and offset (any more)",
  },
  partition_not_ready: {
    status: 503,
    retryAfterS: 2,
    help: "a partition that may know is being restored, has stopped, or is on a node that does not answer",
  },
  log_unavailable: {
    status: 503,
    retryAfterS: 2,
    help: "the log has not acknowledged the records; posting them again is safe",
  },
  draining: { status: 503, retryAfterS: 5, help: "this node is shutting down and takes nothing in any more" },
  overloaded: { status: 503, retryAfterS: 1, help: "more requests or bodies at once than this node takes" },
  streams_exceeded: { status: 503, retryAfterS: 30, help: "limits.streamsMax live streams are open already" },
  internal: { status: 500, help: "a defect of ours; the request id finds it in the process's messages" },
} as const satisfies Record<string, HttpError>;

export type HttpErrorCode = keyof typeof httpErrorCodes;

export type Refused = {
  ok: false;
  code: HttpErrorCode;
  message: string;
  /** The field, parameter or header at fault. */
  field?: string;
  /** Stands beside `error` in the answer. */
  beside?: Record<string, unknown>;
  headers?: Record<string, string>;
};

export const refuse = (
  code: HttpErrorCode,
  message: string,
  more: Pick<Refused, "field" | "beside" | "headers"> = {},
): Refused => ({ ok: false, code, message, ...more });

/** The refusal as an answer: status by code, `Retry-After` where trying again makes sense. */
export function refusalResponse({ code, message, field, beside, headers }: Refused): Response {
  const { status, retryAfterS }: HttpError = httpErrorCodes[code];
  const error = { code, message, ...(field !== undefined && { field }), docs: `docs/OPERATIONS.md#${code}` };
  return Response.json({ error, ...beside }, {
    status,
    headers: { ...(retryAfterS !== undefined && { "retry-after": String(retryAfterS) }), ...headers },
  });
}

/** What was thrown, as an answer. A log that stores nothing now is worth another try; anything else is a defect. */
export function thrownResponse(thrown: unknown, requestId: string): Response {
  if (
    thrown instanceof WaymarkError &&
    (thrown.code === "log_unavailable" || thrown.code === "disk_sync_failed")
  ) {
    return refusalResponse(refuse("log_unavailable", thrown.message));
  }
  return refusalResponse(refuse("internal", `the request ${requestId} met a defect of ours`));
}
