/**
 * The watermark of one source partition, and where an event stands relative to it.
 *
 * watermark = max over records of min(event time, record time) − delay: a phone that is 4:59 fast cannot close
 * a window early, because the record's time bounds what it can move.
 */
import { acceptsPane, paneMs, paneStart, type WindowSettings } from "./settings.ts";

export type Timeliness = "on_time" | "late" | "too_late" | "future";

export class PartitionWatermark {
  #ms: number | null = null;
  readonly #settings: WindowSettings;

  constructor(settings: WindowSettings) {
    this.#settings = settings;
  }

  /** Null before the first record. */
  get ms(): number | null {
    return this.#ms;
  }

  restore(ms: number | null): void {
    this.#ms = ms;
  }

  /**
   * What an idle source lets pass: its watermark, moved on by the time it has been quiet. At least lateness behind the
   * log's clock [a partition whose only record came from a phone a year slow held every city back for good]. Null
   * before the first event.
   */
  standIn(quiet: { forMs: number; logMs: number } | null): number | null {
    if (this.#ms === null || quiet === null) return null;
    const { delayMs, latenessMs } = this.#settings;
    return Math.max(this.#ms + Math.max(0, quiet.forMs), quiet.logMs - delayMs - latenessMs);
  }

  /** Where the event stands before its record moves the watermark. */
  classify(eventMs: number, recordMs: number): Timeliness {
    if (eventMs > recordMs + this.#settings.skewMs) return "future";
    if (this.#ms === null || eventMs >= this.#ms) return "on_time";
    return this.accepts(eventMs) ? "late" : "too_late";
  }

  /** Whether the pane of that event time still takes changes. */
  accepts(eventMs: number): boolean {
    return acceptsPane(paneStart(eventMs), this.#ms, this.#settings);
  }

  /**
   * Takes a record into account. Returns the boundaries (pane ends) that the watermark passed, oldest first, at
   * most `boundariesMax` of them after the last passed and the newest: further ones in between have nothing open.
   */
  advance(eventMs: number, recordMs: number, boundariesMax: number): readonly number[] {
    const before = this.#ms;
    const next = Math.min(eventMs, recordMs) - this.#settings.delayMs;
    if (before !== null && next <= before) return none;
    this.#ms = next;
    if (before === null || paneStart(before) === paneStart(next)) return none;
    return boundariesBetween(before, next, boundariesMax);
  }
}

/** Nearly every event passes none: they share one array. */
const none: readonly number[] = [];

/** The pane ends B with before < B ≤ after: the first `most` of them, and the last. */
export function boundariesBetween(before: number, after: number, most: number): number[] {
  const boundaries: number[] = [];
  const last = paneStart(after);
  for (let b = paneStart(before) + paneMs; b <= last && boundaries.length < most; b += paneMs) {
    boundaries.push(b);
  }
  if (boundaries.length > 0 && boundaries[boundaries.length - 1]! < last) boundaries.push(last);
  return boundaries;
}
