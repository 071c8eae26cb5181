/**
 * A cluster of one broker that is stopped, killed and begun again under a producer and a reader. Starts its own
 * services, so that nobody else's are disturbed.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import process from "node:process";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { messageOf } from "../../src/errors.ts";
import type { Services } from "../../src/commands/services.ts";
import { isRunning, lastWords, launch, type Launched } from "../../src/commands/services/launched.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { type KafkaLogOptions, openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log, NewRecord } from "../../src/log/port.ts";
import { systemClock } from "../../src/time.ts";
import { codeOf, eventually } from "../conformance/eventually.ts";
import { groupRecorder } from "../conformance/group_recorder.ts";
import { type Borrowed, ownServices } from "./services_under_test.ts";

const patienceMs = 2_000;

let own: Borrowed;
let services: Services;
let broker: Launched;
let command: string[];

before(async () => {
  own = await ownServices();
  services = own.services;
  broker = services.processes.find((p) => p.name === "kafka 1")!;
});
after(async () => {
  if (isRunning(broker)) process.kill(broker.pid, "SIGKILL");
  await own.giveBack();
});

const open = (options: Partial<KafkaLogOptions> = {}) =>
  openKafkaLog({
    brokers: services.variables.KAFKA_BROKERS.split(","),
    clock: systemClock,
    timing: { connectMs: 1_000, requestMs: 1_000, patienceMs, heartbeatMs: 100, sessionMs: 10_000 },
    ...options,
  });

/** Kills the broker as a power cut of its process would; the result begins it again with the same command line. */
async function kill(): Promise<() => Promise<void>> {
  command = readFileSync(`/proc/${broker.pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  process.kill(broker.pid, "SIGKILL");
  await eventually("the broker is gone", () => !isRunning(broker));
  return begin;
}

async function begin(): Promise<void> {
  broker = await launch(broker.name, command, broker);
}

/** Begins a broker anew that ended by itself, as its supervisor would. Says on failure what is known of it. */
async function eventuallyServed(what: string, condition: () => boolean, known = () => ""): Promise<void> {
  let begunAnew = 0;
  const served = async () => {
    if (!isRunning(broker)) {
      await begin();
      begunAnew++;
    }
    return condition();
  };
  try {
    await eventually(what, served, 180_000);
  } catch (error) {
    const broken = `the broker was begun anew ${begunAnew} times and wrote: ${await lastWords(broker)}`;
    throw new Error(`${messageOf(error)}; ${broken}; ${known()}`);
  }
}

async function refusalOf(log: Log, records: NewRecord[]): Promise<string | null> {
  try {
    await log.append(records);
    return null;
  } catch (error) {
    return `${(error as { code?: string }).code}: ${messageOf(error)}`;
  }
}

async function wentBy(ms: number): Promise<void> {
  const startedMs = systemClock.monotonicMs();
  await eventually("time went by", () => systemClock.monotonicMs() - startedMs > ms);
}

describe("a producer and a reader", () => {
  let log: Log;
  beforeEach(async () => log = await open());
  afterEach(async () => await log.close());

  const faults: [what: string, fault: () => Promise<void>][] = [
    ["a broker that does not answer for three time-outs", async () => {
      process.kill(broker.pid, "SIGSTOP");
      await wentBy(3_500);
      process.kill(broker.pid, "SIGCONT");
    }],
    ["a broker that is killed and begun again", async () => await (await kill())()],
    ["a time without any broker, longer than the patience of every operation", async () => {
      const begin = await kill();
      await wentBy(2 * patienceMs);
      await begin();
    }],
  ];
  for (const [number, [what, fault]] of faults.entries()) {
    it(`lose nothing and keep the order over ${what}`, async () => {
      const topic = `events-${number}`;
      await log.ensureTopics([{ topic, partitions: 2, retentionMs: 60_000 }]);
      const position = new Map<number, number>();
      const read: string[][] = [[], []];
      const recorder = groupRecorder({
        from: ({ partition }) => position.get(partition) ?? 0,
        onBatch: ({ partition }, records) => {
          for (const record of records) {
            assert.equal(record.offset, position.get(partition) ?? 0);
            position.set(partition, record.offset + 1);
            read[partition]!.push(fromUtf8(record.value));
          }
        },
      });
      const member = await log.join({ group: topic, topics: [topic], handlers: recorder.handlers });

      let isOver = false;
      const refusals: string[] = [];
      const appended: string[] = [];
      const appending = (async () => {
        for (let n = 0; !isOver; n++) {
          const value = String(n).padStart(6, "0");
          const call = [0, 1].map((partition) => ({ topic, partition, key: null, value: utf8(value) }));
          let refusal = await refusalOf(log, call);
          for (; refusal !== null && !isOver; refusal = await refusalOf(log, call)) refusals.push(refusal);
          if (refusal === null) appended.push(value);
        }
      })();
      try {
        await eventually("appends go through", () => appended.length > 50);
        await fault();
        const count = appended.length;
        const lastRefusals = () => refusals.slice(-3).join("; ");
        await eventuallyServed("appends go through again", () => appended.length > count + 50, lastRefusals);
      } finally {
        isOver = true;
        await appending;
      }
      const inAll = () => read.every((values) => values.includes(appended.at(-1)!));
      await eventuallyServed("the last record was read", inAll);
      for (const values of read) {
        const firsts = [...new Set(values)];
        assert.deepEqual(firsts, appended, `nothing lost, in order (${refusals.length} calls refused)`);
      }
      assert.ok(refusals.every((refusal) => refusal.startsWith("log_unavailable: ")), refusals.join());
      await member.commit([{ topic, partition: 0, offset: 5, metadata: "" }]);
      await member.leave();
      assert.deepEqual([...recorder.breaches, ...recorder.errors], []);
    });
  }

  it("a partition that is assigned while there is no broker begins when there is one", async () => {
    const topic = "events-assigned";
    await log.ensureTopics([{ topic, partitions: 1, retentionMs: 60_000 }]);
    await log.append([{ topic, partition: 0, key: null, value: utf8("before") }]);
    const gate = Promise.withResolvers<number>();
    const recorder = groupRecorder({ from: () => gate.promise });
    const member = await log.join({ group: topic, topics: [topic], handlers: recorder.handlers });
    await eventually("it is being assigned", () => recorder.calls.includes("assigned 0"));
    const begin = await kill();
    gate.resolve(0);
    assert.equal(await codeOf(() => log.bounds(topic)), "log_unavailable");
    await wentBy(patienceMs);
    assert.deepEqual([recorder.errors, recorder.offsets.get(0)], [[], undefined]);
    await begin();
    await eventuallyServed("it is read", () => recorder.offsets.get(0)?.length === 1);
    await member.leave();
    assert.deepEqual([...recorder.breaches, ...recorder.errors], []);
  });
});
