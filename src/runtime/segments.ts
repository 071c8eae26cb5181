/** Fold entries ↔ segments: JSON lines, cut at `limits.segmentBytesMax`, compressed with zstd. */
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { FoldEntry } from "../fold.ts";
import { fromUtf8, utf8 } from "../ids.ts";
import { limits } from "../limits.ts";

/** One segment at a time, so that the caller can breathe in between. */
export function* packEntries(entries: Iterable<FoldEntry>): Generator<Uint8Array> {
  let lines: string[] = [];
  let chars = 0;
  for (const entry of entries) {
    const line = JSON.stringify(entry);
    if (chars > 0 && chars + line.length > limits.segmentBytesMax) {
      yield pack(lines);
      lines = [];
      chars = 0;
    }
    lines.push(line);
    chars += line.length + 1;
  }
  if (lines.length > 0) yield pack(lines);
}

const pack = (lines: string[]): Uint8Array => new Uint8Array(zstdCompressSync(utf8(lines.join("\n"))));

/** The entries of a segment whose bytes are known to be whole. */
export function unpackEntries(segment: Uint8Array): FoldEntry[] {
  return fromUtf8(new Uint8Array(zstdDecompressSync(segment))).split("\n").map((line) =>
    JSON.parse(line) as FoldEntry
  );
}
