/**
 * Places for lists of numbers of many lengths, kept outside the heap: a list of its own for each would be marked and
 * moved by every garbage collection.
 *
 * A place is as long as a multiple of `stepNumbers`. One that is given back goes to the next who wants one as long;
 * places are never joined, lists of one kind being of few lengths. Blocks are never copied, so that growing holds
 * nothing up.
 */
const stepNumbers = 32;
const blockBits = 16;
const blockNumbers = 1 << blockBits;
const blockMask = blockNumbers - 1;

export class NumberArena {
  readonly #blocks: Float64Array[] = [];
  /** By length in steps, the places that were given back. */
  readonly #free: number[][] = [];
  /** The first number of the last block that was never given. */
  #next = blockNumbers;

  /** A place for at least so many numbers, all zero. */
  take(length: number): number {
    const steps = Math.ceil(length / stepNumbers);
    const place = this.#free[steps]?.pop();
    if (place === undefined) return this.#carve(steps * stepNumbers);
    this.block(place).fill(0, this.at(place), this.at(place) + steps * stepNumbers);
    return place;
  }

  /** Takes back a place that was given for as many. */
  free(place: number, length: number): void {
    (this.#free[Math.ceil(length / stepNumbers)] ??= []).push(place);
  }

  /** How many numbers there is room for where so many were wanted. */
  roomFor(length: number): number {
    return Math.ceil(length / stepNumbers) * stepNumbers;
  }

  /** Where the place is: in this block, */
  block(place: number): Float64Array {
    return this.#blocks[place >>> blockBits]!;
  }

  /** … from this number on. */
  at(place: number): number {
    return place & blockMask;
  }

  #carve(length: number): number {
    if (this.#next + length > blockNumbers) {
      // What is longer than a block gets one of its own.
      this.#blocks.push(new Float64Array(Math.max(blockNumbers, length)));
      this.#next = 0;
    }
    const place = (this.#blocks.length - 1) * blockNumbers + this.#next;
    this.#next += length;
    return place;
  }
}
