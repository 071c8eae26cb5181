/** Where the real Kafka of these suites is, and names that keep runs on it apart. */
import process from "node:process";
import { WaymarkError } from "../../src/errors.ts";
import type { KafkaTiming } from "../../src/log/kafka/log.ts";
import { kafkaNodes, type Nodes } from "../../src/log/kafka/nodes.ts";
import { systemClock } from "../../src/time.ts";

const given = process.env.KAFKA_BROKERS ?? "";
if (given === "") {
  throw new WaymarkError("usage", "set KAFKA_BROKERS to run these suites; `waymark services` prints it");
}

export const brokers = given.split(",");

/** Short sessions and quick heartbeats: a rebalance takes a moment instead of seconds. */
export const quickTiming: Partial<KafkaTiming> = { heartbeatMs: 50, sessionMs: 6_000, rebalanceMs: 10_000 };

let opened = 0;
const run = systemClock.nowMs().toString(36);

export const freshPrefix = () => `t${run}-${process.pid}-${++opened}-`;

/** Asks the brokers for what the log port does not offer. */
export async function withNodes<T>(work: (nodes: Nodes) => Promise<T>): Promise<T> {
  const nodes = kafkaNodes({ brokers, clientId: "tests", security: {}, connectMs: 5_000, requestMs: 10_000 });
  try {
    return await work(nodes);
  } finally {
    await nodes.close();
  }
}
