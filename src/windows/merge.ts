/**
 * One city's windows, merged from the registers of all source partitions.
 *
 * Per (source, pane) the register with the greatest position is kept; the sums of a pane are kept up to date by
 * the difference to the one it replaces [PaneRegisters]; a window is the sum of its panes and its distinct riders. Panes leave
 * together with every window over them, and are never recreated: what comes for one that left is missed.
 */
import { RiderWindows } from "./distinct.ts";
import { BlockSums } from "./block_sums.ts";
import { NumberArena } from "./number_arena.ts";
import { PaneRegisters, type SourceRegister } from "./pane_registers.ts";
import { paneMs } from "./settings.ts";
import { unpackHashes } from "./packed_hashes.ts";

export type { SourceRegister };

/** The panes of a window, with what each source has in them. */
export type WindowParts = [paneStartMs: number, registers: SourceRegister[]][];

export type MergedWindow = { values: number[]; positions: number; riders: number };

/** `missed`: every window over the pane can no longer be summed completely. */
export type Merged = "changed" | "unchanged" | "missed";

/** As many boundaries are looked at one by one: from one watermark to the next there are few, from a gap's end many. */
const endsLookedFor = 5 * paneMs;

export type CityPanesState = {
  droppedBelowMs: number | null;
  panes: [paneStartMs: number, registers: SourceRegister[]][];
  riders: [minute: number, hashes: string][];
};

export class CityPanes {
  readonly #width: number;
  readonly #arena: NumberArena;
  readonly #windowMs: number;
  readonly #panes = new Map<number, PaneRegisters>();
  readonly #sums: BlockSums;
  readonly #riders: RiderWindows;
  #newestMs = -Infinity;
  #droppedBelowMs = -Infinity;

  /** `width`: values of a register. `arena`: where those of many cities are. */
  constructor(width: number, windowMs: number, arena = new NumberArena()) {
    this.#width = width;
    this.#arena = arena;
    this.#windowMs = windowMs;
    this.#sums = new BlockSums(width + 1, (at, sums) => this.#addTo(sums, at));
    this.#riders = new RiderWindows(windowMs);
  }

  get empty(): boolean {
    return this.#panes.size === 0;
  }

  /** Takes a register and the riders that came with it. */
  apply(paneStartMs: number, register: SourceRegister, riders: string): Merged {
    if (paneStartMs - this.#windowMs + paneMs < this.#droppedBelowMs) return "missed";
    let changed = false;
    if (riders !== "") {
      const pairs = unpackHashes(riders);
      for (let i = 0; i < pairs.length; i += 2) {
        if (this.#riders.add(pairs[i]!, pairs[i + 1]!, paneStartMs)) changed = true;
      }
    }
    return this.#keep(paneStartMs, register) || changed ? "changed" : "unchanged";
  }

  #keep(paneStartMs: number, register: SourceRegister): boolean {
    if (!this.#pane(paneStartMs).keep(register)) return false;
    this.#sums.changed(paneStartMs);
    return true;
  }

  #addTo(sums: number[], paneStartMs: number): boolean {
    const pane = this.#panes.get(paneStartMs);
    pane?.addTo(sums);
    return pane !== undefined;
  }

  /** The window that ends at `endMs`; null when no pane of it has anything, or one of them has left. */
  window(endMs: number): MergedWindow | null {
    const startMs = endMs - this.#windowMs;
    if (startMs < this.#droppedBelowMs) return null;
    const values = this.#sums.sum(startMs, endMs);
    if (values === null) return null;
    const positions = values.pop()!;
    return { values, positions, riders: this.#riders.count(startMs) };
  }

  /** The ends, in order, of all windows in (afterMs, untilMs] that have a pane. */
  ends(afterMs: number, untilMs: number): number[] {
    if (untilMs - afterMs <= endsLookedFor) {
      const ends: number[] = [];
      for (let end = afterMs + paneMs; end <= untilMs; end += paneMs) if (this.#hasPane(end)) ends.push(end);
      return ends;
    }
    const ends = new Set<number>();
    for (const paneStartMs of this.#panes.keys()) {
      const first = Math.max(paneStartMs + paneMs, afterMs + paneMs);
      const last = Math.min(paneStartMs + this.#windowMs, untilMs);
      for (let end = first; end <= last; end += paneMs) ends.add(end);
    }
    return [...ends].sort((a, b) => a - b);
  }

  /** Whether the window that ends there has a pane; the newest ones are where most windows find one. */
  #hasPane(endMs: number): boolean {
    for (let at = endMs - paneMs; at >= endMs - this.#windowMs; at -= paneMs) {
      if (this.#panes.has(at)) return true;
    }
    return false;
  }

  has(paneStartMs: number): boolean {
    return this.#panes.has(paneStartMs);
  }

  /** The value of one pane; zero when nothing is in it. */
  value(paneStartMs: number, field: number): number {
    return this.#panes.get(paneStartMs)?.value(field) ?? 0;
  }

  /** −∞ when there is none. */
  get newestPaneMs(): number {
    return this.#newestMs;
  }

  /** What a source has in a pane that is held. */
  held(paneStartMs: number, source: number): SourceRegister | undefined {
    return this.#panes.get(paneStartMs)?.of(source);
  }

  /** What the window that ends at `endMs` is summed from. */
  parts(endMs: number): WindowParts {
    const parts: WindowParts = [];
    for (let at = endMs - this.#windowMs; at < endMs; at += paneMs) {
      parts.push([at, [...this.#panes.get(at)?.all() ?? []]]);
    }
    return parts;
  }

  /** Lets panes go; `leaves` is told of each register that goes with them. */
  dropBefore(paneStartMs: number, leaves?: (paneStartMs: number, register: SourceRegister) => void): void {
    if (paneStartMs <= this.#droppedBelowMs) return;
    this.#droppedBelowMs = paneStartMs;
    for (const [at, pane] of this.#panes) {
      if (at >= paneStartMs) continue;
      if (leaves !== undefined) { for (const register of pane.all()) leaves(at, register); }
      pane.leave();
      this.#panes.delete(at);
    }
    this.#sums.dropBefore(paneStartMs);
    if (this.#newestMs < paneStartMs) this.#newestMs = -Infinity;
    this.#riders.dropBefore(paneStartMs);
  }

  state(): CityPanesState {
    return {
      droppedBelowMs: Number.isFinite(this.#droppedBelowMs) ? this.#droppedBelowMs : null,
      panes: [...this.#panes].map(([at, pane]) => [at, [...pane.all()]]),
      riders: this.#riders.panes(),
    };
  }

  /** What a snapshot holds was held when it was taken: nothing of it is missed. */
  restore(state: CityPanesState): void {
    for (const [at, registers] of state.panes) for (const register of registers) this.#keep(at, register);
    this.#riders.restore(state.riders);
    if (state.droppedBelowMs !== null) this.dropBefore(state.droppedBelowMs);
  }

  #pane(paneStartMs: number): PaneRegisters {
    let pane = this.#panes.get(paneStartMs);
    if (pane === undefined) {
      this.#panes.set(paneStartMs, pane = new PaneRegisters(this.#arena, this.#width));
      this.#newestMs = Math.max(this.#newestMs, paneStartMs);
    }
    return pane;
  }
}
