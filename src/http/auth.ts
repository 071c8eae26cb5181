/**
 * Who may use a door: keys, each on one list or several; and what each list may do, as a table.
 *
 * Every route names its scope in routes.ts, so none can be added without one. A key whose lists do not have the scope
 * is 403, one that has ended or is unknown 401. Without keys for a scope it is open, which config.ts allows on loopback
 * only; `admin` is open only while there are no keys at all: setting up readers must not hand out more.
 *
 * People open the pages with a browser, which cannot send a bearer key: where something is only shown, the key is
 * accepted as the password of HTTP Basic too, and the browser then sends it with the page's own requests. A browser
 * sends a password along with whatever page of whomever asks it to: so what changes anything takes it only where the
 * browser itself says that the page is one of ours (Sec-Fetch-Site, which no script can write), and only for
 * administration, which pages offer. Everybody else sends a bearer key.
 */
import type { Config } from "../config.ts";
import { basicPassword, type KeyFound, type KeyRing, keyRing } from "../keys.ts";
import type { Clock } from "../time.ts";
import { refuse, type Refused } from "./errors.ts";
import type { Sees } from "./mask.ts";

export type Scope = "open" | "read" | "ingest" | "admin";

/** Entries of the key settings, as `parseKeyEntry` (src/keys.ts) takes them. */
export type Keys = {
  ingestKeys: readonly string[];
  readKeys: readonly string[];
  adminKeys?: readonly string[];
  /** With which the other processes of the groups ask. */
  fleetKeys?: readonly string[];
};

type List = "ingest" | "read" | "admin" | "fleet";

/** What the keys of a list may do. */
export const grants: Readonly<Record<List, readonly Exclude<Scope, "open">[]>> = {
  ingest: ["ingest"],
  read: ["read"],
  admin: ["admin", "read"],
  fleet: ["read"],
};

/**
 * `key` names who asks; null where the door is open and no key that is known was shown. `sees` all only with a key for
 * administration, also where the doors are open: nobody is shown people by accident (mask.ts). `administers`: whether
 * the same caller would pass where `admin` is wanted.
 */
export type Passed = { ok: true; key: string | null; sees: Sees; administers: boolean };
export type Gate = (scope: Scope, request: Request) => Passed | Refused;

export const keysOf = (config: Config): Keys => ({
  ingestKeys: config.WAYMARK_INGEST_KEYS,
  readKeys: config.WAYMARK_READ_KEYS,
  adminKeys: config.WAYMARK_ADMIN_KEYS,
  fleetKeys: config.WAYMARK_FLEET_KEYS,
});

export function createGate(keys: Keys, clock: Pick<Clock, "nowMs">): Gate {
  const { ingestKeys, readKeys, adminKeys = [], fleetKeys = [] } = keys;
  const ring = keyRing<List>({ ingest: ingestKeys, read: readKeys, admin: adminKeys, fleet: fleetKeys });
  const passed: Passed = { ok: true, key: null, sees: "masked", administers: isOpen(ring, "admin") };
  return (scope, request) => {
    if (scope === "open") return passed;
    const open = isOpen(ring, scope);
    const header = request.headers.get("authorization");
    if (header === null && open) return passed;
    const given = keyOf(header, mayBePassword(scope, request));
    const found = given === null ? null : ring.find(given, clock.nowMs());
    if (open) return found === null ? passed : passedWith(found);
    if (given === null) return challenge(scope, request, "key_missing", missing[scope]);
    if (found === null) return challenge(scope, request, "key_unknown", "the key is not known here");
    if (found.lists.size === 0) {
      return challenge(scope, request, "key_expired", "the key has ended; ask for a new one");
    }
    if ([...found.lists].some((list) => grants[list].includes(scope))) return passedWith(found);
    const message = `the key is not one for ${purpose[scope]}`;
    // A browser asks its user for another password only when it is told that this one does not do.
    return isPasswordOf(request, header)
      ? challenge(scope, request, "key_missing", message)
      : refuse("key_scope", message);
  };
}

const passedWith = ({ name, lists }: KeyFound<List>): Passed => ({
  ok: true,
  key: name,
  sees: lists.has("admin") ? "all" : "masked",
  administers: lists.has("admin"),
});

function isOpen(ring: KeyRing<List>, scope: Exclude<Scope, "open">): boolean {
  if (scope !== "admin") return ring.count(scope) === 0;
  return (Object.keys(grants) as List[]).every((list) => ring.count(list) === 0);
}

const purpose = { read: "reading", ingest: "posting", admin: "administration" };

const missing = {
  read: "reading needs a key; send the header Authorization: Bearer <one of WAYMARK_READ_KEYS>",
  ingest: "posting needs a key; send the header Authorization: Bearer <one of WAYMARK_INGEST_KEYS>",
  admin: "this needs a key; send the header Authorization: Bearer <one of WAYMARK_ADMIN_KEYS>",
};

function challenge(
  scope: Exclude<Scope, "open">,
  request: Request,
  code: "key_missing" | "key_unknown" | "key_expired",
  message: string,
): Refused {
  // One realm for all pages: a browser keeps one password for each, and sends it to all of them.
  const scheme = mayBePassword(scope, request) && isOpenedByPeople(request)
    ? 'Basic realm="Waymark: any name, and as password a read key, or an admin key for more", charset="UTF-8"'
    : 'Bearer realm="Waymark"';
  return refuse(code, message, { field: "authorization", headers: { "www-authenticate": scheme } });
}

const isOpenedByPeople = ({ method, headers }: Request): boolean =>
  method === "GET" && (headers.get("accept") ?? "").includes("text/html");

const isPasswordOf = (request: Request, header: string | null): boolean =>
  isOpenedByPeople(request) && /^basic /i.test(header ?? "");

/** Of what only shows something, and of what one of our own pages asks for. */
const mayBePassword = (scope: Scope, { method, headers }: Request): boolean =>
  scope === "read" ||
  (scope === "admin" &&
    (method === "GET" || method === "HEAD" || headers.get("sec-fetch-site") === "same-origin"));

function keyOf(header: string | null, password: boolean): string | null {
  const [, scheme, value] = /^(bearer|basic) +([\x21-\x7e]{1,512})$/i.exec(header ?? "") ?? [];
  if (scheme === undefined || value === undefined) return null;
  if (scheme.toLowerCase() === "bearer") return value;
  return password ? basicPassword(value) : null;
}
