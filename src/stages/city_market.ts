/**
 * Demand and supply of one city: what is usual, and the surge of the city and of its cells. From frozen closing sums
 * and nothing else, boundary by boundary.
 *
 * A cell is priced together with its six neighbours: a ride is served from next door.
 */
import { cellsNear } from "../../actors/cell.ts";
import { nextSurge, type SurgeMemory, type SurgeTerms } from "../../actors/surge.ts";
import type { CityCells } from "../../schemas/city_cells.ts";
import { limits } from "../limits.ts";
import { minuteMs } from "../time.ts";
import { Trailing, type TrailingState } from "../windows/trailing.ts";
import { type AskedCells, type AskedState, AskedWindow } from "./asked_cells.ts";
import type { Supply, UsualRides } from "./rule_figures.ts";

export type CityMarketState = {
  requests: TrailingState;
  events: TrailingState;
  available: TrailingState;
  surge: SurgeMemory | null;
  supply: { atMs: number; available: number } | null;
  cells: [cell: string, memory: SurgeMemory][];
  asked: AskedState;
};

/** The closed boundary as the ride sources and the location sources say. */
export type ClosedMarket = {
  boundaryMs: number;
  /** Requests of the last minute. */
  asked: number;
  /** Null when no driver of the city spoke. */
  supply: Supply | null;
  requestCells: ReadonlyMap<string, number>;
  supplyCells: AskedCells;
  windowMs: number;
};

/** Boundaries that the surge of a cell remembers: there are many of them. */
const cellMinutes = 5;
/** Supply that is older says nothing about now. */
const staleMs = 5 * minuteMs;

export class CityMarket {
  readonly #terms: SurgeTerms;
  #requests = new Trailing();
  #events = new Trailing();
  #available = new Trailing();
  #surge: SurgeMemory | null = null;
  #supply: CityMarketState["supply"] = null;
  #cells = new Map<string, SurgeMemory>();
  readonly #asked: AskedWindow;

  constructor(terms: SurgeTerms, windowMs: number) {
    this.#terms = terms;
    this.#asked = new AskedWindow(windowMs);
  }

  /** The means of the hour before the boundary. */
  usualRides(boundaryMs: number): UsualRides {
    return { requests: this.#requests.mean(boundaryMs), events: this.#events.mean(boundaryMs) };
  }

  usualAvailable(boundaryMs: number): number | null {
    return this.#available.mean(boundaryMs);
  }

  /** The rides of a boundary are closed. */
  closeRides(boundaryMs: number, requests: number, events: number): void {
    this.#requests.add(boundaryMs, requests);
    this.#events.add(boundaryMs, events);
  }

  /** Where the requests of the window are that ends at the boundary, in whose last minute those came. */
  ask(boundaryMs: number, cells: AskedCells): ReadonlyMap<string, number> {
    return this.#asked.advance(boundaryMs, cells);
  }

  /** The supply of a boundary is closed: the surge that stands from there on, and where. */
  closeSupply(closed: ClosedMarket): { surge: number; cells: CityCells["cells"] } {
    const { boundaryMs, asked, supply } = closed;
    const available = supply?.[0] ?? 0;
    // Of the first boundary at which drivers speak positions may have come for its last seconds only.
    const isKnown = supply !== null && this.#supply !== null && boundaryMs - this.#supply.atMs <= minuteMs;
    if (supply !== null) this.#available.add(boundaryMs, available);
    this.#supply = supply === null ? null : { atMs: boundaryMs, available };
    this.#surge = nextSurge(
      this.#surge,
      boundaryMs,
      { requestsPerMinute: asked, available, isKnown },
      this.#terms,
    );
    return { surge: this.#surge?.surge ?? 1, cells: this.#priceCells(closed, isKnown) };
  }

  /** What surge would be at the end of a minute that runs; null while supply is not known or long past. */
  provisional(boundaryMs: number, asked: number): number | null {
    if (this.#supply === null || this.#surge === null || boundaryMs - this.#supply.atMs > staleMs) {
      return null;
    }
    const { available } = this.#supply;
    // Boundaries between the last closed one and this one are unknown: as if this one followed it.
    const before = { ...this.#surge, atMs: boundaryMs - minuteMs };
    const next = nextSurge(
      before,
      boundaryMs,
      { requestsPerMinute: asked, available, isKnown: true },
      this.#terms,
    );
    return next?.surge ?? null;
  }

  #priceCells(
    { boundaryMs, requestCells, supplyCells, windowMs }: ClosedMarket,
    isKnown: boolean,
  ): CityCells["cells"] {
    const requests = requestCells;
    const available = new Map<string, number>();
    for (const [cell, count] of supplyCells.flat()) available.set(cell, (available.get(cell) ?? 0) + count);
    const before = this.#cells;
    this.#cells = new Map();
    const priced: CityCells["cells"] = [];
    for (const cell of [...new Set([...requests.keys(), ...available.keys()])].sort()) {
      const near = cellsNear(cell);
      const sum = (counts: ReadonlyMap<string, number>) =>
        near.reduce((n, other) => n + (counts.get(other) ?? 0), 0);
      const memory = nextSurge(
        before.get(cell) ?? null,
        boundaryMs,
        {
          requestsPerMinute: sum(requests) / (windowMs / minuteMs),
          available: sum(available),
          isKnown,
        },
        this.#terms,
        cellMinutes,
      );
      if (memory !== null) this.#cells.set(cell, memory);
      priced.push([cell, requests.get(cell) ?? 0, available.get(cell) ?? 0, memory?.surge ?? 1]);
    }
    return priced.length <= limits.cellsPublishedMax ? priced : busiest(priced);
  }

  /** Whether no boundary after this one can depend on anything held. */
  isPast(boundaryMs: number): boolean {
    const past = [this.#requests, this.#events, this.#available].every((t) => t.isPast(boundaryMs));
    return past && this.#asked.isPast(boundaryMs) &&
      (this.#surge === null || boundaryMs - this.#surge.atMs > staleMs);
  }

  state(): CityMarketState {
    return {
      requests: this.#requests.state(),
      events: this.#events.state(),
      available: this.#available.state(),
      surge: this.#surge,
      supply: this.#supply,
      cells: [...this.#cells],
      asked: this.#asked.state(),
    };
  }

  restore(state: CityMarketState): void {
    this.#requests.restore(state.requests);
    this.#events.restore(state.events);
    this.#available.restore(state.available);
    this.#surge = state.surge;
    this.#supply = state.supply;
    this.#cells = new Map(state.cells);
    this.#asked.restore(state.asked);
  }
}

/** The cells with the most requests, then drivers: what a page can show. */
function busiest(cells: CityCells["cells"]): CityCells["cells"] {
  return [...cells]
    .sort((a, b) => b[1] - a[1] || b[2] - a[2] || (a[0] < b[0] ? -1 : 1))
    .slice(0, limits.cellsPublishedMax)
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
