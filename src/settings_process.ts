/** Settings of the process: its place among others, and how often it does things. */
import { setting } from "./setting.ts";
import { boundary, integer, oneOf, text } from "./setting_values.ts";
import { dayMs, hourMs, minuteMs, secondMs } from "./time.ts";

export const processSettings = {
  WAYMARK_GROUP: setting({
    fallback: "waymark",
    help: "Prefix of the consumer groups. Two installations on one log need two names.",
    ...text("1 to 64 letters, digits, . - or _", /^[A-Za-z0-9._-]{1,64}$/),
  }),
  WAYMARK_GENERATION: setting({
    fallback: 1,
    help: "Number of the blue/green generation; part of topic, group and snapshot names and of every rev.",
    ...integer(1, 999, ""),
  }),
  WAYMARK_LOG_EPOCH: setting({
    fallback: 0,
    help: "Raised together with the generation when a source topic was deleted and created again.",
    ...integer(0, 9_999, ""),
  }),
  WAYMARK_OWNERS: setting({
    fallback: 1,
    help:
      "Members of each consumer group inside this process. More than one is for tests; cores need processes.",
    ...integer(1, 64, ""),
  }),
  WAYMARK_WORKERS: setting({
    fallback: 1,
    help:
      "Processes on this machine that share WAYMARK_PORT and the partitions. More than one needs Kafka and Redis.",
    ...integer(1, 64, ""),
  }),
  WAYMARK_SESSION_MS: setting({
    fallback: 15 * secondMs,
    help:
      "A process silent this long loses its partitions to the others. Kafka only; the broker bounds it too.",
    ...integer(6 * secondMs, 5 * minuteMs, "ms"),
  }),
  WAYMARK_PUBLISH_FROM: setting({
    fallback: null as number | null,
    help: "Minute from which on a new generation publishes: set while it takes over from an old one.",
    ...boundary,
  }),
  WAYMARK_PUBLISH_UNTIL: setting({
    fallback: null as number | null,
    help: "Minute up to which an old generation publishes: set when a new one takes over there.",
    ...boundary,
  }),
  WAYMARK_LOG_FORMAT: setting({
    fallback: "text" as "text" | "json",
    help: "Form of the process's own messages.",
    ...oneOf("text", "json"),
  }),
  WAYMARK_IDLE_MS: setting({
    fallback: 10 * secondMs,
    help: "A partition found empty this long is declared idle and no longer holds a watermark back.",
    ...integer(secondMs, hourMs, "ms"),
  }),
  WAYMARK_ALIGN_MS: setting({
    fallback: 30 * minuteMs,
    help: "In catch-up a partition waits when further ahead of the slowest one, in event time.",
    ...integer(minuteMs, dayMs, "ms"),
  }),
  WAYMARK_FLUSH_MS: setting({
    fallback: 100,
    help: "How often changes are published: shorter is fresher and costs more records.",
    ...integer(10, 60_000, "ms"),
  }),
  WAYMARK_SNAPSHOT_MS: setting({
    fallback: 30 * secondMs,
    help:
      "How often a partition is snapshotted, and less often where that would take more than 5 % of the time: longer means a longer replay after a crash.",
    ...integer(100, hourMs, "ms"),
  }),
} as const;
