/**
 * A process of its own for kafka_instances_test.ts: a member that takes partitions and never gives one back.
 *
 *   deno run -A stuck_member.ts BROKERS GROUP TOPIC INSTANCE
 */
import { openKafkaLog } from "../../src/log/kafka/log.ts";
import { minuteMs, systemClock } from "../../src/time.ts";

const [brokers, group, topic, instance] = Deno.args as [string, string, string, string];
const log = await openKafkaLog({
  ...{ brokers: brokers.split(","), clock: systemClock, instance },
  timing: { sessionMs: 10 * minuteMs, heartbeatMs: 50 },
});
const nothing = () => Promise.resolve();
await log.join({
  group,
  topics: [topic],
  handlers: {
    assigned: () => Promise.resolve(0),
    revoked: () => new Promise(() => {}),
    ...{ batch: nothing, empty: nothing, lost() {}, failed() {} },
  },
});
