/** The log suite over a real Kafka: KAFKA_BROKERS says where (see `waymark services`). */
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import { systemClock } from "../../src/time.ts";
import { logSuite } from "../conformance/log_suite.ts";
import { brokers, freshPrefix, quickTiming, withNodes } from "./kafka_under_test.ts";

logSuite("kafka", async () => {
  const prefix = freshPrefix();
  const address = "http://127.0.0.1:8081";
  const open = () =>
    openKafkaLog({ brokers, clock: systemClock, replicationFactor: 1, timing: quickTiming, address });
  let log = await open();
  return {
    log,
    prefix,
    address,
    async reopen() {
      await log.close();
      return log = await open();
    },
    trim: ({ topic, partition }, offset) =>
      withNodes(async (nodes) => {
        const leader = await nodes.leaderOf({ topic, partition });
        const topics = [{ topic, partitions: [{ partition, offset: String(offset) }] }];
        await nodes.at(leader, "DeleteRecords", { topics, timeout: 10_000 });
      }),
    dispose: () => log.close(),
  };
});
