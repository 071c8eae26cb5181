/** From settings to what stages are built with; the fold version comes from here. */
import type { Config } from "../config.ts";
import { numberSettings } from "../config.ts";
import { fingerprint, utf8 } from "../ids.ts";
import { partitionOf } from "../log/partitioner.ts";
import { type TopicName, topicPartitions } from "../log/topics.ts";
import { foldVersions, type StageContext } from "../stages/context.ts";

/**
 * The hash of everything that changes a number: the settings marked so, how keys find partitions, and the folds'
 * own versions. Two processes with different fold versions must not feed the same generation.
 */
export function foldVersionOf(config: Config): string {
  const parts = [numberSettings(config), config.WAYMARK_PARTITIONER, Object.entries(foldVersions)];
  return fingerprint(utf8(JSON.stringify(parts)));
}

export function stageContext(config: Config): StageContext {
  return {
    windows: {
      windowMs: config.WAYMARK_WINDOW_MS,
      delayMs: config.WAYMARK_WATERMARK_DELAY_MS,
      latenessMs: config.WAYMARK_LATENESS_MS,
      skewMs: config.WAYMARK_SKEW_MS,
      holdMs: config.WAYMARK_HOLD_MS,
    },
    foldVersion: foldVersionOf(config),
    generation: config.WAYMARK_GENERATION,
    logEpoch: config.WAYMARK_LOG_EPOCH,
    endedRideMs: config.WAYMARK_ENDED_RIDE_MS,
    driverMs: config.WAYMARK_DRIVER_MS,
    partitions: topicPartitions,
    partitionOf: (topic: TopicName, key: Uint8Array) =>
      partitionOf(config.WAYMARK_PARTITIONER, key, topicPartitions[topic]),
  };
}
