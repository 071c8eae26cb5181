/**
 * The riders of all panes of one minute: for each pane a set of 64-bit hashes, in flat arrays and no object.
 *
 *   (pane, high, low) ─► slots ─► node ─► [high, low] · [pane, next]        a pane's riders hang together, newest first
 *
 * They leave with their minute, all at once: nothing is ever removed. A set for each pane would be a million objects
 * where cities are many, most of them with a handful of riders.
 */

/** Of a pane without riders, and behind its first one. */
export const noRider = -1;
const hashWords = 2;
const linkWords = 2;
const slotsLeast = 16;

export class MinuteRiders {
  /** Of each node: high and low half. */
  #hashes: Uint32Array;
  /** Of each node: its pane's row, and the node that came before it there. */
  #links: Int32Array;
  /** Node plus one; 0 is an empty slot. Twice as many as there is room for nodes. */
  #slots: Int32Array;
  #size = 0;

  /** `expected`: so many riders are taken without growing. */
  constructor(expected: number) {
    let nodes = slotsLeast / 2;
    while (nodes < expected) nodes *= 2;
    this.#hashes = new Uint32Array(nodes * hashWords);
    this.#links = new Int32Array(nodes * linkWords);
    this.#slots = new Int32Array(nodes * 2);
  }

  get size(): number {
    return this.#size;
  }

  /** Adds a rider to the pane whose newest one is `newest`; returns its node, or `noRider` when it was there. */
  add(row: number, high: number, low: number, newest: number): number {
    const [h, l] = [high >>> 0, low >>> 0];
    if (this.#size * 2 === this.#slots.length) this.#grow();
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = homeOf(row, h, l) & mask;
    for (let held = slots[slot]!; held !== 0; held = slots[slot]!) {
      if (this.#is(held - 1, row, h, l)) return noRider;
      slot = (slot + 1) & mask;
    }
    const node = this.#size++;
    slots[slot] = node + 1;
    this.#hashes[node * hashWords] = h;
    this.#hashes[node * hashWords + 1] = l;
    this.#links[node * linkWords] = row;
    this.#links[node * linkWords + 1] = newest;
    return node;
  }

  /** The newest `count` riders of the pane, as pairs of halves; `newest` is its newest one. */
  pairs(newest: number, count: number): number[] {
    const pairs: number[] = [];
    for (let node = newest; pairs.length < count * 2; node = this.#links[node * linkWords + 1]!) {
      pairs.push(this.#hashes[node * hashWords]!, this.#hashes[node * hashWords + 1]!);
    }
    return pairs;
  }

  #is(node: number, row: number, high: number, low: number): boolean {
    return this.#hashes[node * hashWords + 1] === low && this.#hashes[node * hashWords] === high &&
      this.#links[node * linkWords] === row;
  }

  #grow(): void {
    const [hashes, links] = [this.#hashes, this.#links];
    this.#hashes = new Uint32Array(hashes.length * 2);
    this.#hashes.set(hashes);
    this.#links = new Int32Array(links.length * 2);
    this.#links.set(links);
    const slots = this.#slots = new Int32Array(this.#slots.length * 2);
    const mask = slots.length - 1;
    for (let node = 0; node < this.#size; node++) {
      const [high, low] = [hashes[node * hashWords]!, hashes[node * hashWords + 1]!];
      let slot = homeOf(links[node * linkWords]!, high, low) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = node + 1;
    }
  }
}

const homeOf = (row: number, high: number, low: number): number =>
  low ^ Math.imul(high, 0x9e3779b1) ^ Math.imul(row, 0x85ebca6b);
