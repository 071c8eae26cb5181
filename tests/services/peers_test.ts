/** The comparison at tiny size: Waymark and the plain program come to the recount, and a wrong system is told of. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { after, before, describe, it } from "node:test";
import { measure } from "../../bench/peers/measure.ts";
import { type System, systems } from "../../bench/peers/systems.ts";
import { type Filled, fillTopics } from "../../bench/peers/topics.ts";
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import type { Log } from "../../src/log/port.ts";
import { hourMs, minuteMs, systemClock } from "../../src/time.ts";
import { brokers, freshPrefix } from "./kafka_under_test.ts";

const events = 5_000;

describe("bench:peers", () => {
  let folder: string;
  let log: Log;
  let filled: Filled;
  /** A topic of its own for the system whose results have the same name as another's. */
  let shared: Filled;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "waymark-peers-test-"));
    log = await openKafkaLog({ brokers, clock: systemClock });
    [filled, shared] = await fillTopics(brokers.join(","), [freshPrefix(), freshPrefix()], { events }) as [
      Filled,
      Filled,
    ];
  });
  after(async () => {
    await log.close();
    await rm(folder, { recursive: true, force: true });
  });
  const redisUrl = process.env.REDIS_URL ?? assert.fail("set REDIS_URL; `waymark services` prints it");
  const options = (stalledMs: number, limitMs = 5 * minuteMs) => ({
    ...{ log, brokers: brokers.join(","), redisUrl, folder, stalledMs, limitMs },
  });
  const named = (name: string) => systems.find((system) => system.name === name)!;

  for (const name of ["waymark", "waymark-2-workers", "waymark-windows", "kafkajs-deno", "kafkajs-node"]) {
    it(`${name} publishes every window of the recount, and its cost is read`, async () => {
      const { correct, verdict, cpuSeconds, peakMb } = await measure(
        named(name),
        name === "waymark-2-workers" ? shared : filled,
        options(2 * minuteMs),
      );
      assert.ok(correct, JSON.stringify(verdict));
      assert.ok(cpuSeconds > 0 && peakMb > 10);
    });
  }

  it("windows of an hour are asked for of all", async () => {
    const [hour] = await fillTopics(brokers.join(","), [freshPrefix()], { events, windowMs: hourMs });
    assert.ok(hour!.expected.size > filled.expected.size + 50 * 50);
    for (const name of ["waymark", "waymark-windows", "kafkajs-deno"]) {
      const { correct, verdict } = await measure(named(name), hour!, options(2 * minuteMs));
      assert.ok(correct, `${name}: ${JSON.stringify(verdict)}`);
    }
  });

  for (
    const [what, stalledMs, limitMs] of [
      ["a system that publishes nothing", 500, minuteMs],
      ["one over its time", minuteMs, 500],
    ] as const
  ) {
    it(`${what} is not correct`, async () => {
      const idle: System = {
        ...named("kafkajs-node"),
        name: `idle-${limitMs}`,
        output: { topic: (prefix) => `${prefix}out-idle-${limitMs}`, own: false },
        start: () => ({ command: "node", args: ["-e", "setInterval(() => {}, 1000)"] }),
      };
      const { correct, verdict, endedWith } = await measure(idle, filled, options(stalledMs, limitMs));
      assert.deepEqual([correct, endedWith], [false, null]);
      assert.equal(verdict.missing, filled.expected.size);
    });
  }

  it("a system that ends is told of with its last words", async () => {
    const ending: System = {
      ...named("kafkajs-node"),
      name: "ending",
      output: { topic: (prefix) => `${prefix}out-ending`, own: false },
      start: () => ({ command: "node", args: ["-e", "console.error('no such class')"] }),
    };
    const { correct, endedWith } = await measure(ending, filled, options(minuteMs));
    assert.equal(correct, false);
    assert.match(endedWith!, /no such class/);
  });
});
