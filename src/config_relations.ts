/** What settings must be to each other: values that are right one by one and wrong together. */
import type { Config, SettingName } from "./config.ts";
import { WaymarkError } from "./errors.ts";
import { sendableKey } from "./keys.ts";
import { dayMs, minuteMs } from "./time.ts";
import { forEveryTopic, topicDefaults, topicsNamingRiders } from "./topic_defaults.ts";

/** Throws config_invalid, keys_required. */
export function refuseUnfit(config: Config): void {
  refuseOpenDoor(config);
  refuseStray(config);
  refuseMuteFleet(config);
  refuseRelations(config);
}

const loopback = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/;

function refuseOpenDoor(config: Config): void {
  if (loopback.test(config.WAYMARK_HOST)) return;
  for (const name of ["WAYMARK_INGEST_KEYS", "WAYMARK_READ_KEYS"] as const) {
    if (config[name].length === 0) {
      throw new WaymarkError(
        "keys_required",
        `WAYMARK_HOST is "${config.WAYMARK_HOST}", which others can reach; set ${name}, or listen on 127.0.0.1`,
      );
    }
  }
}

/** What is set without the setting that it belongs to would silently do nothing. */
function refuseStray(config: Config): void {
  const refuse = (name: SettingName, wanted: string) => {
    throw new WaymarkError("config_invalid", `${name} is set; allowed: only with ${wanted}`);
  };
  const sasl = config.KAFKA_SASL_MECHANISM !== "";
  const kafka = config.KAFKA_BROKERS.length > 0;
  if (sasl !== (config.KAFKA_SASL_USERNAME !== "") || sasl !== (config.KAFKA_SASL_PASSWORD !== "")) {
    throw new WaymarkError(
      "config_invalid",
      "KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD are not set together; allowed: all three or none",
    );
  }
  if (sasl && !kafka) refuse("KAFKA_SASL_MECHANISM", "KAFKA_BROKERS");
  if (config.KAFKA_SSL && !kafka) refuse("KAFKA_SSL", "KAFKA_BROKERS");
  if (config.KAFKA_SSL_CA !== "" && !config.KAFKA_SSL) refuse("KAFKA_SSL_CA", "KAFKA_SSL");
  if (config.REDIS_TLS_CA !== "" && !config.REDIS_URL.startsWith("rediss://")) {
    refuse("REDIS_TLS_CA", "REDIS_URL, as rediss://");
  }
  if (config.WAYMARK_WORKERS > 1 && !(kafka && config.REDIS_URL !== "")) {
    refuse("WAYMARK_WORKERS", "KAFKA_BROKERS and REDIS_URL: processes share nothing else");
  }
  if (config.CLICKHOUSE_URL !== "" && config.WAYMARK_CLICKHOUSE_PORT !== null) {
    refuse("WAYMARK_CLICKHOUSE_PORT", "the embedded ClickHouse, without CLICKHOUSE_URL");
  }
  refuseStrayReceiver(config, refuse);
  const { WAYMARK_PUBLISH_FROM: from, WAYMARK_PUBLISH_UNTIL: until } = config;
  if (from !== null && until !== null && from >= until) {
    throw new WaymarkError(
      "config_invalid",
      "WAYMARK_PUBLISH_FROM is not before WAYMARK_PUBLISH_UNTIL; allowed: before it",
    );
  }
}

/** A hash can be recognised, but not sent: the processes could not ask each other. */
function refuseMuteFleet(config: Config): void {
  const { WAYMARK_READ_KEYS: read, WAYMARK_FLEET_KEYS: fleet } = config;
  if (config.KAFKA_BROKERS.length === 0 || read.length === 0 || fleet.length > 0) return;
  if (sendableKey(read) !== null) return;
  throw new WaymarkError(
    "config_invalid",
    "WAYMARK_READ_KEYS holds only hashes and keys that end; allowed with KAFKA_BROKERS: together with " +
      "WAYMARK_FLEET_KEYS, which the processes send to each other",
  );
}

/** Half a receiver would be silence where somebody counts on being told. */
function refuseStrayReceiver(config: Config, refuse: (name: SettingName, wanted: string) => void): void {
  if (config.WAYMARK_PAGERDUTY_PIPELINE_KEY !== "" && config.WAYMARK_PAGERDUTY_KEY === "") {
    refuse("WAYMARK_PAGERDUTY_PIPELINE_KEY", "WAYMARK_PAGERDUTY_KEY");
  }
  if ((config.WAYMARK_SLACK_TOKEN === "") !== (config.WAYMARK_SLACK_CHANNEL === "")) {
    throw new WaymarkError(
      "config_invalid",
      "WAYMARK_SLACK_TOKEN and WAYMARK_SLACK_CHANNEL are not set together; allowed: both or none",
    );
  }
  if (config.WAYMARK_WEBHOOK_SECRET !== "" && config.WAYMARK_WEBHOOK_URL === "") {
    refuse("WAYMARK_WEBHOOK_SECRET", "WAYMARK_WEBHOOK_URL");
  }
  const counts = new Map(config.WAYMARK_PARTITIONS);
  const alerts = counts.get("alerts") ?? topicDefaults["alerts"].partitions;
  if (counts.has("alert-journal") && counts.get("alert-journal") !== alerts) {
    throw new WaymarkError(
      "config_invalid",
      `WAYMARK_PARTITIONS gives alert-journal ${
        counts.get("alert-journal")
      }; allowed: as many as alerts (${alerts}), ` +
        `a city has the same number in both`,
    );
  }
}

function refuseRelations(config: Config): void {
  if (config.WAYMARK_ENDED_RIDE_MS < config.WAYMARK_LATENESS_MS + minuteMs) {
    throw new WaymarkError(
      "config_invalid",
      `WAYMARK_ENDED_RIDE_MS is ${config.WAYMARK_ENDED_RIDE_MS}; allowed: at least WAYMARK_LATENESS_MS plus one minute ` +
        `(${config.WAYMARK_LATENESS_MS + minuteMs}), else a duplicate could outlive the memory of its ride`,
    );
  }
  const retention = forEveryTopic("retentionMs", config.WAYMARK_RETENTION);
  for (const topic of topicsNamingRiders) {
    if (retention.erasures >= retention[topic]) continue;
    throw new WaymarkError(
      "config_invalid",
      `WAYMARK_RETENTION keeps ${topic} for ${retention[topic] / dayMs} days and erasures for ` +
        `${
          retention.erasures / dayMs
        }; allowed: erasures at least as long, else erased riders would come back`,
    );
  }
  if (config.WAYMARK_HOLD_MS < config.WAYMARK_LATENESS_MS) {
    throw new WaymarkError(
      "config_invalid",
      `WAYMARK_HOLD_MS is ${config.WAYMARK_HOLD_MS}; allowed: at least WAYMARK_LATENESS_MS (${config.WAYMARK_LATENESS_MS}), ` +
        `else panes would leave while events still count in them`,
    );
  }
  if (config.WAYMARK_DRIVER_MS < config.WAYMARK_LATENESS_MS + minuteMs) {
    throw new WaymarkError(
      "config_invalid",
      `WAYMARK_DRIVER_MS is ${config.WAYMARK_DRIVER_MS}; allowed: at least WAYMARK_LATENESS_MS plus one minute ` +
        `(${config.WAYMARK_LATENESS_MS + minuteMs})`,
    );
  }
}
