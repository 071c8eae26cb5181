/**
 * The events that rides have seen, in flat pages: of each ride a chain of nodes, in the order they came.
 *
 *   ride ─► first ─► … ─► last          a node: id hash, type | event time, record time, offset
 *
 * Pages are never copied, so that growing holds nothing up; freed nodes are given again.
 */
const pageNodes = 1 << 14;
const pageMask = pageNodes - 1;
const pageBits = 14;
/** Of each node: hash high, hash low, event type, next node. */
const intsPerNode = 4;
/** Of each node: event time, record time, offset. */
const numbersPerNode = 3;

export const noNode = -1;

export class SeenEvents {
  readonly #ints: Int32Array[] = [];
  readonly #numbers: Float64Array[] = [];
  readonly #free: number[] = [];
  #next = 0;

  has(first: number, high: number, low: number): boolean {
    for (let node = first; node !== noNode;) {
      const ints = this.#ints[node >> pageBits]!;
      const at = (node & pageMask) * intsPerNode;
      if (ints[at] === (high | 0) && ints[at + 1] === (low | 0)) return true;
      node = ints[at + 3]!;
    }
    return false;
  }

  /** A node after `last`, which may be none; returns it. */
  add(
    last: number,
    high: number,
    low: number,
    type: number,
    timeMs: number,
    recordMs: number,
    offset: number,
  ): number {
    const node = this.#free.pop() ?? this.#take();
    const ints = this.#ints[node >> pageBits]!;
    const numbers = this.#numbers[node >> pageBits]!;
    const at = (node & pageMask) * intsPerNode;
    const from = (node & pageMask) * numbersPerNode;
    ints[at] = high;
    ints[at + 1] = low;
    ints[at + 2] = type;
    ints[at + 3] = noNode;
    numbers[from] = timeMs;
    numbers[from + 1] = recordMs;
    numbers[from + 2] = offset;
    if (last !== noNode) this.#ints[last >> pageBits]![(last & pageMask) * intsPerNode + 3] = node;
    return node;
  }

  /** The chain as numbers: of each event id hash high, low, type, event time, record time, offset. */
  list(first: number): number[] {
    const all: number[] = [];
    for (let node = first; node !== noNode;) {
      const ints = this.#ints[node >> pageBits]!;
      const numbers = this.#numbers[node >> pageBits]!;
      const at = (node & pageMask) * intsPerNode;
      const from = (node & pageMask) * numbersPerNode;
      all.push(ints[at]! >>> 0, ints[at + 1]! >>> 0, ints[at + 2]!);
      all.push(numbers[from]!, numbers[from + 1]!, numbers[from + 2]!);
      node = ints[at + 3]!;
    }
    return all;
  }

  /** The node after this one, or `noNode`. */
  next(node: number): number {
    return this.#ints[node >> pageBits]![(node & pageMask) * intsPerNode + 3]!;
  }

  /**
   * Puts the numbers of a node at the end of a list, as differences: of its event time to `fromMs`, of its record time
   * to the event time, of its offset to `fromOffset`. Returns its offset.
   */
  pushTo(list: number[], node: number, fromMs: number, fromOffset: number): number {
    const ints = this.#ints[node >> pageBits]!;
    const numbers = this.#numbers[node >> pageBits]!;
    const at = (node & pageMask) * intsPerNode;
    const from = (node & pageMask) * numbersPerNode;
    const [timeMs, recordMs, offset] = [numbers[from]!, numbers[from + 1]!, numbers[from + 2]!];
    list.push(ints[at]! >>> 0, ints[at + 1]! >>> 0, ints[at + 2]!);
    list.push(timeMs - fromMs, recordMs - timeMs, offset - fromOffset);
    return offset;
  }

  free(first: number): void {
    for (let node = first; node !== noNode;) {
      this.#free.push(node);
      node = this.next(node);
    }
  }

  #take(): number {
    const node = this.#next++;
    if (node >> pageBits >= this.#ints.length) {
      this.#ints.push(new Int32Array(pageNodes * intsPerNode));
      this.#numbers.push(new Float64Array(pageNodes * numbersPerNode));
    }
    return node;
  }
}
