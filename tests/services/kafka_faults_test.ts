/**
 * A broker of our own that is stopped, killed and begun again under a producer and a reader; and one that asks for a
 * password. Starts its own services, so that nobody else's are disturbed.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { type Services, startServices, stopServices } from "../../src/commands/services.ts";
import { fromUtf8, utf8 } from "../../src/ids.ts";
import { type KafkaLogOptions, openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { systemClock } from "../../src/time.ts";
import { codeOf, eventually } from "../conformance/eventually.ts";
import { groupRecorder } from "../conformance/group_recorder.ts";

let services: Services;
const started: number[] = [];

before(async () => {
  services = await startServices({ folder: await mkdtemp(join(tmpdir(), "waymark-services-")) });
});
after(async () => {
  for (const pid of started) process.kill(pid, "SIGKILL");
  await stopServices(services.folder);
});

const open = (options: Partial<KafkaLogOptions> = {}) =>
  openKafkaLog({
    brokers: services.variables.KAFKA_BROKERS.split(","),
    clock: systemClock,
    timing: { connectMs: 1_000, requestMs: 1_000, patienceMs: 2_000, heartbeatMs: 100, sessionMs: 10_000 },
    ...options,
  });

const brokerPid = () => started.at(-1) ?? services.processes.find((p) => p.name === "kafka 1")!.pid;

/** Kills the broker as a power cut of its process would, and begins it again with the same command line. */
async function killAndRestart(): Promise<void> {
  const pid = brokerPid();
  const [program, ...args] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  process.kill(pid, "SIGKILL");
  await eventually("the broker is gone", () => !isThere(pid));
  const child = spawn(program!, args, { stdio: "ignore", detached: true });
  await new Promise((resolve) => child.once("spawn", resolve));
  child.unref();
  started.push(child.pid!);
}

function isThere(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}

describe("a producer and a reader", () => {
  let log: Log;
  beforeEach(async () => log = await open());
  afterEach(async () => await log.close());

  const faults: [what: string, fault: () => Promise<void>][] = [
    ["a broker that does not answer for three time-outs", async () => {
      process.kill(brokerPid(), "SIGSTOP");
      const startedMs = systemClock.monotonicMs();
      await eventually("time went by", () => systemClock.monotonicMs() - startedMs > 3_500);
      process.kill(brokerPid(), "SIGCONT");
    }],
    ["a broker that is killed and begun again", killAndRestart],
  ];
  for (const [what, fault] of faults) {
    it(`lose nothing and keep the order over ${what}`, async () => {
      const topic = `events-${started.length}`;
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
      let refused = 0;
      const appended: string[] = [];
      const appending = (async () => {
        for (let n = 0; !isOver; n++) {
          const value = String(n).padStart(6, "0");
          const call = [0, 1].map((partition) => ({ topic, partition, key: null, value: utf8(value) }));
          while (await codeOf(() => log.append(call)) === "log_unavailable") refused++;
          appended.push(value);
        }
      })();
      await eventually("appends go through", () => appended.length > 50);
      await fault();
      const count = appended.length;
      await eventually("appends go through again", () => appended.length > count + 50, 60_000);
      isOver = true;
      await appending;
      const inAll = () => read.every((values) => values.includes(appended.at(-1)!));
      await eventually("the last record was read", inAll, 60_000);
      for (const values of read) {
        const firsts = [...new Set(values)];
        assert.deepEqual(firsts, appended, `nothing lost, in order (${refused} calls refused)`);
      }
      await member.commit([{ topic, partition: 0, offset: 5, metadata: "" }]);
      await member.leave();
      assert.deepEqual([...recorder.breaches, ...recorder.errors], []);
    });
  }
});

describe("SASL", () => {
  const brokers = () => services.saslBrokers.split(",");
  const identity = { username: "waymark", password: "waymark-services" };

  for (const mechanism of ["plain", "scram-sha-256", "scram-sha-512"] as const) {
    it(`${mechanism} lets in with the right password and says no at once with a wrong one`, async () => {
      const log = await open({ brokers: brokers(), security: { sasl: { mechanism, ...identity } } });
      // The advertised address of this listener is used for everything after the first look-up.
      await log.ensureTopics([{ topic: mechanism, partitions: 1, retentionMs: 60_000 }]);
      await log.append([{ topic: mechanism, partition: 0, key: null, value: utf8("in") }]);
      assert.equal((await log.read({ topic: mechanism, partition: 0 }, 0, 1)).length, 1);
      await log.close();
      const sasl = { mechanism, username: "waymark", password: "wrong" };
      const startedMs = systemClock.monotonicMs();
      await assert.rejects(open({ brokers: brokers(), security: { sasl } }), /log_unavailable|uthenticat/);
      assert.ok(systemClock.monotonicMs() - startedMs < 3_000);
    });
  }

  it("without a password there is no way in, and TLS never falls back to plain text", async () => {
    assert.equal(await codeOf(() => open({ brokers: brokers() })), "log_unavailable");
    assert.equal(await codeOf(() => open({ security: { tls: true } })), "log_unavailable");
  });
});
