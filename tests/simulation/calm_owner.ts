/**
 * One calm owner: every stage folded over a whole log, one record after the other, with nothing in between.
 *
 * It knows the contract of stages (src/fold.ts) and nothing else of them, so that a stage may change without it.
 */
import { createHash } from "node:crypto";
import type { Config } from "../../src/config.ts";
import { type Fold, type LogRecord, Outbox, type Output, type Stage } from "../../src/fold.ts";
import { contentHash, fromUtf8 } from "../../src/ids.ts";
import { stageContext } from "../../src/node/context.ts";
import { decodeManifest } from "../../src/runtime/manifest.ts";
import { unpackEntries } from "../../src/runtime/segments.ts";
import type { SnapshotStore } from "../../src/snapshots/port.ts";
import { citiesStage } from "../../src/stages/cities.ts";
import { locationsStage } from "../../src/stages/locations.ts";
import { ridesStage } from "../../src/stages/rides.ts";

const flushEvery = 40;

type Timed = { atMs: number; output: Output };

function foldAll(stage: Stage, partition: number, records: readonly LogRecord[], end: boolean): Timed[] {
  const fold = begun(stage, partition);
  const out = new Outbox();
  const told: Timed[] = [];
  // The log's clock may have been stepped back: a source still tells its things one after the other.
  let lastMs = -Infinity;
  const flush = (recordMs: number) => {
    const atMs = lastMs = Math.max(lastMs, recordMs);
    while (!fold.flush(out)) { /* until everything is told */ }
    told.push(...out.take().map((output) => ({ atMs, output })));
  };
  records.forEach((record, i) => {
    fold.fold(record, out);
    if (i % flushEvery === flushEvery - 1) flush(record.timestampMs);
  });
  flush(records.at(-1)?.timestampMs ?? 0);
  if (end) fold.end?.((records.at(-1)?.offset ?? -1) + 1, out);
  told.push(...out.take().map((output) => ({ atMs: Infinity, output })));
  return told;
}

function begun(stage: Stage, partition: number): Fold {
  const fold = stage.create(partition);
  fold.since(0);
  return fold;
}

/** What is published of windows, facts and alerts, newest versions only where there are versions. */
export function calmlyPublished(config: Config, rides: LogRecord[][], locations: LogRecord[][]) {
  const context = stageContext(config);
  const told = [
    ...rides.flatMap((records, p) => foldAll(ridesStage(context), p, records, true)),
    ...locations.flatMap((records, p) => foldAll(locationsStage(context), p, records, true)),
  ].map((timed, i) => ({ ...timed, i })).sort((a, b) => a.atMs - b.atMs || a.i - b.i);
  const all = told.map(({ output }) => output);
  for (let target = 0; target < context.partitions["city-partials"]; target++) {
    const records = told.filter(({ output }) =>
      output.topic === "city-partials" && output.partition === target
    )
      .map(({ output }, offset) => ({
        offset,
        timestampMs: 0,
        key: output.key,
        value: output.value,
        headers: null,
      }));
    all.push(...foldAll(citiesStage(context), target, records, false).map(({ output }) => output));
  }
  const on = (topic: Output["topic"]) =>
    all.filter((output) => output.topic === topic).map(({ value }) => JSON.parse(fromUtf8(value)));
  const newest = new Map<string, { rev: string }>();
  for (const window of on("analytics-aggregated")) {
    const key = `${window.city} ${window.window_start}`;
    if ((newest.get(key)?.rev ?? "") < window.rev) newest.set(key, window);
  }
  return { windows: [...newest.values()], facts: on("ride-facts"), alerts: on("alerts") };
}

export type SnapshotSeen = { key: string; offset: number; kept: string; folded: string; from: string };

/** The readable snapshots of a partition, each beside a fold from the first record to its offset. */
export async function snapshotsBeside(
  store: SnapshotStore,
  key: string,
  stage: "rides" | "locations" | "cities",
  partition: number,
  records: readonly LogRecord[],
  config: Config,
): Promise<SnapshotSeen[]> {
  const context = stageContext(config);
  const made: Stage = stage === "rides"
    ? ridesStage(context)
    : stage === "locations"
    ? locationsStage(context)
    : citiesStage(context);
  const seen: SnapshotSeen[] = [];
  for (const stored of await store.manifests(key)) {
    const read = await decodeManifest(stored.bytes);
    if (!read.ok) continue;
    const entries: unknown[] = [];
    try {
      for (const hash of read.manifest.segments) {
        const bytes = await store.segment(key, hash);
        if (bytes === null || await contentHash(bytes) !== hash) throw new Error("damaged");
        entries.push(...unpackEntries(bytes));
      }
    } catch {
      continue;
    }
    const { next_offset: offset } = read.manifest;
    const kept = hashOf(entries);
    const fold = foldedTo(made, partition, records, offset);
    const folded = hashOf(fold.entries());
    seen.push({ key, offset, kept, folded, from: "from the first record" });
    // And the snapshot itself, taken back and folded on to the end, beside the same without a break.
    const restored = made.create(partition);
    for (const entry of entries) restored.restore(entry as [string]);
    seen.push({
      key: `${key}, restored and folded on,`,
      offset: records.at(-1)?.offset ?? 0,
      kept: hashOf(foldOn(restored, records, offset).entries()),
      folded: hashOf(foldOn(fold, records, offset).entries()),
      from: "without a break",
    });
  }
  return seen;
}

function foldedTo(stage: Stage, partition: number, records: readonly LogRecord[], offset: number): Fold {
  return foldOn(begun(stage, partition), records.filter((r) => r.offset < offset), 0);
}

function foldOn(fold: Fold, records: readonly LogRecord[], from: number): Fold {
  const out = new Outbox();
  for (const record of records) if (record.offset >= from) fold.fold(record, out);
  while (!fold.flush(out)) out.take();
  out.take();
  return fold;
}

/** The state as it is written, in its order: two equal states give the same bytes. */
const hashOf = (entries: Iterable<unknown>): string =>
  createHash("sha1").update([...entries].map((e) => JSON.stringify(e)).join("\n")).digest("hex").slice(0, 16);
