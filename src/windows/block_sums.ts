/**
 * Sums over many panes: whole hours, and ten minutes of them, are summed once and remembered until one of their panes
 * changes. A window of a day costs some fifty additions, and not one for each of its 1,440 panes.
 *
 *   panes  ·│··········│··········│·· … ──hour── … ··│··········│···
 *           └ ten minutes ┘
 */
import { hourMs, minuteMs } from "../time.ts";
import { paneMs } from "./settings.ts";

/** Adds the values of a pane to sums; false when there is no pane. */
export type AddPane = (paneStartMs: number, sums: number[]) => boolean;

/** Sums of less than this remember nothing. */
export const tenMs = 10 * minuteMs;
/** Where nothing is: also an empty hour is looked through once. */
type Sums = number[] | null;

export class BlockSums {
  /** Where a sum begins: a copy of it is cheaper than an array that is filled. */
  readonly #zeros: readonly number[];
  readonly #addPane: AddPane;
  /** Made when there is one: windows of less than ten minutes have none. */
  #hours: Map<number, Sums> | null = null;
  #tens: Map<number, Sums> | null = null;
  /** The ten minutes that changed last, of which nothing has been remembered since. */
  #changedTen = NaN;
  /** Until panes from here on leave, those that do are in one ten minutes only. */
  #nextDropMs = -Infinity;

  constructor(width: number, addPane: AddPane) {
    this.#zeros = new Array<number>(width).fill(0);
    this.#addPane = addPane;
  }

  /** The sums over the panes in [fromMs, untilMs); null when there is none. */
  sum(fromMs: number, untilMs: number): number[] | null {
    this.#changedTen = NaN;
    return this.#sum(fromMs, untilMs, hourMs);
  }

  /** A pane has changed, or come. */
  changed(paneStartMs: number): void {
    const ten = paneStartMs - paneStartMs % tenMs;
    if (ten === this.#changedTen) return;
    this.#changedTen = ten;
    this.#tens?.delete(ten);
    this.#hours?.delete(ten - ten % hourMs);
  }

  /** All panes before have left, and none of them comes again. */
  dropBefore(paneStartMs: number): void {
    this.changed(paneStartMs);
    if (paneStartMs < this.#nextDropMs) return;
    this.#nextDropMs = paneStartMs - paneStartMs % tenMs + tenMs;
    for (const blocks of [this.#hours, this.#tens]) {
      for (const at of blocks?.keys() ?? []) if (at < paneStartMs) blocks!.delete(at);
    }
  }

  #sum(fromMs: number, untilMs: number, mostMs: number): Sums {
    const total = this.#zeros.slice();
    let isAny = false;
    for (let at = fromMs; at < untilMs;) {
      const lengthMs = isWhole(hourMs, at, untilMs, mostMs)
        ? hourMs
        : isWhole(tenMs, at, untilMs, mostMs)
        ? tenMs
        : paneMs;
      if (lengthMs === paneMs ? this.#addPane(at, total) : this.#addBlock(at, lengthMs, total)) isAny = true;
      at += lengthMs;
    }
    return isAny ? total : null;
  }

  #addBlock(atMs: number, lengthMs: number, total: number[]): boolean {
    const sums = this.#block(atMs, lengthMs);
    if (sums === null) return false;
    for (let i = 0; i < sums.length; i++) total[i]! += sums[i]!;
    return true;
  }

  #block(atMs: number, lengthMs: number): Sums {
    const [blocks, partsMs] = lengthMs === hourMs
      ? [this.#hours ??= new Map(), tenMs]
      : [this.#tens ??= new Map(), paneMs];
    const known = blocks.get(atMs);
    if (known !== undefined) return known;
    const sums = this.#sum(atMs, atMs + lengthMs, partsMs);
    blocks.set(atMs, sums);
    return sums;
  }
}

const isWhole = (lengthMs: number, at: number, untilMs: number, mostMs: number): boolean =>
  lengthMs <= mostMs && at % lengthMs === 0 && at + lengthMs <= untilMs;
