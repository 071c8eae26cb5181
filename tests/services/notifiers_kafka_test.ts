/** Receivers are told from a real Kafka: by one of two processes, and by the other one when the first has gone. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readConfig } from "../../src/config.ts";
import { utf8 } from "../../src/ids.ts";
import type { Log } from "../../src/log/port.ts";
import { topicName } from "../../src/log/topics.ts";
import { stageContext } from "../../src/node/context.ts";
import { type Notifiers, startNotifiers } from "../../src/node/notifiers.ts";
import { openConfiguredKafka } from "../../src/node/parts.ts";
import { namingOf, specsOf } from "../../src/node/pipeline.ts";
import { createSignals } from "../../src/telemetry/signals.ts";
import { systemClock } from "../../src/time.ts";
import { eventually } from "../conformance/eventually.ts";
import { localReceiver } from "../unit/alerts/local_receiver.ts";
import { transition } from "../unit/alerts/told.ts";
import { brokers, freshPrefix } from "./kafka_under_test.ts";

describe("notifiers over Kafka", () => {
  it("page once and end once, while processes come and go", async () => {
    const prefix = freshPrefix();
    const receiver = localReceiver();
    const config = readConfig({
      KAFKA_BROKERS: brokers.join(","),
      WAYMARK_TOPIC_PREFIX: prefix,
      WAYMARK_GROUP: `${prefix}group`,
      WAYMARK_SESSION_MS: "6000",
      WAYMARK_PAGERDUTY_KEY: "a-routing-key-of-ours",
      WAYMARK_PAGERDUTY_URL: receiver.url,
    });
    const context = stageContext(config);
    const started: { log: Log; notifiers: Notifiers }[] = [];
    async function start(node: string): Promise<{ log: Log; notifiers: Notifiers }> {
      const log = await openConfiguredKafka({ config, clock: systemClock, instance: node });
      await log.ensureTopics(specsOf(config));
      const signals = createSignals(systemClock, "text", () => {});
      const failed = (_: unknown, error: unknown) => assert.fail(String(error));
      const notifiers = await startNotifiers({ config, log, clock: systemClock, signals, node, failed });
      started.push({ log, notifiers });
      return { log, notifiers };
    }
    const cities = Array.from({ length: 12 }, (_, n) => `city-${n}`);
    const publish = (log: Log, state: "firing" | "resolved", minute: number) =>
      log.append(cities.map((city) => ({
        topic: topicName("alerts", namingOf(config)),
        partition: context.partitionOf("alerts", utf8(city)),
        key: utf8(city),
        value: utf8(JSON.stringify(transition(state, { minute, city }))),
      })));
    try {
      const first = await start("first");
      const second = await start("second");
      await publish(first.log, "firing", 6);
      await eventually("all are paged", () => receiver.pages === 12, 60_000);
      await first.notifiers.stop();
      await publish(second.log, "resolved", 20);
      await eventually("all are ended", () => receiver.ends === 12, 60_000);
      assert.deepEqual([receiver.pages, receiver.ends, receiver.open.size], [12, 12, 0]);
      assert.equal(receiver.heard.length, 24);
    } finally {
      for (const { notifiers, log } of started) {
        await notifiers.stop();
        await log.close();
      }
      await receiver.close();
    }
  });
});
