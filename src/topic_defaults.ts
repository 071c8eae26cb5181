/** The topics by name, and what each is made with unless the settings say otherwise (the wire contract's section 1). */
import { dayMs } from "./time.ts";

export const topicDefaults = {
  "ride-events": { partitions: 12, retentionMs: 7 * dayMs },
  "driver-locations": { partitions: 24, retentionMs: dayMs },
  "city-partials": { partitions: 6, retentionMs: 7 * dayMs },
  "analytics-aggregated": { partitions: 6, retentionMs: 7 * dayMs },
  "city-cells": { partitions: 6, retentionMs: dayMs },
  "ride-facts": { partitions: 12, retentionMs: 7 * dayMs },
  "alerts": { partitions: 6, retentionMs: 30 * dayMs },
  "alert-journal": { partitions: 6, retentionMs: 30 * dayMs },
  // What hides riders must outlive, with room for whole segments of Kafka, the bytes that name them.
  "erasures": { partitions: 1, retentionMs: 30 * dayMs },
  "late-events": { partitions: 6, retentionMs: 7 * dayMs },
  "dead-letters": { partitions: 6, retentionMs: 7 * dayMs },
} as const;

export type TopicName = keyof typeof topicDefaults;

export const topicNames = Object.keys(topicDefaults) as TopicName[];

/** Those with records that say who a rider was. */
export const topicsNamingRiders = ["ride-events", "ride-facts", "late-events", "dead-letters"] as const;

/** What some topics have instead of their default: as a setting gives it. */
export type ByTopic = readonly (readonly [topic: TopicName, value: number])[];

/** One number for every topic: the default, or what the setting says. */
export function forEveryTopic(
  field: "partitions" | "retentionMs",
  given: ByTopic = [],
): Record<TopicName, number> {
  const defaults = topicNames.map((topic) => [topic, topicDefaults[topic][field]] as const);
  return Object.fromEntries([...defaults, ...given]) as Record<TopicName, number>;
}
