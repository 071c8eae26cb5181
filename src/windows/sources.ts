/**
 * What the cities know of their sources, and the watermarks that follow.
 *
 * A city's watermark is the minimum over all configured sources. An idle source takes part with its stand-in
 * (watermark + quiet time) as long as nothing newer than the declaration was seen; a source that never had a
 * record takes no part; an ended one holds nothing back. Watermarks of cities never go back.
 */
import type { SourceId } from "./partial.ts";

export type Source = SourceId & {
  watermarkMs: number | null;
  nextOffset: number;
  /** Accepted declaration: at which next offset, and the stand-in (null: never had a record). */
  idle: { nextOffset: number; standInMs: number | null } | null;
  ended: boolean;
  /** Records under another fold version, dropped: the source visibly holds the watermark. */
  foreign: number;
};

export type SourceReport = {
  nextOffset: number;
  watermarkMs?: number | null;
  idle?: { standInMs: number | null };
  ended?: true;
};

export function newSource(id: SourceId): Source {
  return { ...id, watermarkMs: null, nextOffset: 0, idle: null, ended: false, foreign: 0 };
}

/** Takes a report into account. Older ones change nothing: what they say has been overtaken. */
export function report(source: Source, said: SourceReport): void {
  const newer = said.nextOffset > source.nextOffset;
  source.nextOffset = Math.max(source.nextOffset, said.nextOffset);
  if (newer) source.idle = null;
  if (said.watermarkMs !== undefined && said.watermarkMs !== null) {
    source.watermarkMs = Math.max(source.watermarkMs ?? said.watermarkMs, said.watermarkMs);
  }
  if (said.idle !== undefined && said.nextOffset >= source.nextOffset) {
    const standIns = [source.idle?.standInMs, said.idle.standInMs].filter((ms) =>
      ms !== null && ms !== undefined
    );
    source.idle = {
      nextOffset: said.nextOffset,
      standInMs: standIns.length === 0 ? null : Math.max(...standIns),
    };
  }
  if (said.ended) source.ended = true;
}

/** What the source lets pass: +∞ holds nothing back, null holds everything back. */
export function effectiveWatermark(source: Source): number | null {
  if (source.ended) return Infinity;
  if (source.idle === null) return source.watermarkMs;
  return source.idle.standInMs ?? (source.watermarkMs === null ? Infinity : source.watermarkMs);
}

/** The same without stand-ins: what the source's own records let pass. */
export function realWatermark(source: Source): number | null {
  if (source.ended) return Infinity;
  if (source.idle !== null && source.idle.standInMs === null && source.watermarkMs === null) return Infinity;
  return source.watermarkMs;
}

/** The minimum, or null while one of them holds everything back or none has anything to say. */
export function minimum(watermarks: Iterable<number | null>): number | null {
  let lowest: number | null = null;
  for (const ms of watermarks) {
    if (ms === null) return null;
    lowest = lowest === null ? ms : Math.min(lowest, ms);
  }
  return lowest;
}

/** The source that holds the others back; null when none does. */
export function holder(sources: readonly Source[]): Source | null {
  let slowest: Source | null = null;
  for (const source of sources) {
    const ms = effectiveWatermark(source) ?? -Infinity;
    if (ms !== Infinity && (slowest === null || ms < (effectiveWatermark(slowest) ?? -Infinity))) {
      slowest = source;
    }
  }
  return slowest;
}
