/**
 * Finds rows by the hash of their id: open addressing over two flat arrays, no object per row.
 *
 * Hashes of 32 bits meet; whether a row is the one that is wanted says whoever asks, by comparing the id itself.
 */
export class RowIndex {
  /** Row + 1; 0 is an empty slot. */
  #rows = new Int32Array(1_024);
  #hashes = new Int32Array(1_024);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The row with this hash that is the one; -1 when there is none. */
  find(hash: number, isIt: (row: number) => boolean): number {
    const mask = this.#rows.length - 1;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const row = this.#rows[slot]! - 1;
      if (row < 0) return -1;
      if (this.#hashes[slot] === hash && isIt(row)) return row;
    }
  }

  add(hash: number, row: number): void {
    if ((this.#size + 1) * 2 > this.#rows.length) this.#grow();
    this.#put(hash, row);
    this.#size++;
  }

  remove(hash: number, row: number): void {
    const mask = this.#rows.length - 1;
    let gap = hash & mask;
    while (this.#rows[gap] !== row + 1) gap = (gap + 1) & mask;
    // What stands after the gap moves up, unless that would put it before the place where it is looked for first.
    for (let slot = (gap + 1) & mask; this.#rows[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#hashes[slot]! & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      this.#rows[gap] = this.#rows[slot]!;
      this.#hashes[gap] = this.#hashes[slot]!;
      gap = slot;
    }
    this.#rows[gap] = 0;
    this.#size--;
  }

  #put(hash: number, row: number): void {
    const mask = this.#rows.length - 1;
    let slot = hash & mask;
    while (this.#rows[slot] !== 0) slot = (slot + 1) & mask;
    this.#rows[slot] = row + 1;
    this.#hashes[slot] = hash;
  }

  #grow(): void {
    const [rows, hashes] = [this.#rows, this.#hashes];
    this.#rows = new Int32Array(rows.length * 2);
    this.#hashes = new Int32Array(rows.length * 2);
    for (let slot = 0; slot < rows.length; slot++) {
      if (rows[slot] !== 0) this.#put(hashes[slot]!, rows[slot]! - 1);
    }
  }
}

/** Of an id's bytes, to find its row by. */
export function hashOfId(bytes: Uint8Array, from: number, to: number): number {
  let mixed = 0x9e3779b1 ^ (to - from);
  for (let i = from; i < to; i++) mixed = Math.imul(mixed ^ bytes[i]!, 0x01000193);
  mixed = Math.imul(mixed ^ mixed >>> 16, 0x85ebca6b);
  return mixed ^ mixed >>> 13;
}
