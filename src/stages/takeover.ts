/**
 * The boundary at which a new generation takes the alerts over from an old one: it says there how each stands.
 *
 * The old one may have left an alert open that is not open under the new settings, and says nothing after the
 * boundary that would end it. So the new one speaks of every city that it has heard of up to there, also of those
 * that are calm or long gone from memory. Heard of by frozen closing sums and nothing else: whether a register has
 * come before or after the boundary was passed depends on who owned what.
 */
import type { Moment } from "../alerts/rule.ts";
import type { Passed } from "./city_sources.ts";

export type TakeoverState = { rides: string[]; supply: string[] };

export class Takeover {
  readonly #atMs: number | null;
  /** Heard of by the ride sources, and by the location sources: each moment speaks of what it can know. */
  #cities = { rides: new Set<string>(), supply: new Set<string>() };

  /** `atMs`: where this generation begins to publish; null: it takes over from none. */
  constructor(atMs: number | null) {
    this.#atMs = atMs;
  }

  /** The boundary, when it is among those passed. */
  in({ beforeMs, untilMs }: Passed): number[] {
    return this.#atMs !== null && this.#atMs > beforeMs && this.#atMs <= untilMs ? [this.#atMs] : [];
  }

  /** There were closing sums of the city for the window that ends there. */
  note(city: string, endMs: number, moment: Moment): void {
    if (this.#atMs !== null && endMs <= this.#atMs) this.#cities[moment].add(city);
  }

  /** The cities to speak of at the boundary; none at any other. Supply closes last and knows them all. */
  at(boundaryMs: number, moment: Moment): string[] {
    if (boundaryMs !== this.#atMs) return [];
    const { rides, supply } = this.#cities;
    return [...new Set(moment === "rides" ? rides : [...rides, ...supply])].sort();
  }

  /** All is said: rides and supply of the boundary are closed. */
  done(boundaryMs: number): void {
    if (boundaryMs === this.#atMs) this.#cities = { rides: new Set(), supply: new Set() };
  }

  get state(): TakeoverState {
    return { rides: [...this.#cities.rides], supply: [...this.#cities.supply] };
  }

  restore({ rides, supply }: TakeoverState): void {
    this.#cities = { rides: new Set(rides), supply: new Set(supply) };
  }
}
