/** Keys that callers show: compared without telling by time how much of one was right. Pure. */
import { timingSafeEqual } from "node:crypto";
import { fromUtf8 } from "./ids.ts";

/** Looks at every key, so that neither the place nor the length of a match shows. */
export function isAmong(keys: readonly Uint8Array[], key: Uint8Array): boolean {
  let found = false;
  for (const known of keys) {
    const comparable = known.length === key.length ? key : known;
    const same = timingSafeEqual(known, comparable) && comparable === key;
    found = found || same;
  }
  return found;
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
