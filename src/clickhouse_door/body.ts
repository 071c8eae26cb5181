/** A request's body under two bounds, its size and the time it takes; gzip is taken, text in UTF-8 is wanted. */
import { gunzipSync } from "node:zlib";
import type { Clock } from "../time.ts";
import type { DoorBounds } from "./bounds.ts";
import { type Failure, refuse } from "./failure.ts";

export type Body = { ok: true; bytes: Uint8Array };

export async function readBody(
  request: Request,
  { bytesMax, bounds, clock }: { bytesMax: number; bounds: DoorBounds; clock: Clock },
): Promise<Body | Failure> {
  if (/^multipart\//i.test(request.headers.get("content-type") ?? "")) {
    return refuse("NOT_IMPLEMENTED", "External tables and parameters in a form are not offered");
  }
  const encoding = (request.headers.get("content-encoding") ?? "").trim().toLowerCase();
  if (!["", "identity", "gzip"].includes(encoding)) {
    return refuse(
      "NOT_IMPLEMENTED",
      `Content-Encoding is ${JSON.stringify(encoding)}; allowed: gzip or none`,
    );
  }
  const raw = await arrive(request, { bytesMax, bounds, clock });
  if (!raw.ok) return raw;
  const bytes = encoding === "gzip" ? inflated(raw.bytes, bytesMax) : raw.bytes;
  if (bytes === null) {
    return refuse("BAD_ARGUMENTS", `The body is not gzip, or expands to more than ${bytesMax} bytes`);
  }
  return isText(bytes) ? { ok: true, bytes } : refuse("NOT_IMPLEMENTED", "The body is not text in UTF-8");
}

async function arrive(
  request: Request,
  { bytesMax, bounds, clock }: { bytesMax: number; bounds: DoorBounds; clock: Clock },
): Promise<Body | Failure> {
  if (request.body === null) return { ok: true, bytes: new Uint8Array(0) };
  const reader: ReadableStreamDefaultReader<Uint8Array> = request.body.getReader();
  const inTime = new AbortController();
  const late = clock.sleep(bounds.bodyMs, inTime.signal).then(() => "late" as const);
  const parts: Uint8Array[] = [];
  let bytes = 0;
  let refused: Failure;
  try {
    for (;;) {
      const next = await Promise.race([reader.read(), late]);
      if (next === "late") {
        refused = refuse("TIMEOUT_EXCEEDED", `The body took longer than ${bounds.bodyMs} ms`);
        break;
      }
      if (next.done) return { ok: true, bytes: joined(parts, bytes) };
      bytes += next.value.length;
      parts.push(next.value);
      if (bytes > bytesMax) {
        refused = refuse("QUERY_IS_TOO_LARGE", `The body has more than ${bytesMax} bytes`);
        break;
      }
    }
  } catch {
    refused = refuse("BAD_ARGUMENTS", "The body broke off before its end");
  } finally {
    inTime.abort();
  }
  // Not awaited: a client that keeps sending must not keep us here.
  reader.cancel().catch(() => undefined);
  return refused;
}

function inflated(bytes: Uint8Array, bytesMax: number): Uint8Array | null {
  try {
    return gunzipSync(bytes, { maxOutputLength: bytesMax });
  } catch {
    return null;
  }
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function isText(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
