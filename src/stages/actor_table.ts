/**
 * The actors of one partition, and when they leave: each is due at a time that follows from its state.
 *
 * Buckets by due minute are looked at when the watermark passes them; an actor touched meanwhile just moves to its
 * new bucket, so touching costs nothing. The order of actors is the order they came in: part of the state.
 */
import { minuteMs } from "../time.ts";

export class ActorTable<A> {
  #actors = new Map<string, A>();
  #buckets = new Map<number, string[]>();
  readonly #dueMs: (actor: A) => number;

  /** `dueMs`: the watermark at which the actor may leave. */
  constructor(dueMs: (actor: A) => number) {
    this.#dueMs = dueMs;
  }

  get size(): number {
    return this.#actors.size;
  }

  get(id: string): A | undefined {
    return this.#actors.get(id);
  }

  add(id: string, actor: A): void {
    this.#actors.set(id, actor);
    this.#schedule(id, actor);
  }

  entries(): IterableIterator<[string, A]> {
    return this.#actors.entries();
  }

  /** Lets go of everyone due at the watermark. */
  evictDue(watermarkMs: number): void {
    const due = [...this.#buckets.keys()].filter((at) => at <= watermarkMs).sort((a, b) => a - b);
    for (const at of due) {
      const ids = this.#buckets.get(at)!;
      this.#buckets.delete(at);
      for (const id of ids) {
        const actor = this.#actors.get(id);
        if (actor === undefined) continue;
        if (this.#dueMs(actor) <= watermarkMs) this.#actors.delete(id);
        else this.#schedule(id, actor);
      }
    }
  }

  /** Lets the one that came first go, to keep a bound. */
  evictOldest(): void {
    const oldest = this.#actors.keys().next();
    if (!oldest.done) this.#actors.delete(oldest.value);
  }

  #schedule(id: string, actor: A): void {
    const at = Math.ceil(this.#dueMs(actor) / minuteMs) * minuteMs;
    const bucket = this.#buckets.get(at);
    if (bucket === undefined) this.#buckets.set(at, [id]);
    else bucket.push(id);
  }
}
