/** Fold entries ↔ segments: JSON lines, cut at `limits.segmentBytesMax`, compressed with zstd. */
import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import type { FoldEntry } from "../fold.ts";
import { fromUtf8, utf8 } from "../ids.ts";
import { limits } from "../limits.ts";

/** Characters that are put together, or compressed, between two chances to breathe: a few milliseconds. */
const sliceChars = 128 * 1024;

/**
 * A segment at a time, and null wherever the caller should let others have a turn first. `isLong` says after an entry
 * that it is time for that already: entries are of very different sizes, and take as different times to be made.
 */
export function* packEntries(
  entries: Iterable<FoldEntry>,
  isLong: () => boolean = () => false,
): Generator<Uint8Array | null> {
  let lines: string[] = [];
  let chars = 0;
  let sinceBreath = 0;
  for (const entry of entries) {
    const line = JSON.stringify(entry);
    if (chars > 0 && chars + line.length > limits.segmentBytesMax) {
      yield null;
      yield pack(lines);
      lines = [];
      chars = sinceBreath = 0;
    }
    lines.push(line);
    chars += line.length + 1;
    sinceBreath += line.length + 1;
    if (sinceBreath < sliceChars && !isLong()) continue;
    sinceBreath = 0;
    yield null;
  }
  if (lines.length === 0) return;
  yield null;
  yield pack(lines);
}

/** The quickest level: half the time of the usual one, and of these texts no more bytes. */
const quickly = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

const pack = (lines: string[]): Uint8Array =>
  new Uint8Array(zstdCompressSync(utf8(lines.join("\n")), quickly));

/** The entries of a segment whose bytes are known to be whole. */
export function unpackEntries(segment: Uint8Array): FoldEntry[] {
  return fromUtf8(new Uint8Array(zstdDecompressSync(segment))).split("\n").map((line) =>
    JSON.parse(line) as FoldEntry
  );
}
