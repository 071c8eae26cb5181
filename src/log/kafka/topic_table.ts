/**
 * The topics of the cluster: made when missing, held to what is wanted when there, remembered while appending.
 *
 * A partition count or time type that differs is refused, never repaired: keys would move, or times change meaning.
 */
import { WaymarkError } from "../../errors.ts";
import type { TopicPartition } from "../port.ts";
import { partitionMissing, topicMissing } from "../refusals.ts";
import type { ContractTopic } from "../topics.ts";
import { code, refuse } from "./failures.ts";
import { kafkaError } from "./library.ts";
import type { Nodes } from "./nodes.ts";
import { differences, settingsToCreate, type TopicShape, type WantedTopic } from "./topic_shape.ts";

export type TopicTable = {
  /** Makes it when it is missing. Throws topic_mismatch naming every difference that is refused. */
  ensure(spec: ContractTopic): Promise<void>;
  /** What it is to be: the spec with the settings and copies that belong to it. */
  wanted(spec: ContractTopic): Promise<WantedTopic>;
  /** What it is, or null when it does not exist. */
  shape(topic: string): Promise<TopicShape | null>;
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

type Metadata = {
  topicMetadata: {
    topicErrorCode: number;
    topic: string;
    partitionMetadata: { replicas: number[] }[];
  }[];
};

const topicResource = 2;
const invalidReplicationFactor = 38;
/** Copies of a partition that are enough, where there are brokers for more. */
const replicasMax = 3;
const createMs = 20_000;

export function topicTable({ nodes, replicationFactor, settingsOf }: TopicTableOptions): TopicTable {
  const counts = new Map<string, Promise<number>>();
  const stamped = new Map<string, Promise<boolean>>();

  const wanted = async (spec: ContractTopic): Promise<WantedTopic> => ({
    spec,
    settings: settingsOf(spec.topic),
    replicas: spec.replicas ?? replicationFactor ?? Math.min(replicasMax, await nodes.brokerCount()),
  });

  async function create(spec: ContractTopic): Promise<number> {
    const making = await wanted(spec);
    const { replicas } = making;
    const settings = settingsToCreate(making);
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
    if (errorCode === invalidReplicationFactor) {
      throw new WaymarkError(
        "config_invalid",
        `topic ${spec.topic} cannot be made with ${replicas} copies of each partition: ${errorMessage} ` +
          `Set WAYMARK_REPLICATION to as many as there are brokers, or less`,
      );
    }
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

  async function shape(topic: string): Promise<TopicShape | null> {
    const asked = { topics: [topic], allowAutoTopicCreation: false };
    const { topicMetadata } = await nodes.any<Metadata>("Metadata", asked);
    const found = topicMetadata.find((t) => t.topic === topic);
    if (found === undefined || found.topicErrorCode === code.unknownTopicOrPartition) return null;
    refuse(found.topicErrorCode);
    return {
      partitions: found.partitionMetadata.length,
      replicas: Math.min(...found.partitionMetadata.map((p) => p.replicas.length)),
      settings: await describe(topic),
    };
  }

  async function refuseDifferent(spec: ContractTopic): Promise<void> {
    const found = await shape(spec.topic);
    if (found === null) throw notYet(spec.topic);
    const { refused } = differences(await wanted(spec), found);
    if (refused.length > 0) throw new WaymarkError("topic_mismatch", refused.join("\n"));
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
      if (created && !leaders.every((leader) => leader >= 0)) throw notYet(spec.topic);
      if (!created) await refuseDifferent(spec);
      counts.delete(spec.topic);
    },
    wanted,
    shape,
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

function remembered<T>(cache: Map<string, Promise<T>>, name: string, find: () => Promise<T>): Promise<T> {
  const known = cache.get(name);
  if (known !== undefined) return known;
  const finding = find();
  cache.set(name, finding);
  finding.catch(() => cache.get(name) === finding && cache.delete(name));
  return finding;
}
