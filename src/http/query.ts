/**
 * What stands in a URL, checked before anything is asked with it: a value that is not allowed is a 400 that names
 * the parameter, the value and what is allowed, never a guess and never a default in disguise.
 */
import { shown } from "../codec/rejection.ts";
import { parseTimestamp } from "../codec/timestamp.ts";
import { limits } from "../limits.ts";
import { refuse, type Refused } from "./errors.ts";

type Parsed<T> = { ok: true; value: T } | Refused;

/** A parameter this route does not have, or one given twice. Null when there is none. */
export function strayParameter(url: URL, known: readonly string[]): Refused | null {
  for (const name of new Set(url.searchParams.keys())) {
    if (!known.includes(name)) {
      const allowed = known.length === 0 ? "no parameters" : known.join(", ");
      return refuse("query_invalid", `${shown(name)} is not a parameter here; allowed: ${allowed}`, {
        field: name.slice(0, 80),
      });
    }
    if (url.searchParams.getAll(name).length > 1) {
      return refuse("query_invalid", `${name} is given more than once; allowed: once`, { field: name });
    }
  }
  return null;
}

const timeShape = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?(Z|z|[+-]\d{2}:?\d{2})?$/;

/** An ISO 8601 time, milliseconds; the fallback when it is not given. */
export function timeParameter(url: URL, name: string, fallbackMs: number): Parsed<number> {
  const given = url.searchParams.get(name);
  if (given === null) return { ok: true, value: fallbackMs };
  const ms = timeShape.test(given) ? parseTimestamp(given) : null;
  if (ms !== null) return { ok: true, value: ms };
  return refuse(
    "query_invalid",
    `${name} is ${
      shown(given)
    }; allowed: an ISO 8601 time such as 2026-01-15T18:00:00Z (a + must be sent as %2B)`,
    { field: name },
  );
}

export type WholeRange = { min: number; max: number; fallback: number };

export function wholeParameter(url: URL, name: string, range: WholeRange): Parsed<number> {
  const given = url.searchParams.get(name);
  if (given === null) return { ok: true, value: range.fallback };
  const value = /^\d{1,9}$/.test(given) ? Number(given) : NaN;
  if (value >= range.min && value <= range.max) return { ok: true, value };
  const allowed = `a whole number from ${range.min} to ${range.max}`;
  return refuse("query_invalid", `${name} is ${shown(given)}; allowed: ${allowed}`, { field: name });
}

/** Some of the given words, separated by commas. */
export function wordsParameter<T extends string>(
  url: URL,
  name: string,
  { words, fallback }: { words: readonly T[]; fallback: readonly T[] },
): Parsed<readonly T[]> {
  const given = url.searchParams.get(name);
  if (given === null) return { ok: true, value: fallback };
  const asked = given.split(",");
  if (asked.every((word): word is T => (words as readonly string[]).includes(word))) {
    return { ok: true, value: asked };
  }
  return refuse("query_invalid", `${name} is ${shown(given)}; allowed: some of ${words.join(", ")}`, {
    field: name,
  });
}

/** An id or a city name; null when it is not given. */
export function textParameter(url: URL, name: string, kind: "id" | "city"): Parsed<string | null> {
  const given = url.searchParams.get(name);
  if (given === null) return { ok: true, value: null };
  const most = kind === "id" ? limits.idCharsMax : limits.cityCharsMax;
  if (given.length >= 1 && given.length <= most && given.isWellFormed()) return { ok: true, value: given };
  return refuse("query_invalid", `${name} is ${shown(given)}; allowed: 1 to ${most} characters`, {
    field: name,
  });
}

/** A time from the path, milliseconds. */
export function pathTime(given: string, field: string): Parsed<number> {
  const ms = timeShape.test(given) ? parseTimestamp(given) : null;
  if (ms !== null) return { ok: true, value: ms };
  const message = `${field} is ${shown(given)}; allowed: an ISO 8601 time such as 2026-01-15T18:00:00Z`;
  return refuse("path_invalid", message, { field });
}

/** An id or a city name from the path. */
export function pathText(given: string, field: "id" | "city"): Parsed<string> {
  const most = field === "id" ? limits.idCharsMax : limits.cityCharsMax;
  if (given.length >= 1 && given.length <= most && given.isWellFormed()) return { ok: true, value: given };
  return refuse("path_invalid", `${field} is ${shown(given)}; allowed: 1 to ${most} characters`, { field });
}
