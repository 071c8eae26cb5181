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

/** Values each setting refuses, and some that it takes. */
const values: { [name in SettingName]: { wrong: string[]; right: [text: string, value: unknown][] } } = {
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
  WAYMARK_GENERATION: { wrong: ["0", "1000", "1e2"], right: [["999", 999]] },
  WAYMARK_LOG_EPOCH: { wrong: ["-1", "10000"], right: [["0", 0]] },
  WAYMARK_OWNERS: { wrong: ["0", "65"], right: [["64", 64]] },
  WAYMARK_INGEST_KEYS: { wrong: ["short", `${key},short`], right: [[`${key}, ${key}x`, [key, `${key}x`]]] },
  WAYMARK_READ_KEYS: { wrong: ["has space in it!"], right: [[key, [key]]] },
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
        assert.deepEqual(readConfig({ [name]: text })[name], value);
      }
      assert.deepEqual(readConfig({})[name], settings[name].fallback);
      assert.deepEqual(readConfig({ [name]: "" })[name], settings[name].fallback);
    });
  }

  it("shows no secret in a refusal", () => {
    for (const name of ["WAYMARK_INGEST_KEYS", "WAYMARK_READ_KEYS"]) {
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

  for (const name of ["KAFKA_BROKERS", "CLICKHOUSE_URL"]) {
    it(`refuses ${name}, which this release could not honour`, () => {
      assert.equal(refusal({ [name]: "somewhere" }).code, "config_invalid");
      assert.equal(refusal({ [name]: "" }).code, "none");
    });
  }

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
