/**
 * Sums over many panes: whole hours are summed once and remembered until one of their panes changes, so that a window of
 * a day costs at most two hours of panes and the hours between them.
 */
import { hourMs } from "../time.ts";
import { paneMs } from "./settings.ts";

export type ValuesAt = (paneStartMs: number) => readonly number[] | undefined;

export class HourSums {
  readonly #width: number;
  readonly #valuesAt: ValuesAt;
  readonly #hours = new Map<number, number[]>();

  constructor(width: number, valuesAt: ValuesAt) {
    this.#width = width;
    this.#valuesAt = valuesAt;
  }

  /** The sums over the panes in [fromMs, untilMs); null when there is none. */
  sum(fromMs: number, untilMs: number): number[] | null {
    let total: number[] | null = null;
    for (let at = fromMs; at < untilMs;) {
      const isWhole = at % hourMs === 0 && at + hourMs <= untilMs;
      const values = isWhole ? this.#hour(at) : this.#valuesAt(at);
      at += isWhole ? hourMs : paneMs;
      if (values === undefined || values === null) continue;
      total ??= new Array<number>(this.#width).fill(0);
      addTo(total, values);
    }
    return total;
  }

  /** A pane has changed, come or left. */
  changed(paneStartMs: number): void {
    if (this.#hours.size > 0) this.#hours.delete(Math.floor(paneStartMs / hourMs) * hourMs);
  }

  #hour(atMs: number): number[] | null {
    const known = this.#hours.get(atMs);
    if (known !== undefined) return known;
    let total: number[] | null = null;
    for (let at = atMs; at < atMs + hourMs; at += paneMs) {
      const values = this.#valuesAt(at);
      if (values !== undefined) addTo(total ??= new Array<number>(this.#width).fill(0), values);
    }
    if (total !== null) this.#hours.set(atMs, total);
    return total;
  }
}

function addTo(total: number[], values: readonly number[]): void {
  for (let i = 0; i < total.length; i++) total[i]! += values[i]!;
}
