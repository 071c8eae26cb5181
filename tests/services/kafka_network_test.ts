/**
 * A network that breaks without a word: connections that carry nothing any more, answers that never come. The client
 * goes by way of a proxy, to which the broker sends it; who looks on does not.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { systemClock } from "../../src/time.ts";
import { codeOf, eventually } from "../conformance/eventually.ts";
import { groupRecorder, type Recorder } from "../conformance/group_recorder.ts";
import { numbered, valuesOf } from "../conformance/log_suite.ts";
import { freshPrefix } from "./kafka_under_test.ts";
import { type Borrowed, borrowServices } from "./services_under_test.ts";
import { type ProxiedConnection, startTcpProxy, type TcpProxy } from "./tcp_proxy.ts";

const partitions = 2;
const patienceMs = 2_000;
const timing = { connectMs: 1_000, requestMs: 1_000, patienceMs, heartbeatMs: 100 };

let borrowed: Borrowed;
let proxy: TcpProxy;
let far: Log;
let near: Log;
let topic: string;

before(async () => void (borrowed = await borrowServices()));
after(() => borrowed.giveBack());
beforeEach(async () => {
  const [{ port, advertisedPort }] = borrowed.services.proxied as [{ port: number; advertisedPort: number }];
  proxy = await startTcpProxy({ to: port, port: advertisedPort });
  far = await openFar(10_000);
  near = await openKafkaLog({
    brokers: borrowed.services.variables.KAFKA_BROKERS.split(","),
    clock: systemClock,
    replicationFactor: 1,
  });
  topic = `${freshPrefix()}events`;
  await near.ensureTopics([{ topic, partitions, retentionMs: 60_000 }]);
});
afterEach(async () => {
  proxy.set("pass");
  await Promise.all([far.close(), near.close()]);
  await proxy.close();
});

function openFar(sessionMs: number): Promise<Log> {
  return openKafkaLog({
    brokers: [`127.0.0.1:${proxy?.port ?? borrowed.services.proxied[0]!.advertisedPort}`],
    clock: systemClock,
    timing: { ...timing, sessionMs },
  });
}

/** Reads on from where it was, however often it is assigned. */
async function reading(log = far) {
  const recorder: Recorder = groupRecorder({
    from: ({ partition }) => (recorder.offsets.get(partition)?.at(-1) ?? -1) + 1,
  });
  const member = await log.join({ group: topic, topics: [topic], handlers: recorder.handlers });
  return { recorder, member };
}

const appendNear = (from: number, count: number) =>
  near.append([0, 1].flatMap((partition) => numbered(topic, { partition, from, count })));

const hasAll = (recorder: Recorder, count: number) => () =>
  [0, 1].every((partition) => recorder.offsets.get(partition)?.length === count);

const callsOf = (recorder: Recorder, name: string) => recorder.calls.filter((c) => c.startsWith(name)).length;

/** A request says in its fifth and sixth byte what it is. */
const fetchApi = 1;
const fetching = (connection: ProxiedConnection) => {
  const sent = connection.lastSent();
  return sent !== null && sent.length >= 6 && sent.readInt16BE(4) === fetchApi;
};

async function wentBy(ms: number): Promise<void> {
  const startedMs = systemClock.monotonicMs();
  await eventually("time went by", () => systemClock.monotonicMs() - startedMs > ms);
}

function assertInOrder(recorder: Recorder, count: number): void {
  const expected = Array.from({ length: count }, (_, offset) => offset);
  for (const partition of [0, 1]) assert.deepEqual(recorder.offsets.get(partition), expected);
  assert.deepEqual([...recorder.breaches, ...recorder.errors], []);
}

describe("a member whose fetch connection carries nothing any more", () => {
  it("gives it up and reads on over another one; its partitions stay", async () => {
    const { recorder, member } = await reading();
    await appendNear(0, 5);
    await eventually("all is read", hasAll(recorder, 5));
    await eventually("it is fetching", () => proxy.connections().some(fetching));
    const silent = proxy.connections().filter(fetching);
    for (const connection of silent) connection.set("hold");
    await appendNear(5, 5);
    await eventually("all is read again", hasAll(recorder, 10));
    assert.ok(proxy.connections().some((c) => fetching(c) && !silent.includes(c)), "over another connection");
    assertInOrder(recorder, 10);
    assert.deepEqual([callsOf(recorder, "assigned"), callsOf(recorder, "lost")], [partitions, 0]);
    await member.leave();
  });
});

describe("a member whose every connection carries nothing any more", () => {
  it("keeps its partitions when new ones do, within its session", async () => {
    const { recorder, member } = await reading();
    await appendNear(0, 5);
    await eventually("all is read", hasAll(recorder, 5));
    for (const connection of proxy.connections()) connection.set("hold");
    await appendNear(5, 5);
    await eventually("all is read again", hasAll(recorder, 10));
    await member.commit([{ topic, partition: 0, offset: 10, metadata: "after" }]);
    assertInOrder(recorder, 10);
    assert.deepEqual([callsOf(recorder, "assigned"), callsOf(recorder, "lost")], [partitions, 0]);
    await member.leave();
  });

  it("has its partitions again after a cut longer than its patience and its session, and nothing is lost", async () => {
    const other = await openFar(6_000);
    const { recorder, member } = await reading(other);
    await appendNear(0, 5);
    await eventually("all is read", hasAll(recorder, 5));
    proxy.set("hold");
    await eventually("the group has given it up", async () => (await near.members(topic)).length === 0);
    assert.equal(await codeOf(() => other.append(numbered(topic))), "log_unavailable");
    await wentBy(patienceMs);
    assert.deepEqual(recorder.errors, []);
    await appendNear(5, 5);
    proxy.set("pass");
    await eventually("all are assigned again", () => callsOf(recorder, "assigned") >= 2 * partitions);
    assert.ok(callsOf(recorder, "lost") >= partitions);
    await eventually(
      "it is seen again",
      async () => (await near.members(topic))[0]?.holds.length === partitions,
    );
    const end = (await near.bounds(topic)).map((b) => b.end);
    await eventually(
      "all is read again",
      () => [0, 1].every((partition) => recorder.offsets.get(partition)?.length === end[partition]),
    );
    assert.deepEqual(recorder.errors, []);
    await member.leave();
    await other.close();
  });
});

describe("an append whose answer never comes", () => {
  it("is repeated over another connection, and the records are there once", async () => {
    await far.append(numbered(topic));
    for (const connection of proxy.connections()) connection.set("drop_to_client");
    await far.append(numbered(topic, { from: 1, count: 3 }));
    await far.append(numbered(topic, { from: 4 }));
    const values = valuesOf(await near.read({ topic, partition: 0 }, 0, 100));
    assert.deepEqual(values, ["a0", "a1", "a2", "a3", "a4"]);
  });

  it("is refused after its patience when nobody answers, and the next one goes through when somebody does", async () => {
    await far.append(numbered(topic));
    proxy.set("reset");
    assert.equal(await codeOf(() => far.append(numbered(topic, { from: 1 }))), "log_unavailable");
    proxy.set("pass");
    await far.append(numbered(topic, { from: 2 }));
    assert.deepEqual(valuesOf(await near.read({ topic, partition: 0 }, 0, 100)), ["a0", "a2"]);
  });
});
