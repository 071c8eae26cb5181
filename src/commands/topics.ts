/** `waymark topics`: makes the topics that are missing in Kafka, and says what is different about those that exist. */
import { WaymarkError } from "../errors.ts";
import { retentionOf, settingsToCreate, spanText, type TopicShape } from "../log/kafka/topic_shape.ts";
import { type SurveyedTopic, surveyTopics } from "../node/topic_survey.ts";
import { systemClock } from "../time.ts";
import type { Command, Given } from "./command.ts";
import { configFromEnvironment } from "./environment.ts";

export const topicsCommand: Command = {
  name: "topics",
  operands: "",
  summary:
    "Makes the topics that Kafka lacks and verifies the others. The service does the same when it starts.",
  options: {
    "dry-run": { type: "boolean", help: "only says what would be made" },
    help: { type: "boolean", help: "this text" },
  },
  more: () =>
    "Another partition count, time type, cleanup policy or too early a compaction is refused (exit code 3), and\n" +
    "nothing is made. Another retention or replication is remarked on: they are the operator's to choose.\n" +
    "Compression is left to the producers. Settings: WAYMARK_TOPIC_PREFIX, WAYMARK_PARTITIONS, WAYMARK_RETENTION,\n" +
    "WAYMARK_REPLICATION.\n",
  run: topics,
};

async function topics(given: Given): Promise<number> {
  const config = configFromEnvironment();
  if (config.KAFKA_BROKERS.length === 0) {
    throw new WaymarkError(
      "usage",
      "topics needs KAFKA_BROKERS, which is not set; the embedded log makes its topics itself, and nothing is to be done",
    );
  }
  const create = !given.flag("dry-run");
  const surveyed = await surveyTopics(config, { clock: systemClock, create });
  console.log(topicsText(surveyed));
  const refused = surveyed.flatMap((topic) => topic.refused);
  if (refused.length > 0) {
    throw new WaymarkError("topic_mismatch", `${refused.join(";\n")}.\nNothing was made`);
  }
  return 0;
}

/** The survey as a table for a terminal. */
export function topicsText(surveyed: readonly SurveyedTopic[]): string {
  const head = ["topic", "partitions", "replication", "retention", "time", "cleanup", ""];
  const rows = [head, ...surveyed.map((topic) => [...shapeCells(shownShape(topic), topic), verdict(topic)])];
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column]!)).join("  ").trimEnd()).join(
    "\n",
  );
}

/** What is there; of a missing topic what it would be. */
const shownShape = ({ found, wanted }: SurveyedTopic): TopicShape =>
  found ?? {
    partitions: wanted.spec.partitions,
    replicas: wanted.replicas,
    settings: new Map(Object.entries(settingsToCreate(wanted))),
  };

const shapeCells = (shape: TopicShape, { wanted }: SurveyedTopic): string[] => [
  wanted.spec.topic,
  String(shape.partitions),
  String(shape.replicas),
  spanText(retentionOf(shape)),
  shape.settings.get("message.timestamp.type") ?? "",
  shape.settings.get("cleanup.policy") ?? "",
];

function verdict({ found, created, refused, remarks }: SurveyedTopic): string {
  if (refused.length > 0) return "refused, see below";
  const state = created
    ? "created"
    : found === null
    ? "missing"
    : remarks.length === 0
    ? "as it should be"
    : "";
  return [state, ...remarks].filter(Boolean).join("; ");
}
