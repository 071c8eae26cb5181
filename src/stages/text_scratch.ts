/** Bytes that texts are written into to be looked for: the same ones each time, so that a question makes nothing. */
import { limits } from "../limits.ts";

const encoder = new TextEncoder();
/** An id may be of characters of two units each. */
const unitsMax = 2 * limits.idCharsMax;

export class TextScratch {
  /** Of a unit UTF-8 makes at most three bytes. */
  readonly bytes = new Uint8Array(3 * unitsMax);

  /** Whether the text is one that fits; a longer one is nobody's id. */
  fits(text: string): boolean {
    return text.length <= unitsMax;
  }

  /** The text as UTF-8 from the first byte on; returns its length. */
  write(text: string): number {
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit >= 128) return encoder.encodeInto(text, this.bytes).written;
      this.bytes[i] = unit;
    }
    return text.length;
  }
}
