/**
 * The sources of the cities: what each has told, and the watermarks of rides and of everything that follow.
 *
 * Watermarks of cities never go back, whatever a source says later; that is why they are state of their own.
 */
import type { Partial, SourceId } from "../windows/partial.ts";
import { paneStart } from "../windows/settings.ts";
import {
  effectiveWatermark,
  minimum,
  newSource,
  realWatermark,
  report,
  type Source,
} from "../windows/sources.ts";

/**
 * Boundaries in (beforeMs, untilMs] were passed; those after `knownMs` only because every source has ended: no record
 * has been there.
 */
export type Passed = { beforeMs: number; untilMs: number; knownMs: number };

export type CitySourcesState = {
  sources: Source[];
  told: number[];
  rideMs: number | null | "end";
  allMs: number | null | "end";
};

export class CitySources {
  readonly all: readonly Source[];
  readonly #rides: readonly Source[];
  readonly #index: ReadonlyMap<string, number>;
  /** Per source: everything that changed a register before this offset has been told here. */
  #told: number[];
  #rideMs: number | null = null;
  #allMs: number | null = null;

  constructor(partitions: Record<"ride-events" | "driver-locations", number>) {
    this.all = (["ride-events", "driver-locations"] as const).flatMap((topic) =>
      Array.from({ length: partitions[topic] }, (_, partition) => newSource({ topic, partition }))
    );
    this.#rides = this.all.filter((s) => s.topic === "ride-events");
    this.#index = new Map(this.all.map((source, i) => [`${source.topic}/${source.partition}`, i]));
    this.#told = this.all.map(() => 0);
  }

  indexOf({ source }: Partial): number | undefined {
    return this.#index.get(`${source.topic}/${source.partition}`);
  }

  take(index: number, partial: Partial): void {
    report(this.all[index]!, {
      nextOffset: partial.next_offset,
      ...(partial.watermark_ms !== undefined && { watermarkMs: partial.watermark_ms }),
      ...(partial.idle && { idle: { standInMs: partial.idle.stand_in_ms } }),
      ...(partial.ended && { ended: true }),
    });
    // The watermark rides on the last record of a flush: only then all of it has been told.
    if (partial.watermark_ms !== undefined) {
      this.#told[index] = Math.max(this.#told[index]!, partial.next_offset);
    }
  }

  /** Whether what the record at that offset changed has been told before. */
  hasTold(index: number, offset: number): boolean {
    return offset < this.#told[index]!;
  }

  /** Moves the watermarks to what the sources allow now; says which boundaries that passed. */
  advance(): { rides: Passed | null; all: Passed | null } {
    const before = { rideMs: this.#rideMs, allMs: this.#allMs };
    this.#rideMs = later(this.#rideMs, minimum(this.#rides.map(effectiveWatermark)));
    this.#allMs = later(this.#allMs, minimum(this.all.map(effectiveWatermark)));
    const newest = (sources: readonly Source[]) =>
      Math.max(-Infinity, ...sources.map(({ watermarkMs }) => watermarkMs ?? -Infinity));
    return {
      rides: passed(before.rideMs, this.#rideMs, () => newest(this.#rides)),
      all: passed(before.allMs, this.#allMs, () => newest(this.all)),
    };
  }

  /** Of the ride sources; +∞ after a replay has ended. */
  get rideMs(): number | null {
    return this.#rideMs;
  }

  /** Of all sources. */
  get allMs(): number | null {
    return this.#allMs;
  }

  /** What the sources' own records let pass, without stand-ins. */
  get realMs(): number | null {
    return minimum(this.all.map(realWatermark));
  }

  /** Whether any location source ever had a record. */
  get knowsSupply(): boolean {
    return this.all.some((s) => s.topic === "driver-locations" && s.watermarkMs !== null);
  }

  state(): CitySourcesState {
    return {
      sources: [...this.all],
      told: this.#told,
      rideMs: stored(this.#rideMs),
      allMs: stored(this.#allMs),
    };
  }

  restore({ sources, told, rideMs, allMs }: CitySourcesState): void {
    sources.forEach((source, i) => Object.assign(this.all[i]!, source));
    this.#told = told;
    this.#rideMs = loaded(rideMs);
    this.#allMs = loaded(allMs);
  }
}

const later = (held: number | null, next: number | null): number | null =>
  next === null ? held : held === null ? next : Math.max(held, next);

function passed(before: number | null, after: number | null, newestMs: () => number): Passed | null {
  if (after === null || (before !== null && paneStart(after) <= paneStart(before))) return null;
  const untilMs = paneStart(after);
  const knownMs = untilMs === Infinity ? paneStart(newestMs()) : untilMs;
  return { beforeMs: before ?? -Infinity, untilMs, knownMs };
}

/** JSON has no infinity: the watermark after a replay has ended. */
const stored = (ms: number | null): number | null | "end" => ms === Infinity ? "end" : ms;
const loaded = (ms: number | null | "end"): number | null => ms === "end" ? Infinity : ms;

export const sourceName = ({ topic, partition }: SourceId): string => `${topic}/${partition}`;
