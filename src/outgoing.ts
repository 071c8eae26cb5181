/**
 * Texts as bytes that are sent and let go of: many small ones share a block, since a buffer of its own for each costs
 * more than writing it. Whoever keeps such bytes keeps the whole block: use utf8() of ids.ts for those.
 */
import { utf8 } from "./ids.ts";

const blockBytes = 64 * 1024;
/** Longer texts get a buffer of their own. */
const sharedBytesMax = blockBytes / 8;

const encoder = new TextEncoder();
let block = new Uint8Array(blockBytes);
let used = 0;

export function outgoing(text: string): Uint8Array {
  // A unit of UTF-16 is at most three bytes of UTF-8.
  const most = 3 * text.length;
  if (most > sharedBytesMax) return utf8(text);
  const [bytes, from] = roomFor(most);
  const ascii = text.length <= 64 ? asciiInto(bytes, from, text) : from;
  // Calling the encoder costs more than a short text.
  used = ascii > from ? ascii : from + encoder.encodeInto(text, bytes.subarray(from)).written;
  return bytes.subarray(from, used);
}

/** A block with room for so many bytes, and where they begin: for whoever writes them without a text. */
export function roomFor(most: number): [bytes: Uint8Array, from: number] {
  if (most > blockBytes) return [new Uint8Array(most), 0];
  if (used + most > blockBytes) {
    block = new Uint8Array(blockBytes);
    used = 0;
  }
  return [block, used];
}

/** What was written to the room that was asked for last ends here. */
export function taken(bytes: Uint8Array, to: number): void {
  if (bytes === block) used = to;
}

/** Writes ASCII; returns where it ends, or `at` when it is none. */
export function asciiInto(bytes: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 128) return at;
    bytes[at + i] = unit;
  }
  return at + text.length;
}
