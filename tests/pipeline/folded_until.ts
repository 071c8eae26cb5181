/**
 * What has been published by the moment at which every partition has come exactly so far: both stages by hand, so that
 * a delay in event time is shown to the millisecond.
 */
import type { Fold, LogRecord, Output, Stage } from "../../src/fold.ts";
import { utf8 } from "../../src/ids.ts";
import { citiesStage } from "../../src/stages/cities.ts";
import { locationsStage } from "../../src/stages/locations.ts";
import { ridesStage } from "../../src/stages/rides.ts";
import { isoTime } from "../../src/time.ts";
import type { SentItem, TrafficTopic } from "../../src/traffic/item.ts";
import { asRecord, begin, context, foldTo, onTopic, partitionsOf } from "./folds.ts";

/** All that the cities publish of what was sent before `untilMs`. Without positions their partitions stay empty. */
export function foldedUntil(sent: readonly SentItem[], untilMs: number): Output[] {
  const known = sent.filter((item) => item.recordedAtMs! < untilMs);
  const partials: Output[] = [];
  const run = <F extends Fold>(stage: Stage<F>, topic: TrafficTopic) => {
    if (!known.some((item) => item.topic === topic)) return;
    for (const [partition, records] of partitionsOf([...known, ...beats(topic, untilMs)], topic).entries()) {
      partials.push(...onTopic(folded(stage, partition, records), "city-partials"));
    }
  };
  run(ridesStage(context), "ride-events");
  run(locationsStage(context), "driver-locations");
  return Array.from({ length: context.partitions["city-partials"] }, (_, target) => {
    const log = partials.filter((output) => output.partition === target).map(asRecord);
    return folded(citiesStage(context), target, log);
  }).flat();
}

const folded = <F extends Fold>(stage: Stage<F>, partition: number, records: LogRecord[]): Output[] =>
  foldTo(begin(stage, partition), records, records.length);

/** One event of another city for each partition, of that time: it has come as far. */
function beats(topic: TrafficTopic, atMs: number): SentItem[] {
  return Array.from({ length: context.partitions[topic] }, (_, partition) => {
    let n = 0;
    while (context.partitionOf(topic, utf8(`beat-${n}`)) !== partition) n++;
    const key = `beat-${n}`;
    const place = { timestamp: isoTime(atMs), city: "linz" };
    const value = topic === "ride-events"
      ? { event_type: "requested", ride_id: key, ...place }
      : { driver_id: key, ...place, lat: 48.3, lng: 14.3, status: "offline" };
    return { topic, key, value: JSON.stringify(value), recordedAtMs: atMs };
  });
}
