/**
 * Outputs → records in the log, acknowledged before anything that depends on them happens.
 *
 * An append that fails is tried again for as long as it takes: repeating is harmless, going on without is not. One
 * that is refused for good stops the partition.
 */
import { WaymarkError } from "../errors.ts";
import type { Output } from "../fold.ts";
import { limits } from "../limits.ts";
import type { Log, NewRecord } from "../log/port.ts";
import { type TopicName, topicName, type TopicNaming } from "../log/topics.ts";
import { metrics } from "../telemetry/metrics.ts";
import type { Clock } from "../time.ts";

export type PublisherOptions = {
  log: Log;
  clock: Clock;
  naming: TopicNaming;
  partitionOf(topic: TopicName, key: Uint8Array): number;
};

const retryMsFirst = 100;
const retryMsMax = 5_000;

export type Publisher = { publish(outputs: Output[], signal: AbortSignal): Promise<void> };

export function createPublisher({ log, clock, naming, partitionOf }: PublisherOptions): Publisher {
  const toRecord = (output: Output): NewRecord => ({
    topic: topicName(output.topic, naming),
    partition: output.partition ?? partitionOf(output.topic, output.key),
    key: output.key,
    value: output.value,
    ...(output.headers && { headers: output.headers }),
  });
  return {
    /** Resolves when all are acknowledged; rejects when the signal aborts in between, or the log refuses them for good. */
    async publish(outputs, signal) {
      for (let from = 0; from < outputs.length; from += limits.appendRecordsMax) {
        const chunk = outputs.slice(from, from + limits.appendRecordsMax);
        await appendUntilAcknowledged(chunk.map(toRecord), signal);
        for (const [topic, of] of Map.groupBy(chunk, (output) => output.topic)) {
          metrics.recordsPublished.inc({ topic }, of.length);
        }
      }
    },
  };

  async function appendUntilAcknowledged(records: NewRecord[], signal: AbortSignal): Promise<void> {
    for (let retryMs = retryMsFirst;; retryMs = Math.min(retryMs * 2, retryMsMax)) {
      signal.throwIfAborted();
      try {
        return await log.append(records);
      } catch (error) {
        // A record that the log will never take: going on would leave it out.
        if (error instanceof WaymarkError && error.kind !== "retryable") throw error;
        metrics.publishRetries.inc();
        await clock.sleep(retryMs, signal);
      }
    }
  }
}
