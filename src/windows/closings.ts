/**
 * Closing registers on their way: held per source until their boundary is passed, then frozen into one sum.
 *
 * What a source says about a boundary is a register: the one with the greatest position counts, repeats are free.
 * After the freeze nothing changes the sum any more; a source that said nothing counts as zero. What an idle source
 * says ahead of its own watermark is provisional: as soon as it folds on, that is taken back, since the real closing
 * may have nothing to say [a zero is not sent, so a stale count would stand].
 */

import type { CellCounts } from "./cells.ts";

type Said = { source: number; position: number; values: number[]; provisional: boolean; cells: CellCounts };

/** What a snapshot keeps. JSON has no infinities: null before the first freeze, `end` when all is closed. */
export type ClosingsState = {
  frozenMs: number | null | "end";
  said: [
    boundaryMs: number,
    city: string,
    source: number,
    position: number,
    values: number[],
    provisional: boolean,
    cells: CellCounts,
  ][];
};

export class Closings {
  /** Of each source one, in the order they spoke. */
  #boundaries = new Map<number, Map<string, Said[]>>();
  #frozenMs = -Infinity;
  /** Sources that have said something provisional. */
  #provisional = new Set<number>();

  say(
    boundaryMs: number,
    city: string,
    source: number,
    position: number,
    values: number[],
    provisional = false,
    cells: CellCounts = [],
  ): void {
    if (boundaryMs <= this.#frozenMs) return;
    let cities = this.#boundaries.get(boundaryMs);
    if (cities === undefined) this.#boundaries.set(boundaryMs, cities = new Map());
    const said = { source, position, values, provisional, cells };
    const all = cities.get(city);
    if (all === undefined) cities.set(city, [said]);
    else {
      const at = all.findIndex((one) => one.source === source);
      if (at < 0) all.push(said);
      else if (all[at]!.position < position) all[at] = said;
    }
    if (provisional) this.#provisional.add(source);
  }

  /** The source has folded up to `position`: what it said provisionally before that no longer stands. */
  takeBack(source: number, position: number): void {
    if (!this.#provisional.has(source)) return;
    let left = false;
    for (const [boundaryMs, cities] of this.#boundaries) {
      for (const [city, all] of cities) {
        const at = all.findIndex((one) => one.source === source && one.provisional);
        if (at < 0) continue;
        if (all[at]!.position < position) all.splice(at, 1);
        else left = true;
        // Nothing is left of it, not even its place: a boundary that no source speaks of is none.
        if (all.length === 0) cities.delete(city);
      }
      if (cities.size === 0) this.#boundaries.delete(boundaryMs);
    }
    if (!left) this.#provisional.delete(source);
  }

  /** The boundaries in (−∞, untilMs] that someone said something about, in order. */
  boundaries(untilMs: number): number[] {
    return [...this.#boundaries.keys()].filter((b) => b <= untilMs).sort((a, b) => a - b);
  }

  /** Where in each city what the sources counted is, of each source in its turn; before the boundary is frozen. */
  cells(boundaryMs: number): Map<string, CellCounts[]> {
    const cells = new Map<string, CellCounts[]>();
    for (const [city, all] of this.#boundaries.get(boundaryMs) ?? []) {
      const said = all.filter(({ cells }) => cells.length > 0);
      if (said.length > 0) {
        cells.set(city, said.sort((a, b) => a.source - b.source).map(({ cells }) => cells));
      }
    }
    return cells;
  }

  /** Sums what the sources said about the boundary, per city; afterwards it is closed for good. */
  freeze(boundaryMs: number): Map<string, number[]> {
    const sums = new Map<string, number[]>();
    for (const [city, all] of this.#boundaries.get(boundaryMs) ?? []) {
      const total: number[] = [];
      for (const { values } of all) {
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
      for (const [city, all] of cities) {
        for (const { source, position, values, provisional, cells } of all) {
          said.push([boundaryMs, city, source, position, values, provisional, cells]);
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
