/** All topics of an installation on Kafka: what they are, what they should be, and made where they are missing. */
import type { Config } from "../config.ts";
import { type Patience, patiently } from "../log/kafka/failures.ts";
import { kafkaNodes } from "../log/kafka/nodes.ts";
import { timingDefaults } from "../log/kafka/options.ts";
import { contractTopicSettings } from "../log/kafka/topic_settings.ts";
import {
  type Differences,
  differences,
  type TopicShape,
  type WantedTopic,
} from "../log/kafka/topic_shape.ts";
import { type TopicTable, topicTable } from "../log/kafka/topic_table.ts";
import type { Clock } from "../time.ts";
import { kafkaSecurity } from "./kafka_security.ts";
import { namingOf, specsOf } from "./pipeline.ts";

export type SurveyedTopic = Differences & {
  wanted: WantedTopic;
  /** Null when it is missing. */
  found: TopicShape | null;
  created: boolean;
};

/** Makes nothing when anything that exists is refused, or when it is only to look. Throws log_unavailable. */
export async function surveyTopics(
  config: Config,
  { clock, create }: { clock: Clock; create: boolean },
): Promise<SurveyedTopic[]> {
  const { connectMs, requestMs, patienceMs } = timingDefaults;
  const nodes = kafkaNodes({
    brokers: config.KAFKA_BROKERS,
    clientId: "waymark",
    security: await kafkaSecurity(config),
    connectMs,
    requestMs,
  });
  const patience: Patience = { clock, patienceMs, signal: new AbortController().signal };
  const table = topicTable({ nodes, settingsOf: contractTopicSettings(namingOf(config)) });
  try {
    await patiently("cannot reach Kafka", { ...patience, patienceMs: connectMs }, nodes.brokerCount);
    const topics: SurveyedTopic[] = [];
    for (const spec of specsOf(config)) {
      topics.push(await patiently(`cannot look up topic ${spec.topic}`, patience, () => look(table, spec)));
    }
    if (!create || topics.some(({ refused }) => refused.length > 0)) return topics;
    for (const topic of topics) if (topic.found === null) await make(table, topic, patience);
    return topics;
  } finally {
    await nodes.close();
  }
}

async function look(table: TopicTable, spec: WantedTopic["spec"]): Promise<SurveyedTopic> {
  const wanted = await table.wanted(spec);
  const found = await table.shape(spec.topic);
  const different = found === null ? { refused: [], remarks: [] } : differences(wanted, found);
  return { ...different, wanted, found, created: false };
}

async function make(table: TopicTable, topic: SurveyedTopic, patience: Patience): Promise<void> {
  const { spec } = topic.wanted;
  await patiently(`cannot make topic ${spec.topic}`, patience, () => table.ensure(spec));
  const made = await patiently(`cannot look up topic ${spec.topic}`, patience, () => look(table, spec));
  Object.assign(topic, made, { created: true });
}
