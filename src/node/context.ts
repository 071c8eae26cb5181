/** From settings to what stages are built with; the fold version comes from here. */
import type { Config } from "../config.ts";
import { numberSettings } from "../config.ts";
import { fingerprint, utf8 } from "../ids.ts";
import { partitionOf } from "../log/partitioner.ts";
import type { TopicName } from "../log/topics.ts";
import { forEveryTopic } from "../topic_defaults.ts";
import { foldVersions, type StageContext } from "../stages/context.ts";
import { partialFormat } from "../windows/partial.ts";

/** Topics whose partitions are sources or targets of registers, and by whose numbers these are named. */
const named: readonly TopicName[] = ["ride-events", "driver-locations", "city-partials"];

/** The journal of alerts always has as many as the alerts: a city has the same number in both. */
export function partitionsOf(config: Config): Record<TopicName, number> {
  const counts = forEveryTopic("partitions", config.WAYMARK_PARTITIONS);
  return { ...counts, "alert-journal": counts["alerts"] };
}

/**
 * The hash of everything that changes a number: the settings marked so, how keys find partitions, and the folds'
 * own versions. Two processes with different fold versions must not feed the same generation.
 *
 * Of the partition counts only those are in it that are not the usual ones, so that it is the same as before there
 * was a setting for them. And so with the format of partials: what one release writes into a generation, every other
 * one that folds it has to read.
 */
export function foldVersionOf(config: Config, format: number = partialFormat): string {
  const usual = forEveryTopic("partitions");
  const counts = Object.entries(partitionsOf(config)).filter(([topic, count]) =>
    named.includes(topic as TopicName) && count !== usual[topic as TopicName]
  );
  const parts: unknown[] = [
    numberSettings(config),
    config.WAYMARK_PARTITIONER,
    Object.entries(foldVersions),
  ];
  if (counts.length > 0) parts.push(counts);
  if (format > 1) parts.push({ format });
  return fingerprint(utf8(JSON.stringify(parts)));
}

export function stageContext(config: Config): StageContext {
  const partitions = partitionsOf(config);
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
    topicPrefix: config.WAYMARK_TOPIC_PREFIX,
    cut: { fromMs: config.WAYMARK_PUBLISH_FROM, untilMs: config.WAYMARK_PUBLISH_UNTIL },
    endedRideMs: config.WAYMARK_ENDED_RIDE_MS,
    driverMs: config.WAYMARK_DRIVER_MS,
    partitions,
    cellResolution: config.WAYMARK_CELL_RESOLUTION,
    surge: {
      balance: config.WAYMARK_SURGE_BALANCE,
      gain: config.WAYMARK_SURGE_GAIN,
      cap: config.WAYMARK_SURGE_CAP,
    },
    environment: config.WAYMARK_ENVIRONMENT,
    partitionOf: (topic: TopicName, key: Uint8Array) =>
      partitionOf(config.WAYMARK_PARTITIONER, key, partitions[topic]),
  };
}
