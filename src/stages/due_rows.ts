/**
 * When the rows of a partition's actors leave: each is due at a time that follows from its state.
 *
 * Buckets by due minute are looked at when the watermark passes them; an actor that is due later by then just moves to
 * its new bucket, so touching costs nothing. It leaves when the watermark passes the minute of its due time and neither
 * earlier nor later, whatever buckets it stood in: who is there is part of the state, and a restored table has only the
 * newest bucket of each. The minute at which a row is looked at next is kept with the row, 0 for one that has left;
 * entries in other buckets are left-overs, also those of an actor that had the row before.
 */
import { minuteMs } from "../time.ts";

export type DueColumns = {
  /** The watermark at which the row's actor may leave. */
  dueMs(row: number): number;
  lookMinute(row: number): number;
  setLookMinute(row: number, minute: number): void;
  leave(row: number): void;
};

export class DueRows {
  readonly #columns: DueColumns;
  readonly #buckets = new Map<number, number[]>();

  constructor(columns: DueColumns) {
    this.#columns = columns;
  }

  add(row: number): void {
    this.#enter(row, this.#minuteOf(row));
  }

  /** To be called when the actor may have become due earlier than it was. */
  hasten(row: number): void {
    const minute = this.#minuteOf(row);
    if (minute < this.#columns.lookMinute(row)) this.#enter(row, minute);
  }

  /** Lets go of everyone due at the watermark. */
  evict(watermarkMs: number): void {
    const passed = [...this.#buckets.keys()].filter((minute) => minute * minuteMs <= watermarkMs);
    for (const minute of passed.sort((a, b) => a - b)) {
      const rows = this.#buckets.get(minute)!;
      this.#buckets.delete(minute);
      for (const row of rows) {
        if (this.#columns.lookMinute(row) !== minute) continue;
        const dueAt = this.#minuteOf(row);
        if (dueAt * minuteMs <= watermarkMs) this.#columns.leave(row);
        else this.#enter(row, dueAt);
      }
    }
  }

  #minuteOf(row: number): number {
    return Math.ceil(this.#columns.dueMs(row) / minuteMs);
  }

  #enter(row: number, minute: number): void {
    this.#columns.setLookMinute(row, minute);
    const bucket = this.#buckets.get(minute);
    if (bucket === undefined) this.#buckets.set(minute, [row]);
    else bucket.push(row);
  }
}
