/**
 * Ids of actors as bytes, kept outside the heap: a million rides would have three million strings, each of them
 * marked and moved by every garbage collection.
 *
 *   ref ─► [length, 2 bytes][UTF-8 …][up to the next 8 bytes]        0 is no text
 *
 * Freed places are given to the next text of as many words; places are never joined, ids being of few lengths.
 */
import { asciiOf } from "../codec/scan.ts";
import type { JsonBytes } from "../json_bytes.ts";

/** A byte order mark at the beginning is part of an id, as every other character is. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

const wordBytes = 8;
/** A block is never copied, so that growing holds nothing up. */
const blockWords = 1 << 13;
const blockMask = blockWords - 1;
const blockBits = 13;

export class TextArena {
  readonly #blocks: Uint8Array[] = [];
  /** Per number of words, the refs that were freed. */
  readonly #free: number[][] = [];
  /** The first word that was never given. Word 0 stays empty, so that no text has ref 0. */
  #next = 1;

  put(bytes: Uint8Array, from: number, to: number): number {
    const length = to - from;
    const words = wordsFor(length);
    const ref = this.#free[words]?.pop() ?? this.#take(words);
    const block = this.#blocks[ref >> blockBits]!;
    let at = (ref & blockMask) * wordBytes;
    block[at++] = length & 0xff;
    block[at++] = length >> 8;
    for (let i = from; i < to; i++) block[at++] = bytes[i]!;
    return ref;
  }

  free(ref: number): void {
    if (ref === 0) return;
    const words = wordsFor(this.#length(ref));
    (this.#free[words] ??= []).push(ref);
  }

  equals(ref: number, bytes: Uint8Array, from: number, to: number): boolean {
    const block = this.#blocks[ref >> blockBits]!;
    let at = (ref & blockMask) * wordBytes;
    const length = to - from;
    if (block[at++] !== (length & 0xff) || block[at++] !== length >> 8) return false;
    for (let i = from; i < to; i++) if (block[at++] !== bytes[i]) return false;
    return true;
  }

  /** Writes the text as JSON; false, and nothing written, where something would have to be escaped. */
  writeJson(ref: number, into: JsonBytes): boolean {
    if (ref === 0) {
      into.raw("null");
      return true;
    }
    const from = (ref & blockMask) * wordBytes + 2;
    return into.utf8(this.#blocks[ref >> blockBits]!, from, from + this.#length(ref));
  }

  /** Null for ref 0. */
  text(ref: number): string | null {
    if (ref === 0) return null;
    const block = this.#blocks[ref >> blockBits]!;
    const from = (ref & blockMask) * wordBytes + 2;
    const to = from + this.#length(ref);
    for (let i = from; i < to; i++) if (block[i]! >= 0x80) return decoder.decode(block.subarray(from, to));
    return asciiOf(block, from, to);
  }

  #length(ref: number): number {
    const block = this.#blocks[ref >> blockBits]!;
    const at = (ref & blockMask) * wordBytes;
    return block[at]! | block[at + 1]! << 8;
  }

  #take(words: number): number {
    // A text lies within one block.
    if ((this.#next & blockMask) + words > blockWords) {
      this.#next = ((this.#next >> blockBits) + 1) << blockBits;
    }
    const ref = this.#next;
    this.#next += words;
    if (ref >> blockBits >= this.#blocks.length) this.#blocks.push(new Uint8Array(blockWords * wordBytes));
    return ref;
  }
}

const wordsFor = (length: number): number => (length + 2 + wordBytes - 1) >> 3;
