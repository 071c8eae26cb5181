/**
 * Words that many actors share, each kept once and named by a number: cities and reasons. 0 is no word.
 *
 * Whoever sends a new city with every event would fill it for good, so words that nobody uses any more leave: when it
 * has grown to twice what was in use, its owner says which words are.
 */
const spareWords = 1_024;

export class WordTable {
  #indexes = new Map<string, number>();
  #words: (string | null)[] = [null];
  #free: number[] = [];
  #sweepAt = spareWords;

  index(word: string | null): number {
    if (word === null) return 0;
    const known = this.#indexes.get(word);
    if (known !== undefined) return known;
    const index = this.#free.pop() ?? this.#words.length;
    this.#words[index] = word;
    this.#indexes.set(word, index);
    return index;
  }

  word(index: number): string | null {
    return this.#words[index]!;
  }

  get isFull(): boolean {
    return this.#indexes.size >= this.#sweepAt;
  }

  /** Lets go of every word whose index is not among these. */
  sweep(used: ReadonlySet<number>): void {
    for (const [word, index] of this.#indexes) {
      if (used.has(index)) continue;
      this.#indexes.delete(word);
      this.#words[index] = null;
      this.#free.push(index);
    }
    this.#sweepAt = 2 * this.#indexes.size + spareWords;
  }
}
