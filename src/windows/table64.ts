/**
 * A set of 64-bit hashes with open addressing: 8 bytes a slot, no object per entry.
 *
 * A JavaScript Set of numbers above 2³¹ keeps a heap number per entry and walks pointers; this is two flat arrays.
 * The pair (0, 0) marks an empty slot; a hash that is (0, 0) is stored as (0, 1).
 */

export class Table64 {
  #high: Uint32Array;
  #low: Uint32Array;
  #size = 0;

  constructor(capacity = 16) {
    let slots = 16;
    while (slots * 0.6 < capacity) slots *= 2;
    this.#high = new Uint32Array(slots);
    this.#low = new Uint32Array(slots);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds the hash; true when it was not there. */
  add(high: number, low: number): boolean {
    if ((this.#size + 1) > this.#high.length * 0.6) this.#grow();
    return this.#insert(high, low);
  }

  /** Calls back for each hash. */
  each(visit: (high: number, low: number) => void): void {
    for (let slot = 0; slot < this.#high.length; slot++) {
      const high = this.#high[slot]!;
      const low = this.#low[slot]!;
      if ((high | low) !== 0) visit(high, low);
    }
  }

  #insert(high: number, low: number): boolean {
    if ((high | low) === 0) low = 1;
    const mask = this.#high.length - 1;
    for (let slot = (low ^ Math.imul(high, 0x9e3779b1)) & mask;; slot = (slot + 1) & mask) {
      const h = this.#high[slot]!;
      const l = this.#low[slot]!;
      if (h === high >>> 0 && l === low >>> 0) return false;
      if ((h | l) === 0) {
        this.#high[slot] = high;
        this.#low[slot] = low;
        this.#size++;
        return true;
      }
    }
  }

  #grow(): void {
    const [high, low] = [this.#high, this.#low];
    this.#high = new Uint32Array(high.length * 2);
    this.#low = new Uint32Array(low.length * 2);
    this.#size = 0;
    for (let slot = 0; slot < high.length; slot++) {
      if ((high[slot]! | low[slot]!) !== 0) this.#insert(high[slot]!, low[slot]!);
    }
  }
}

/** Hashes as pairs of 32-bit numbers [high, low, high, low …] → base64, sorted: equal sets give equal text. */
export function packHashes(pairs: readonly number[]): string {
  const whole = new BigUint64Array(pairs.length / 2);
  const halves = new Uint32Array(whole.buffer);
  for (let i = 0; i < pairs.length; i += 2) {
    halves[i + lowHalf] = pairs[i + 1]!;
    halves[i + 1 - lowHalf] = pairs[i]!;
  }
  // Sorted by the platform as numbers of 64 bits, without a function to compare with.
  whole.sort();
  const bytes = new DataView(new ArrayBuffer(pairs.length * 4));
  for (let i = 0; i < pairs.length; i += 2) {
    bytes.setUint32(4 * i, halves[i + 1 - lowHalf]!);
    bytes.setUint32(4 * i + 4, halves[i + lowHalf]!);
  }
  return new Uint8Array(bytes.buffer).toBase64();
}

/** Where the platform keeps the lower half of a number of 64 bits. */
const lowHalf = new Uint32Array(new BigUint64Array([1n]).buffer)[0] === 1 ? 0 : 1;

/** The inverse of packHashes. */
export function unpackHashes(text: string): number[] {
  const bytes = Uint8Array.fromBase64(text);
  const view = new DataView(bytes.buffer);
  const pairs: number[] = [];
  for (let at = 0; at < bytes.length; at += 4) pairs.push(view.getUint32(at));
  return pairs;
}

/** All hashes of a table as pairs. */
export function pairsOf(table: Table64): number[] {
  const pairs: number[] = [];
  table.each((high, low) => pairs.push(high, low));
  return pairs;
}
