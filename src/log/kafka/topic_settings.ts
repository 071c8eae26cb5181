/**
 * Settings of topics as the wire contract wants them (section 1): who stamps a record's time, and what is let go.
 *
 * Input topics and `city-partials` carry the broker's time, so that a producer with a wrong clock cannot move a
 * watermark. Driver locations are also compacted, but never inside their retention.
 */
import { type TopicName, topicName, type TopicNaming, topicPartitions } from "../topics.ts";

const stampedByBroker: readonly TopicName[] = ["ride-events", "driver-locations", "city-partials"];

/** Settings by topic name, for `KafkaLogOptions.topicSettings`. Unknown topics have none of their own. */
export function contractTopicSettings(naming: TopicNaming): (topic: string) => Record<string, string> {
  const byName = new Map(
    (Object.keys(topicPartitions) as TopicName[]).map((topic) => [
      topicName(topic, naming),
      {
        "cleanup.policy": topic === "driver-locations" ? "compact,delete" : "delete",
        "message.timestamp.type": stampedByBroker.includes(topic) ? "LogAppendTime" : "CreateTime",
      },
    ]),
  );
  return (topic) => byName.get(topic) ?? {};
}
