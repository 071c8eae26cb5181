/**
 * Who may use a door: bearer keys, one list for posting, one for reading.
 *
 * Every route names its scope in routes.ts, so none can be added without one. A key of the other list is 403, an
 * unknown one 401. No keys configured for a scope leaves it open, which config.ts allows on loopback only.
 *
 * People open the pages with a browser, which cannot send a bearer key: for reading, the key is accepted as the
 * password of HTTP Basic too, and the browser then sends it with the page's own requests.
 *
 * Keys are compared in constant time with every key of both lists, so that the time tells nothing but the length.
 */
import { utf8 } from "../ids.ts";
import { basicPassword, isAmong } from "../keys.ts";
import { refuse, type Refused } from "./errors.ts";

export type Scope = "open" | "read" | "ingest";
export type Keys = { ingestKeys: readonly string[]; readKeys: readonly string[] };

/** Null when the request may pass. */
export type Gate = (scope: Scope, request: Request) => Refused | null;

export function createGate({ ingestKeys, readKeys }: Keys): Gate {
  const lists = { ingest: ingestKeys.map(utf8), read: readKeys.map(utf8) };
  return (scope, request) => {
    if (scope === "open" || lists[scope].length === 0) return null;
    const given = keyOf(request.headers.get("authorization"), scope);
    if (given === null) return challenge(scope, request, "key_missing", missing[scope]);
    const key = utf8(given);
    const fits = { ingest: isAmong(lists.ingest, key), read: isAmong(lists.read, key) };
    if (fits[scope]) return null;
    return fits[scope === "read" ? "ingest" : "read"]
      ? refuse("key_scope", `the key is not one for ${scope === "read" ? "reading" : "posting"}`)
      : challenge(scope, request, "key_unknown", "the key is not known here");
  };
}

const missing = {
  read: "reading needs a key; send the header Authorization: Bearer <one of WAYMARK_READ_KEYS>",
  ingest: "posting needs a key; send the header Authorization: Bearer <one of WAYMARK_INGEST_KEYS>",
};

function challenge(
  scope: "read" | "ingest",
  request: Request,
  code: "key_missing" | "key_unknown",
  message: string,
): Refused {
  const forPeople = scope === "read" && (request.headers.get("accept") ?? "").includes("text/html");
  const scheme = forPeople
    ? 'Basic realm="Waymark: any name, and a read key as password", charset="UTF-8"'
    : 'Bearer realm="Waymark"';
  return refuse(code, message, { field: "authorization", headers: { "www-authenticate": scheme } });
}

function keyOf(header: string | null, scope: Scope): string | null {
  const [, scheme, value] = /^(bearer|basic) +([\x21-\x7e]{1,512})$/i.exec(header ?? "") ?? [];
  if (scheme === undefined || value === undefined) return null;
  if (scheme.toLowerCase() === "bearer") return value;
  if (scope !== "read") return null;
  return basicPassword(value);
}
