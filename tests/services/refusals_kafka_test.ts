/**
 * Row 10 by the real process on a real Kafka: a log that is not the one that was folded ends it with exit code 3 and
 * the code in its last words, and nothing is published. Starts its own services.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it } from "node:test";
import { createClient } from "redis";
import { type Services, startServices, stopServices } from "../../src/commands/services.ts";
import { fromUtf8 } from "../../src/ids.ts";
import { eventually } from "../conformance/eventually.ts";
import { vouchedMsMax } from "../../src/log/kafka/continuity.ts";
import { systemClock } from "../../src/time.ts";
import { publishedOn } from "../pipeline/published.ts";
import { until } from "../chaos/workers.ts";
import { type Ending, type Installation, installation } from "./installation.ts";

let folder: string;
let services: Services;
let at: Installation;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "waymark-refusals-"));
  services = await startServices({ folder: join(folder, "services") });
});
after(async () => {
  await stopServices(join(folder, "services"));
  await rm(folder, { recursive: true, force: true });
});
afterEach(async () => await at?.close());

const rideEvents = () => at.topic("ride-events");

/** An installation that has folded five rides on each partition, and is down; its snapshots are at 10. */
async function folded(): Promise<void> {
  at = await installation({ folder, variables: { ...services.variables } });
  await at.begin();
  for (const partition of [0, 1]) await at.send(partition, 5);
  await at.settled();
  await at.drain();
}

/** Offsets below these are gone. */
async function trim(topic: string, offsets: number[]): Promise<void> {
  // Has it look for the leaders.
  await at.admin.fetchTopicOffsets(topic);
  const partitions = offsets.map((offset, partition) => ({ partition, offset: String(offset) }));
  await at.admin.deleteTopicRecords({ topic, partitions });
}

/** Deletes the topic and makes it anew, with this many rides on each of its partitions. */
async function recreate(rides: number[]): Promise<void> {
  const topic = rideEvents();
  const configs = { "message.timestamp.type": "LogAppendTime", "retention.ms": "604800000" };
  await at.admin.deleteTopics({ topics: [topic] });
  await eventually("it is gone", async () => !(await at.admin.listTopics()).includes(topic));
  await at.admin.createTopics({
    // Which fails where the broker has not heard of the topic yet.
    waitForLeaders: false,
    topics: [{
      ...{ topic, numPartitions: rides.length, replicationFactor: 1 },
      configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
    }],
  });
  await eventually("it is there", async () => await at.log.partitionCount(topic) === rides.length);
  await at.changed();
  for (const [partition, count] of rides.entries()) if (count > 0) await at.send(partition, count, "other");
}

/** The process does not start, says so by this code, and publishes nothing. */
async function refuses(code: string, told: RegExp): Promise<void> {
  await refusesOne(code, told, (counts) => counts);
}

/**
 * The same where only one partition is refused: the others are right and may have begun, so they may have told the
 * cities again what they are at before the process has ended.
 */
async function refusesOne(
  code: string,
  told: RegExp,
  counted: (counts: Record<string, number>) => Record<string, number> = withoutPartials,
): Promise<void> {
  const before = counted(await at.published());
  const ending = await at.refused();
  saysSo(ending, code, told);
  assert.deepEqual(counted(await at.published()), before, "published by a process that was refused");
}

const withoutPartials = (counts: Record<string, number>) =>
  Object.fromEntries(Object.entries(counts).filter(([topic]) => !topic.includes("city-partials")));

/** Windows of a process that runs are told again in turn, by what was folded before; all else is told of events. */
const ofEvents = (counts: Record<string, number>) =>
  Object.fromEntries(
    Object.entries(withoutPartials(counts)).filter(([topic]) => !topic.endsWith("-aggregated")),
  );

function saysSo({ code: exit, output }: Ending, code: string, told: RegExp): void {
  const [last = ""] = output.split("\n").filter((line) => line.startsWith("waymark: ")).slice(-1);
  assert.equal(exit, "3", output);
  assert.ok(last.endsWith(`[${code}]`), output);
  assert.match(last, told);
}

describe("row 10: a start", () => {
  it("over a log that is the same and longer goes on", async () => {
    await folded();
    await at.send(0, 3);
    await at.begin();
    await at.settled();
    await at.drain();
  });

  it("over a log that was trimmed above the snapshot is refused: log_trimmed", async () => {
    await folded();
    await at.send(0, 5);
    await trim(rideEvents(), [14, 0]);
    await refusesOne("log_trimmed", /at offset 10 but the log begins at 14: 4 records are gone\. Restore/);
  });

  it("over a log that was trimmed begins cold once the partition's snapshots are removed", async () => {
    await folded();
    await at.send(0, 5);
    await trim(rideEvents(), [14, 0]);
    const { WAYMARK_REDIS_PREFIX: prefix, WAYMARK_GROUP: group } = at.variables;
    const key = `${prefix}{${group}-rides-g1/${rideEvents()}/0}`;
    const redis = createClient({ url: services.variables.REDIS_URL });
    await redis.connect();
    assert.equal(await redis.del([`${key}:manifests`, `${key}:names`]), 2);
    redis.destroy();
    await at.begin();
    const { partitions } = await (await fetch(`${at.url}/v1/ledger`)).json();
    const since = (partitions as { topic: string; partition: number; since_offset: number }[])
      .filter((line) => line.topic === rideEvents()).map((line) => [line.partition, line.since_offset]);
    assert.deepEqual(since, [[0, 14], [1, 0]]);
    await at.drain();
  });

  it("over a topic that was made anew and is shorter is refused: log_behind_snapshot", async () => {
    await folded();
    await recreate([1, 1]);
    await refuses("log_behind_snapshot", /at offset 10 but the log ends at 2: .*raise WAYMARK_LOG_EPOCH and/);
  });

  it("over a topic that was made anew and is longer is refused: log_replaced", async () => {
    await folded();
    await recreate([20, 20]);
    await refuses("log_replaced", /offset 9 is not the one that was folded: .*raise WAYMARK_LOG_EPOCH and/);
  });

  // A partition with nothing to refuse by would have published before its neighbour had refused.
  it("is refused as a whole, whatever partitions of the new topic had no snapshot", async () => {
    at = await installation({ folder, variables: { ...services.variables } });
    await at.begin();
    await at.send(1, 5);
    await at.settled();
    await at.drain();
    await recreate([20, 20]);
    await refuses("log_replaced", /raise WAYMARK_LOG_EPOCH and WAYMARK_GENERATION together/);
  });

  it("over a topic that was made anew is clean with a raised log epoch and generation", async () => {
    await folded();
    await recreate([20, 20]);
    at.variables.WAYMARK_LOG_EPOCH = "1";
    at.variables.WAYMARK_GENERATION = "2";
    await at.begin();
    await at.settled();
    const ledger = await (await fetch(`${at.url}/v1/ledger`)).json();
    assert.equal(ledger.total[rideEvents()].counted, 80);
    await at.drain();
  });

  it("over a topic with more partitions is refused: topic_mismatch", async () => {
    await folded();
    await at.admin.createPartitions({ topicPartitions: [{ topic: rideEvents(), count: 3 }] });
    await eventually("they are there", async () => await at.log.partitionCount(rideEvents()) === 3);
    await refuses("topic_mismatch", /3 partitions/);
  });

  it("with the new partition count in the settings is refused, too: fold_version_differs", async () => {
    await folded();
    await at.admin.createPartitions({ topicPartitions: [{ topic: rideEvents(), count: 3 }] });
    await eventually("they are there", async () => await at.log.partitionCount(rideEvents()) === 3);
    at.variables.WAYMARK_PARTITIONS = at.variables.WAYMARK_PARTITIONS!.replace(
      "ride-events=2",
      "ride-events=3",
    );
    await refuses("fold_version_differs", /WAYMARK_GENERATION/);
  });

  it("with other windows is refused by the newest partials: fold_version_differs", async () => {
    await folded();
    at.variables.WAYMARK_WINDOW_MS = "600000";
    await refuses(
      "fold_version_differs",
      /a setting that changes numbers differs\. Put it back, or start a new/,
    );
  });

  it("with other windows is refused by the snapshots where no partials are left", async () => {
    await folded();
    await trim(
      at.topic("city-partials"),
      (await at.log.bounds(at.topic("city-partials"))).map(({ end }) => end),
    );
    at.variables.WAYMARK_WINDOW_MS = "600000";
    await refuses(
      "fold_version_differs",
      /the snapshot of .* was folded with version .* Put the settings back/,
    );
  });
});

describe("row 10: a process that runs", () => {
  it("ends where the log was trimmed beyond its position, and never jumps: log_trimmed", async () => {
    at = await installation({ folder, variables: { ...services.variables, WAYMARK_SESSION_MS: "60000" } });
    await at.begin();
    await at.send(0, 5);
    await at.settled();
    at.signal("SIGSTOP");
    // The fetch that waits at the broker is answered with the first of these; what comes after the gap is not it.
    await at.send(0, 1, "before");
    await at.send(0, 500, "gone");
    await at.send(0, 1, "beyond");
    await trim(rideEvents(), [10 + 2 + 1_000]);
    at.signal("SIGCONT");
    saysSo(
      await at.ended(),
      "log_trimmed",
      /cannot be read from offset \d+: the log begins at 1012, .*under log_trimmed/,
    );
    const naming = { prefix: at.variables.WAYMARK_TOPIC_PREFIX!, generation: 1 };
    for (const topic of ["city-partials", "ride-facts", "late-events", "dead-letters"] as const) {
      const values = (await publishedOn(at.log, topic, naming)).map(({ value }) => fromUtf8(value));
      assert.ok(!values.some((value) => value.includes('"beyond"')), `${topic} has what came after the gap`);
    }
    // Nor does it begin again by itself.
    await refuses("log_trimmed", /records are gone/);
  });

  it("ends where its topic was made anew under it and is shorter: log_behind_snapshot", async () => {
    at = await installation({ folder, variables: { ...services.variables, WAYMARK_SESSION_MS: "60000" } });
    await at.begin();
    for (const partition of [0, 1]) await at.send(partition, 5);
    await at.settled();
    at.signal("SIGSTOP");
    await recreate([1, 1]);
    const before = ofEvents(await at.published());
    at.signal("SIGCONT");
    saysSo(
      await at.ended(),
      "log_behind_snapshot",
      /from offset 10, but the log ends at 2: .*raise WAYMARK_LOG_EPOCH/,
    );
    assert.deepEqual(ofEvents(await at.published()), before);
  });

  it("ends where its topic was made anew under it and is longer: log_replaced", async () => {
    at = await installation({ folder, variables: { ...services.variables, WAYMARK_SESSION_MS: "60000" } });
    await at.begin();
    for (const partition of [0, 1]) await at.send(partition, 5);
    await at.settled();
    const stoppedAtMs = systemClock.monotonicMs();
    at.signal("SIGSTOP");
    await recreate([20, 20]);
    await until(
      "a while went by",
      async () => systemClock.monotonicMs() - stoppedAtMs > 1.5 * vouchedMsMax,
      9_000,
    );
    const before = ofEvents(await at.published());
    at.signal("SIGCONT");
    saysSo(
      await at.ended(),
      "log_replaced",
      /offset 9 is not the one that was read: .*raise WAYMARK_LOG_EPOCH/,
    );
    assert.deepEqual(ofEvents(await at.published()), before);
  });

  it("without a stop ends where its topic was made anew and is longer, whichever it meets first", async () => {
    at = await installation({ folder, variables: { ...services.variables } });
    await at.begin();
    for (const partition of [0, 1]) await at.send(partition, 5);
    await at.settled();
    const before = ofEvents(await at.published());
    await recreate([20, 20]);
    const ending = await at.ended();
    const code = ending.output.includes("[log_replaced]") ? "log_replaced" : "log_behind_snapshot";
    saysSo(ending, code, /offset (?:9 is not|10, but the log ends at) .*raise WAYMARK_LOG_EPOCH and/);
    assert.deepEqual(ofEvents(await at.published()), before);
    await refuses("log_replaced", /offset 9 is not the one that was folded/);
  });

  it("ends when its topic has got more partitions and the group shares them out: partition_count_changed", async () => {
    at = await installation({ folder, variables: { ...services.variables } });
    await at.begin();
    for (const partition of [0, 1]) await at.send(partition, 5);
    await at.settled();
    await at.admin.createPartitions({ topicPartitions: [{ topic: rideEvents(), count: 3 }] });
    await eventually("they are there", async () => await at.log.partitionCount(rideEvents()) === 3);
    await at.changed();
    await at.send(2, 5, "beyond");
    // As after any rebalance: this one by a process that was silent for longer than its session.
    at.signal("SIGSTOP");
    const groupId = `${at.variables.WAYMARK_GROUP}-rides-g1`;
    await until("its session is over", async () => {
      const { groups: [group] } = await at.admin.describeGroups([groupId]);
      return group!.members.length === 0;
    }, 30_000);
    const before = ofEvents(await at.published());
    at.signal("SIGCONT");
    saysSo(
      await at.ended(),
      "partition_count_changed",
      /had 2 partitions when .* Start a new WAYMARK_GENERATION/,
    );
    assert.deepEqual(ofEvents(await at.published()), before);
  });
});
