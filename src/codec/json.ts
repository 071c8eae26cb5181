/**
 * Bytes → JSON object, the first half of the trust boundary. Never throws.
 *
 * JSON.parse accepts a depth of a million and would take the process with it later; so depth and keys are
 * counted on the bytes first, in one pass that knows only strings and brackets.
 */
import { limits } from "../limits.ts";
import { type Decoded, reject, type Rejection } from "./rejection.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

const quote = 0x22,
  backslash = 0x5c,
  colon = 0x3a,
  openBrace = 0x7b,
  closeBrace = 0x7d,
  openBracket = 0x5b,
  closeBracket = 0x5d;

/** The value as a JSON object, or why it is none. */
export function parseJsonObject(bytes: Uint8Array): Decoded<Record<string, unknown>> {
  const refused = refuseShape(bytes);
  if (refused !== null) return { ok: false, ...refused };
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch {
    return reject("not_utf8", "the value is not valid UTF-8");
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return reject("json_invalid", `the value is not JSON: ${(error as Error).message.slice(0, 120)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return reject("not_an_object", `the value is ${kindOf(value)}; allowed: a JSON object`);
  }
  return { ok: true, event: value as Record<string, unknown> };
}

function refuseShape(bytes: Uint8Array): Rejection | null {
  if (bytes.length === 0) return reject("value_missing", "the record has no value");
  if (bytes.length > limits.recordBytesMax) {
    return reject(
      "record_too_large",
      `the value has ${bytes.length} bytes; allowed: at most ${limits.recordBytesMax}`,
    );
  }
  let depth = 0;
  let keys = 0;
  for (let i = 0; i < bytes.length; i++) {
    switch (bytes[i]) {
      case quote:
        for (i++; i < bytes.length && bytes[i] !== quote; i++) if (bytes[i] === backslash) i++;
        break;
      case openBrace:
      case openBracket:
        if (++depth > limits.jsonDepthMax) {
          return reject("json_too_deep", `the value is nested deeper than ${limits.jsonDepthMax} levels`);
        }
        break;
      case closeBrace:
      case closeBracket:
        depth--;
        break;
      case colon:
        if (++keys > limits.jsonKeysMax) {
          return reject("json_too_many_keys", `the value has more than ${limits.jsonKeysMax} keys`);
        }
    }
  }
  return null;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}
