/**
 * City names by their bytes: every event names one, and there are few of them. Each is checked and decoded once.
 *
 * A cache only: whoever sends a new name with each event makes it begin anew, and nothing else.
 */
import { limits } from "../limits.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const places = 4_096;
/** Lengths and hashes are alike seldom, and in a crowd more often: names that do not get a place are made each time. */
type Known = { bytes: Uint8Array; name: string };

export class CityNames {
  readonly #known: (Known | undefined)[] = new Array<Known | undefined>(places).fill(undefined);

  /** The name, or null when the bytes are not one that a schema of ours allows for sure. */
  find(bytes: Uint8Array, from: number, to: number): string | null {
    const length = to - from;
    if (length === 0 || length > limits.cityCharsMax) return null;
    let hash = length;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    const at = (hash ^ hash >>> 16) & (places - 1);
    const known = this.#known[at];
    if (known !== undefined && equal(known.bytes, bytes, from, length)) return known.name;
    return this.#learn(at, bytes.slice(from, to));
  }

  #learn(at: number, bytes: Uint8Array): string | null {
    let name: string;
    try {
      name = decoder.decode(bytes);
    } catch {
      return null;
    }
    this.#known[at] = { bytes, name };
    return name;
  }
}

function equal(known: Uint8Array, bytes: Uint8Array, from: number, length: number): boolean {
  if (known.length !== length) return false;
  for (let i = 0; i < length; i++) if (known[i] !== bytes[from + i]) return false;
  return true;
}
