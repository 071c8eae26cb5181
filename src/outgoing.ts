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
  if (used + most > blockBytes) {
    block = new Uint8Array(blockBytes);
    used = 0;
  }
  const from = used;
  used += text.length <= 64 ? putAscii(text) : 0;
  if (used === from) used += encoder.encodeInto(text, block.subarray(from)).written;
  return block.subarray(from, used);
}

/** Bytes written; 0 when the text is not ASCII. Calling the encoder costs more than a short text. */
function putAscii(text: string): number {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 128) return 0;
    block[used + i] = unit;
  }
  return text.length;
}
