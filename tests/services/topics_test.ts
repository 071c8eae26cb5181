/** `waymark topics` over a real Kafka; what it made is read back with kafkajs's own admin. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import kafkajs from "kafkajs";
import { readConfig } from "../../src/config.ts";
import { openConfiguredKafka } from "../../src/node/parts.ts";
import { specsOf } from "../../src/node/pipeline.ts";
import { surveyTopics } from "../../src/node/topic_survey.ts";
import { systemClock } from "../../src/time.ts";
import { codeOf, eventually } from "../conformance/eventually.ts";
import { brokers, freshPrefix } from "./kafka_under_test.ts";
import { waymark } from "./waymark_process.ts";

const { ConfigResourceTypes, Kafka, logLevel } = kafkajs;
const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();

let prefix: string;
before(async () => await admin.connect());
after(async () => await admin.disconnect());
beforeEach(() => void (prefix = freshPrefix()));

const environment = (more: Record<string, string> = {}) => ({
  KAFKA_BROKERS: brokers.join(","),
  WAYMARK_TOPIC_PREFIX: prefix,
  ...more,
});

const survey = (more: Record<string, string> = {}) =>
  surveyTopics(readConfig(environment(more)), { clock: systemClock, create: true });

/** As the `start` of a service asks for them. */
async function ensure(): Promise<void> {
  const config = readConfig(environment());
  const log = await openConfiguredKafka({ config, clock: systemClock });
  try {
    await log.ensureTopics(specsOf(config));
  } finally {
    await log.close();
  }
}

async function ours(): Promise<string[]> {
  return (await admin.listTopics()).filter((name) => name.startsWith(prefix)).sort();
}

const names = [
  "retention.ms",
  "message.timestamp.type",
  "cleanup.policy",
  "min.compaction.lag.ms",
  "min.insync.replicas",
  "compression.type",
];

async function settingsOf(topic: string): Promise<(string | number)[]> {
  const { topics: [found] } = await admin.fetchTopicMetadata({ topics: [prefix + topic] });
  const values = await valuesOf(topic);
  return [found!.partitions.length, ...names.map((name) => values.get(name)!)];
}

async function valuesOf(topic: string): Promise<Map<string, string>> {
  const { resources: [described] } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: prefix + topic, configNames: names }],
  });
  return new Map(described!.configEntries.map((entry) => [entry.configName, entry.configValue]));
}

/** Resolves when the brokers say so themselves: a moment passes until a change is known everywhere. */
async function alter(topic: string, settings: Record<string, string>): Promise<void> {
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{
      type: ConfigResourceTypes.TOPIC,
      name: prefix + topic,
      configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
    }],
  });
  await eventually("the settings are known", async () => {
    const values = await valuesOf(topic);
    return Object.entries(settings).every(([name, value]) => values.get(name) === value);
  });
}

const day = 86_400_000;
const row = (partitions: number, days: number, time: string, cleanup = "delete", lag = 0) => [
  partitions,
  String(days * day),
  time,
  cleanup,
  String(lag),
  "1",
  "producer",
];
const contract: [topic: string, settings: (string | number)[]][] = [
  ["ride-events", row(12, 7, "LogAppendTime")],
  ["driver-locations", row(24, 1, "LogAppendTime", "compact,delete", day)],
  ["city-partials-g1", row(6, 7, "LogAppendTime")],
  ["analytics-aggregated", row(6, 7, "CreateTime")],
  ["city-cells", row(6, 1, "CreateTime")],
  ["ride-facts", row(12, 7, "CreateTime")],
  ["alerts", row(6, 30, "CreateTime")],
  ["alert-journal", row(6, 30, "CreateTime")],
  ["erasures", row(1, 30, "CreateTime")],
  ["late-events", row(6, 7, "CreateTime")],
  ["dead-letters", row(6, 7, "CreateTime")],
];

describe("waymark topics", () => {
  it("makes all of them as the wire contract has them, and a second time changes nothing", async () => {
    const dry = await waymark(["topics", "--dry-run"], environment());
    assert.deepEqual([dry.code, await ours()], [0, []]);
    assert.equal(dry.out.match(/ missing$/gm)?.length, contract.length);
    const first = await waymark(["topics"], environment());
    assert.equal(first.code, 0, first.error);
    assert.equal(first.out.match(/ created$/gm)?.length, contract.length);
    assert.equal((await ours()).length, contract.length);
    const made = await Promise.all(contract.map(async ([topic]) => [topic, await settingsOf(topic)]));
    assert.deepEqual(made, contract);
    const second = await waymark(["topics"], environment());
    assert.deepEqual([second.code, second.error], [0, ""]);
    assert.equal(second.out.match(/ as it should be$/gm)?.length, contract.length);
    assert.equal(second.out.replaceAll("as it should be", "created"), first.out);
    assert.deepEqual(
      await Promise.all(contract.map(async ([topic]) => [topic, await settingsOf(topic)])),
      made,
    );
  });

  it("makes what the settings say, and one topic that is missing among the others", async () => {
    await survey({ WAYMARK_PARTITIONS: "ride-events=3,late-events=1", WAYMARK_RETENTION: "late-events=36h" });
    assert.deepEqual((await settingsOf("ride-events"))[0], 3);
    assert.deepEqual((await settingsOf("late-events")).slice(0, 2), [1, String(1.5 * day)]);
    await admin.deleteTopics({ topics: [`${prefix}late-events`] });
    await eventually("it is gone", async () => !(await ours()).includes(`${prefix}late-events`));
    const again = await survey({ WAYMARK_PARTITIONS: "ride-events=3,late-events=2" });
    assert.deepEqual(again.filter((t) => t.created).map((t) => t.wanted.spec.topic), [
      `${prefix}late-events`,
    ]);
    assert.equal((await settingsOf("late-events"))[0], 2);
  });

  it("refuses by exit code 3 with nothing made, naming topic, found, wanted and what to do", async () => {
    const topic = `${prefix}ride-events`;
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: false });
    await eventually("it is there", async () => (await ours()).includes(topic));
    const refused = await waymark(["topics"], environment());
    assert.equal(refused.code, 3);
    assert.match(refused.error, /ride-events has 2 partitions; 12 are wanted, .*set WAYMARK_PARTITIONS/);
    assert.match(refused.error, /message\.timestamp\.type=CreateTime; LogAppendTime is wanted: change it/);
    assert.match(refused.error, /Nothing was made \[topic_mismatch\]/);
    assert.deepEqual(await ours(), [topic]);
  });

  it("without KAFKA_BROKERS says that nothing is to be done", async () => {
    const { code, error } = await waymark(["topics"], { KAFKA_BROKERS: "" });
    assert.equal(code, 2);
    assert.match(error, /KAFKA_BROKERS.*nothing is to be done \[usage\]/);
  });

  it("says which setting asks for more copies than there are brokers", async () => {
    const replication = { WAYMARK_REPLICATION: "9" };
    assert.equal(await codeOf(() => survey(replication)), "config_invalid");
    await assert.rejects(survey(replication), /9 copies.*WAYMARK_REPLICATION/);
  });
});

describe("a topic that is different", () => {
  const base = { "retention.ms": String(day), "message.timestamp.type": "LogAppendTime" };
  const compacted = { ...base, "cleanup.policy": "compact,delete" };
  const refusals: [what: string, settings: Record<string, string>, sentence: RegExp][] = [
    ["time type", {
      ...compacted,
      "message.timestamp.type": "CreateTime",
      "min.compaction.lag.ms": String(day),
    }, /message\.timestamp\.type=CreateTime/],
    [
      "cleanup policy",
      { ...base, "cleanup.policy": "delete" },
      /cleanup\.policy=delete; compact,delete is wanted/,
    ],
    [
      "compaction inside the retention",
      { ...compacted, "min.compaction.lag.ms": "1000" },
      /min\.compaction\.lag\.ms=1000/,
    ],
  ];
  for (const [what, settings, sentence] of refusals) {
    it(`by its ${what} is refused by the command and by start, with that sentence alone`, async () => {
      await survey();
      await alter("driver-locations", settings);
      const refused = (await survey()).flatMap((topic) => topic.refused);
      assert.equal(refused.length, 1);
      assert.match(refused[0]!, sentence);
      assert.equal(await codeOf(ensure), "topic_mismatch");
      await assert.rejects(ensure(), sentence);
    });
  }

  it("by its retention is remarked on, and start goes on", async () => {
    await survey();
    await alter("ride-events", { ...base, "retention.ms": "3600000" });
    const remarks = (await survey()).flatMap((topic) => [...topic.refused, ...topic.remarks]);
    assert.deepEqual(remarks, ["retention 1h, set is 7d"]);
    await ensure();
  });
});
