/**
 * What one source partition tells the cities of one target partition: the record format of `city-partials`.
 *
 * Registers, rider additions and closing registers are values that may be repeated and reordered; the watermark
 * rides on the last record of a flush, so that whoever sees it has seen everything before it. `since_ms` is a
 * remark for measuring latency and never part of a value.
 */
import { fromUtf8 } from "../ids.ts";
import { outgoing } from "../outgoing.ts";
import type { CellCounts } from "./cells.ts";

/** The byte format written; a release reads its own and the previous one. */
export const partialFormat = 1;

export type SourceId = { topic: string; partition: number };

export type PaneEntry = [
  city: string,
  paneStartMs: number,
  position: number,
  offset: number,
  values: number[],
  riders: string,
];

/** Position = next offset of the source when it was taken; cells: where in the city what is counted is. */
export type ClosingEntry = [
  city: string,
  boundaryMs: number,
  position: number,
  values: number[],
  cells: CellCounts,
];

export type Partial = {
  format: number;
  fold_version: string;
  generation: number;
  log_epoch: number;
  source: SourceId;
  /** Next offset of the source: everything before it is contained here or in earlier records. */
  next_offset: number;
  panes: PaneEntry[];
  closings: ClosingEntry[];
  /** Only on the last record of a flush; null before the first event. */
  watermark_ms?: number | null;
  /** The source is idle at next_offset: its stand-in watermark, or null when it never had a record. */
  idle?: { stand_in_ms: number | null };
  /** The closings are those of a stand-in: they hold only as long as the source folds nothing more. */
  provisional?: true;
  /** The source has ended (a replayed file): it holds nothing back any more. */
  ended?: true;
  /** Log time of the oldest event that is first told of here. */
  since_ms?: number;
};

export function encodePartial(partial: Partial): Uint8Array {
  return outgoing(JSON.stringify(partial));
}

/** The record, or null when it is not one of ours in a format this release reads. */
export function decodePartial(value: Uint8Array): Partial | null {
  try {
    const partial = JSON.parse(fromUtf8(value)) as Partial;
    return partial !== null && typeof partial === "object" && partial.format === partialFormat &&
        Array.isArray(partial.panes) && Array.isArray(partial.closings) &&
        typeof partial.source?.topic === "string"
      ? partial
      : null;
  } catch {
    return null;
  }
}
