/** Which records a restart could still need: the embedded log never lets those go, however old they are. */
import type { TopicPartition } from "../log/port.ts";
import { type TopicName, topicName } from "../log/topics.ts";
import type { Sink } from "../sinks/clickhouse.ts";
import type { Pipeline } from "./pipeline.ts";

/** The lowest offset of a partition that a kept snapshot or the ClickHouse group would begin at; ∞: nobody reads it. */
export function restartFloors(pipeline: Pipeline, sink: Sink | null): (tp: TopicPartition) => number {
  const floors = new Map<string, number>();
  const lower = (topic: string, partition: number, offset: number) => {
    const name = `${topic}/${partition}`;
    floors.set(name, Math.min(floors.get(name) ?? Infinity, offset));
  };
  const staged: TopicName[] = ["ride-events", "driver-locations", "city-partials"];
  const owned = [...pipeline.rides, ...pipeline.locations, ...pipeline.cities].flatMap((
    host,
  ) => [...host.actors.values()]);
  for (const actor of owned) lower(actor.tp.topic, actor.tp.partition, Math.min(...actor.restartOffsets));
  for (const topic of staged) {
    const name = topicName(topic, pipeline.naming);
    const partitions = pipeline.context.partitions[topic];
    for (let p = 0; p < partitions; p++) if (!floors.has(`${name}/${p}`)) lower(name, p, 0);
  }
  for (const { topic, partition, committed } of sink?.status().partitions ?? []) {
    lower(topic, partition, committed);
  }
  return ({ topic, partition }) => floors.get(`${topic}/${partition}`) ?? Infinity;
}
