/**
 * A body → the bytes of its items, without parsing them.
 *
 * What is appended to the log are the client's own bytes: parsing and writing them again would turn 1e400 into null
 * and drop repeated keys. So an array is cut at its commas by a scan that knows only strings and brackets, and
 * whether an item is JSON is asked of the item alone, by the very decoder that will read it from the log.
 */
import { refuse, type Refused } from "./errors.ts";

export type BodyType = "json" | "ndjson";

/** Null for a content type that is not taken. */
export function bodyTypeOf(header: string | null): BodyType | null {
  const [type = "", ...parameters] = (header ?? "").toLowerCase().split(";").map((part) => part.trim());
  const charset = parameters.find((p) => p.startsWith("charset="))?.slice(8).replaceAll('"', "");
  if (charset !== undefined && charset !== "utf-8" && charset !== "utf8") return null;
  if (type === "application/json") return "json";
  return type === "application/x-ndjson" || type === "application/ndjson" ? "ndjson" : null;
}

export type Items = { ok: true; items: Uint8Array[] } | Refused;

/** One object, the elements of an array, or the lines that are not blank. */
export function itemsOf(body: Uint8Array, type: BodyType, itemsMax: number): Items {
  const first = skipSpace(body, 0);
  if (first === body.length) return refuse("body_empty", "the body is empty; send at least one event");
  if (type === "ndjson") return lines(body, itemsMax);
  if (body[first] === openBracket) return elements(body, first, itemsMax);
  return { ok: true, items: [trimmed(body, first, body.length)] };
}

const quote = 0x22, backslash = 0x5c, comma = 0x2c, newline = 0x0a;
const openBrace = 0x7b, closeBrace = 0x7d, openBracket = 0x5b, closeBracket = 0x5d;

function lines(body: Uint8Array, itemsMax: number): Items {
  const items: Uint8Array[] = [];
  for (let from = 0; from < body.length;) {
    const newlineAt = body.indexOf(newline, from);
    const end = newlineAt < 0 ? body.length : newlineAt;
    const line = trimmed(body, from, end);
    if (line.length > 0) {
      if (items.length === itemsMax) return tooMany(itemsMax);
      items.push(line);
    }
    from = end + 1;
  }
  return { ok: true, items };
}

function elements(body: Uint8Array, open: number, itemsMax: number): Items {
  const items: Uint8Array[] = [];
  let depth = 1;
  let from = open + 1;
  let at = from;
  for (; at < body.length && depth > 0; at++) {
    switch (body[at]) {
      case quote:
        for (at++; at < body.length && body[at] !== quote; at++) if (body[at] === backslash) at++;
        break;
      case openBrace:
      case openBracket:
        depth++;
        break;
      case closeBrace:
      case closeBracket:
        depth--;
        break;
      case comma:
        if (depth === 1) {
          if (items.length === itemsMax) return tooMany(itemsMax);
          items.push(trimmed(body, from, at));
          from = at + 1;
        }
    }
  }
  if (depth > 0 || body[at - 1] !== closeBracket) return notJson("does not end");
  if (skipSpace(body, at) < body.length) return notJson("goes on after its end");
  const last = trimmed(body, from, at - 1);
  if (last.length === 0 && items.length === 0) {
    return refuse("body_empty", "the body is an empty array; send at least one event");
  }
  if (items.length === itemsMax) return tooMany(itemsMax);
  items.push(last);
  return { ok: true, items };
}

const notJson = (what: string): Refused => refuse("body_not_json", `the body is a JSON array that ${what}`);

const tooMany = (itemsMax: number): Refused =>
  refuse("body_items_exceeded", `the body has more than ${itemsMax} items; send it in several requests`);

const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

function skipSpace(body: Uint8Array, from: number, end = body.length): number {
  while (from < end && isSpace(body[from])) from++;
  return from;
}

function trimmed(body: Uint8Array, from: number, end: number): Uint8Array {
  const start = skipSpace(body, from, end);
  while (end > start && isSpace(body[end - 1])) end--;
  return body.subarray(start, end);
}
