/** The topics of an installation: what they are called in the log, and what they are made with. */
import { forEveryTopic, type TopicName, topicNames } from "../topic_defaults.ts";
import type { TopicSpec } from "./port.ts";

export { type TopicName, topicNames } from "../topic_defaults.ts";

export type TopicNaming = { prefix: string; generation: number };

/** The name of a topic as it stands in the log. */
export function topicName(topic: TopicName, naming: TopicNaming): string {
  return naming.prefix + (topic === "city-partials" ? `city-partials-g${naming.generation}` : topic);
}

/** Whether single records of it may go before their neighbours do. */
export const isCompacted = (topic: TopicName): boolean => topic === "driver-locations";

export type TopicTerms = {
  partitions: Record<TopicName, number>;
  retentionMs: Record<TopicName, number>;
  /** Copies of each partition; null: 3, or as many as there are brokers. */
  replicas: number | null;
};

/** `replicas` means something to Kafka only; the other logs leave it alone. */
export type ContractTopic = TopicSpec & { replicas?: number };

const defaultTerms = (): TopicTerms => ({
  partitions: forEveryTopic("partitions"),
  retentionMs: forEveryTopic("retentionMs"),
  replicas: null,
});

/** What `ensureTopics` is asked for. `retentionBytes` bounds a topic, shared by its partitions. */
export function topicSpecs(
  naming: TopicNaming,
  retentionBytes: number,
  { partitions, retentionMs, replicas }: TopicTerms = defaultTerms(),
): ContractTopic[] {
  return topicNames.map((topic) => ({
    topic: topicName(topic, naming),
    partitions: partitions[topic],
    retentionMs: retentionMs[topic],
    retentionBytes: Math.floor(retentionBytes / partitions[topic]),
    ...(replicas !== null && { replicas }),
  }));
}
