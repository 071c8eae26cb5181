/**
 * Keys that callers show. A setting holds a list of them, each as it is or as its hash, so that whoever reads the
 * configuration learns nothing that opens a door:
 *
 *   [name=] KEY | sha256:HEX  [@ when it ends]       fleet-app=sha256:9f86d0…@2027-01-31,old-key-0123456789
 *
 * What is compared are SHA-256 digests, every one of them and each in constant time: neither the place nor the length
 * of a match shows. The hash has neither salt nor work factor, because `waymark keys` makes keys of 256 random bits,
 * which nobody guesses; a key that a person thought up is no better protected by it (decision 0021). Pure.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { fromUtf8, utf8 } from "./ids.ts";
import { isoTime } from "./time.ts";

export type KeyEntry = {
  name: string | null;
  /** The key itself, where the setting holds it. */
  plain: string | null;
  digest: Uint8Array;
  /** The first moment at which it is no longer taken. */
  endsMs: number | null;
};

const entryShape =
  /^(?:([a-z0-9][a-z0-9._-]{0,31})=)?(?:([A-Za-z0-9_-]{16,128})|sha256:([0-9a-f]{64}))(?:@(\S+))?$/;
const endShape = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/;

/** Null for anything else than an entry of a key setting. */
export function parseKeyEntry(text: string): KeyEntry | null {
  const [whole, name, plain, hex, end] = entryShape.exec(text) ?? [];
  if (whole === undefined) return null;
  const endsMs = end === undefined ? null : endOf(end);
  if (Number.isNaN(endsMs)) return null;
  return {
    name: name ?? null,
    plain: plain ?? null,
    digest: plain === undefined
      ? Uint8Array.from(hex!.matchAll(/../g), ([pair]) => parseInt(pair, 16))
      : digestOf(plain),
    endsMs,
  };
}

/** NaN for what is no day or time: there is no 31st of February. */
function endOf(text: string): number {
  const ms = endShape.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(ms) || isoTime(ms).startsWith(text.slice(0, 10)) ? ms : NaN;
}

export function digestOf(key: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(utf8(key)).digest());
}

/** What a setting may hold instead of the key. */
export const hashedEntry = (key: string): string =>
  `sha256:${createHash("sha256").update(utf8(key)).digest("hex")}`;

export type KeyFound<L extends string> = {
  /** Of the first list it is on. Without one of its own, a key is called by its list and place: `read-2`. */
  name: string;
  /** The lists it is on and has not ended on; empty for a key that has ended. */
  lists: ReadonlySet<L>;
};

export type KeyRing<L extends string> = {
  /** How many keys a list has, ended ones too. */
  count(list: L): number;
  /** Null for a key that is on no list. Looks at every key, whatever is found. */
  find(given: string, nowMs: number): KeyFound<L> | null;
};

/** Entries as `parseKeyEntry` takes them; throws for any other. */
export function keyRing<L extends string>(lists: Readonly<Record<L, readonly string[]>>): KeyRing<L> {
  const known = (Object.keys(lists) as L[]).flatMap((list) =>
    lists[list].map((text, index) => {
      const entry = parseKeyEntry(text);
      if (entry === null) throw new TypeError(`${list} key ${index + 1} is no key`);
      return {
        list,
        name: entry.name ?? `${list}-${index + 1}`,
        digest: entry.digest,
        endsMs: entry.endsMs ?? Infinity,
      };
    })
  );
  return {
    count: (list) => lists[list].length,
    find(given, nowMs) {
      const digest = digestOf(given);
      const same = known.filter((key) => timingSafeEqual(key.digest, digest));
      if (same.length === 0) return null;
      return {
        name: same[0]!.name,
        lists: new Set(same.filter((key) => nowMs < key.endsMs).map((key) => key.list)),
      };
    },
  };
}

/** The first key of a list that can be sent: one that is not hashed, and does not end. */
export function sendableKey(entries: readonly string[]): string | null {
  for (const text of entries) {
    const entry = parseKeyEntry(text);
    if (entry !== null && entry.plain !== null && entry.endsMs === null) return entry.plain;
  }
  return null;
}

/** The password of `Authorization: Basic …`, from what follows the scheme; null when it is none. */
export function basicPassword(encoded: string): string | null {
  try {
    const pair = fromUtf8(Uint8Array.from(atob(encoded), (char) => char.charCodeAt(0)));
    return pair.includes(":") ? pair.slice(pair.indexOf(":") + 1) : null;
  } catch {
    return null;
  }
}
