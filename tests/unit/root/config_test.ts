import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { numberSettings, readConfig, type SettingName, settings, settingsHelp } from "../../../src/config.ts";
import { WaymarkError } from "../../../src/errors.ts";

/** The refusal of an environment. */
function refusal(environment: Record<string, string>): { code: string; message: string; exit: number } {
  try {
    readConfig(environment);
  } catch (thrown) {
    assert.ok(thrown instanceof WaymarkError);
    return { code: thrown.code, message: thrown.message, exit: thrown.exitCode };
  }
  return { code: "none", message: "", exit: 0 };
}

const key = "0123456789abcdef";

const hash = `sha256:${"0f".repeat(32)}`;

const kafka = { KAFKA_BROKERS: "kafka:9092" };
const routingKey = "r0uting-key-of-16-and-more";
const login = { KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_USERNAME: "u", KAFKA_SASL_PASSWORD: "p" };

/** What some settings are refused without. */
const companions: { [name in SettingName]?: Record<string, string> } = {
  KAFKA_SSL: kafka,
  KAFKA_SSL_CA: { ...kafka, KAFKA_SSL: "true" },
  REDIS_TLS_CA: { REDIS_URL: "rediss://redis" },
  KAFKA_SASL_MECHANISM: { ...kafka, ...login },
  KAFKA_SASL_USERNAME: { ...kafka, ...login },
  KAFKA_SASL_PASSWORD: { ...kafka, ...login },
  WAYMARK_PAGERDUTY_PIPELINE_KEY: { WAYMARK_PAGERDUTY_KEY: routingKey },
  WAYMARK_SLACK_TOKEN: { WAYMARK_SLACK_CHANNEL: "C0123456789" },
  WAYMARK_SLACK_CHANNEL: { WAYMARK_SLACK_TOKEN: "a-token-of-slack" },
  WAYMARK_WEBHOOK_SECRET: { WAYMARK_WEBHOOK_URL: "https://example.org/hook" },
};

/** Values each setting refuses, and some that it takes. */
const values: { [name in SettingName]: { wrong: string[]; right: [text: string, value: unknown][] } } = {
  KAFKA_BROKERS: {
    wrong: ["kafka", "kafka:0", "kafka:65536", "kafka:9092 other:9092", "http://kafka:9092", ","],
    right: [["kafka:9092", ["kafka:9092"]], ["a:1, [::1]:65535", ["a:1", "[::1]:65535"]]],
  },
  KAFKA_SSL: { wrong: ["yes", "2"], right: [["true", true], ["1", true], ["False", false], ["off", false]] },
  KAFKA_SSL_CA: { wrong: ["x".repeat(1_025)], right: [["/etc/ca.pem", "/etc/ca.pem"]] },
  REDIS_TLS_CA: { wrong: ["x".repeat(1_025)], right: [["/etc/ca.pem", "/etc/ca.pem"]] },
  KAFKA_SASL_MECHANISM: {
    wrong: ["gssapi", "scram"],
    right: [["PLAIN", "plain"], ["SCRAM-SHA-512", "scram-sha-512"]],
  },
  KAFKA_SASL_USERNAME: { wrong: ["x".repeat(257)], right: [["waymark", "waymark"]] },
  KAFKA_SASL_PASSWORD: { wrong: ["x".repeat(1_025)], right: [["open sesame", "open sesame"]] },
  CLICKHOUSE_URL: {
    wrong: ["clickhouse", "clickhouse://host", "file:///tmp"],
    right: [["https://u:p@ch:8443/rides", "https://u:p@ch:8443/rides"]],
  },
  WAYMARK_ADVERTISED_URL: {
    wrong: ["node-1:8080", "ftp://x"],
    right: [["http://node-1:8080", "http://node-1:8080"]],
  },
  WAYMARK_PAGERDUTY_KEY: { wrong: ["short", "x y".repeat(9)], right: [[routingKey, routingKey]] },
  WAYMARK_PAGERDUTY_PIPELINE_KEY: { wrong: ["short"], right: [[routingKey, routingKey]] },
  WAYMARK_PAGERDUTY_URL: {
    wrong: ["events.pagerduty.com"],
    right: [["http://127.0.0.1:9/x", "http://127.0.0.1:9/x"]],
  },
  WAYMARK_ALERTMANAGER_URL: {
    wrong: ["am:9093", "http://a,ftp://b", "http://a,http://a", ","],
    right: [["http://a:9093, https://u:p@b/am", ["http://a:9093", "https://u:p@b/am"]]],
  },
  WAYMARK_SLACK_TOKEN: {
    wrong: ["short", "with space in it"],
    right: [["a-token-of-slack", "a-token-of-slack"]],
  },
  WAYMARK_SLACK_CHANNEL: { wrong: ["#alerts", "c01"], right: [["C0123456789", "C0123456789"]] },
  WAYMARK_SLACK_URL: {
    wrong: ["hooks.slack.com"],
    right: [["https://example.org/x", "https://example.org/x"]],
  },
  WAYMARK_WEBHOOK_URL: {
    wrong: ["file:///etc"],
    right: [["https://example.org/x", "https://example.org/x"]],
  },
  WAYMARK_WEBHOOK_SECRET: {
    wrong: ["short", "with spaces in between"],
    right: [["x".repeat(16), "x".repeat(16)]],
  },
  WAYMARK_WEBHOOK_PRIVATE: { wrong: ["yes"], right: [["on", "on"]] },
  WAYMARK_PUBLIC_URL: { wrong: ["waymark"], right: [["https://way.example", "https://way.example"]] },
  WAYMARK_WORKERS: { wrong: ["0", "65", "two"], right: [["1", 1]] },
  WAYMARK_SESSION_MS: { wrong: ["5999", "300001"], right: [["6000", 6_000]] },
  WAYMARK_PUBLISH_FROM: {
    wrong: ["18:05", "2026-01-15T18:05:30Z", "2026-01-15T18:05:00", "2026-13-01T00:00Z"],
    right: [["2026-01-15T18:05:00Z", Date.UTC(2026, 0, 15, 18, 5)], [
      "2026-01-15T18:05Z",
      Date.UTC(2026, 0, 15, 18, 5),
    ]],
  },
  WAYMARK_PUBLISH_UNTIL: {
    wrong: ["tomorrow"],
    right: [["2026-01-15T18:05:00.000Z", Date.UTC(2026, 0, 15, 18, 5)]],
  },
  WAYMARK_CLICKHOUSE_PORT: { wrong: ["-1", "65536"], right: [["0", 0], ["8123", 8_123]] },
  REDIS_URL: {
    wrong: ["http://x", "redis://"],
    right: [["redis://127.0.0.1:6379", "redis://127.0.0.1:6379"]],
  },
  WAYMARK_REDIS_PREFIX: { wrong: ["a b"], right: [["two:", "two:"]] },
  WAYMARK_HOST: { wrong: ["a b", "http://x"], right: [["localhost", "localhost"], ["::1", "::1"]] },
  WAYMARK_PORT: { wrong: ["-1", "65536", "80.5", "http", " 80"], right: [["0", 0], ["65535", 65_535]] },
  WAYMARK_DATA_DIR: { wrong: ["x".repeat(1_025)], right: [["./somewhere", "./somewhere"]] },
  WAYMARK_GROUP: { wrong: ["a/b", "x".repeat(65)], right: [["way.mark-2", "way.mark-2"]] },
  WAYMARK_TOPIC_PREFIX: { wrong: ["a b", "x".repeat(65)], right: [["eu.", "eu."]] },
  WAYMARK_PARTITIONER: { wrong: ["Murmur2", "md5"], right: [["crc32", "crc32"]] },
  WAYMARK_PARTITIONS: {
    wrong: [
      "24",
      "ride-events",
      "ride-events=0",
      "ride-events=1001",
      "rides=3",
      "alerts=1,alerts=2",
      "alerts=6,",
    ],
    right: [
      ["ride-events=24", [["ride-events", 24]]],
      ["ride-events=1000, city-partials=1", [["ride-events", 1_000], ["city-partials", 1]]],
    ],
  },
  WAYMARK_RETENTION: {
    wrong: [
      "7d",
      "alerts=30",
      "alerts=0d",
      "alerts=3651d",
      "alerts=1w",
      "constructor=1d",
      "alerts=1d,alerts=2d",
    ],
    right: [
      ["alerts=60d", [["alerts", 5_184_000_000]]],
      ["driver-locations=36h,erasures=3650d", [
        ["driver-locations", 129_600_000],
        ["erasures", 315_360_000_000],
      ]],
    ],
  },
  WAYMARK_REPLICATION: { wrong: ["0", "10", "Auto", "2.5"], right: [["auto", "auto"], ["3", 3]] },
  WAYMARK_GENERATION: { wrong: ["0", "1000", "1e2"], right: [["999", 999]] },
  WAYMARK_LOG_EPOCH: { wrong: ["-1", "10000"], right: [["0", 0]] },
  WAYMARK_OWNERS: { wrong: ["0", "65"], right: [["64", 64]] },
  WAYMARK_INGEST_KEYS: { wrong: ["short", `${key},short`], right: [[`${key}, ${key}x`, [key, `${key}x`]]] },
  WAYMARK_READ_KEYS: {
    wrong: [
      "has space in it!",
      `sha256:${"0".repeat(63)}`,
      `Name=${key}`,
      `${key}@tomorrow`,
      `${key}@2026-02-31`,
    ],
    right: [[key, [key]], [`a=${key}@2027-01-31,${hash}`, [`a=${key}@2027-01-31`, hash]]],
  },
  WAYMARK_ADMIN_KEYS: { wrong: ["short"], right: [[hash, [hash]]] },
  WAYMARK_MASK_KEY: { wrong: ["short"], right: [[key, key]] },
  WAYMARK_FLEET_KEYS: { wrong: ["short", hash], right: [[key, [key]]] },
  WAYMARK_KEY_REQUESTS_PER_S: { wrong: ["-1", "1000001"], right: [["0", 0]] },
  WAYMARK_KEY_EVENTS_PER_S: { wrong: ["1e4"], right: [["10000000", 10_000_000]] },
  WAYMARK_KEY_BURST_MS: { wrong: ["99", "60001"], right: [["100", 100]] },
  WAYMARK_RIDE_EVENTS_PER_S: { wrong: ["10001"], right: [["0", 0]] },
  WAYMARK_RIDE_BURST_MS: { wrong: ["99", "600001"], right: [["600000", 600_000]] },
  WAYMARK_CORS_ORIGINS: {
    wrong: [
      "*",
      "ops.example",
      "https://ops.example/",
      "https://ops.example:443",
      "null",
      "ftp://ops.example",
    ],
    right: [["https://ops.example, http://localhost:5173", ["https://ops.example", "http://localhost:5173"]]],
  },
  WAYMARK_ACCESS_LOG: { wrong: ["json"], right: [["off", "off"]] },
  WAYMARK_ACCESS_LOG_EVERY: { wrong: ["0", "1000001"], right: [["1", 1]] },
  WAYMARK_POST_KEY: { wrong: ["short"], right: [[key, [key]]] },
  WAYMARK_CLICKHOUSE: { wrong: ["yes", "ON"], right: [["off", "off"]] },
  WAYMARK_LOG_FSYNC: { wrong: ["1"], right: [["off", "off"]] },
  WAYMARK_LOG_FORMAT: { wrong: ["xml"], right: [["json", "json"]] },
  WAYMARK_WINDOW_MS: { wrong: ["0", "90000", "86460000"], right: [["60000", 60_000]] },
  WAYMARK_WATERMARK_DELAY_MS: { wrong: ["-1", "3600001"], right: [["0", 0]] },
  WAYMARK_LATENESS_MS: { wrong: ["30000", "21660000"], right: [["0", 0]] },
  WAYMARK_SKEW_MS: { wrong: ["999", "86400001"], right: [["1000", 1_000]] },
  WAYMARK_HOLD_MS: { wrong: ["0", "61000"], right: [["86400000", 86_400_000]] },
  WAYMARK_ENDED_RIDE_MS: { wrong: ["0", "61000"], right: [["660000", 660_000]] },
  WAYMARK_DRIVER_MS: { wrong: ["0", "NaN"], right: [["660000", 660_000]] },
  WAYMARK_CELL_RESOLUTION: { wrong: ["5", "11"], right: [["7", 7]] },
  WAYMARK_SURGE_BALANCE: { wrong: ["-1", "101", "x", "0.00001"], right: [["0.25", 0.25], ["0", 0]] },
  WAYMARK_SURGE_GAIN: { wrong: ["-1", "1e3"], right: [["7.5", 7.5]] },
  WAYMARK_SURGE_CAP: { wrong: ["0.9", "101"], right: [["1", 1], ["2.5", 2.5]] },
  WAYMARK_RULES: { wrong: ["x".repeat(1_025)], right: [["rules.json", "rules.json"]] },
  WAYMARK_ENVIRONMENT: { wrong: ["a b", "x".repeat(65)], right: [["prod-eu", "prod-eu"]] },
  WAYMARK_IDLE_MS: { wrong: ["999", "3600001"], right: [["1000", 1_000]] },
  WAYMARK_ALIGN_MS: { wrong: ["59999"], right: [["60000", 60_000]] },
  WAYMARK_FLUSH_MS: { wrong: ["9", "60001", "0x10"], right: [["10", 10]] },
  WAYMARK_SNAPSHOT_MS: { wrong: ["99"], right: [["100", 100]] },
  WAYMARK_INSERT_MS: { wrong: ["99", "60001"], right: [["100", 100]] },
  WAYMARK_INPUT_RETENTION_BYTES: { wrong: ["16777215"], right: [["16777216", 16_777_216]] },
};

describe("readConfig", () => {
  it("knows every setting in this test", () => {
    assert.deepEqual(Object.keys(values).sort(), Object.keys(settings).sort());
  });

  for (const name of Object.keys(values) as SettingName[]) {
    it(`${name}: refuses what is wrong with name, value and what is allowed`, () => {
      for (const wrong of values[name].wrong) {
        const { code, message, exit } = refusal({ [name]: wrong });
        assert.deepEqual([code, exit], ["config_invalid", 2]);
        const shown = settings[name].secret ? "(not shown)" : JSON.stringify(wrong);
        assert.equal(message, `${name} is ${shown}; allowed: ${settings[name].allowed}`);
      }
    });
    it(`${name}: takes what is right, and its default when unset or empty`, () => {
      for (const [text, value] of values[name].right) {
        assert.deepEqual(readConfig({ ...companions[name], [name]: text })[name], value);
      }
      assert.deepEqual(readConfig({})[name], settings[name].fallback);
      assert.deepEqual(readConfig({ [name]: "" })[name], settings[name].fallback);
    });
  }

  it("shows no secret in a refusal", () => {
    for (const name of ["INGEST", "READ", "ADMIN", "FLEET"].map((list) => `WAYMARK_${list}_KEYS`)) {
      assert.ok(!refusal({ [name]: "hunter2" }).message.includes("hunter2"));
    }
  });

  const doors: [host: string, keys: Record<string, string>, code: string][] = [
    ["127.0.0.1", {}, "none"],
    ["127.8.8.8", {}, "none"],
    ["localhost", {}, "none"],
    ["::1", {}, "none"],
    ["0.0.0.0", {}, "keys_required"],
    ["::", {}, "keys_required"],
    ["waymark.example", {}, "keys_required"],
    ["localhost.example", {}, "keys_required"],
    ["127.0.0.1.example", {}, "keys_required"],
    ["0.0.0.0", { WAYMARK_INGEST_KEYS: key }, "keys_required"],
    ["0.0.0.0", { WAYMARK_READ_KEYS: key }, "keys_required"],
    ["0.0.0.0", { WAYMARK_READ_KEYS: key, WAYMARK_INGEST_KEYS: "," }, "keys_required"],
    ["0.0.0.0", { WAYMARK_READ_KEYS: key, WAYMARK_INGEST_KEYS: key }, "none"],
  ];
  for (const [host, keys, code] of doors) {
    it(`listening on ${host} with ${Object.keys(keys).join(" and ") || "no keys"}: ${code}`, () => {
      assert.equal(refusal({ WAYMARK_HOST: host, ...keys }).code, code);
    });
  }

  it("refuses a name it does not know, and leaves those of others alone", () => {
    assert.match(refusal({ WAYMARK_PROT: "80" }).message, /^WAYMARK_PROT is not a setting/);
    assert.match(refusal({ WAYMARK_constructor: "80" }).message, /is not a setting/);
    assert.equal(refusal({ PATH: "/bin", HOME: "/" }).code, "none");
  });

  const together: [given: Record<string, string>, code: string][] = [
    [{ ...kafka, ...login }, "none"],
    [login, "config_invalid"],
    [{ ...kafka, ...login, KAFKA_SASL_PASSWORD: "" }, "config_invalid"],
    [{ KAFKA_SSL: "true" }, "config_invalid"],
    [{ ...kafka, KAFKA_SSL: "true", KAFKA_SSL_CA: "ca.pem" }, "none"],
    [{ ...kafka, KAFKA_SSL_CA: "ca.pem" }, "config_invalid"],
    [{ REDIS_URL: "rediss://redis", REDIS_TLS_CA: "ca.pem" }, "none"],
    [{ REDIS_URL: "redis://redis", REDIS_TLS_CA: "ca.pem" }, "config_invalid"],
    [{ ...kafka, WAYMARK_READ_KEYS: `${hash},${key}@2027-01-31` }, "config_invalid"],
    [{ ...kafka, WAYMARK_READ_KEYS: hash, WAYMARK_FLEET_KEYS: key }, "none"],
    [{ ...kafka, WAYMARK_READ_KEYS: `${hash},${key}` }, "none"],
    [{ WAYMARK_READ_KEYS: hash }, "none"],
    [{ ...kafka, WAYMARK_WORKERS: "2" }, "config_invalid"],
    [{ ...kafka, WAYMARK_WORKERS: "2", REDIS_URL: "redis://localhost" }, "none"],
    [{ CLICKHOUSE_URL: "http://ch:8123", WAYMARK_CLICKHOUSE_PORT: "0" }, "config_invalid"],
    [
      { WAYMARK_PUBLISH_FROM: "2026-01-15T18:05Z", WAYMARK_PUBLISH_UNTIL: "2026-01-15T18:05Z" },
      "config_invalid",
    ],
    [{ WAYMARK_PUBLISH_FROM: "2026-01-15T18:05Z", WAYMARK_PUBLISH_UNTIL: "2026-01-15T18:06Z" }, "none"],
    [{ WAYMARK_PAGERDUTY_PIPELINE_KEY: routingKey }, "config_invalid"],
    [{ WAYMARK_SLACK_TOKEN: "a-token-of-slack" }, "config_invalid"],
    [{ WAYMARK_SLACK_CHANNEL: "C0123456789" }, "config_invalid"],
    [{ WAYMARK_WEBHOOK_SECRET: "x".repeat(16) }, "config_invalid"],
    [{ WAYMARK_PARTITIONS: "alert-journal=12" }, "config_invalid"],
    [{ WAYMARK_PARTITIONS: "alerts=12,alert-journal=12" }, "none"],
  ];
  for (const [given, code] of together) {
    it(`${Object.entries(given).map((e) => e.join("=")).join(", ")}: ${code}`, () => {
      assert.equal(refusal(given).code, code);
    });
  }

  it("refuses to keep events longer than what hides erased riders in them", () => {
    for (const topic of ["ride-events", "ride-facts", "late-events", "dead-letters"]) {
      assert.throws(() => readConfig({ WAYMARK_RETENTION: `${topic}=31d` }), /erasures/, topic);
      readConfig({ WAYMARK_RETENTION: `${topic}=31d,erasures=31d` });
    }
    assert.throws(() => readConfig({ WAYMARK_RETENTION: "erasures=6d" }), /erasures/);
  });

  for (const name of ["WAYMARK_ENDED_RIDE_MS", "WAYMARK_DRIVER_MS"]) {
    it(`refuses ${name} below the lateness plus a minute`, () => {
      assert.equal(refusal({ [name]: "600000" }).code, "config_invalid");
      assert.equal(refusal({ [name]: "660000" }).code, "none");
      assert.equal(refusal({ [name]: "600000", WAYMARK_LATENESS_MS: "540000" }).code, "none");
    });
  }
});

describe("numberSettings", () => {
  it("are those that change a published number", () => {
    assert.deepEqual(numberSettings(readConfig({})).map(([name]) => name), [
      "WAYMARK_WINDOW_MS",
      "WAYMARK_WATERMARK_DELAY_MS",
      "WAYMARK_LATENESS_MS",
      "WAYMARK_SKEW_MS",
      "WAYMARK_HOLD_MS",
      "WAYMARK_ENDED_RIDE_MS",
      "WAYMARK_DRIVER_MS",
      "WAYMARK_CELL_RESOLUTION",
      "WAYMARK_SURGE_BALANCE",
      "WAYMARK_SURGE_GAIN",
      "WAYMARK_SURGE_CAP",
    ]);
  });
});

describe("settingsHelp", () => {
  it("tells of every setting what it means, its default and what is allowed", () => {
    const help = settingsHelp();
    for (const [name, { help: meaning, allowed }] of Object.entries(settings)) {
      assert.ok(help.includes(`  ${name}\n      ${meaning}\n      Default `), name);
      assert.ok(help.includes(`allowed: ${allowed}.`), name);
    }
  });
});
