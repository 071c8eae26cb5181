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
import { paneMs } from "./settings.ts";

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

/** Position = next offset of the source when it was taken; cells: where in the city what was counted last is. */
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

/**
 * The record, or null when it is not one of ours in a format this release reads. Whoever may write to the topic could
 * otherwise stop every city with one record, or have them count windows of all times for ever: so it is checked in full.
 */
export function decodePartial(value: Uint8Array): Partial | null {
  let read: unknown;
  try {
    read = JSON.parse(fromUtf8(value));
  } catch {
    return null;
  }
  return isPartial(read) ? read : null;
}

/** The format of a record that only a newer release reads, as far as this one can tell; null for any other record. */
export function newerFormat(value: Uint8Array): { format: number; generation: number } | null {
  try {
    const read = JSON.parse(fromUtf8(value)) as Unchecked<Partial> | null;
    const { format, generation, fold_version } = read ?? {};
    const isNewer = isCount(format) && (format as number) > partialFormat;
    return isNewer && isCount(generation) && typeof fold_version === "string"
      ? { format: format as number, generation: generation as number }
      : null;
  } catch {
    return null;
  }
}

function isPartial(read: unknown): read is Partial {
  if (typeof read !== "object" || read === null) return false;
  const partial = read as Unchecked<Partial>;
  const source = partial.source as Unchecked<SourceId> | null | undefined;
  const idle = partial.idle as { stand_in_ms?: unknown } | null | undefined;
  return partial.format === partialFormat && typeof partial.fold_version === "string" &&
    isCount(partial.generation) && isCount(partial.log_epoch) &&
    typeof source?.topic === "string" && isCount(source.partition) && isCount(partial.next_offset) &&
    Array.isArray(partial.panes) && partial.panes.every(isPane) &&
    Array.isArray(partial.closings) && partial.closings.every(isClosing) &&
    (partial.watermark_ms === undefined || isTimeOrNull(partial.watermark_ms)) &&
    (idle === undefined || (typeof idle === "object" && idle !== null && isTimeOrNull(idle.stand_in_ms))) &&
    isFlag(partial.provisional) && isFlag(partial.ended) &&
    (partial.since_ms === undefined || isTime(partial.since_ms));
}

type Unchecked<T> = { readonly [K in keyof T]?: unknown };

/** Records that changed one pane of one partition. Those of a window are summed into a rev, which has 14 digits. */
const positionMax = 100_000_000_000;
/** As far as a Date reaches. */
const timeMsMax = 8_640_000_000_000_000;
/** Values of a register or a closing: its fields, and a histogram. */
const valuesMax = 256;

const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isPosition = (value: unknown): boolean => isCount(value) && (value as number) <= positionMax;
const isTime = (value: unknown): boolean =>
  typeof value === "number" && value >= -timeMsMax && value <= timeMsMax;
const isTimeOrNull = (value: unknown): boolean => value === null || isTime(value);
const isBoundary = (value: unknown): boolean => isTime(value) && (value as number) % paneMs === 0;
const isFlag = (value: unknown): boolean => value === undefined || value === true;

function isValues(values: unknown): boolean {
  if (!Array.isArray(values) || values.length > valuesMax) return false;
  for (const value of values) if (!Number.isSafeInteger(value)) return false;
  return true;
}

function isPane(entry: unknown): boolean {
  if (!Array.isArray(entry) || entry.length !== 6) return false;
  const [city, paneStartMs, position, offset, values, riders] = entry as unknown[];
  return isName(city) && isBoundary(paneStartMs) && isPosition(position) && isCount(offset) &&
    isValues(values) &&
    isPacked(riders);
}

function isClosing(entry: unknown): boolean {
  if (!Array.isArray(entry) || entry.length !== 5) return false;
  const [city, boundaryMs, position, values, cells] = entry as unknown[];
  return isName(city) && isBoundary(boundaryMs) && isCount(position) && isValues(values) &&
    Array.isArray(cells) && cells.every(isCell);
}

const isName = (value: unknown): boolean => typeof value === "string" && value !== "";
const isCell = (entry: unknown): boolean =>
  Array.isArray(entry) && entry.length === 2 && isName(entry[0]) && Number.isSafeInteger(entry[1]);

/** Hashes of 8 bytes each, as packHashes writes them. */
function isPacked(text: unknown): boolean {
  if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return false;
  const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
  return (text.length / 4 * 3 - padding) % 8 === 0;
}
