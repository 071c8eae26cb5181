/**
 * Settings: read once from the environment, checked, then passed on as plain values.
 *
 * Every setting stands in one table with its unit, its default and what follows from moving it; `--help`,
 * docs/OPERATIONS.md and the check at start are all made from that table. A wrong value stops the process
 * with the setting's name, the value and what is allowed (exit code 2).
 */
import { WaymarkError } from "./errors.ts";
import { refuseUnfit } from "./config_relations.ts";
import { limits } from "./limits.ts";
import {
  boundary,
  brokers,
  httpAddress,
  integer,
  keyEntries,
  keys,
  minutes,
  oneOf,
  partitionCounts,
  replicas,
  spans,
  text,
  yesNo,
} from "./setting_values.ts";
import { dayMs, hourMs, minuteMs, secondMs } from "./time.ts";
import { type ByTopic, topicDefaults, topicNames } from "./topic_defaults.ts";

type Setting<T> = {
  fallback: T;
  /** What the value means and what follows from moving it. */
  help: string;
  /** What is allowed, in words. */
  allowed: string;
  /** A secret is never printed. */
  secret?: true;
  /** Changes a published number: part of the fold version. */
  numbers?: true;
  parse(text: string): T | undefined;
};

const setting = <T>(s: Setting<T>): Setting<T> => s;

const usual = (of: (topic: { partitions: number; retentionMs: number }) => string) =>
  topicNames.map((name) => `${name} ${of(topicDefaults[name])}`).join(", ");

export const settings = {
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
  WAYMARK_HOST: setting({
    fallback: "127.0.0.1",
    help: "Address the HTTP doors listen on. Other than loopback needs keys for posting and for reading.",
    ...text("an IP address or host name", /^[0-9A-Za-z.:-]{1,253}$/),
  }),
  WAYMARK_PORT: setting({
    fallback: 8080,
    help: "Port of the HTTP doors; 0 takes a free one.",
    ...integer(0, 65_535, ""),
  }),
  WAYMARK_DATA_DIR: setting({
    fallback: "data",
    help: "Folder of the embedded log, snapshots and ClickHouse. One process at a time.",
    ...text("a path", /^.{1,1024}$/),
  }),
  WAYMARK_GROUP: setting({
    fallback: "waymark",
    help: "Prefix of the consumer groups. Two installations on one log need two names.",
    ...text("1 to 64 letters, digits, . - or _", /^[A-Za-z0-9._-]{1,64}$/),
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
  WAYMARK_ADVERTISED_URL: setting({
    fallback: "",
    help:
      "Address at which the other processes of the group reach this one. Empty: made from WAYMARK_HOST and WAYMARK_PORT.",
    ...httpAddress,
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
  WAYMARK_INGEST_KEYS: setting({
    fallback: [] as string[],
    help: "Bearer keys that may post events. None: posting is open, on loopback only.",
    secret: true,
    ...keyEntries,
  }),
  WAYMARK_READ_KEYS: setting({
    fallback: [] as string[],
    help: "Bearer keys that may read. None: reading is open, on loopback only.",
    secret: true,
    ...keyEntries,
  }),
  WAYMARK_ADMIN_KEYS: setting({
    fallback: [] as string[],
    help:
      "Bearer keys that may administer, and read. None: administration is closed wherever any key is set.",
    secret: true,
    ...keyEntries,
  }),
  WAYMARK_MASK_KEY: setting({
    fallback: "",
    help:
      "Key of the hashes that stand for riders' ids; the same on all nodes. Empty: made from the other keys, and changes with them.",
    secret: true,
    ...text("16 to 256 characters", /^.{16,256}$/),
  }),
  WAYMARK_FLEET_KEYS: setting({
    fallback: [] as string[],
    help:
      "Keys with which the processes of one installation ask each other: all take every one of them, the first is sent. " +
      "None: the first of WAYMARK_READ_KEYS that is neither hashed nor ends.",
    secret: true,
    ...keys,
  }),
  WAYMARK_POST_KEY: setting({
    fallback: [] as string[],
    help: "The key that replay and traffic send with --to http.",
    secret: true,
    ...keys,
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
  WAYMARK_LOG_FORMAT: setting({
    fallback: "text" as "text" | "json",
    help: "Form of the process's own messages.",
    ...oneOf("text", "json"),
  }),
  WAYMARK_WINDOW_MS: setting({
    fallback: 5 * minuteMs,
    help: "Length of a city window. Longer windows hold more panes.",
    numbers: true,
    ...minutes(minuteMs, dayMs),
  }),
  WAYMARK_WATERMARK_DELAY_MS: setting({
    fallback: 30 * secondMs,
    help: "How far the watermark stays behind the newest event: shorter closes sooner and revises more.",
    numbers: true,
    ...integer(0, hourMs, "ms"),
  }),
  WAYMARK_LATENESS_MS: setting({
    fallback: 10 * minuteMs,
    help: "How long after its pane's end a late event still counts: longer holds more panes.",
    numbers: true,
    ...minutes(0, 6 * hourMs),
  }),
  WAYMARK_SKEW_MS: setting({
    fallback: 5 * minuteMs,
    help: "An event further ahead of its record's time is a dead letter event_time_future.",
    numbers: true,
    ...integer(secondMs, dayMs, "ms"),
  }),
  WAYMARK_HOLD_MS: setting({
    fallback: 2 * hourMs,
    help: "How long panes are held after closing for a source that only counts as idle.",
    numbers: true,
    ...minutes(minuteMs, dayMs),
  }),
  WAYMARK_ENDED_RIDE_MS: setting({
    fallback: hourMs,
    help: "How long an ended ride is remembered after its last event, in event time.",
    numbers: true,
    ...minutes(minuteMs, dayMs),
  }),
  WAYMARK_DRIVER_MS: setting({
    fallback: hourMs,
    help: "How long a driver is remembered after its last position, in event time.",
    numbers: true,
    ...minutes(minuteMs, dayMs),
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
    help: "How often a partition is snapshotted: longer means a longer replay after a crash.",
    ...integer(100, hourMs, "ms"),
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

export type SettingName = keyof typeof settings;
export type Config = { [K in SettingName]: (typeof settings)[K] extends Setting<infer T> ? T : never };

/** Checks the given environment. Throws config_invalid for the first wrong value, keys_required for an open door. */
export function readConfig(environment: Record<string, string | undefined>): Config {
  const config: Record<string, unknown> = {};
  for (const [name, entry] of Object.entries(settings) as [SettingName, Setting<unknown>][]) {
    const given = environment[name];
    if (given === undefined || given === "") {
      config[name] = entry.fallback;
      continue;
    }
    const value = entry.parse(given);
    if (value === undefined) {
      const shown = entry.secret ? "(not shown)" : JSON.stringify(given);
      throw new WaymarkError("config_invalid", `${name} is ${shown}; allowed: ${entry.allowed}`);
    }
    config[name] = value;
  }
  refuseUnknown(environment);
  const checked = config as Config;
  refuseUnfit(checked);
  return checked;
}

function refuseUnknown(environment: Record<string, string | undefined>): void {
  for (const name of Object.keys(environment)) {
    if (name.startsWith("WAYMARK_") && !(name in settings)) {
      throw new WaymarkError("config_invalid", `${name} is not a setting; see --help for those that are`);
    }
  }
}

/** The settings that change a published number, for the fold version. */
export function numberSettings(config: Config): [string, unknown][] {
  return (Object.entries(settings) as [SettingName, Setting<unknown>][])
    .filter(([, entry]) => entry.numbers === true)
    .map(([name]) => [name, config[name]]);
}

/** The table of settings as plain text, for `--help`. */
export function settingsHelp(): string {
  return (Object.entries(settings) as [string, Setting<unknown>][])
    .map(([name, s]) => {
      const shown = Array.isArray(s.fallback) || s.fallback === null
        ? "none"
        : s.fallback === ""
        ? "empty"
        : String(s.fallback);
      return `  ${name}\n      ${s.help}\n      Default ${shown}; allowed: ${s.allowed}.`;
    })
    .join("\n");
}
