/** The topics of an installation: names, partitions and retention in one table (the wire contract's section 1). */
import { dayMs } from "../time.ts";
import type { TopicSpec } from "./port.ts";

export const topicPartitions = {
  "ride-events": 12,
  "driver-locations": 24,
  "city-partials": 6,
  "analytics-aggregated": 6,
  "ride-facts": 12,
  "alerts": 6,
  "late-events": 6,
  "dead-letters": 6,
} as const;

export type TopicName = keyof typeof topicPartitions;

const retentionDays: Record<TopicName, number> = {
  "ride-events": 7,
  "driver-locations": 1,
  "city-partials": 7,
  "analytics-aggregated": 7,
  "ride-facts": 7,
  "alerts": 30,
  "late-events": 7,
  "dead-letters": 7,
};

export type TopicNaming = { prefix: string; generation: number };

/** The name of a topic as it stands in the log. */
export function topicName(topic: TopicName, naming: TopicNaming): string {
  return naming.prefix + (topic === "city-partials" ? `city-partials-g${naming.generation}` : topic);
}

/** What `ensureTopics` is asked for. `retentionBytes` bounds a topic, shared by its partitions. */
export function topicSpecs(naming: TopicNaming, retentionBytes: number): TopicSpec[] {
  return (Object.keys(topicPartitions) as TopicName[]).map((topic) => ({
    topic: topicName(topic, naming),
    partitions: topicPartitions[topic],
    retentionMs: retentionDays[topic] * dayMs,
    retentionBytes: Math.floor(retentionBytes / topicPartitions[topic]),
  }));
}
