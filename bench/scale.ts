/**
 * What an event costs as the work around it grows: longer windows, more cities, partitions, riders and rides in memory.
 *
 *   deno run -A --v8-flags=--expose-gc bench/scale.ts [--events 100000] [--only windows,cities,…]
 *
 * Folds alone, in one process without a log: ride events are decoded, folded and told to the cities, whose folds merge
 * them and make windows; both stages are flushed every two seconds of event time. Each row is a process of its own with
 * a thousand events a second in 50 cities but for what the row says. Before what is measured, every fold is given as long
 * a history as its window is, an event a minute and city, so that a window of a day has all its panes.
 *
 * An event costs twice: `fold` is what the rides' stage does with each, and `updates` is everything that is done to tell
 * others of it, in both stages, up to the records of windows. Both in microseconds of CPU per event. What is told of is
 * shared by the events between two flushes: beside it stand the bytes of keys and values published per event. The heap
 * and buffers that a ride takes are measured where rides are what grows. With the same events in more cities fewer of
 * them share what is told; `alike` has as many events per city in each row, so that only the cities grow.
 */
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readConfig } from "../src/config.ts";
import { type Fold, Outbox, type Output } from "../src/fold.ts";
import { utf8 } from "../src/ids.ts";
import { stageContext } from "../src/node/context.ts";
import { citiesStage } from "../src/stages/cities.ts";
import { locationsStage } from "../src/stages/locations.ts";
import { ridesStage } from "../src/stages/rides.ts";
import { minuteMs } from "../src/time.ts";
import { scaleEvents, type ScaleWork } from "./scale_events.ts";
import { headerHelp } from "../tests/header_help.ts";

headerHelp(import.meta.url);

type Row = { of: string; label: string; work: Partial<ScaleWork> };
/** Per event. */
type Cost = {
  foldMicros: number;
  updateMicros: number;
  publishedBytes: number;
  bytesPerRide: number | null;
};

const flushSeconds = 2;
const alikePerMinute = 60;
const usual: ScaleWork = {
  windowMs: 5 * minuteMs,
  cities: 50,
  partitions: 12,
  rides: 0,
  late: 0,
  eventsPerSecond: 1_000,
  events: 100_000,
};

const rows: Row[] = [
  ...[5, 60, 1_440].map((minutes) => ({
    of: "windows",
    label: `window of ${minutes} min, sliding by 1`,
    work: { windowMs: minutes * minuteMs },
  })),
  ...[10, 100, 1_000, 10_000].map((cities) => ({
    of: "cities",
    label: `${cities} cities`,
    work: { cities },
  })),
  ...[10, 100, 1_000, 10_000].map((cities) => ({
    of: "alike",
    label: `${cities} cities, ${alikePerMinute} events/min each`,
    work: alike(cities),
  })),
  ...[3, 12, 48].map((partitions) => ({
    of: "partitions",
    label: `${partitions} partitions of ride-events`,
    work: { partitions },
  })),
  ...[1_000, 100_000, 1_000_000].map((rides) => ({
    of: "rides",
    label: `${rides.toLocaleString("en")} rides in memory`,
    work: { rides },
  })),
  ...[0, 0.01, 0.2].map((late) => ({
    of: "disorder",
    label: `${late * 100} % of events 40 s late`,
    work: { late },
  })),
];

const { values } = parseArgs({
  options: {
    events: { type: "string", default: String(usual.events) },
    only: { type: "string", default: [...new Set(rows.map(({ of }) => of))].join(",") },
    one: { type: "string" },
  },
});
if (values.one !== undefined) {
  console.log(JSON.stringify(measure(JSON.parse(values.one) as ScaleWork)));
} else {
  const wanted = values.only.split(",");
  const costs: [Row, Cost][] = [];
  console.log(
    "us of CPU per event                  fold updates     sum  bytes published  bytes per ride",
  );
  for (const row of rows.filter(({ of }) => wanted.includes(of))) {
    const cost = await inChild({ ...usual, events: Number(values.events), ...row.work });
    costs.push([row, cost]);
    const { foldMicros, updateMicros, publishedBytes, bytesPerRide } = cost;
    const figures = [foldMicros, updateMicros, foldMicros + updateMicros].map((n) =>
      n.toFixed(2).padStart(7)
    );
    const bytes = [publishedBytes, bytesPerRide].map((n) =>
      (n === null ? "" : Math.round(n).toLocaleString("en")).padStart(16)
    );
    console.log(`${row.label.padEnd(34)}${figures.join(" ")} ${bytes.join("")}`);
  }
  console.log(chart(costs));
}

/** With three minutes of events at least: each has a boundary at which every city closes a window. */
function alike(cities: number): Partial<ScaleWork> {
  const eventsPerSecond = cities * alikePerMinute / 60;
  return { cities, eventsPerSecond, events: Math.max(usual.events, eventsPerSecond * 180) };
}

/** A bar for each row, all to one scale: folding, then what tells of it. */
function chart(costs: readonly [Row, Cost][]): string {
  const width = 48;
  const most = Math.max(...costs.map(([, { foldMicros, updateMicros }]) => foldMicros + updateMicros));
  const bars = costs.map(([{ of, label }, { foldMicros, updateMicros }], i) => {
    const sum = foldMicros + updateMicros;
    const [fold, all] = [foldMicros, sum].map((micros) => Math.round(micros / most * width)) as [
      number,
      number,
    ];
    const gap = i > 0 && costs[i - 1]![0].of !== of ? "\n" : "";
    return `${gap}${label.padEnd(34)}${"█".repeat(fold)}${"░".repeat(all - fold)} ${sum.toFixed(1)}`;
  });
  return ["", "us of CPU per event: █ fold, ░ updates", "", ...bars].join("\n");
}

async function inChild(work: ScaleWork): Promise<Cost> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "-A", "--v8-flags=--expose-gc", fileURLToPath(import.meta.url)],
      ...["--one", JSON.stringify(work)],
    ],
  }).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)) as Cost;
}

function measure(work: ScaleWork): Cost {
  const context = stageContext(readConfig({
    WAYMARK_WINDOW_MS: String(work.windowMs),
    WAYMARK_PARTITIONS: `ride-events=${work.partitions}`,
  }));
  const [rides, cities] = [ridesStage(context), citiesStage(context)];
  const sources: Fold[] = Array.from({ length: work.partitions }, (_, partition) => rides.create(partition));
  const targets: Fold[] = Array.from(
    { length: context.partitions["city-partials"] },
    (_, partition) => cities.create(partition),
  );
  for (const fold of sources) fold.since(0);
  const [toCities, windows] = [new Outbox(), new Outbox()];
  const cost: Cost = { foldMicros: 0, updateMicros: 0, publishedBytes: 0, bytesPerRide: null };
  const ends = sources.map(() => 0);
  let told = 0;
  let measured = 0;

  // Nobody drives here: those partitions have no record and say so, as the service has them do.
  for (let n = 0; n < context.partitions["driver-locations"]; n++) {
    (locationsStage(context).create(n) as Fold).idle!({ nextOffset: 0, quiet: null }, toCities);
  }
  merge();

  let [before, isHeld] = [0, false];
  const flushEvery = work.eventsPerSecond * flushSeconds;
  for (const { kind, events } of scaleEvents(work)) {
    if (kind === "rides" && before === 0) before = heapBytes();
    if (kind !== "rides" && before > 0 && !isHeld && work.rides >= 100_000) {
      cost.bytesPerRide = (heapBytes() - before) / work.rides;
      isHeld = true;
    }
    for (let from = 0; from < events.length; from += flushEvery) {
      const chunk = events.slice(from, from + flushEvery).map(({ key, value, logMs }) => {
        const keyBytes = utf8(key);
        const partition = context.partitionOf("ride-events", keyBytes);
        const offset = ends[partition]!++;
        const record = { offset, timestampMs: logMs, key: keyBytes, value: utf8(value), headers: null };
        return [partition, record] as const;
      });
      const foldMicros = cpuMicros(() => {
        for (const [partition, record] of chunk) sources[partition]!.fold(record, toCities);
      });
      let outputs: Output[] = [];
      const updateMicros = cpuMicros(() => {
        for (const fold of sources) fold.flush(toCities);
        outputs = merge();
        for (const fold of targets) {
          while (!fold.flush(windows)) outputs.push(...windows.take());
        }
      });
      const published = [...outputs, ...windows.take()].reduce(
        (n, { key, value }) => n + key.length + value.length,
        0,
      );
      if (kind !== "measured") continue;
      cost.foldMicros += foldMicros;
      cost.updateMicros += updateMicros;
      cost.publishedBytes += published;
      measured += chunk.length;
    }
  }
  /** Folds what was told to the cities; returns all that was published. */
  function merge(): Output[] {
    const outputs = toCities.take();
    for (const { topic, key, value, partition } of outputs) {
      if (topic !== "city-partials") continue;
      const record = { offset: told++, timestampMs: 0, key, value, headers: null };
      targets[partition!]!.fold(record, windows);
    }
    return outputs;
  }

  return {
    foldMicros: cost.foldMicros / measured,
    updateMicros: cost.updateMicros / measured,
    publishedBytes: cost.publishedBytes / measured,
    bytesPerRide: cost.bytesPerRide,
  };
}

function cpuMicros(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function heapBytes(): number {
  const collect = (globalThis as { gc?: () => void }).gc;
  if (collect === undefined) return 0;
  for (let i = 0; i < 3; i++) collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
