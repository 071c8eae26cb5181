/**
 * The log on Kafka: the same port as the embedded one, shared by any number of processes.
 *
 *   library.ts   what is taken from kafkajs                  nodes.ts        connections, leaders, coordinators
 *   producer.ts  append, by way of batching.ts               certificate.ts  why a broker's was not taken
 *                and batch_encoder.ts                        fetch.ts        one fetch, taken apart
 *   reads.ts     read, but for own_appends.ts                topic_table.ts  topics made and verified
 *   offsets.ts   bounds, offsetAt, committed                 group_view.ts   members
 *   join: group_member.ts ─► membership_loop.ts (rebalance.ts) and partition_reader.ts, fed by fetcher.ts
 *
 * Offsets and positions are ours alone; the group's committed offsets are stored when asked and never read to decide
 * where to begin. Nothing ever jumps: an offset that the log does not have is refused.
 */
import { WaymarkError } from "../../errors.ts";
import { appendWatch } from "./append_watch.ts";
import { compressionCodes } from "./codecs.ts";
import { type Patience, patiently } from "./failures.ts";
import { fetchFrom, recordedAtHeader } from "./fetch.ts";
import { type GroupMember, joinGroup } from "./group_member.ts";
import { groupViews } from "./group_view.ts";
import { logClock } from "./log_clock.ts";
import { kafkaNodes } from "./nodes.ts";
import { boundsOf, committedOf, endsOf, offsetAt } from "./offsets.ts";
import { type KafkaLogOptions, timingDefaults } from "./options.ts";
import { ownAppends } from "./own_appends.ts";
import { kafkaProducer, type SizeSetting } from "./producer.ts";
import { kafkaReads } from "./reads.ts";
import { topicTable } from "./topic_table.ts";
import { eventLoopTurns } from "../../turns.ts";
import type { JoinOptions, Log, NewRecord, TopicPartition } from "../port.ts";
import { logClosed, topicMissing } from "../refusals.ts";

export type { KafkaLogOptions, KafkaSecurity, KafkaTiming } from "./options.ts";
export { contractTopicSettings } from "./topic_settings.ts";

/** Connects to the cluster. Throws log_unavailable when no broker answers, or refuses the given identity. */
export async function openKafkaLog(options: KafkaLogOptions): Promise<Log> {
  const { clock } = options;
  const timing = { ...timingDefaults, ...options.timing };
  const recordedTimes = options.recordedTimes ?? false;
  const over = new AbortController();
  const patience: Patience = { clock, patienceMs: timing.patienceMs, signal: over.signal };
  const connection = {
    brokers: options.brokers,
    clientId: options.clientId ?? "waymark",
    security: options.security ?? {},
    connectMs: timing.connectMs,
    requestMs: timing.requestMs,
  };
  const nodes = kafkaNodes(connection);
  const views = groupViews(nodes);
  const time = logClock(clock);
  const turn = eventLoopTurns(clock);
  const members = new Set<GroupMember>();
  const joinedTimes = new Map<string, number>();
  const topics = topicTable({
    nodes,
    replicationFactor: options.replicationFactor,
    settingsOf: options.topicSettings ?? (() => ({})),
  });
  const appends = appendWatch({
    clock,
    pollMs: timing.appendedPollMs,
    ends: (topics) => endsOf(nodes, topics),
  });
  const own = ownAppends();
  const producer = kafkaProducer({
    ...patience,
    nodes,
    compression: compressionCodes[options.compression ?? "lz4"],
    prepare,
    recordedAtHeader,
    nowMs: time.nowMs,
    acknowledged: time.acknowledged,
    appended: appends.wake,
    placed(tp, batch) {
      own.keep(tp, batch);
      appends.saw(tp, batch.base + batch.messages.length);
    },
    sizeSetting,
  });

  const reads = kafkaReads({
    nodes,
    request: (leader, wanted, bounds) =>
      nodes.using(leader, (broker) => fetchFrom(broker, wanted, { ...bounds, recordedTimes })),
    startOf: async (tp) => (await boundsOfOne(tp)).start,
    saw: appends.saw,
  });

  function attempt<T>(action: string, work: () => Promise<T>): Promise<T> {
    if (over.signal.aborted) return Promise.reject(logClosed());
    return patiently(action, patience, work);
  }

  function prepare(records: readonly NewRecord[]): Promise<Set<string>> {
    const stating = new Set(records.filter((r) => r.timestampMs !== undefined).map((r) => r.topic));
    return attempt("cannot look up the topics of an append", async () => {
      for (const tp of distinct(records)) await topics.refuseMissing(tp);
      for (const topic of stating) if (!await topics.stampedByBroker(topic)) stating.delete(topic);
      if (!recordedTimes) { for (const topic of stating) throw timeStated(topic); }
      return stating;
    });
  }

  async function sizeSetting(topic: string): Promise<SizeSetting | null> {
    const settings = await topics.shape(topic).then((shape) => shape?.settings, () => undefined);
    const bounds = ["max.message.bytes", "segment.bytes"].flatMap((name) => {
      const bytes = Number(settings?.get(name));
      return bytes > 0 ? [{ name, bytes }] : [];
    });
    return bounds.sort((a, b) => a.bytes - b.bytes)[0] ?? null;
  }

  async function partitionsOf(topic: string): Promise<number[]> {
    const count = await topics.partitions(topic);
    if (count === null) throw topicMissing(topic);
    return numbers(count);
  }

  const boundsOfOne = (tp: TopicPartition) =>
    attempt(`cannot look up the bounds of ${tp.topic}`, async () => {
      return (await boundsOf(nodes, tp.topic, [tp.partition]))[0]!;
    });

  /** Of several members of one group in this process each has its own. */
  function instanceOf(group: string): string | null {
    if (options.instance === undefined) return null;
    const nth = joinedTimes.get(group) ?? 0;
    joinedTimes.set(group, nth + 1);
    return `${options.instance}.${nth}`;
  }

  async function join(join: JoinOptions): Promise<GroupMember> {
    for (const topic of join.topics) await attempt(`cannot join ${join.group}`, () => partitionsOf(topic));
    const member = await joinGroup({
      ...patience,
      join,
      nodes: kafkaNodes(connection),
      shared: nodes,
      timing,
      address: options.address ?? null,
      instanceId: instanceOf(join.group),
      onTrouble: options.onTrouble ?? (() => {}),
      logClockMs: time.nowMs,
      recordedTimes,
      bounds: boundsOfOne,
      async partitions(names) {
        const all: TopicPartition[] = [];
        for (const topic of names) {
          for (const partition of await partitionsOf(topic)) all.push({ topic, partition });
        }
        return all;
      },
      turn,
      left: (left) => void members.delete(left),
    });
    members.add(member);
    return member;
  }

  try {
    await patiently("cannot reach Kafka", { ...patience, patienceMs: timing.connectMs }, nodes.brokerCount);
  } catch (error) {
    await nodes.close();
    throw error;
  }

  return {
    async ensureTopics(specs) {
      for (const spec of specs) {
        await attempt(`cannot make topic ${spec.topic}`, () => topics.ensure(spec));
      }
    },
    partitionCount: (topic) => attempt(`cannot look up topic ${topic}`, () => topics.partitions(topic)),
    async append(records) {
      if (over.signal.aborted) throw logClosed();
      try {
        await producer.append(records);
      } catch (error) {
        // A topic may have been made anew with other partitions.
        topics.forget();
        throw error;
      }
    },
    bounds: (topic) =>
      attempt(`cannot look up the bounds of ${topic}`, async () => {
        return await boundsOf(nodes, topic, await partitionsOf(topic));
      }),
    read: (tp, offset, maxRecords) =>
      attempt(`cannot read ${tp.topic}/${tp.partition}`, async () => {
        await topics.refuseMissing(tp);
        const kept = own.read(tp, offset, maxRecords);
        return kept.length > 0 ? kept : await reads.read(tp, offset, maxRecords);
      }),
    hasMore: (tp, offset) => (appends.endSeen(tp) ?? Infinity) > offset,
    offsetAt: (tp, timeMs) =>
      attempt(`cannot find ${timeMs} in ${tp.topic}/${tp.partition}`, () => offsetAt(nodes, tp, timeMs)),
    async join(options) {
      if (over.signal.aborted) throw logClosed();
      return await join(options);
    },
    members: (group) => attempt(`cannot look up the members of ${group}`, () => views.membersOf(group)),
    committed: (group, topic) =>
      attempt(`cannot look up what ${group} committed`, async () => {
        const partitions = (await partitionsOf(topic)).length;
        return await committedOf(nodes, group, { topic, partitions });
      }),
    clockMs: time.nowMs,
    appended(topic, signal) {
      own.follow(topic);
      return appends.wait(topic, signal);
    },
    async close() {
      if (over.signal.aborted) return;
      over.abort(new WaymarkError("log_unavailable", "the log is closed"));
      producer.close();
      appends.close();
      await Promise.all([...members].map((member) => member.close()));
      await nodes.close();
    },
  };
}

const timeStated = (topic: string) =>
  new WaymarkError(
    "topic_mismatch",
    `cannot append a record that states its own time to ${topic}: its records carry the broker's time ` +
      `(message.timestamp.type=LogAppendTime); recorded times are for topics of a replay`,
  );

const numbers = (count: number) => Array.from({ length: count }, (_, partition) => partition);

/** Each partition once. */
function distinct(records: readonly TopicPartition[]): TopicPartition[] {
  const partitions = new Map<string, Set<number>>();
  for (const { topic, partition } of records) {
    const ofTopic = partitions.get(topic);
    if (ofTopic === undefined) partitions.set(topic, new Set([partition]));
    else ofTopic.add(partition);
  }
  return [...partitions].flatMap(([topic, ofTopic]) =>
    [...ofTopic].map((partition) => ({ topic, partition }))
  );
}
