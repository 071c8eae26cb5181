/**
 * Closing registers on their way: held per source until their boundary is passed, then frozen into one sum.
 *
 * What a source says about a boundary is a register: the one with the greatest position counts, repeats are free.
 * After the freeze nothing changes the sum any more; a source that said nothing counts as zero.
 */

type Said = { position: number; values: number[] };

/** What a snapshot keeps. JSON has no infinities: null before the first freeze, `end` when all is closed. */
export type ClosingsState = {
  frozenMs: number | null | "end";
  said: [boundaryMs: number, city: string, source: number, position: number, values: number[]][];
};

export class Closings {
  #boundaries = new Map<number, Map<string, Map<number, Said>>>();
  #frozenMs = -Infinity;

  say(boundaryMs: number, city: string, source: number, position: number, values: number[]): void {
    if (boundaryMs <= this.#frozenMs) return;
    const cities = emplace(this.#boundaries, boundaryMs, () => new Map<string, Map<number, Said>>());
    const sources = emplace(cities, city, () => new Map<number, Said>());
    const held = sources.get(source);
    if (held === undefined || held.position < position) sources.set(source, { position, values });
  }

  /** The boundaries in (−∞, untilMs] that someone said something about, in order. */
  boundaries(untilMs: number): number[] {
    return [...this.#boundaries.keys()].filter((b) => b <= untilMs).sort((a, b) => a - b);
  }

  /** Sums what the sources said about the boundary, per city; afterwards it is closed for good. */
  freeze(boundaryMs: number): Map<string, number[]> {
    const sums = new Map<string, number[]>();
    for (const [city, sources] of this.#boundaries.get(boundaryMs) ?? []) {
      const total: number[] = [];
      for (const { values } of sources.values()) {
        for (let i = 0; i < values.length; i++) total[i] = (total[i] ?? 0) + values[i]!;
      }
      sums.set(city, total);
    }
    this.#boundaries.delete(boundaryMs);
    this.#frozenMs = Math.max(this.#frozenMs, boundaryMs);
    return sums;
  }

  /** Everything up to the watermark is closed, said or not. */
  closeUpTo(boundaryMs: number): void {
    this.#frozenMs = Math.max(this.#frozenMs, boundaryMs);
    for (const held of this.#boundaries.keys()) if (held <= boundaryMs) this.#boundaries.delete(held);
  }

  state(): ClosingsState {
    const said: ClosingsState["said"] = [];
    for (const [boundaryMs, cities] of this.#boundaries) {
      for (const [city, sources] of cities) {
        for (const [source, { position, values }] of sources) {
          said.push([boundaryMs, city, source, position, values]);
        }
      }
    }
    if (this.#frozenMs === Infinity) return { frozenMs: "end", said };
    return { frozenMs: this.#frozenMs === -Infinity ? null : this.#frozenMs, said };
  }

  restore({ frozenMs, said }: ClosingsState): void {
    for (const entry of said) this.say(...entry);
    this.#frozenMs = frozenMs === "end" ? Infinity : frozenMs ?? -Infinity;
  }
}

function emplace<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, value = make());
  return value;
}
