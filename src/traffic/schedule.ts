/**
 * What is due next: a binary heap by time. Entries of one time leave in the order they were put in, so a
 * ride's steps keep their order and the same seed gives the same bytes.
 */

export type Schedule<T> = {
  push(atMs: number, value: T): void;
  /** Time of the next entry; Infinity when there is none. */
  nextMs(): number;
  /** Takes the next entry out; undefined when there is none. */
  pop(): T | undefined;
  size(): number;
  /** What is in it, in the order in which it would leave. */
  entries(): { atMs: number; value: T }[];
};

type Entry<T> = { atMs: number; order: number; value: T };

export function schedule<T>(): Schedule<T> {
  const heap: Entry<T>[] = [];
  let order = 0;
  return {
    push(atMs, value) {
      const entry = { atMs, order: order++, value };
      heap.push(entry);
      siftUp(heap, heap.length - 1, entry);
    },
    nextMs: () => heap[0]?.atMs ?? Infinity,
    pop() {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined) return undefined;
      if (heap.length > 0) siftDown(heap, last);
      return first.value;
    },
    size: () => heap.length,
    entries: () =>
      [...heap].sort((a, b) => before(a, b) ? -1 : 1).map(({ atMs, value }) => ({ atMs, value })),
  };
}

const before = <T>(a: Entry<T>, b: Entry<T>) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

function siftUp<T>(heap: Entry<T>[], from: number, entry: Entry<T>): void {
  let at = from;
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt]!;
    if (before(parent, entry)) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = entry;
}

function siftDown<T>(heap: Entry<T>[], entry: Entry<T>): void {
  let at = 0;
  for (;;) {
    let childAt = 2 * at + 1;
    if (childAt >= heap.length) break;
    if (childAt + 1 < heap.length && before(heap[childAt + 1]!, heap[childAt]!)) childAt++;
    const child = heap[childAt]!;
    if (before(entry, child)) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = entry;
}
