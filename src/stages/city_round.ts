/**
 * Goes through the cities that have something to tell, once with every flush: pure. A flush that is stopped, because
 * the outbox is full, is gone on with where it stood.
 */
export class CityRound {
  /** Those with something to tell; and those of them that the flush under way has not come to. */
  readonly #stirred = new Set<string>();
  #left: string[] | null = null;

  stir(name: string): void {
    this.#stirred.add(name);
  }

  get isCalm(): boolean {
    return this.#stirred.size === 0;
  }

  /** `tell` returns whether there is more to tell with the next flush. False when it was stopped. */
  go(tell: (name: string) => boolean, isFull: () => boolean): boolean {
    this.#left ??= [...this.#stirred].reverse();
    for (let name = this.#left.pop(); name !== undefined; name = this.#left.pop()) {
      if (!tell(name)) this.#stirred.delete(name);
      if (isFull() && this.#left.length > 0) return false;
    }
    this.#left = null;
    return true;
  }
}
