/** What every log refuses, in the same words whichever log it is. */
import { WaymarkError } from "../errors.ts";
import { partitionName } from "./assignment.ts";
import type { TopicPartition, TopicSpec } from "./port.ts";

/** What to do about a log that is not the one that was read before. */
export const bringBack = "Bring the log back, or raise WAYMARK_LOG_EPOCH and WAYMARK_GENERATION together";

export const logClosed = () => new WaymarkError("log_unavailable", "the log is closed");

export const topicMissing = (topic: string) =>
  new WaymarkError("topic_mismatch", `topic ${topic} does not exist`);

export const partitionMissing = ({ topic, partition }: TopicPartition, partitions: number) =>
  new WaymarkError(
    "topic_mismatch",
    `topic ${topic} has ${partitions} partitions, 0 to ${partitions - 1}, not ${partition}`,
  );

export const otherPartitionCount = ({ topic, partitions }: TopicSpec, existing: number) =>
  new WaymarkError(
    "topic_mismatch",
    `topic ${topic} has ${existing} partitions; ${partitions} are wanted, and a partition count cannot be changed`,
  );

export const belowStart = (tp: TopicPartition, offset: number, start: number) =>
  new WaymarkError(
    "log_trimmed",
    `${
      partitionName(tp)
    } cannot be read from offset ${offset}: the log begins at ${start}, and the records ` +
      `in between are gone. Keep records longer than an outage (WAYMARK_RETENTION); what to do now is under log_trimmed`,
  );

export const beyondEnd = (tp: TopicPartition, offset: number, end: number) =>
  new WaymarkError(
    "log_behind_snapshot",
    `${
      partitionName(tp)
    } is to be read from offset ${offset}, but the log ends at ${end}: it was recreated or rolled back. ` +
      bringBack,
  );

export const logReplaced = (tp: TopicPartition, offset: number, done: "read" | "folded") =>
  new WaymarkError(
    "log_replaced",
    `the record at ${partitionName(tp)} offset ${offset} is not the one that was ${done}: ` +
      `the topic was recreated under its name. ${bringBack}`,
  );
