/** Settings of the log, the snapshots and ClickHouse: where they are, and what they keep. */
import { limits } from "./limits.ts";
import { setting } from "./setting.ts";
import {
  brokers,
  httpAddress,
  integer,
  oneOf,
  partitionCounts,
  replicas,
  spans,
  text,
  yesNo,
} from "./setting_values.ts";
import { dayMs, minuteMs } from "./time.ts";
import { type ByTopic, topicDefaults, topicNames } from "./topic_defaults.ts";

const usual = (of: (topic: { partitions: number; retentionMs: number }) => string) =>
  topicNames.map((name) => `${name} ${of(topicDefaults[name])}`).join(", ");

export const serviceSettings = {
  KAFKA_BROKERS: setting({
    fallback: [] as string[],
    help: "Brokers of the Kafka that is the log. Empty: an embedded log in the data directory.",
    ...brokers,
  }),
  KAFKA_SSL: setting({
    fallback: false,
    help: "Whether Kafka is spoken to over TLS. There is no way back to plain text.",
    ...yesNo,
  }),
  KAFKA_SSL_CA: setting({
    fallback: "",
    help:
      "File of the certificate authorities, PEM, that Kafka's certificates are checked with. Empty: the system's.",
    ...text("a path", /^.{0,1024}$/),
  }),
  KAFKA_SASL_MECHANISM: setting({
    fallback: "" as "" | "plain" | "scram-sha-256" | "scram-sha-512",
    help: "How to log in to Kafka. Empty: not at all.",
    allowed: "plain, scram-sha-256 or scram-sha-512",
    parse: (value: string) =>
      (["plain", "scram-sha-256", "scram-sha-512"] as const).find((m) => m === value.toLowerCase()),
  }),
  KAFKA_SASL_USERNAME: setting({
    fallback: "",
    help: "User for KAFKA_SASL_MECHANISM.",
    ...text("1 to 256 characters", /^.{1,256}$/),
  }),
  KAFKA_SASL_PASSWORD: setting({
    fallback: "",
    help: "Password for KAFKA_SASL_MECHANISM.",
    secret: true,
    ...text("1 to 1,024 characters", /^.{1,1024}$/),
  }),
  CLICKHOUSE_URL: setting({
    fallback: "",
    help:
      "ClickHouse server, as http(s)://user:password@host:8123/database. Empty: ClickHouse in this process, kept in the data directory.",
    secret: true,
    ...httpAddress,
  }),
  REDIS_URL: setting({
    fallback: "",
    help:
      "Redis for snapshots: redis:// or rediss:// (TLS), with user and password where wanted. Empty: a file in the data directory.",
    secret: true,
    ...text("a redis:// or rediss:// address", /^(rediss?:\/\/[^\s]{1,1024})?$/),
  }),
  REDIS_TLS_CA: setting({
    fallback: "",
    help:
      "File of the certificate authorities, PEM, that the certificate of a rediss:// is checked with. Empty: the system's.",
    ...text("a path", /^.{0,1024}$/),
  }),
  WAYMARK_REDIS_PREFIX: setting({
    fallback: "waymark:",
    help: "Put before every key in Redis. Two installations on one Redis need two prefixes.",
    ...text("1 to 64 letters, digits, ., _, : or -", /^[A-Za-z0-9._:-]{1,64}$/),
  }),
  WAYMARK_DATA_DIR: setting({
    fallback: "data",
    help: "Folder of the embedded log, snapshots and ClickHouse. One process at a time.",
    ...text("a path", /^.{1,1024}$/),
  }),
  WAYMARK_TOPIC_PREFIX: setting({
    fallback: "",
    help: "Put before every topic name.",
    ...text("at most 64 letters, digits, . - or _", /^[A-Za-z0-9._-]{0,64}$/),
  }),
  WAYMARK_PARTITIONS: setting({
    fallback: [] as ByTopic,
    help: `Partitions of topics, where they are not the usual ones: ${usual((t) => `${t.partitions}`)}. ` +
      "Those of ride-events, driver-locations and city-partials are part of the fold version.",
    ...partitionCounts,
  }),
  WAYMARK_RETENTION: setting({
    fallback: [] as ByTopic,
    help: `How long topics keep records, where it is not as usual: ${
      usual((t) => `${t.retentionMs / dayMs}d`)
    }. Shorter than an outage, it loses records.`,
    ...spans,
  }),
  WAYMARK_REPLICATION: setting({
    fallback: "auto" as number | "auto",
    help:
      "Kafka: copies of each partition of a topic that is made. auto: 3, or as many as there are brokers.",
    ...replicas,
  }),
  WAYMARK_PARTITIONER: setting({
    fallback: "murmur2" as "murmur2" | "crc32",
    help:
      "How producers choose a partition: murmur2 (Java, kafkajs) or crc32 (librdkafka's consistent_random).",
    ...oneOf("murmur2", "crc32"),
  }),
  WAYMARK_CLICKHOUSE: setting({
    fallback: "on" as "on" | "off",
    help:
      "off runs without ClickHouse, also where CLICKHOUSE_URL is set: windows older than memory cannot be queried.",
    ...oneOf("on", "off"),
  }),
  WAYMARK_CLICKHOUSE_PORT: setting({
    fallback: null as number | null,
    help:
      "Port on which the embedded ClickHouse answers ClickHouse's HTTP protocol, read-only; 0 takes a free one. Empty: none.",
    ...integer(0, 65_535, ""),
  }),
  WAYMARK_LOG_FSYNC: setting({
    fallback: "on" as "on" | "off",
    help: "Embedded log: on survives a power cut; off survives a killed process only.",
    ...oneOf("on", "off"),
  }),
  WAYMARK_INSERT_MS: setting({
    fallback: limits.insertAgeMs,
    help: "How old a batch for ClickHouse may grow before it is inserted.",
    ...integer(100, minuteMs, "ms"),
  }),
  WAYMARK_INPUT_RETENTION_BYTES: setting({
    fallback: 2 * 1024 * 1024 * 1024,
    help: "Embedded log: bytes kept per topic. Records that a restart still needs stay regardless.",
    ...integer(16 * 1024 * 1024, 1_000_000_000_000, "bytes"),
  }),
} as const;
