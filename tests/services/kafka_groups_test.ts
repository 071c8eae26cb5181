/** What only a real group shows: sessions, members that are thrown out, logs trimmed under a reader. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { afterEach, beforeEach, describe, it } from "node:test";
import type { Log, Membership } from "../../src/log/port.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import { encodeMember, protocolName } from "../../src/log/kafka/rebalance.ts";
import { systemClock } from "../../src/time.ts";
import { codeOf, eventually } from "../conformance/eventually.ts";
import { groupRecorder, type Recorder, type RecorderOptions } from "../conformance/group_recorder.ts";
import { numbered } from "../conformance/log_suite.ts";
import { brokers, freshPrefix, quickTiming, withNodes } from "./kafka_under_test.ts";

const partitions = 4;
let log: Log;
let topic: string;
let group: string;

beforeEach(async () => {
  const prefix = freshPrefix();
  [topic, group] = [`${prefix}events`, `${prefix}group`];
  log = await open();
  await log.ensureTopics([{ topic, partitions, retentionMs: 60_000 }]);
});
afterEach(async () => await log.close());

const open = (timing = {}, address?: string) =>
  openKafkaLog({
    brokers,
    clock: systemClock,
    replicationFactor: 1,
    timing: { ...quickTiming, ...timing },
    ...(address !== undefined && { address }),
  });

async function join(
  options: RecorderOptions & { log?: Log; batchRecordsMax?: number } = {},
): Promise<{ recorder: Recorder; member: Membership }> {
  const recorder = groupRecorder(options);
  const { batchRecordsMax = 100 } = options;
  const handlers = recorder.handlers;
  const member = await (options.log ?? log).join({ group, topics: [topic], handlers, batchRecordsMax });
  return { recorder, member };
}

const appendEverywhere = (count: number, from = 0) =>
  log.append([0, 1, 2, 3].flatMap((partition) => numbered(topic, { partition, count, from })));

const delivered = (recorder: Recorder) => [...recorder.offsets.values()].flat().length;
const callsOf = (recorder: Recorder, name: string) => recorder.calls.filter((c) => c.startsWith(name));

describe("a member of a Kafka group", () => {
  it("keeps its partitions while a handler works far longer than the session", async () => {
    const other = await open({ sessionMs: 5_000 });
    const held = Promise.withResolvers<void>();
    await appendEverywhere(1);
    const slow = await join({ log: other, onBatch: ({ partition }) => partition === 0 && held.promise });
    await eventually("it is in its batches", () => delivered(slow.recorder) === 4);
    const startedMs = systemClock.monotonicMs();
    await eventually("two sessions went by", () => systemClock.monotonicMs() - startedMs > 10_000);
    held.resolve();
    await slow.member.commit([{ topic, partition: 0, offset: 1, metadata: "late" }]);
    assert.deepEqual(callsOf(slow.recorder, "lost"), []);
    assert.equal((await log.committed(group, topic))[0]!.metadata, "late");
    await other.close();
  });

  it("that was thrown out is told lost, and comes back under a new id", async () => {
    await appendEverywhere(1);
    const { recorder, member } = await join();
    await eventually("all is read", () => delivered(recorder) === 4);
    const { memberId } = member;
    await withNodes(async (nodes) => {
      await nodes.at(await nodes.coordinatorOf(group), "LeaveGroup", { groupId: group, memberId });
    });
    await eventually("all are lost", () => callsOf(recorder, "lost").length === partitions);
    await eventually("all are assigned again", () => callsOf(recorder, "assigned").length === 2 * partitions);
    assert.notEqual(member.memberId, memberId);
    await eventually("all is read again", () => delivered(recorder) === 8);
    await member.leave();
    assert.deepEqual(recorder.breaches, []);
  });

  it("keeps what it has, without a word, while others come and go", async () => {
    const first = await join();
    await eventually("all assigned", () => first.recorder.holding.size === partitions);
    const second = await join();
    await eventually(
      "two each",
      () => first.recorder.holding.size === 2 && second.recorder.holding.size === 2,
    );
    const third = await join();
    await eventually("one moved", () => third.recorder.holding.size === 1);
    const moved = [first, second].flatMap(({ recorder }) => callsOf(recorder, "revoked"));
    assert.equal(moved.length, 3, "two for the second member, one for the third");
    assert.equal(callsOf(first.recorder, "assigned").length, partitions, "nothing was assigned twice");
    for (const { member } of [third, second, first]) await member.leave();
    const all = [first, second, third];
    assert.deepEqual(all.flatMap((m) => [...m.recorder.breaches, ...callsOf(m.recorder, "lost")]), []);
  });

  it("goes on reading and committing while another one holds up the rebalance", async () => {
    await appendEverywhere(1);
    // Two partitions are given back for the newcomer and come again when it is out: from where they were.
    const { recorder, member } = await join({
      batchRecordsMax: 1,
      from: ({ partition }) => recorder.offsets.get(partition)?.length ?? 0,
    });
    await eventually("all is read", () => delivered(recorder) === 4);
    await holdUpRebalance();
    await appendEverywhere(5, 1);
    await eventually("the new records came", () => delivered(recorder) >= 4 + 3 * 5);
    const [kept] = member.assignment();
    await member.commit([{ ...kept!, offset: 3, metadata: "meanwhile" }]);
    await eventually("everything came in the end", () => delivered(recorder) === 24);
    await member.leave();
    assert.deepEqual(recorder.breaches, []);
  });

  it("is seen with its process's address and what it was given, also while the group waits for somebody", async () => {
    const [here, there] = [await open({}, "http://127.0.0.1:1"), await open({}, "http://127.0.0.1:2")];
    const first = await join({ log: here });
    const second = await join({ log: there });
    const seen = async () =>
      (await log.members(group)).map(({ memberId, address, holds }) =>
        `${memberId} ${address} ${holds.length}`
      ).sort();
    const settled = [first, second].map(({ member }, i) => `${member.memberId} http://127.0.0.1:${i + 1} 2`)
      .sort();
    await eventually("both are seen with two", async () => String(await seen()) === String(settled));
    await holdUpRebalance();
    let met: string[] = [];
    await withNodes(async (nodes) => {
      const node = await nodes.coordinatorOf(group);
      type Described = { groups: { state: string }[] };
      const isWaiting = async () => {
        const { groups: [found] } = await nodes.at<Described>(node, "DescribeGroups", { groupIds: [group] });
        return found?.state === "PreparingRebalance";
      };
      await eventually("the group waits for the one that stays away", async () => {
        met = await isWaiting() ? await seen() : [];
        return met.length === 3 && await isWaiting();
      });
    });
    assert.equal(met.filter((view) => view.includes(" http://127.0.0.1:")).length, 2, met.join());
    await eventually(
      "it is settled without the one that stays away",
      async () => String(await seen()) === String(settled),
    );
    await first.member.leave();
    await second.member.leave();
    await Promise.all([here.close(), there.close()]);
  });

  it("stops with log_trimmed where the log was trimmed above its position; it never jumps", async () => {
    await appendEverywhere(10);
    const { recorder, member } = await join({
      batchRecordsMax: 1,
      onBatch: (tp) => member.pause(tp),
    });
    await eventually("one each", () => delivered(recorder) === 4);
    await appendEverywhere(3_000, 10);
    await trim(0, 3_000);
    member.resume({ topic, partition: 0 });
    await eventually("read on until the gap", () => {
      member.resume({ topic, partition: 0 });
      return recorder.errors.length === 1;
    });
    assert.equal((recorder.errors[0] as { code: string }).code, "log_trimmed");
    const read = recorder.offsets.get(0)!;
    assert.deepEqual(read, Array.from({ length: read.length }, (_, offset) => offset));
    await member.leave();
  });

  it("is refused a beginning below the log start", async () => {
    await appendEverywhere(10);
    await trim(1, 5);
    const { recorder, member } = await join({ from: () => 4 });
    await eventually("it was refused", () => recorder.errors.length === 1);
    assert.equal((recorder.errors[0] as { code: string }).code, "log_trimmed");
    await eventually("the others are read", () => delivered(recorder) === 18);
    await member.leave();
  });

  it("is not let into a group of another kind", async () => {
    const { member } = await join();
    await withNodes(async (nodes) => {
      const node = await nodes.coordinatorOf(group);
      const groupProtocols = [{ name: "RoundRobinAssigner", metadata: Buffer.alloc(0) }];
      const args = { groupId: group, sessionTimeout: 3_000, rebalanceTimeout: 3_000, memberId: "" };
      const answer = await nodes.at<{ errorCode: number }>(node, "JoinGroup", {
        ...args,
        protocolType: "consumer",
        groupProtocols,
      });
      assert.equal(answer.errorCode, 23);
    });
    await member.leave();
  });

  it("joins no topic that does not exist", async () => {
    const handlers = groupRecorder().handlers;
    const joining = () => log.join({ group, topics: [`${topic}-other`], handlers });
    assert.equal(await codeOf(joining), "topic_mismatch");
  });

  /** A member that joins and never again: the group waits for it until its session is over. */
  async function holdUpRebalance(): Promise<void> {
    await withNodes(async (nodes) => {
      const args = {
        groupId: group,
        sessionTimeout: 15_000,
        rebalanceTimeout: 15_000,
        protocolType: "consumer",
      };
      const self = encodeMember({ topics: [topic], holds: [], isLeaving: false, address: null });
      const groupProtocols = [{ name: protocolName, metadata: self }];
      const ask = (memberId: string) =>
        nodes.at<{ memberId: string }>(node, "JoinGroup", { ...args, memberId, groupProtocols }, 10_000);
      const node = await nodes.coordinatorOf(group);
      await ask((await ask("")).memberId);
    });
  }

  async function trim(partition: number, offset: number): Promise<void> {
    await withNodes(async (nodes) => {
      const leader = await nodes.leaderOf({ topic, partition });
      const topics = [{ topic, partitions: [{ partition, offset: String(offset) }] }];
      await nodes.at(leader, "DeleteRecords", { topics, timeout: 10_000 });
    });
  }
});

describe("appended", () => {
  it("resolves at the append of another process that came after the last read", async () => {
    const other = await open();
    assert.deepEqual(await log.read({ topic, partition: 2 }, 0, 1), []);
    await other.append(numbered(topic, { partition: 2 }));
    await log.appended(topic);
    const next = log.appended(topic);
    await other.append(numbered(topic, { partition: 3 }));
    await next;
    await other.close();
  });
});
