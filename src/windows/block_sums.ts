/**
 * Sums over many panes: whole hours, and ten minutes of them, are summed once and remembered until one of their panes
 * changes. A window of a day costs some fifty additions, and not one for each of its 1,440 panes. The one that ends a
 * minute after the one before it costs two: the pane that it has more, and the pane that it has no more.
 *
 *   panes  ·│··········│··········│·· … ──hour── … ··│··········│···
 *           └ ten minutes ┘
 */
import { hourMs, minuteMs } from "../time.ts";
import { paneMs } from "./settings.ts";

/** Adds the values of a pane, whole numbers, to sums; false when there is no pane. */
export type AddPane = (paneStartMs: number, sums: number[]) => boolean;

/** Sums of less than this remember nothing. */
export const tenMs = 10 * minuteMs;
/** The values, and behind them how many panes have them. Where nothing is: also an empty hour is looked through once. */
type Sums = number[];

export class BlockSums {
  readonly #width: number;
  /** Where a sum begins: a copy of it is cheaper than an array that is filled. */
  readonly #zeros: Readonly<Sums>;
  readonly #addPane: AddPane;
  /** Made when there is one: windows of less than ten minutes have none. */
  #hours: Map<number, Sums> | null = null;
  #tens: Map<number, Sums> | null = null;
  /** What was asked for last, as long as none of its panes changes or leaves. */
  #last: { fromMs: number; untilMs: number; sums: Sums } | null = null;
  /** The ten minutes that changed last, of which nothing has been remembered since. */
  #changedTen = NaN;
  /** Until panes from here on leave, those that do are in one ten minutes only. */
  #nextDropMs = -Infinity;

  constructor(width: number, addPane: AddPane) {
    this.#width = width;
    this.#zeros = new Array<number>(width + 1).fill(0);
    this.#addPane = addPane;
  }

  /** The sums over the panes in [fromMs, untilMs); null when there is none. */
  sum(fromMs: number, untilMs: number): number[] | null {
    const last = this.#last;
    let sums: Sums;
    if (last !== null && fromMs === last.fromMs + paneMs && untilMs === last.untilMs + paneMs) {
      sums = last.sums;
      this.#move(sums, last.fromMs, -1);
      this.#move(sums, last.untilMs, 1);
      [last.fromMs, last.untilMs] = [fromMs, untilMs];
    } else {
      this.#changedTen = NaN;
      sums = this.#sum(fromMs, untilMs, hourMs);
      this.#last = { fromMs, untilMs, sums };
    }
    return sums[this.#width] === 0 ? null : sums.slice(0, this.#width);
  }

  /** A pane has changed, or come. */
  changed(paneStartMs: number): void {
    const last = this.#last;
    if (last !== null && paneStartMs >= last.fromMs && paneStartMs < last.untilMs) this.#last = null;
    this.#forgetTen(paneStartMs);
  }

  /** All panes before have left, and none of them comes again. */
  dropBefore(paneStartMs: number): void {
    if (this.#last !== null && this.#last.fromMs < paneStartMs) this.#last = null;
    this.#forgetTen(paneStartMs);
    if (paneStartMs < this.#nextDropMs) return;
    this.#nextDropMs = paneStartMs - paneStartMs % tenMs + tenMs;
    for (const blocks of [this.#hours, this.#tens]) {
      for (const at of blocks?.keys() ?? []) if (at < paneStartMs) blocks!.delete(at);
    }
  }

  #forgetTen(paneStartMs: number): void {
    const ten = paneStartMs - paneStartMs % tenMs;
    if (ten === this.#changedTen) return;
    this.#changedTen = ten;
    this.#tens?.delete(ten);
    this.#hours?.delete(ten - ten % hourMs);
  }

  /** A pane comes to sums, or leaves them. */
  #move(sums: Sums, paneStartMs: number, by: 1 | -1): void {
    const pane = this.#zeros.slice();
    if (!this.#addPane(paneStartMs, pane)) return;
    for (let i = 0; i < this.#width; i++) sums[i]! += by * pane[i]!;
    sums[this.#width]! += by;
  }

  #sum(fromMs: number, untilMs: number, mostMs: number): Sums {
    const total = this.#zeros.slice();
    for (let at = fromMs; at < untilMs;) {
      const lengthMs = isWhole(hourMs, at, untilMs, mostMs)
        ? hourMs
        : isWhole(tenMs, at, untilMs, mostMs)
        ? tenMs
        : paneMs;
      if (lengthMs !== paneMs) this.#addBlock(at, lengthMs, total);
      else if (this.#addPane(at, total)) total[this.#width]!++;
      at += lengthMs;
    }
    return total;
  }

  #addBlock(atMs: number, lengthMs: number, total: Sums): void {
    const sums = this.#block(atMs, lengthMs);
    if (sums[this.#width] === 0) return;
    for (let i = 0; i < sums.length; i++) total[i]! += sums[i]!;
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
