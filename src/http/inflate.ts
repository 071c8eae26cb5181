/**
 * Compressed bodies → bytes, bounded in what comes out and in how much a byte may grow.
 *
 * Decompression is one synchronous call on a body that is already bounded: the asynchronous forms block the event
 * loop just as long. The cap goes into the decoder, so that a bomb is stopped at the cap and not measured afterwards.
 */
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import type { DoorBounds } from "./bounds.ts";
import { refuse, type Refused } from "./errors.ts";
import { zstdFrames } from "./zstd_frames.ts";

export type Encoding = "identity" | "gzip" | "zstd";

/** Null for an encoding that is not taken. */
export function encodingOf(header: string | null): Encoding | null {
  switch ((header ?? "").trim().toLowerCase()) {
    case "":
    case "identity":
      return "identity";
    case "gzip":
    case "x-gzip":
      return "gzip";
    case "zstd":
      return "zstd";
    default:
      return null;
  }
}

export function inflate(
  bytes: Uint8Array,
  encoding: Encoding,
  bounds: DoorBounds,
): { ok: true; bytes: Uint8Array } | Refused {
  if (encoding === "identity" || bytes.length === 0) return { ok: true, bytes };
  const byRatio = Math.max(bounds.inflateFreeBytes, bytes.length * bounds.inflateRatioMax);
  const most = Math.min(bounds.bodyBytesMax, byRatio);
  try {
    const inflated = encoding === "gzip" ? gunzipSync(bytes, { maxOutputLength: most }) : unzstd(bytes, most);
    if (inflated !== null) return { ok: true, bytes: inflated };
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") {
      return byRatio < bounds.bodyBytesMax
        ? refuse("body_ratio_exceeded", tooSteep(bytes.length, most), { field: "content-encoding" })
        : refuse("body_too_large", `the body expands to more than ${bounds.bodyBytesMax} bytes`);
    }
  }
  return refuse("body_unreadable", `the body is not whole, valid ${encoding}`, { field: "content-encoding" });
}

const tooSteep = (bytes: number, most: number): string =>
  `${bytes} compressed bytes expand to more than ${most}; send smaller batches or do not compress them`;

function unzstd(bytes: Uint8Array, most: number): Uint8Array | null {
  const frames = zstdFrames(bytes);
  if (frames === null) return null;
  const parts: Uint8Array[] = [];
  let left = most;
  for (const frame of frames) {
    // The decoder takes no cap of zero bytes, and an empty frame is legal: one byte over is caught below.
    const part = zstdDecompressSync(frame, { maxOutputLength: Math.max(1, left) });
    if (part.length > left) throw Object.assign(new Error("over the cap"), { code: "ERR_BUFFER_TOO_LARGE" });
    left -= part.length;
    parts.push(part);
  }
  return parts.length === 1 ? parts[0]! : joined(parts);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
