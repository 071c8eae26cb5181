/**
 * Settings of topics as the wire contract wants them (section 1): who stamps a record's time, and what is let go.
 *
 * Input topics and `city-partials` carry the broker's time, so that a producer with a wrong clock cannot move a
 * watermark. Driver locations are also compacted, but never inside their retention. Compression is left as it is
 * (`producer`): batches are stored as they were sent, and ours are lz4; a codec of the topic's own would have the broker
 * pack again what every other producer sends.
 */
import { isCompacted, type TopicName, topicName, topicNames, type TopicNaming } from "../topics.ts";

const stampedByBroker: readonly TopicName[] = ["ride-events", "driver-locations", "city-partials"];

/** Settings by topic name, for `KafkaLogOptions.topicSettings`. Unknown topics have none of their own. */
export function contractTopicSettings(naming: TopicNaming): (topic: string) => Record<string, string> {
  const byName = new Map(
    topicNames.map((topic) => [
      topicName(topic, naming),
      {
        "cleanup.policy": isCompacted(topic) ? "compact,delete" : "delete",
        "message.timestamp.type": stampedByBroker.includes(topic) ? "LogAppendTime" : "CreateTime",
      },
    ]),
  );
  return (topic) => byName.get(topic) ?? {};
}
