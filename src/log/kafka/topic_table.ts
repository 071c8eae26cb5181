/**
 * The topics of the cluster: made when missing, held to what is wanted when there, remembered while appending.
 *
 * A partition count or time type that differs is refused, never repaired: keys would move, or times change meaning.
 */
import { WaymarkError } from "../../errors.ts";
import type { TopicPartition, TopicSpec } from "../port.ts";
import { otherPartitionCount, partitionMissing, topicMissing } from "../refusals.ts";
import { code, refuse } from "./failures.ts";
import { kafkaError } from "./library.ts";
import type { Nodes } from "./nodes.ts";

export type TopicTable = {
  ensure(spec: TopicSpec): Promise<void>;
  /** As the brokers say now. */
  partitions(topic: string): Promise<number | null>;
  /** As remembered. Throws topic_mismatch when the partition does not exist. */
  refuseMissing(tp: TopicPartition): Promise<void>;
  /** Whether records carry the broker's time, as remembered. */
  stampedByBroker(topic: string): Promise<boolean>;
  forget(): void;
};

export type TopicTableOptions = {
  nodes: Nodes;
  replicationFactor?: number | undefined;
  settingsOf(topic: string): Record<string, string>;
};

type Created = { topicErrors: { topic: string; errorCode: number; errorMessage?: string | null }[] };
type Described = {
  resources: {
    errorCode: number;
    resourceName: string;
    configEntries: { configName: string; configValue: string }[];
  }[];
};

const topicResource = 2;
const createMs = 20_000;

export function topicTable({ nodes, replicationFactor, settingsOf }: TopicTableOptions): TopicTable {
  const counts = new Map<string, Promise<number>>();
  const stamped = new Map<string, Promise<boolean>>();

  async function create(spec: TopicSpec): Promise<number> {
    const replicas = replicationFactor ?? Math.min(3, await nodes.brokerCount());
    const settings = createSettings(spec, settingsOf(spec.topic), replicas);
    const topic = {
      topic: spec.topic,
      numPartitions: spec.partitions,
      replicationFactor: replicas,
      replicaAssignment: [],
      configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
    };
    const args = { topics: [topic], validateOnly: false, timeout: createMs };
    const { topicErrors } = await nodes.at<Created>(await nodes.controller(), "CreateTopics", args);
    const { errorCode, errorMessage } = topicErrors[0]!;
    if (errorCode !== code.none && errorCode !== code.topicAlreadyExists && errorMessage) {
      throw Object.assign(kafkaError(errorCode), { message: errorMessage });
    }
    return errorCode;
  }

  async function describe(topic: string): Promise<Map<string, string>> {
    const resources = [{ type: topicResource, name: topic, configNames: [] }];
    const args = { resources, includeSynonyms: false };
    const { resources: [found] } = await nodes.any<Described>("DescribeConfigs", args);
    refuse(found!.errorCode);
    return new Map(found!.configEntries.map((entry) => [entry.configName, entry.configValue]));
  }

  async function refuseOtherSettings(topic: string): Promise<void> {
    const wanted = Object.entries(settingsOf(topic));
    if (wanted.length === 0) return;
    const existing = await describe(topic);
    for (const [name, value] of wanted) {
      if (sorted(existing.get(name) ?? "") !== sorted(value)) {
        throw new WaymarkError(
          "topic_mismatch",
          `topic ${topic} has ${name}=${
            existing.get(name)
          }; ${value} is wanted: change it, or choose another prefix`,
        );
      }
    }
  }

  const count = (topic: string) =>
    remembered(counts, topic, async () => {
      const leaders = await nodes.lookUp(topic);
      if (leaders === null) throw topicMissing(topic);
      return leaders.length;
    });

  return {
    async ensure(spec) {
      const existing = await nodes.lookUp(spec.topic);
      const created = existing === null && await create(spec) === code.none;
      // A moment passes until every broker knows a new topic and its leaders.
      const leaders = created ? await nodes.lookUp(spec.topic) : existing ?? await nodes.lookUp(spec.topic);
      if (leaders === null || (created && leaders.length < spec.partitions)) throw notYet(spec.topic);
      if (leaders.length !== spec.partitions) throw otherPartitionCount(spec, leaders.length);
      if (created && !leaders.every((leader) => leader >= 0)) throw notYet(spec.topic);
      if (!created) await refuseOtherSettings(spec.topic);
      counts.delete(spec.topic);
    },
    partitions: async (topic) => (await nodes.lookUp(topic))?.length ?? null,
    async refuseMissing(tp) {
      const partitions = await count(tp.topic);
      if (tp.partition < 0 || tp.partition >= partitions) throw partitionMissing(tp, partitions);
    },
    stampedByBroker: (topic) =>
      remembered(stamped, topic, async () => {
        return (await describe(topic)).get("message.timestamp.type") === "LogAppendTime";
      }),
    forget() {
      counts.clear();
      stamped.clear();
    },
  };
}

const notYet = (topic: string) => new Error(`topic ${topic} is being made`);

const sorted = (list: string) => list.split(",").map((word) => word.trim()).sort().join(",");

function createSettings(
  { retentionMs }: TopicSpec,
  wanted: Record<string, string>,
  replicas: number,
): Record<string, string> {
  const compacted = wanted["cleanup.policy"]?.includes("compact") === true;
  return {
    "retention.ms": String(retentionMs),
    "min.insync.replicas": String(Math.min(2, replicas)),
    // What is younger than the retention is never compacted away.
    ...(compacted && { "min.compaction.lag.ms": String(retentionMs) }),
    ...wanted,
  };
}

function remembered<T>(cache: Map<string, Promise<T>>, name: string, find: () => Promise<T>): Promise<T> {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const finding = find();
  cache.set(name, finding);
  finding.catch(() => cache.get(name) === finding && cache.delete(name));
  return finding;
}
