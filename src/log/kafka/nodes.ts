/**
 * The brokers of a cluster as one client sees them: addresses, connections, who leads a partition, who coordinates
 * a group.
 *
 * The invariant: a request is answered, or fails within `requestMs` by the monotonic clock. A connection that let a
 * request run out is dropped with everything on it, so that no stall is silent and none outlives its deadline; that
 * is the watchdog kafkajs lacks. Leaders are looked up per topic, so a topic that was deleted, or a partition
 * without a leader, fails its own requests only.
 */
import { deadline } from "@std/async";
import type { TopicPartition } from "../port.ts";
import { topicMissing } from "../refusals.ts";
import { isCertificateFailure, shownCertificate } from "./certificate.ts";
import { code, refuse } from "./failures.ts";
import { type ApiName, ask, brokerAt, type BrokerConnection, drop } from "./library.ts";
import { type KafkaSecurity, timingDefaults } from "./options.ts";

export type Nodes = {
  /** Asks whichever broker answers. */
  any<T>(api: ApiName, args: unknown): Promise<T>;
  /** Asks one broker by its id. */
  at<T>(node: number, api: ApiName, args: unknown, waitMs?: number): Promise<T>;
  /** The same with a connection at hand, for requests with an answer decoded elsewhere. */
  using<T>(node: number, work: (broker: BrokerConnection) => Promise<T>, waitMs?: number): Promise<T>;
  /** Leaders by partition (-1: none now), or null when there is no such topic. Fresh. */
  lookUp(topic: string): Promise<number[] | null>;
  /** The leader of a partition as last looked up, or looked up now; -1 when there is none. */
  leaderOf(tp: TopicPartition): Promise<number>;
  /** As remembered with the leaders. Throws topic_mismatch when the topic does not exist. */
  partitionCount(topic: string): Promise<number>;
  /** Leaders are looked up anew when next needed. */
  forgetLeaders(topic: string): void;
  coordinatorOf(group: string): Promise<number>;
  forgetCoordinator(group: string): void;
  brokerCount(): Promise<number>;
  /** The broker that makes topics. */
  controller(): Promise<number>;
  close(): Promise<void>;
};

export type NodesOptions = {
  brokers: string[];
  clientId: string;
  security: KafkaSecurity;
  connectMs: number;
  requestMs: number;
};

type Metadata = {
  controllerId: number;
  brokers: { nodeId: number; host: string; port: number }[];
  topicMetadata: {
    topicErrorCode: number;
    topic: string;
    partitionMetadata: { partitionId: number; leader: number }[];
  }[];
};

type Entry = { host: string; port: number; connecting: Promise<BrokerConnection> };

export function kafkaNodes(options: NodesOptions): Nodes {
  const seeds = options.brokers.map(addressOf);
  const entries = new Map<string, Entry>();
  const addresses = new Map<number, string>();
  const leaders = new Map<string, Promise<number[] | null>>();
  const coordinators = new Map<string, Promise<number>>();
  let closed = false;

  function entryOf(address: { host: string; port: number }): Entry {
    const name = `${address.host}:${address.port}`;
    const known = entries.get(name);
    if (known !== undefined) return known;
    const entry: Entry = { ...address, connecting: connect(address) };
    entries.set(name, entry);
    // A broker that could not be reached is connected to anew by the next request.
    entry.connecting.catch(() => entries.get(name) === entry && entries.delete(name));
    return entry;
  }

  async function connect(address: { host: string; port: number }): Promise<BrokerConnection> {
    const broker = await brokerAt(address, options);
    try {
      // Beyond the connection's own time-out, which does not cover the first requests on it.
      await deadline(broker.connect(), 2 * options.connectMs);
      return broker;
    } catch (error) {
      drop(broker);
      throw isCertificateFailure(error) ? await explained(error as Error, address) : error;
    }
  }

  async function explained(error: Error, address: { host: string; port: number }): Promise<Error> {
    const { security: { tls }, connectMs } = options;
    const shown = await shownCertificate({ ...address, tls, connectMs });
    const advice = "KAFKA_SSL_CA names the authorities that are trusted";
    const found = shown === "" ? "" : `; the certificate is ${shown}`;
    return Object.assign(error, { message: `${error.message}${found}; ${advice}` });
  }

  async function answered<T>(
    entry: Entry,
    work: (broker: BrokerConnection) => Promise<T>,
    waitMs = 0,
  ): Promise<T> {
    if (closed) throw new Error("the connection is closed");
    const broker = await entry.connecting;
    try {
      return await deadline(work(broker), options.requestMs + waitMs);
    } catch (error) {
      if ((error as Error).name === "TimeoutError") give(entry, broker);
      throw error;
    }
  }

  function give(entry: Entry, broker: BrokerConnection): void {
    const name = `${entry.host}:${entry.port}`;
    if (entries.get(name) === entry) entries.delete(name);
    drop(broker);
  }

  async function any<T>(api: ApiName, args: unknown): Promise<T> {
    const known = [...addresses.values()].map(addressOf);
    let failure: unknown = new Error("no broker is known");
    for (const address of [...known, ...seeds]) {
      try {
        return await answered(entryOf(address), (broker) => ask<T>(broker, api, args));
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  async function metadata(topics: string[]): Promise<Metadata> {
    const found = await any<Metadata>("Metadata", { topics, allowAutoTopicCreation: false });
    for (const { nodeId, host, port } of found.brokers) addresses.set(nodeId, `${host}:${port}`);
    return found;
  }

  // Where only the addresses are wanted: no topic would mean all topics of the cluster.
  const someTopic = () => [leaders.keys().next().value ?? "waymark"];

  async function using<T>(
    node: number,
    work: (broker: BrokerConnection) => Promise<T>,
    waitMs = 0,
  ): Promise<T> {
    if (!addresses.has(node)) await metadata(someTopic());
    const address = addresses.get(node);
    if (address === undefined) throw new Error(`broker ${node} is not known`);
    try {
      return await answered(entryOf(addressOf(address)), work, waitMs);
    } catch (error) {
      // It may have come back under another address.
      addresses.delete(node);
      throw error;
    }
  }

  async function lookUp(topic: string): Promise<number[] | null> {
    const { topicMetadata } = await metadata([topic]);
    const found = topicMetadata.find((t) => t.topic === topic);
    if (found === undefined || found.topicErrorCode === code.unknownTopicOrPartition) return null;
    refuse(found.topicErrorCode);
    const byPartition: number[] = [];
    for (const { partitionId, leader } of found.partitionMetadata) byPartition[partitionId] = leader;
    leaders.set(topic, Promise.resolve(byPartition));
    return byPartition;
  }

  /** Asked for by many at once, looked up once; a failure is not remembered. */
  function remembered<T>(cache: Map<string, Promise<T>>, name: string, find: () => Promise<T>): Promise<T> {
    const known = cache.get(name);
    if (known !== undefined) return known;
    const finding = find();
    cache.set(name, finding);
    finding.catch(() => cache.get(name) === finding && cache.delete(name));
    return finding;
  }

  return {
    any,
    at: (node, api, args, waitMs) => using(node, (broker) => ask(broker, api, args), waitMs),
    using,
    lookUp,
    async leaderOf({ topic, partition }) {
      return (await remembered(leaders, topic, () => lookUp(topic)))?.[partition] ?? -1;
    },
    async partitionCount(topic) {
      const byPartition = await remembered(leaders, topic, () => lookUp(topic));
      if (byPartition !== null) return byPartition.length;
      leaders.delete(topic);
      throw topicMissing(topic);
    },
    forgetLeaders: (topic) => void leaders.delete(topic),
    coordinatorOf: (group) =>
      remembered(coordinators, group, async () => {
        const args = { groupId: group, coordinatorType: 0 };
        type Found = { errorCode: number; coordinator: { nodeId: number; host: string; port: number } };
        const { errorCode, coordinator } = await any<Found>("GroupCoordinator", args);
        refuse(errorCode);
        addresses.set(coordinator.nodeId, `${coordinator.host}:${coordinator.port}`);
        return coordinator.nodeId;
      }),
    forgetCoordinator: (group) => void coordinators.delete(group),
    controller: async () => (await metadata(someTopic())).controllerId,
    brokerCount: async () => (await metadata(someTopic())).brokers.length,
    async close() {
      closed = true;
      const open = [...entries.values()];
      entries.clear();
      await Promise.all(open.map(({ connecting }) => connecting.then(drop, () => {})));
    },
  };
}

function addressOf(text: string): { host: string; port: number } {
  const colon = text.lastIndexOf(":");
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ""), port: Number(text.slice(colon + 1)) };
}

/** Whether the brokers answer and are as many as expected: for waiting until a cluster has started. */
export async function kafkaAnswers(brokers: string[], expected: number): Promise<boolean> {
  const { connectMs } = timingDefaults;
  const nodes = kafkaNodes({ brokers, clientId: "waymark", security: {}, connectMs, requestMs: connectMs });
  try {
    return await nodes.brokerCount() >= expected;
  } catch {
    return false;
  } finally {
    await nodes.close();
  }
}
