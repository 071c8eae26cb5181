/**
 * One city's newest versions of its windows, in order of their start: pure bookkeeping for the board.
 *
 * Of two versions of a window the one with the greater `rev` stays, whenever it came. At most `windowsMax` starts
 * are kept, the newest ones; what leaves raises `completeFromMs`, so that nobody takes the rest for everything.
 */
import type { CityWindow } from "../../schemas/city_window.ts";
import { minuteMs } from "../time.ts";

export type Placed = { startMs: number; endMs: number; window: CityWindow };

export class CityWindows {
  readonly #windowsMax: number;
  /** Oldest start first. */
  #kept: Placed[] = [];
  #completeFromMs = 0;

  constructor(windowsMax: number) {
    this.#windowsMax = windowsMax;
  }

  /** Windows that end before this may have been let go. */
  get completeFromMs(): number {
    return this.#completeFromMs;
  }

  /** Takes a version in; false when a version as new is there already, or the window is older than what is kept. */
  put(version: Placed): boolean {
    let at = this.#kept.length;
    while (at > 0 && this.#kept[at - 1]!.startMs > version.startMs) at--;
    const known = this.#kept[at - 1];
    if (known?.startMs === version.startMs) {
      if (version.window.rev <= known.window.rev) return false;
      this.#kept[at - 1] = version;
      return true;
    }
    if (at === 0 && this.#kept.length === this.#windowsMax) {
      this.#letGo(version);
      return false;
    }
    this.#kept.splice(at, 0, version);
    if (this.#kept.length > this.#windowsMax) this.#letGo(this.#kept.shift()!);
    return true;
  }

  #letGo(version: Placed): void {
    this.#completeFromMs = Math.max(this.#completeFromMs, version.endMs + 1);
  }

  /** The latest `limit` windows that start in [fromMs, untilMs), oldest first. */
  range({ fromMs, untilMs, limit }: { fromMs: number; untilMs: number; limit: number }): CityWindow[] {
    return this.#kept
      .filter((w) => w.startMs >= fromMs && w.startMs < untilMs)
      .slice(-limit)
      .map((w) => w.window);
  }

  /**
   * `closed`: the newest window whose end the watermark has passed.
   *
   * `live`: the open window that ends at the first minute boundary after the newest event. An event opens the five
   * windows that hold its minute, so the newest start is the newest event's minute, and that window holds one
   * minute only; the one that starts four minutes earlier is full but for the minute that is running. The newest
   * start is taken no later than the log's clock, else a phone four minutes fast would push an empty window to the
   * front. While the watermark is held back many windows are open: this one still follows the newest events.
   */
  current(logClockMs: number): { live: CityWindow | null; closed: CityWindow | null } {
    const closed = this.#kept.findLast((w) => w.window.kind !== "update") ?? null;
    const newest = this.#kept.findLast((w) => w.startMs <= logClockMs) ?? this.#kept.at(-1);
    if (newest === undefined) return { live: null, closed: null };
    const lengthMs = newest.endMs - newest.startMs;
    const live = this.#kept.find((w) =>
      w.window.kind === "update" && w.startMs > newest.startMs - lengthMs && w.startMs <= newest.startMs &&
      (closed === null || w.endMs >= closed.endMs + minuteMs)
    );
    return { live: live?.window ?? null, closed: closed?.window ?? null };
  }
}
