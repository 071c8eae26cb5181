/** `waymark migrate`: brings ClickHouse, the server's or the data directory's, to this release's schema. */
import type { Config } from "../config.ts";
import { WaymarkError } from "../errors.ts";
import { topicName } from "../log/topics.ts";
import type { Analytics } from "../sinks/analytics.ts";
import { applyMigrations } from "../sinks/migrations.ts";
import { applyOptional, optionalStatements } from "../sinks/optional_sql.ts";
import type { Command, Given } from "./command.ts";
import { configFromEnvironment } from "./environment.ts";

export const migrateCommand: Command = {
  name: "migrate",
  operands: "",
  summary: "Applies sql/ to ClickHouse. The service does the same when it starts.",
  options: {
    "dry-run": { type: "boolean", help: "only says what would be applied" },
    with: {
      type: "string",
      value: "kafka-engine",
      help: "and lets ClickHouse read ride-events from Kafka itself",
    },
    brokers: { type: "string", value: "LIST", help: "Kafka as ClickHouse reaches it (KAFKA_BROKERS)" },
    help: { type: "boolean", help: "this text" },
  },
  more: () =>
    "--with kafka-engine makes the tables ride_events_direct and ride_events_refused and their feeding, see\n" +
    "sql/optional/kafka_engine.sql. TLS and passwords of Kafka are settings of the ClickHouse server.\n",
  run: migrate,
};

async function migrate(given: Given): Promise<number> {
  const config = configFromEnvironment();
  const engine = kafkaEngine(given, config);
  const dryRun = given.flag("dry-run");
  const { openConfiguredAnalytics } = await import("../node/clickhouse.ts");
  const { analytics } = await openConfiguredAnalytics(config, config.WAYMARK_DATA_DIR);
  try {
    const { applied, pending } = await applyMigrations(analytics, { dryRun });
    for (const { name } of pending) console.log(`${dryRun ? "would apply" : "applied"} ${name}`);
    console.log(`${applied.length} were applied before, ${pending.length} ${dryRun ? "are pending" : "now"}`);
    if (engine !== null) await letClickHouseRead(analytics, engine, dryRun);
    return 0;
  } finally {
    await analytics.close();
  }
}

type KafkaEngine = { brokers: string; topic: string; group: string };

/** Null when it is not asked for. Throws `usage`. */
function kafkaEngine(given: Given, config: Config): KafkaEngine | null {
  const wanted = given.text("with");
  const brokers = given.text("brokers") ?? config.KAFKA_BROKERS.join(",");
  if (wanted === undefined) return null;
  if (wanted !== "kafka-engine") {
    throw new WaymarkError("usage", `--with is "${wanted}"; allowed: kafka-engine`);
  }
  if (brokers === "") {
    throw new WaymarkError("usage", "--with kafka-engine needs a Kafka; set --brokers or KAFKA_BROKERS");
  }
  const naming = { prefix: config.WAYMARK_TOPIC_PREFIX, generation: 1 };
  return { brokers, topic: topicName("ride-events", naming), group: `${config.WAYMARK_GROUP}-kafka-engine` };
}

async function letClickHouseRead(analytics: Analytics, engine: KafkaEngine, dryRun: boolean): Promise<void> {
  const { brokers, topic, group } = engine;
  if (dryRun) await optionalStatements("kafka_engine", engine);
  else await applyOptional(analytics, "kafka_engine", engine);
  console.log(`ClickHouse ${dryRun ? "would read" : "reads"} ${topic} of ${brokers} as group ${group}`);
}
