/**
 * A page as data: named parts of markup, put into a layout for the first paint and sent again, part by part, to pages
 * that are open.
 *
 *   builder ─► PageView ─┬─► layout, parts in their places ─► HTML, complete without a script
 *                        └─► live.ts: parts that changed ─► assets/live.js puts them where the old ones stand
 *
 * So there is one place that turns figures into text, and an open page can never say something else than a new one.
 */
import type { HttpErrorCode } from "../errors.ts";
import type { Markup } from "./markup.ts";

/** Lines of a table that come, go and change places one by one. */
export type Lines = {
  /** Keys in the order of the page. */
  order: readonly string[];
  /** One element each, with its key as `data-key`. */
  lines: ReadonlyMap<string, Markup>;
};

export type Part = Markup | Lines;

export const isLines = (part: Part): part is Lines => "order" in part;

export const pageKinds = [
  "operations",
  "pipeline",
  "city",
  "ride",
  "driver",
  "record",
  "docs",
  "refusal",
] as const;
export type PageKind = (typeof pageKinds)[number];

export type PageView = {
  kind: PageKind;
  status: number;
  /** Of the browser's tab. */
  title: string;
  parts: Readonly<Record<string, Part>>;
  /** Whether whoever opened it may do something on it (acting.ts). */
  acts?: boolean;
  headers?: Readonly<Record<string, string>>;
  code?: HttpErrorCode;
};

/** Whole lines from entries; a key that comes twice counts once. */
export function linesOf(entries: Iterable<readonly [key: string, line: Markup]>): Lines {
  const lines = new Map(entries);
  return { order: [...lines.keys()], lines };
}
