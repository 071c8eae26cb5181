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

/**
 * What a source lets pass: +∞ holds nothing back, null holds everything back; one that never had a record is
 * absent. All of them absent is no watermark at all: an installation may be empty for days before its first ride.
 */
export type Watermark = number | null | "absent";

export function effectiveWatermark(source: Source): Watermark {
  if (source.ended) return Infinity;
  if (source.idle === null) return source.watermarkMs;
  return source.idle.standInMs ?? source.watermarkMs ?? "absent";
}

/** The same without stand-ins: what the source's own records let pass. */
export function realWatermark(source: Source): Watermark {
  if (source.ended) return Infinity;
  if (source.idle !== null && source.idle.standInMs === null) return source.watermarkMs ?? "absent";
  return source.watermarkMs;
}

/** The minimum, or null while one of them holds everything back or none takes part. */
export function minimum(watermarks: Iterable<Watermark>): number | null {
  let lowest: number | null = null;
  for (const ms of watermarks) {
    if (ms === null) return null;
    if (ms !== "absent") lowest = lowest === null ? ms : Math.min(lowest, ms);
  }
  return lowest;
}

/** The source that holds the others back; null when none does. */
export function holder(sources: readonly Source[]): Source | null {
  let slowest: Source | null = null;
  let slowestMs = Infinity;
  for (const source of sources) {
    const watermark = effectiveWatermark(source);
    const ms = watermark === "absent" ? Infinity : watermark ?? -Infinity;
    if (ms < slowestMs) [slowest, slowestMs] = [source, ms];
  }
  return slowest;
}
