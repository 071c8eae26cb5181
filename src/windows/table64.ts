/**
 * A set of 64-bit hashes with open addressing: 8 bytes a slot, no object per entry.
 *
 * A JavaScript Set of numbers above 2³¹ keeps a heap number per entry and walks pointers; this is one flat array, and
 * none for a single hash: where cities are many, most minutes of a partition see one rider of each.
 * The pair (0, 0) marks an empty slot; a hash that is (0, 0) is stored as (0, 1).
 */

const slotsLeast = 4;
/** Of the slots that may be taken. */
const load = 0.6;

export class Table64 {
  /** High and low half of each slot; null while there is one hash at most. */
  #slots: Uint32Array | null = null;
  /** The first one, before there are slots. */
  #high = 0;
  #low = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds the hash; true when it was not there. */
  add(high: number, low: number): boolean {
    const [h, l] = [high >>> 0, (high | low) === 0 ? 1 : low >>> 0];
    if (this.#slots === null) {
      if (this.#size === 0) {
        [this.#high, this.#low, this.#size] = [h, l, 1];
        return true;
      }
      if (h === this.#high && l === this.#low) return false;
      this.#slots = new Uint32Array(slotsLeast * 2);
      place(this.#slots, this.#high, this.#low);
    }
    if ((this.#size + 1) * 2 > this.#slots.length * load) this.#slots = grown(this.#slots);
    if (!place(this.#slots, h, l)) return false;
    this.#size++;
    return true;
  }

  /** Calls back for each hash. */
  each(visit: (high: number, low: number) => void): void {
    const slots = this.#slots;
    if (slots !== null) eachOf(slots, visit);
    else if (this.#size === 1) visit(this.#high, this.#low);
  }
}

/** Puts the hash into its slot; false when it is there. */
function place(slots: Uint32Array, high: number, low: number): boolean {
  const mask = slots.length - 1;
  for (let slot = ((low ^ Math.imul(high, 0x9e3779b1)) << 1) & mask;; slot = (slot + 2) & mask) {
    const h = slots[slot]!;
    const l = slots[slot + 1]!;
    if (h === high && l === low) return false;
    if ((h | l) === 0) {
      slots[slot] = high;
      slots[slot + 1] = low;
      return true;
    }
  }
}

function grown(before: Uint32Array): Uint32Array {
  const slots = new Uint32Array(before.length * 2);
  eachOf(before, (high, low) => void place(slots, high, low));
  return slots;
}

function eachOf(slots: Uint32Array, visit: (high: number, low: number) => void): void {
  for (let slot = 0; slot < slots.length; slot += 2) {
    const [high, low] = [slots[slot]!, slots[slot + 1]!];
    if ((high | low) !== 0) visit(high, low);
  }
}

/** Hashes as pairs of 32-bit numbers [high, low, high, low …] → base64, sorted: equal sets give equal text. */
export function packHashes(pairs: readonly number[]): string {
  if (pairs.length === 2) {
    single.setUint32(0, pairs[0]!);
    single.setUint32(4, pairs[1]!);
    return singleBytes.toBase64();
  }
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

/** A hash as base64. */
const singleChars = 12;
/** Room for one, written anew each time. */
const singleBytes = new Uint8Array(8);
const single = new DataView(singleBytes.buffer);

/** Where the platform keeps the lower half of a number of 64 bits. */
const lowHalf = new Uint32Array(new BigUint64Array([1n]).buffer)[0] === 1 ? 0 : 1;

/** The inverse of packHashes. */
export function unpackHashes(text: string): number[] {
  if (text.length === singleChars) {
    singleBytes.setFromBase64(text);
    return [single.getUint32(0), single.getUint32(4)];
  }
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
