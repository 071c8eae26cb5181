/**
 * The riders whose data was erased, and what stands in the place of each: a pseudonym that nothing leads back from.
 *
 * The log keeps its bytes until retention lets them go, so whatever reads them asks here before it keeps or shows a
 * rider. A rider is held as a hash: equal ids have equal hashes, and that is all that is asked. The cheap 64 bits say
 * no to nearly everybody; SHA-256, the one that ClickHouse can compute too, says yes.
 */
import { createHash } from "node:crypto";
import { hash64, utf8 } from "./ids.ts";

/** An erased rider. Without the rider's id there is no way from the one to the other. */
export type ErasedRider = { rider: RiderHash; pseudonym: string };

/** `quick`: 16 hexadecimal digits of hash64; `sha256`: of the UTF-8 bytes, hexadecimal. */
export type RiderHash = { quick: string; sha256: string };

export type Erased = {
  /** Of an erased rider the pseudonym, also when it is what is given; null for everybody else. */
  pseudonymOf(userId: string | null): string | null;
  readonly riders: readonly ErasedRider[];
};

export type ErasedSet = Erased & {
  /** False when the rider is in it already. */
  add(rider: ErasedRider): boolean;
};

export function riderHash(userId: string): RiderHash {
  return { quick: quickHash(userId), sha256: createHash("sha256").update(utf8(userId)).digest("hex") };
}

function quickHash(userId: string): string {
  const { high, low } = hash64(userId);
  return high.toString(16).padStart(8, "0") + low.toString(16).padStart(8, "0");
}

export function erasedSet(): ErasedSet {
  const byQuick = new Map<string, ErasedRider[]>();
  /** The upper halves of the quick hashes: every event is asked for, and nearly none is of an erased rider. */
  const highs = new Set<number>();
  const pseudonyms = new Set<string>();
  const riders: ErasedRider[] = [];
  const find = (userId: string): ErasedRider | undefined => {
    if (!highs.has(hash64(userId).high)) return undefined;
    const same = byQuick.get(quickHash(userId));
    if (same === undefined) return undefined;
    const { sha256 } = riderHash(userId);
    return same.find(({ rider }) => rider.sha256 === sha256);
  };
  return {
    riders,
    pseudonymOf(userId) {
      if (userId === null || riders.length === 0) return null;
      return pseudonyms.has(userId) ? userId : find(userId)?.pseudonym ?? null;
    },
    add(erased) {
      const same = byQuick.get(erased.rider.quick) ?? [];
      if (same.some(({ rider }) => rider.sha256 === erased.rider.sha256)) return false;
      highs.add(parseInt(erased.rider.quick.slice(0, 8), 16));
      byQuick.set(erased.rider.quick, [...same, erased]);
      pseudonyms.add(erased.pseudonym);
      riders.push(erased);
      return true;
    },
  };
}

/** A record may be anything, so the rider is looked for where an event would have it. */
const userIdIn = /"user_id"\s*:\s*("(?:[^"\\]|\\.)*")/g;

/** Of the first erased rider whom the text of a record names; null when it names none. */
export function pseudonymIn(text: string, erased: Erased): string | null {
  if (erased.riders.length === 0) return null;
  for (const [, quoted] of text.matchAll(userIdIn)) {
    const pseudonym = erased.pseudonymOf(unquoted(quoted!));
    if (pseudonym !== null) return pseudonym;
  }
  return null;
}

function unquoted(json: string): string | null {
  try {
    return String(JSON.parse(json));
  } catch {
    return null;
  }
}
