/**
 * City names by their bytes: every event names one, and there are few of them. Each is checked and decoded once.
 *
 *   hash ─► slots ─► name ─► where its bytes end, all of them in one list
 *
 * A cache only: it grows with the names up to a bound, and whoever sends a new name with each event makes it begin anew,
 * and nothing else.
 */
import { limits } from "../limits.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const namesLeast = 1 << 8;
const namesMost = 1 << 15;

export class CityNames {
  #names: string[] = [];
  /** Name plus one, by hash; 0 is an empty slot. Twice as many as there is room for names. */
  #slots = new Int32Array(2 * namesLeast);
  #hashes = new Int32Array(namesLeast);
  /** Of each name: where its bytes end; they begin where those of the one before it do. */
  #ends = new Int32Array(namesLeast + 1);
  #bytes = new Uint8Array(8 * namesLeast);

  /** The name, or null when the bytes are not one that a schema of ours allows for sure. */
  find(bytes: Uint8Array, from: number, to: number): string | null {
    const length = to - from;
    if (length === 0 || length > limits.cityCharsMax) return null;
    let hash = length;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    hash ^= hash >>> 15;
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const index = this.#slots[slot]! - 1;
      if (index < 0) return this.#learn(bytes.subarray(from, to), hash);
      if (this.#hashes[index] === hash && this.#is(index, bytes, from, length)) return this.#names[index]!;
    }
  }

  #is(index: number, bytes: Uint8Array, from: number, length: number): boolean {
    const at = this.#ends[index]!;
    if (this.#ends[index + 1]! - at !== length) return false;
    for (let i = 0; i < length; i++) if (this.#bytes[at + i] !== bytes[from + i]) return false;
    return true;
  }

  #learn(bytes: Uint8Array, hash: number): string | null {
    let name: string;
    try {
      name = decoder.decode(bytes);
    } catch {
      return null;
    }
    if (this.#names.length === namesMost) this.#forget();
    if (this.#names.length === this.#hashes.length) this.#grow();
    const index = this.#names.length;
    const from = this.#ends[index]!;
    while (from + bytes.length > this.#bytes.length) this.#bytes = grown(this.#bytes);
    this.#bytes.set(bytes, from);
    this.#ends[index + 1] = from + bytes.length;
    this.#hashes[index] = hash;
    this.#names.push(name);
    this.#put(index);
    return name;
  }

  #put(index: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#hashes[index]! & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = index + 1;
  }

  #forget(): void {
    this.#names = [];
    this.#slots.fill(0);
  }

  #grow(): void {
    const hashes = this.#hashes;
    this.#hashes = new Int32Array(2 * hashes.length);
    this.#hashes.set(hashes);
    const ends = this.#ends;
    this.#ends = new Int32Array(2 * hashes.length + 1);
    this.#ends.set(ends);
    this.#slots = new Int32Array(2 * this.#slots.length);
    for (let index = 0; index < this.#names.length; index++) this.#put(index);
  }
}

function grown(before: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const after = new Uint8Array(2 * before.length);
  after.set(before);
  return after;
}
