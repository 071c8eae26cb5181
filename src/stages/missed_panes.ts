/**
 * What came for panes that had left: the one difference that may stand between the windows and a recount.
 *
 * A source that only counted as idle may come back after its panes have left. What it tells then changes no window
 * any more; it is listed with what it had counted there before, so that a recount less `events − counted` of the
 * listed panes is what the windows say.
 */
import { limits } from "../limits.ts";
import { isoTime } from "../time.ts";

/** `events`: the newest count the source told for the pane; `counted`: the part of it that windows contain. */
export type Missed = { source: string; city: string; minute: string; events: number; counted: number };

export type MissedPanesState = { missed: Missed[]; left: [pane: string, counted: number][] };

export class MissedPanes {
  #missed = new Map<string, Missed>();
  /** Counts of panes that left while their source could still tell more. */
  #left = new Map<string, number>();

  /** A pane leaves with this count of a source that has not passed it by its own records. */
  leave(source: string, city: string, paneStartMs: number, counted: number): void {
    bounded(this.#left, nameOf(source, city, paneStartMs), counted, limits.leftPanesMax);
  }

  /** `counted`: what a pane that is still held has of the source; null when the pane has left. */
  miss(
    source: string,
    city: string,
    paneStartMs: number,
    told: { events: number; counted: number | null },
  ): void {
    const name = nameOf(source, city, paneStartMs);
    const before = this.#missed.get(name);
    const counted = before?.counted ?? told.counted ?? this.#left.get(name) ?? 0;
    const events = Math.max(before?.events ?? 0, told.events);
    bounded(
      this.#missed,
      name,
      { source, city, minute: isoTime(paneStartMs), events, counted },
      limits.missedPanesMax,
    );
  }

  list(): Missed[] {
    return [...this.#missed.values()];
  }

  state(): MissedPanesState {
    return { missed: this.list(), left: [...this.#left] };
  }

  restore({ missed, left }: MissedPanesState): void {
    for (const pane of missed) {
      this.#missed.set(nameOf(pane.source, pane.city, Date.parse(pane.minute)), pane);
    }
    this.#left = new Map(left);
  }
}

const nameOf = (source: string, city: string, paneStartMs: number) => `${source} ${paneStartMs} ${city}`;

function bounded<V>(map: Map<string, V>, name: string, value: V, most: number): void {
  map.set(name, value);
  if (map.size > most) map.delete(map.keys().next().value!);
}
