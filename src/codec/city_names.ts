/**
 * City names by their bytes: every event names one, and there are few of them. Each is checked and decoded once.
 *
 * A cache only: it grows with the names up to a bound, and whoever sends a new name with each event makes it forget, and
 * nothing else.
 */
import { limits } from "../limits.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const placesLeast = 1 << 10;
const placesMost = 1 << 16;
type Known = { bytes: Uint8Array; hash: number; name: string };

export class CityNames {
  /** A name has two places, side by side: of two that meet there none is forgotten. */
  #places = new Array<Known | undefined>(placesLeast).fill(undefined);

  /** The name, or null when the bytes are not one that a schema of ours allows for sure. */
  find(bytes: Uint8Array, from: number, to: number): string | null {
    const length = to - from;
    if (length === 0 || length > limits.cityCharsMax) return null;
    let hash = length;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    hash ^= hash >>> 15;
    const at = hash & (this.#places.length - 1);
    const first = this.#places[at];
    if (first !== undefined && isIt(first, hash, bytes, from, length)) return first.name;
    const other = this.#places[at ^ 1];
    if (other !== undefined && isIt(other, hash, bytes, from, length)) return other.name;
    return this.#learn(bytes.slice(from, to), hash);
  }

  #learn(bytes: Uint8Array, hash: number): string | null {
    let name: string;
    try {
      name = decoder.decode(bytes);
    } catch {
      return null;
    }
    const known = { bytes, hash, name };
    while (!this.#put(known) && this.#places.length < placesMost) this.#grow();
    return name;
  }

  /** False when another had to make way. */
  #put(known: Known): boolean {
    const at = known.hash & (this.#places.length - 1);
    const before = this.#places[at];
    this.#places[at] = known;
    if (before === undefined || before === known) return true;
    const isFree = this.#places[at ^ 1] === undefined;
    this.#places[at ^ 1] = before;
    return isFree;
  }

  #grow(): void {
    const places = this.#places;
    this.#places = new Array<Known | undefined>(2 * places.length).fill(undefined);
    for (const known of places) if (known !== undefined) this.#put(known);
  }
}

function isIt(known: Known, hash: number, bytes: Uint8Array, from: number, length: number): boolean {
  if (known.hash !== hash || known.bytes.length !== length) return false;
  for (let i = 0; i < length; i++) if (known.bytes[i] !== bytes[from + i]) return false;
  return true;
}
