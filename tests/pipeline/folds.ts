/** Folds without a pipeline: items as the records of their partitions, folded and flushed by hand. */
import type { Fold, FoldEntry, Output, Stage } from "../../src/fold.ts";
import { Outbox } from "../../src/fold.ts";
import { utf8 } from "../../src/ids.ts";
import type { LogRecord } from "../../src/log/port.ts";
import type { TopicName } from "../../src/log/topics.ts";
import { stageContext } from "../../src/node/context.ts";
import type { StageContext } from "../../src/stages/context.ts";
import type { SentItem, TrafficTopic } from "../../src/traffic/item.ts";
import { quick } from "./quick.ts";

export const context: StageContext = stageContext(quick);

/** The partitions of a topic, each with its records in order. */
export function partitionsOf(items: Iterable<SentItem>, topic: TrafficTopic): LogRecord[][] {
  const partitions: LogRecord[][] = Array.from({ length: context.partitions[topic] }, () => []);
  for (const item of items) {
    if (item.topic !== topic) continue;
    const key = utf8(item.key);
    const records = partitions[context.partitionOf(topic, key)]!;
    records.push(recordOf(item, records.length));
  }
  return partitions;
}

export function recordOf({ key, value, recordedAtMs }: SentItem, offset: number): LogRecord {
  return {
    offset,
    timestampMs: recordedAtMs!,
    key: utf8(key),
    value: typeof value === "string" ? utf8(value) : value,
    headers: null,
  };
}

export type Folding<F extends Fold> = { fold: F; out: Outbox; nextOffset: number };

export function begin<F extends Fold>(stage: Stage<F>, partition: number): Folding<F> {
  const fold = stage.create(partition);
  fold.since(0);
  return { fold, out: new Outbox(), nextOffset: 0 };
}

/** Folds the records up to `until` and flushes; returns what is published. */
export function foldTo<F extends Fold>(folding: Folding<F>, records: LogRecord[], until: number): Output[] {
  for (const record of records.slice(folding.nextOffset, until)) folding.fold.fold(record, folding.out);
  folding.nextOffset = Math.max(folding.nextOffset, Math.min(until, records.length));
  folding.fold.flush(folding.out);
  return folding.out.take();
}

export function endOf<F extends Fold>(folding: Folding<F>): Output[] {
  folding.fold.flush(folding.out);
  folding.fold.end?.(folding.nextOffset, folding.out);
  return folding.out.take();
}

/** What a snapshot holds, as text: equal states give equal text. */
export function stateOf(fold: Fold): string {
  return [...fold.entries()].map((entry) => JSON.stringify(entry)).join("\n");
}

/** A new fold from a snapshot of this one, at the same offset. */
export function restored<F extends Fold>(stage: Stage<F>, partition: number, from: Folding<F>): Folding<F> {
  const fold = stage.create(partition);
  for (const line of stateOf(from.fold).split("\n")) fold.restore(JSON.parse(line) as FoldEntry);
  return { fold, out: new Outbox(), nextOffset: from.nextOffset };
}

export const onTopic = (outputs: Output[], topic: TopicName) => outputs.filter((o) => o.topic === topic);

/** An output as a record of the partition it went to. */
export const asRecord = (output: Output, offset: number): LogRecord => ({
  offset,
  timestampMs: 0,
  key: output.key,
  value: output.value,
  headers: output.headers ?? null,
});
