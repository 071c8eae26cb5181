/**
 * Processes that come back under the name they had (static membership): they take their place again at once, and two
 * that have the same name do not take it from each other for ever.
 */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type KafkaLogOptions, openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { minuteMs, systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { groupRecorder } from "../conformance/group_recorder.ts";
import { numbered } from "../conformance/log_suite.ts";
import { brokers, freshPrefix, quickTiming } from "./kafka_under_test.ts";

const partitions = 4;
let topic: string;
let group: string;
let opened: Log[];

beforeEach(async () => {
  const prefix = freshPrefix();
  [topic, group, opened] = [`${prefix}events`, `${prefix}group`, []];
  await (await open()).ensureTopics([{ topic, partitions, retentionMs: minuteMs }]);
});
afterEach(async () => void await Promise.all(opened.map((log) => log.close())));

/** With a session so long that waiting for its end would be noticed. */
async function open(options: Partial<KafkaLogOptions> = {}): Promise<Log> {
  const timing = { ...quickTiming, sessionMs: 10 * minuteMs };
  const log = await openKafkaLog({ brokers, clock: systemClock, replicationFactor: 1, timing, ...options });
  opened.push(log);
  return log;
}

async function join(log: Log) {
  const recorder = groupRecorder({});
  return { recorder, member: await log.join({ group, topics: [topic], handlers: recorder.handlers }) };
}

describe("an instance", () => {
  it("that begins again has its partitions at once, not after the session of the process before it", async () => {
    const troubles: string[] = [];
    const before = await join(await open({ instance: "node-1", onTrouble: (t) => void troubles.push(t) }));
    await eventually("it holds all", () => before.recorder.holding.size === partitions);
    const memberId = before.member.memberId;

    const again = await join(await open({ instance: "node-1" }));
    await eventually("the new process holds all", () => again.recorder.holding.size === partitions);
    assert.notEqual(again.member.memberId, memberId);

    // The old one lives still: it hears of it, and is a member like any other from then on.
    await eventually("it hears of it", () => troubles.some((told) => /has the instance node-1/.test(told)));
    await eventually("both share", () => before.recorder.holding.size === partitions / 2);
    assert.equal(again.recorder.holding.size, partitions / 2);
    const log = opened[0]!;
    await log.append([0, 1, 2, 3].flatMap((partition) => numbered(topic, { partition, count: 10, from: 0 })));
    const read = () =>
      [before, again].reduce((sum, { recorder }) => sum + [...recorder.offsets.values()].flat().length, 0);
    await eventually("everything is read", () => read() >= 4 * 10);
    await before.member.leave();
    await again.member.leave();
    assert.deepEqual([...before.recorder.errors, ...again.recorder.errors], []);
  });

  it("can commit, is listed with its address, and hands over at once when it leaves", async () => {
    const first = await join(await open({ instance: "node-1", address: "http://node-1:8080" }));
    await eventually("it holds all", () => first.recorder.holding.size === partitions);
    await first.member.commit([{ topic, partition: 0, offset: 3, metadata: "three" }]);
    const log = opened[0]!;
    assert.deepEqual((await log.committed(group, topic))[0], { offset: 3, metadata: "three" });
    assert.deepEqual((await log.members(group)).map(({ address }) => address), ["http://node-1:8080"]);

    const second = await join(await open({ instance: "node-2" }));
    await eventually("they share", () => second.recorder.holding.size === partitions / 2);
    await first.member.leave();
    await eventually("the other one holds all", () => second.recorder.holding.size === partitions);
    await second.member.leave();
    assert.deepEqual([...first.recorder.breaches, ...second.recorder.breaches], []);
  });

  it("that is killed while it gives partitions back, and begins again, leaves none without an owner", async () => {
    const script = fileURLToPath(new URL("stuck_member.ts", import.meta.url));
    const first = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "-A", script, brokers.join(","), group, topic, "node-1"],
    }).spawn();
    const [log] = opened as [Log];
    const shares = async () => (await log.members(group)).map(({ holds }) => holds.length).sort();
    await eventually("it holds all", async () => (await shares()).join() === `${partitions}`);
    const second = await join(await open({ instance: "node-2" }));
    // Told to give back two, for which the second one waits; it never does.
    await eventually("the group wants them to share", async () => (await shares()).join() === "0,2");
    first.kill("SIGKILL");
    await first.status;

    const again = await join(await open({ instance: "node-1" }));
    await eventually(
      "everything has an owner",
      () => [second, again].every(({ recorder }) => recorder.holding.size === partitions / 2),
      30_000,
    );
    await Promise.all([second.member.leave(), again.member.leave()]);
  });

  it("may have several members of one group: each is its own", async () => {
    const log = await open({ instance: "node-1" });
    const members = [await join(log), await join(log)];
    await eventually("they share", () => members.every((m) => m.recorder.holding.size === partitions / 2));
    await Promise.all(members.map((m) => m.member.leave()));
  });
});
