/**
 * The actors of one partition, and when they leave: each is due at a time that follows from its state.
 *
 * Buckets by due minute are looked at when the watermark passes them; an actor that is due later by then just
 * moves to its new bucket, so touching costs nothing. An actor leaves when the watermark passes the minute of its
 * due time and neither earlier nor later, whatever buckets it stood in: who is there is part of the state, and a
 * restored table has only the newest bucket of each. The order of actors is the order they came in: state, too.
 */
import { minuteMs } from "../time.ts";

/** `lookMs`: the bucket in which the actor is looked at next; entries in other buckets are left-overs. */
type Held<A> = { actor: A; lookMs: number };

export class ActorTable<A> {
  #held = new Map<string, Held<A>>();
  #buckets = new Map<number, string[]>();
  #oldest: MapIterator<string> | null = null;
  readonly #dueMs: (actor: A) => number;

  /** `dueMs`: the watermark at which the actor may leave. */
  constructor(dueMs: (actor: A) => number) {
    this.#dueMs = dueMs;
  }

  get size(): number {
    return this.#held.size;
  }

  get(id: string): A | undefined {
    return this.#held.get(id)?.actor;
  }

  add(id: string, actor: A): void {
    const held = { actor, lookMs: this.#bucketOf(actor) };
    this.#held.set(id, held);
    this.#enter(id, held.lookMs);
  }

  /** To be called when an actor may have become due earlier than it was. */
  hasten(id: string): void {
    const held = this.#held.get(id);
    if (held === undefined) return;
    const atMs = this.#bucketOf(held.actor);
    if (atMs >= held.lookMs) return;
    held.lookMs = atMs;
    this.#enter(id, atMs);
  }

  *entries(): Generator<[string, A]> {
    for (const [id, { actor }] of this.#held) yield [id, actor];
  }

  /** Lets go of everyone due at the watermark. */
  evictDue(watermarkMs: number): void {
    const passed = [...this.#buckets.keys()].filter((at) => at <= watermarkMs).sort((a, b) => a - b);
    for (const at of passed) {
      const ids = this.#buckets.get(at)!;
      this.#buckets.delete(at);
      for (const id of ids) {
        const held = this.#held.get(id);
        if (held === undefined || held.lookMs !== at) continue;
        const dueAt = this.#bucketOf(held.actor);
        if (dueAt <= watermarkMs) this.#held.delete(id);
        else {
          held.lookMs = dueAt;
          this.#enter(id, dueAt);
        }
      }
    }
  }

  /** Lets the one that came first go, to keep a bound. */
  evictOldest(): void {
    // Goes on where it stood: what is before it has left, and a new iterator would step over all of that again.
    this.#oldest ??= this.#held.keys();
    const oldest = this.#oldest.next();
    if (oldest.done) this.#oldest = null;
    else this.#held.delete(oldest.value);
  }

  #bucketOf(actor: A): number {
    return Math.ceil(this.#dueMs(actor) / minuteMs) * minuteMs;
  }

  #enter(id: string, atMs: number): void {
    const bucket = this.#buckets.get(atMs);
    if (bucket === undefined) this.#buckets.set(atMs, [id]);
    else bucket.push(id);
  }
}
