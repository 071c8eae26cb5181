/** Producers: they send the workload in its time and repeat what is not acknowledged, as producers do. */
import type { Config } from "../../src/config.ts";
import { utf8 } from "../../src/ids.ts";
import type { NewRecord } from "../../src/log/port.ts";
import { stageContext } from "../../src/node/context.ts";
import { secondMs } from "../../src/time.ts";
import type { Broker } from "./broker.ts";
import { startMs } from "./installation.ts";
import type { Plan } from "./plan.ts";
import type { Place } from "./schedule.ts";
import { createWire, type Network } from "./wire.ts";
import { workloadOf } from "./workload.ts";

/** How often producers send what they have. */
const produceMs = 1_500;

export type ProducerOptions = {
  plan: Plan;
  config: Config;
  network: Network;
  broker: Broker;
  /** Told how many items more, or fewer, wait for their acknowledgement. */
  unsent(by: number): void;
};

export function produce({ plan, config, network, broker, unsent }: ProducerOptions): void {
  const { schedule } = network;
  const context = stageContext(config);
  const place: Place = { name: "producer", state: "running", parked: [] };
  const wire = createWire(place, network);
  const silence = (key: string, atMs: number) => {
    const partition = context.partitionOf("ride-events", utf8(key));
    const i = plan.silences.findIndex((s) =>
      s.partition === partition && atMs >= s.fromMs && atMs < s.untilMs
    );
    return i < 0 ? null : { untilMs: plan.silences[i]!.untilMs, held: i % 2 === 0 };
  };
  const chunks = Map.groupBy(
    workloadOf(plan, startMs, silence),
    ({ atMs }) => Math.floor(atMs / produceMs),
  );
  for (const [second, items] of chunks) {
    const records = items.map(({ topic, key, value }): NewRecord => {
      const bytes = utf8(key);
      return { topic, partition: context.partitionOf(topic, bytes), key: bytes, value };
    });
    unsent(records.length);
    schedule.at((second + 1) * produceMs, "produce", () => void send(records), place);
  }
  async function send(records: NewRecord[]): Promise<void> {
    for (let tries = 0;; tries++) {
      try {
        await wire.call({
          to: "log",
          label: "produce",
          apply: () => broker.append(records),
          timeoutMs: 2 * secondMs,
          failure: (why) => new Error(why),
          rates: {
            lost: plan.rates.append_lost,
            unanswered: plan.rates.append_unanswered / 2,
            twice: plan.rates.append_twice / 2,
          },
        });
        unsent(-records.length);
        return;
      } catch {
        await new Promise<void>((resolve) => schedule.at(secondMs, "produce again", resolve, place));
      }
    }
  }
}
