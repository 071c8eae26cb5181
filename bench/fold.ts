/**
 * What a record costs between the log and the outbox, in one process without a log: microseconds of CPU per record for
 * decoding and folding, per flush, per snapshot, and bytes of heap per actor.
 *
 *   deno run -A --v8-flags=--expose-gc bench/fold.ts [--events 600000] [--rate 20000] [--cities 8] [--flush 2000]
 *     [--topic ride-events | driver-locations]
 *
 * `--rate` is events a minute of event time, so events / rate minutes pass; `--flush` is after how many records of the
 * topic every partition flushes: 2,000 are the 100 ms of a service under 20,000 records a second. The hashes at the end
 * are of everything published and of the last state: a change that only makes it faster leaves both alone.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { parseArgs } from "node:util";
import { decodeDriverLocation } from "../src/codec/driver_location.ts";
import { decodeRideEvent } from "../src/codec/ride_event.ts";
import { readConfig } from "../src/config.ts";
import { type Fold, Outbox, type Output, type Stage } from "../src/fold.ts";
import { utf8 } from "../src/ids.ts";
import type { LogRecord } from "../src/log/port.ts";
import { stageContext } from "../src/node/context.ts";
import { packEntries, unpackEntries } from "../src/runtime/segments.ts";
import { citiesStage } from "../src/stages/cities.ts";
import { locationsStage } from "../src/stages/locations.ts";
import { ridesStage } from "../src/stages/rides.ts";
import { cityTraffic } from "../src/traffic/city_traffic.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "600000" },
    rate: { type: "string", default: "20000" },
    cities: { type: "string", default: "8" },
    flush: { type: "string", default: "2000" },
    topic: { type: "string", default: "ride-events" },
  },
});
const topic = values.topic === "driver-locations" ? "driver-locations" : "ride-events";
const [events, rate, cities, flushEvery] = [values.events, values.rate, values.cities, values.flush].map(
  Number,
) as [number, number, number, number];
const context = stageContext(readConfig({}));
const stage: Stage<Fold> = topic === "ride-events" ? ridesStage(context) : locationsStage(context);
const decode: (bytes: Uint8Array) => { ok: boolean } = topic === "ride-events"
  ? decodeRideEvent
  : decodeDriverLocation;
/** Records a fetch brings of one partition, one after the other. */
const fetchRecords = 250;

const records = makeRecords();
console.log(`${n(events)} records of ${topic}, ${Math.round(bytesOf(records) / events)} bytes each`);
timeDecoding();
const { folds, partials } = timeFolding();
timeCities(partials);
timeSnapshots(folds);

/** The partition's records in the order of the log; values are views of one buffer a fetch, as from a broker. */
function makeRecords(): [partition: number, record: LogRecord][] {
  const traffic = cityTraffic({
    seed: 1,
    cities,
    events,
    ratePerMinute: rate,
    positionsShare: topic === "ride-events" ? 0 : 1,
    duplicates: 0.005,
    disorder: 0.02,
  });
  const waiting = Array.from({ length: context.partitions[topic] }, () => [] as LogRecord[]);
  const ends = waiting.map(() => 0);
  const inOrder: [number, LogRecord][] = [];
  for (const { key, value, recordedAtMs } of traffic.items) {
    const keyBytes = utf8(key);
    const partition = context.partitionOf(topic, keyBytes);
    const bytes = typeof value === "string" ? utf8(value) : value;
    const offset = ends[partition]!++;
    const of = waiting[partition]!;
    of.push({ offset, timestampMs: recordedAtMs!, key: keyBytes, value: bytes, headers: null });
    if (of.length === fetchRecords) take(partition);
  }
  for (const partition of waiting.keys()) take(partition);
  return inOrder;

  function take(partition: number): void {
    const fetched = waiting[partition]!.splice(0);
    const buffer = new Uint8Array(
      fetched.reduce((sum, { key, value }) => sum + key!.length + value.length, 0),
    );
    let at = 0;
    const view = (bytes: Uint8Array) => {
      buffer.set(bytes, at);
      at += bytes.length;
      return buffer.subarray(at - bytes.length, at);
    };
    for (const record of fetched) {
      inOrder.push([partition, { ...record, key: view(record.key!), value: view(record.value) }]);
    }
  }
}

function timeDecoding(): void {
  for (let run = 0; run < 3; run++) {
    const micros = cpuMicros(() => {
      for (const [, { value }] of records) if (!decode(value).ok) throw new Error("a record was refused");
    });
    if (run > 0) print("decode", micros / events, "a record");
  }
}

/** Twice: the first time warms up. */
function timeFolding(): { folds: Fold[]; partials: Output[] } {
  const heapBefore = heapBytes();
  foldAll();
  const { folds, outputs, foldMicros, flushMicros, flushes } = foldAll();
  print("decode and fold", foldMicros / events, "a record");
  print("flush", flushMicros / events, `a record, ${(flushMicros / flushes).toFixed(0)} us a flush`);
  print(
    "all",
    (foldMicros + flushMicros) / events,
    `a record, ${n(events / (foldMicros + flushMicros) * 1e6)} records a CPU-second`,
  );
  const partials = outputs.filter((output) => output.topic === "city-partials");
  const bytes = partials.reduce((sum, { value }) => sum + value.length, 0);
  console.log(
    `published        ${n(outputs.length)} records, ${n(partials.length)} of them partials of ${
      n(bytes / partials.length)
    } bytes`,
  );
  const digest = createHash("sha256");
  for (const { topic, key, value, headers } of outputs) {
    digest.update(topic).update(key).update(value).update(JSON.stringify(headers ?? null));
  }
  const state = createHash("sha256");
  for (const fold of folds) for (const entry of fold.entries()) state.update(JSON.stringify(entry));
  console.log(
    `hashes           outputs ${digest.digest("hex").slice(0, 16)}, state ${
      state.digest("hex").slice(0, 16)
    }`,
  );
  outputs.length = 0;
  const actors = actorsOf(folds);
  const held = heapBytes() - heapBefore - bytes;
  if (heapBefore > 0) {
    console.log(`actors           ${n(actors)}, ${n(held / actors)} bytes each, panes included`);
  }
  return { folds, partials };
}

function foldAll() {
  const folds = Array.from({ length: context.partitions[topic] }, (_, partition) => {
    const fold = stage.create(partition);
    fold.since(0);
    return fold;
  });
  const out = new Outbox();
  const outputs: Output[] = [];
  let [foldMicros, flushMicros, flushes] = [0, 0, 0];
  for (let from = 0; from < records.length; from += flushEvery) {
    const until = Math.min(records.length, from + flushEvery);
    foldMicros += cpuMicros(() => {
      for (let i = from; i < until; i++) folds[records[i]![0]]!.fold(records[i]![1], out);
    });
    flushMicros += cpuMicros(() => {
      for (const fold of folds) while (!fold.flush(out));
    });
    flushes += folds.length;
    outputs.push(...out.take());
  }
  return { folds, outputs, foldMicros, flushMicros, flushes };
}

/** What stage 2 makes of the partials: per partial, and per record that is behind them. */
function timeCities(partials: Output[]): void {
  const cityStage = citiesStage(context);
  for (let run = 0; run < 2; run++) {
    const folds = Array.from({ length: context.partitions["city-partials"] }, (_, p) => cityStage.create(p));
    const out = new Outbox();
    const digest = createHash("sha256");
    let [foldMicros, flushMicros, published, since] = [0, 0, 0, 0];
    for (const [offset, { key, value, partition }] of partials.entries()) {
      const record = { offset, timestampMs: 0, key, value, headers: null };
      foldMicros += cpuMicros(() => folds[partition!]!.fold(record, out));
      if (++since < 72) continue;
      since = 0;
      flushMicros += cpuMicros(() => {
        for (const fold of folds) while (!fold.flush(out));
      });
      for (const output of out.take()) {
        published++;
        digest.update(output.key).update(output.value);
      }
    }
    if (run === 0) continue;
    print(
      "cities, fold",
      foldMicros / events,
      `a record, ${(foldMicros / partials.length).toFixed(0)} us a partial`,
    );
    print(
      "cities, flush",
      flushMicros / events,
      `a record, ${(flushMicros / published).toFixed(0)} us a window`,
    );
    console.log(`windows          ${n(published)}, hash ${digest.digest("hex").slice(0, 16)}`);
  }
}

function timeSnapshots(folds: Fold[]): void {
  const actors = actorsOf(folds);
  for (let run = 0; run < 2; run++) {
    let [longestMs, bytes, chars] = [0, 0, 0];
    const segments: Uint8Array[][] = [];
    const micros = cpuMicros(() => {
      for (const fold of folds) {
        const of: Uint8Array[] = [];
        const packed = packEntries(fold.entries());
        for (;;) {
          const before = process.cpuUsage();
          const next = packed.next();
          const { user, system } = process.cpuUsage(before);
          longestMs = Math.max(longestMs, (user + system) / 1_000);
          if (next.done) break;
          if (next.value === null) continue;
          of.push(next.value);
          bytes += next.value.length;
        }
        segments.push(of);
      }
    });
    let restored: Fold[] = [];
    const restoreMicros = cpuMicros(() => {
      restored = segments.map((of, partition) => {
        const fold = stage.create(partition);
        for (const segment of of) for (const entry of unpackEntries(segment)) fold.restore(entry);
        return fold;
      });
    });
    if (run === 0) continue;
    for (const fold of restored) for (const entry of fold.entries()) chars += JSON.stringify(entry).length;
    print("snapshot", micros / actors, `an actor, longest slice ${longestMs.toFixed(1)} ms of CPU`);
    print(
      "restore",
      restoreMicros / actors,
      `an actor; ${(bytes / actors).toFixed(0)} bytes, ${(chars / actors).toFixed(0)} before compression`,
    );
  }
}

function actorsOf(folds: Fold[]): number {
  return folds.reduce((sum, fold) => sum + Object.values(fold.status().actors).reduce((a, b) => a + b, 0), 0);
}

function cpuMicros(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Zero without `--expose-gc`. */
function heapBytes(): number {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) return 0;
  // Buffers are let go of only after what held them.
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function bytesOf(all: typeof records): number {
  return all.reduce((sum, [, { value }]) => sum + value.length, 0);
}

function print(what: string, micros: number, of: string): void {
  console.log(`${what.padEnd(16)} ${micros.toFixed(2)} us ${of}`);
}

function n(value: number): string {
  return Math.round(value).toLocaleString("en");
}
