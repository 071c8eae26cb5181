/**
 * What a topic is, held against what is wanted of it. Pure: the table asks the brokers, this decides.
 *
 * Refused is what would move keys, change the meaning of times, or let records go inside their retention: partition
 * count, time type, cleanup policy, and compaction before the retention is over. Another retention or replication is
 * the operator's choice, and only remarked on.
 */
import { dayMs, hourMs } from "../../time.ts";
import type { ContractTopic } from "../topics.ts";

export type TopicShape = {
  partitions: number;
  /** Copies of a partition: of the one that has the fewest. */
  replicas: number;
  /** Settings by their names in Kafka. */
  settings: ReadonlyMap<string, string>;
};

export type Differences = {
  /** Sentences, each with the topic, what was found, what is wanted and what to do. */
  refused: string[];
  remarks: string[];
};

export type WantedTopic = {
  spec: ContractTopic;
  /** Settings that must be as they are here. */
  settings: Record<string, string>;
  replicas: number;
};

export function differences({ spec, settings, replicas }: WantedTopic, found: TopicShape): Differences {
  const { topic } = spec;
  const refused: string[] = [];
  if (found.partitions !== spec.partitions) {
    refused.push(
      `topic ${topic} has ${found.partitions} partitions; ${spec.partitions} are wanted, and a partition count ` +
        `cannot be changed: ${recounting(topic, found.partitions)}`,
    );
  }
  for (const [name, value] of Object.entries(settings)) {
    const is = found.settings.get(name);
    if (sorted(is ?? "") === sorted(value)) continue;
    refused.push(`topic ${topic} has ${name}=${is}; ${value} is wanted: ${changing(topic, name, value)}`);
  }
  const kept = retentionOf(found);
  const lag = Number(found.settings.get(compactionLag) ?? 0);
  if (isCompacted(settings) && isCompacted(Object.fromEntries(found.settings)) && lag < kept) {
    const change = kept === Infinity
      ? changing(topic, "retention.ms", String(spec.retentionMs))
      : changing(topic, compactionLag, String(kept));
    refused.push(
      `topic ${topic} has ${compactionLag}=${lag} and retention.ms=${found.settings.get("retention.ms")}; ` +
        `not less than the retention is wanted, else records go inside it: ${change}`,
    );
  }
  return { refused, remarks: remarks({ spec, settings, replicas }, found, kept) };
}

function remarks({ spec, replicas }: WantedTopic, found: TopicShape, kept: number): string[] {
  const told: string[] = [];
  if (kept !== spec.retentionMs) {
    told.push(`retention ${spanText(kept)}, set is ${spanText(spec.retentionMs)}`);
  }
  if (found.replicas !== replicas) told.push(`replication ${found.replicas}, set is ${replicas}`);
  const insync = Number(found.settings.get(insyncReplicas) ?? 1);
  if (insync < insyncWanted(found.replicas)) {
    told.push(`${insyncReplicas} ${insync}, better is ${insyncWanted(found.replicas)}`);
  }
  return told;
}

/** The settings a topic is made with. */
export function settingsToCreate({ spec, settings, replicas }: WantedTopic): Record<string, string> {
  return {
    "retention.ms": String(spec.retentionMs),
    [insyncReplicas]: String(insyncWanted(replicas)),
    // What is younger than the retention is never compacted away.
    ...(isCompacted(settings) && { [compactionLag]: String(spec.retentionMs) }),
    ...settings,
  };
}

const insyncReplicas = "min.insync.replicas";
const compactionLag = "min.compaction.lag.ms";

/** One copy may be away, and none is acknowledged that stands alone. */
const insyncWanted = (replicas: number) => Math.min(2, replicas);

/**
 * Taking the count that is there over is right for what is folded by partition only before its first record:
 * afterwards keys have moved, and the next start would be refused for its fold version.
 */
function recounting(topic: string, partitions: number): string {
  const taken = `set WAYMARK_PARTITIONS to what is there (${partitions})`;
  const anew = beginningAnew.find(([ending]) => ending.test(topic))?.[1];
  if (anew === undefined) return `${taken}, or choose another WAYMARK_TOPIC_PREFIX`;
  return `if nothing was folded of it yet, ${taken}; if it is in use, keys have moved: leave WAYMARK_PARTITIONS, ${anew}`;
}

/** The topics whose counts are part of the fold version, as their names end. */
const beginningAnew: readonly [ending: RegExp, anew: string][] = [
  [
    /(?:ride-events|driver-locations)$/,
    "raise WAYMARK_GENERATION and WAYMARK_LOG_EPOCH, and choose another WAYMARK_TOPIC_PREFIX",
  ],
  [/city-partials-g\d+$/, "and raise WAYMARK_GENERATION: the next one has a topic of its own"],
];

const changing = (topic: string, name: string, value: string) =>
  `change it with kafka-configs.sh --alter --topic ${topic} --add-config '${name}=${
    bracketed(value)
  }', or choose ` +
  `another WAYMARK_TOPIC_PREFIX`;

/** As kafka-configs.sh takes lists. */
const bracketed = (value: string) => value.includes(",") ? `[${value}]` : value;

const isCompacted = (settings: Record<string, string>) =>
  settings["cleanup.policy"]?.includes("compact") === true;

const sorted = (list: string) => list.split(",").map((word) => word.trim()).sort().join(",");

/** A time as the settings write it. */
export function spanText(ms: number): string {
  if (ms === Infinity) return "for ever";
  if (ms % dayMs === 0) return `${ms / dayMs}d`;
  return ms % hourMs === 0 ? `${ms / hourMs}h` : `${ms} ms`;
}

/** How long records are kept, as the topic's settings say: -1 means for ever. */
export function retentionOf({ settings }: TopicShape): number {
  const ms = Number(settings.get("retention.ms") ?? -1);
  return ms < 0 ? Infinity : ms;
}
