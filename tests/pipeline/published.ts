/** Readers of the published topics, by the rules that every reader follows: position decides, never arrival. */
import assert from "node:assert/strict";
import type { AlertTransition } from "../../schemas/alert.ts";
import type { CityCells } from "../../schemas/city_cells.ts";
import type { CityWindow } from "../../schemas/city_window.ts";
import type { RideFact } from "../../schemas/ride_fact.ts";
import { fromUtf8 } from "../../src/ids.ts";
import type { Log, LogRecord } from "../../src/log/port.ts";
import { type TopicName, topicName, type TopicNaming } from "../../src/log/topics.ts";
import { newerRev } from "../../src/windows/rev.ts";

export type Message = Pick<LogRecord, "value" | "headers">;

/** A late event or a dead letter: where it came from, why, and its original bytes. */
export type Published = {
  source: string;
  reason: string;
  headers: Record<string, string>;
  value: Uint8Array;
};

/** Everything on a topic, partition by partition. */
export async function publishedOn(log: Log, topic: TopicName, naming: TopicNaming): Promise<LogRecord[]> {
  const all: LogRecord[] = [];
  for await (const record of eachOn(log, topicName(topic, naming))) all.push(record);
  return all;
}

/** The same one after the other, for topics that are too large to be held at once. Values are views: copy what stays. */
export async function* eachOn(log: Log, topic: string): AsyncGenerator<LogRecord & { partition: number }> {
  for (const [partition, { start, end }] of (await log.bounds(topic)).entries()) {
    for (let offset = start; offset < end;) {
      const records = await log.read({ topic, partition }, offset, 5_000);
      for (const record of records) yield { ...record, partition };
      offset = records.at(-1)!.offset + 1;
    }
  }
}

/** The newest version of every window, by city and start; equal revs must carry equal values. */
export function windowsOf(messages: Iterable<Message>): CityWindow[] {
  const newest = newestWindows();
  for (const message of messages) newest.add(message);
  return newest.windows();
}

export function newestWindows(): { add(message: Message): void; windows(): CityWindow[] } {
  const newest = new Map<string, CityWindow>();
  return {
    add(message) {
      const window = parsed<CityWindow>(message);
      const key = `${window.city}|${window.window_start}`;
      const held = newest.get(key);
      if (held !== undefined && held.rev === window.rev) {
        assert.deepEqual(valueOf(window), valueOf(held), key);
      }
      if (held === undefined || newerRev(window.rev, held.rev)) newest.set(key, window);
    },
    windows: () => [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, window]) => window),
  };
}

/** Without the remarks. */
export const valueOf = ({ kind: _, watermark: __, surge_provisional: ___, ...value }: CityWindow) => value;

/** Every transition once; a transition told twice must be the same both times. */
export function alertsOf(messages: Iterable<Message>): AlertTransition[] {
  return distinct<AlertTransition>(messages, (a) => `${a.city}|${a.rule}|${a.window_end}|${a.state}`);
}

/** The cells of every boundary once; those told twice must be the same both times. */
export function cellsOf(messages: Iterable<Message>): CityCells[] {
  return distinct<CityCells>(messages, (cells) => `${cells.city}|${cells.at}`);
}

/** Every fact once; a fact told twice must be the same both times. */
export function factsOf(messages: Iterable<Message>): RideFact[] {
  return distinct<RideFact>(messages, (fact) => fact.fact_id);
}

function distinct<T>(messages: Iterable<Message>, idOf: (value: T) => string): T[] {
  const held = new Map<string, T>();
  for (const message of messages) {
    const value = parsed<T>(message);
    const before = held.get(idOf(value));
    if (before !== undefined) assert.deepEqual(value, before, "one id, two contents");
    held.set(idOf(value), value);
  }
  return [...held].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

/** Late events and dead letters by source, each once. */
export function recordsOf(messages: Iterable<Message>): Published[] {
  const held = new Map<string, Published>();
  for (const { value, headers } of messages) {
    assert.ok(headers !== null, "a late event or dead letter names its source in its headers");
    const source = `${headers.source_topic}/${headers.source_partition}/${headers.source_offset}`;
    const told = { source, reason: headers.reason!, headers, value };
    const before = held.get(source);
    if (before !== undefined) assert.deepEqual(told, before, `${source} was told in two ways`);
    held.set(source, told);
  }
  return [...held].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, told]) => told);
}

function parsed<T>({ value }: Message): T {
  return JSON.parse(fromUtf8(value)) as T;
}
