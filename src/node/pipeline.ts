/**
 * The pipeline of one process: the hosts of all stages over one log and one snapshot store.
 *
 * The same for the service, for a replay and for tests; what differs is which log and store are handed in, and
 * whether the input ends.
 */
import type { Config } from "../config.ts";
import type { Erased } from "../erased.ts";
import { WaymarkError } from "../errors.ts";
import type { Fold, Stage } from "../fold.ts";
import type { Log, TopicPartition } from "../log/port.ts";
import { readNext } from "../log/read_next.ts";
import {
  type ContractTopic,
  type TopicName,
  topicName,
  type TopicNaming,
  topicSpecs,
} from "../log/topics.ts";
import { createAlignment } from "../runtime/alignment.ts";
import { type Host, startHost } from "../runtime/host.ts";
import { createPublisher } from "../runtime/publisher.ts";
import type { SnapshotStore } from "../snapshots/port.ts";
import { type CitiesFold, citiesStage } from "../stages/cities.ts";
import type { StageContext } from "../stages/context.ts";
import { type LocationsFold, locationsStage } from "../stages/locations.ts";
import { type RidesFold, ridesStage } from "../stages/rides.ts";
import { decodePartial, newerFormat, partialFormat } from "../windows/partial.ts";
import type { Clock } from "../time.ts";
import { forEveryTopic } from "../topic_defaults.ts";
import { partitionsOf, stageContext } from "./context.ts";
import { readRules } from "./rules_file.ts";
import { seedRules } from "./rules_keeper.ts";

export type PipelineOptions = {
  config: Config;
  log: Log;
  store: SnapshotStore;
  clock: Clock;
  /** A replayed input ends; a service's does not, and its quiet sources are declared idle. */
  input: { kind: "live" } | { kind: "replay"; complete(): boolean };
  onStopped(tp: TopicPartition, error: unknown): void;
  /** Riders to be forgotten; may grow. */
  erased?: Erased;
};

export type Pipeline = {
  context: StageContext;
  naming: TopicNaming;
  rides: Host<RidesFold>[];
  locations: Host<LocationsFold>[];
  cities: Host<CitiesFold>[];
  /** Snapshots, commits and leaves, all stages; the cities last. What they have not folded by then waits in the log. */
  drain(): Promise<void>;
  /** Stops at once, as a crash would; the log still counts the hosts as members until it expels them. */
  abandon(): void;
};

export const namingOf = (config: Config): TopicNaming => ({
  prefix: config.WAYMARK_TOPIC_PREFIX,
  generation: config.WAYMARK_GENERATION,
});

/** The topics as the settings want them. */
export const specsOf = (config: Config): ContractTopic[] =>
  topicSpecs(namingOf(config), config.WAYMARK_INPUT_RETENTION_BYTES, {
    partitions: partitionsOf(config),
    retentionMs: forEveryTopic("retentionMs", config.WAYMARK_RETENTION),
    replicas: config.WAYMARK_REPLICATION === "auto" ? null : config.WAYMARK_REPLICATION,
  });

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { config, log, store, clock } = options;
  const { erased } = options;
  const context = { ...stageContext(config), ...(erased !== undefined && { erased }) };
  const naming = namingOf(config);
  await log.ensureTopics(specsOf(config));
  await refuseOtherFoldVersion(log, topicName("city-partials", naming), context);
  if (config.WAYMARK_RULES !== "") {
    const rules = await readRules(config.WAYMARK_RULES);
    await seedRules(log, topicName("city-partials", naming), rules, context.generation);
  }
  const publisher = createPublisher({ log, clock, naming, partitionOf: context.partitionOf });
  const alignment = createAlignment(config.WAYMARK_ALIGN_MS);
  const identity = {
    foldVersion: context.foldVersion,
    generation: context.generation,
    logEpoch: context.logEpoch,
  };
  const { input } = options;

  const start = <F extends Fold>(stage: Stage<F>): Promise<Host<F>[]> =>
    Promise.all(Array.from({ length: config.WAYMARK_OWNERS }, () =>
      startHost({
        stage,
        log,
        store,
        publisher,
        clock,
        naming,
        identity,
        group: config.WAYMARK_GROUP,
        partitions: context.partitions[stage.source as TopicName],
        flushMs: config.WAYMARK_FLUSH_MS,
        snapshotMs: config.WAYMARK_SNAPSHOT_MS,
        idleMs: input.kind === "replay" ? Infinity : config.WAYMARK_IDLE_MS,
        alignment,
        inputComplete: () => input.kind === "replay" && input.complete(),
        onStopped: options.onStopped,
      })));

  const cities = await start(citiesStage(context));
  const [rides, locations] = await Promise.all([start(ridesStage(context)), start(locationsStage(context))]);
  return {
    context,
    naming,
    rides,
    locations,
    cities,
    async drain() {
      await Promise.all([...rides, ...locations].map((host) => host.drain()));
      await Promise.all(cities.map((host) => host.drain()));
    },
    abandon() {
      for (const host of [...cities, ...rides, ...locations]) host.abandon();
    },
  };
}

/**
 * A process with other settings must not mix its registers with those of this generation. Nor may one that does not read
 * them: it would pass over what a newer release tells, and who goes on from its snapshots would lack that for good.
 */
async function refuseOtherFoldVersion(log: Log, topic: string, context: StageContext): Promise<void> {
  for (const [partition, { start, end }] of (await log.bounds(topic)).entries()) {
    if (end === start) continue;
    // Rules are said once in a while: the newest of a few records that are none.
    const last = await readNext(log, { topic, partition }, Math.max(start, end - 20), 20);
    const newer = last.map((record) => newerFormat(record.value))
      .find((found) => found?.generation === context.generation);
    if (newer !== undefined) {
      throw new WaymarkError(
        "log_format_unknown",
        `${topic}/${partition} has records of format ${
          newer!.format
        }; this release reads 1 to ${partialFormat}: start the ` +
          `release that wrote them, or a new WAYMARK_GENERATION beside this one`,
      );
    }
    const partial = last.map((record) => decodePartial(record.value)).findLast((p) => p !== null) ?? null;
    if (
      partial === null || partial.generation !== context.generation ||
      (partial.fold_version === context.foldVersion && partial.log_epoch === context.logEpoch)
    ) continue;
    throw new WaymarkError(
      "fold_version_differs",
      `generation ${context.generation} is being folded with version ${partial.fold_version}, log epoch ${partial.log_epoch}; ` +
        `this process has ${context.foldVersion}, ${context.logEpoch}: a setting that changes numbers differs. ` +
        `Put it back, or start a new WAYMARK_GENERATION beside this one`,
    );
  }
}
