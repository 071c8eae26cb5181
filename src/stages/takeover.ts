/**
 * The boundary at which a new generation takes the alerts over from an old one: it says there how each stands.
 *
 * The old one may have left an alert open that is not open under the new settings, and says nothing after the
 * boundary that would end it. So the new one speaks of every city that it has heard of up to there, also of those
 * that are calm or long gone from memory. Heard of by frozen closing sums and nothing else: whether a register has
 * come before or after the boundary was passed depends on who owned what.
 */
import type { Passed } from "./city_sources.ts";

export class Takeover {
  readonly #atMs: number | null;
  #cities = new Set<string>();

  /** `atMs`: where this generation begins to publish; null: it takes over from none. */
  constructor(atMs: number | null) {
    this.#atMs = atMs;
  }

  /** The boundary, when it is among those passed. */
  in({ beforeMs, untilMs }: Passed): number[] {
    return this.#atMs !== null && this.#atMs > beforeMs && this.#atMs <= untilMs ? [this.#atMs] : [];
  }

  /** There were closing sums of the city for the window that ends there. */
  note(city: string, endMs: number): void {
    if (this.#atMs !== null && endMs <= this.#atMs) this.#cities.add(city);
  }

  /** The cities to speak of at the boundary; none at any other. */
  at(boundaryMs: number): string[] {
    return boundaryMs === this.#atMs ? [...this.#cities].sort() : [];
  }

  /** All is said: rides and supply of the boundary are closed. */
  done(boundaryMs: number): void {
    if (boundaryMs === this.#atMs) this.#cities.clear();
  }

  get state(): string[] {
    return [...this.#cities];
  }

  restore(cities: string[]): void {
    this.#cities = new Set(cities);
  }
}
