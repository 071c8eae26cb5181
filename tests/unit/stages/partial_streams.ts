/** What sources tell the cities: single partial records, and whole streams of them made by the source stages. */
import type { CityWindow } from "../../../schemas/city_window.ts";
import { type Fold, type LogRecord, Outbox, type Output } from "../../../src/fold.ts";
import { utf8 } from "../../../src/ids.ts";
import type { CitiesFold } from "../../../src/stages/cities.ts";
import type { ClosingEntry, PaneEntry, Partial } from "../../../src/windows/partial.ts";
import { newerRev } from "../../../src/windows/rev.ts";
import { json } from "./records.ts";
import { at } from "./stage_context.ts";

export type Told = globalThis.Partial<Partial> & { topic?: string; partition?: number };

/** One record of `city-partials`, from ride-events/0 unless stated. */
export function told({ topic = "ride-events", partition = 0, ...over }: Told, offset = 0): LogRecord {
  const partial: Partial = {
    format: 1,
    fold_version: "f1",
    generation: 1,
    log_epoch: 0,
    source: { topic, partition },
    next_offset: 1,
    panes: [],
    closings: [],
    ...over,
  };
  return { offset, timestampMs: at(0), key: null, value: utf8(JSON.stringify(partial)), headers: null };
}

/** A register of city x with so many events, at a minute after t0, last changed by the record at `offset`. */
export const pane = (
  minute: number,
  position: number,
  events: number,
  city = "x",
  offset = 1_000 + position,
): PaneEntry => [city, at(60 * minute), position, offset, [events], ""];

/** A closing register of city x: ended rides of the window and open requests, at a minute after t0. */
export const closing = (minute: number, completed: number, cancelled: number, open = 0): ClosingEntry => [
  "x",
  at(60 * minute),
  1,
  [open, 0, completed + cancelled, 0, 0, 0, 0, 0, 0, 0, completed, cancelled],
  [],
];

/** Everything a source tells about its log, to its end. */
export function streamOf(fold: Fold, log: LogRecord[], flushEvery: number): LogRecord[] {
  const outbox = new Outbox();
  log.forEach((record, i) => {
    fold.fold(record, outbox);
    if (i % flushEvery === 0) fold.flush(outbox);
  });
  fold.flush(outbox);
  fold.end?.(log.length, outbox);
  return outbox.take().filter((o) => o.topic === "city-partials").map((o, offset) => ({
    offset,
    timestampMs: at(0),
    key: o.key,
    value: o.value,
    headers: null,
  }));
}

/** One order in which the streams may have been written: each keeps its own. `turns` says whose turn it is. */
export function interleaved(streams: LogRecord[][], turns: number[]): LogRecord[] {
  const left = streams.map((stream) => [...stream]);
  const merged: LogRecord[] = [];
  for (let i = 0; left.some((stream) => stream.length > 0); i++) {
    const waiting = left.filter((stream) => stream.length > 0);
    merged.push(waiting[(turns[i % turns.length] ?? 0) % waiting.length]!.shift()!);
  }
  return merged.map((record, offset) => ({ ...record, offset }));
}

export function windowsIn(outputs: Output[]): CityWindow[] {
  return outputs.filter((o) => o.topic === "analytics-aggregated").map(json);
}

/** By city and start: the newest version without the remarks. */
export function newestWindows(windows: CityWindow[]): Map<string, Omit<CityWindow, "kind" | "watermark">> {
  const newest = new Map<string, CityWindow>();
  for (const window of windows) {
    const key = `${window.window_start} ${window.city}`;
    const held = newest.get(key);
    if (held === undefined || newerRev(window.rev, held.rev)) newest.set(key, window);
  }
  return new Map(
    [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map((
      [key, { kind: _, watermark: __, surge_provisional: ___, ...value }],
    ) => [
      key,
      value,
    ]),
  );
}

/** Folds the records, flushing after every few of them; what was published, in order. */
/** Flushes until every window that changed has been told: they go out in turn. */
export function flushAll(fold: CitiesFold): Output[] {
  const out = new Outbox();
  const outputs: Output[] = [];
  do {
    fold.flush(out);
    outputs.push(...out.take());
  } while (fold.hasUpdates);
  return outputs;
}

export function foldAll(fold: CitiesFold, records: LogRecord[], flushEvery = 1): Output[] {
  const outbox = new Outbox();
  records.forEach((record, i) => {
    fold.fold(record, outbox);
    if (i % flushEvery === 0) fold.flush(outbox);
  });
  return outbox.take();
}
