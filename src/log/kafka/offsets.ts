/** Offsets by asking the brokers: where partitions begin and end, and where a time is. */
import type { Committed, LogBounds, TopicPartition } from "../port.ts";
import { code, isCoordinatorCode, refuse } from "./failures.ts";
import type { Nodes } from "./nodes.ts";

/** Stand for a time: the first record there is, and the one after the last. */
const earliest = -2;
const latest = -1;
const readCommitted = 1;

type Listed = {
  responses: {
    topic: string;
    partitions: { partition: number; errorCode: number; offset: string }[];
  }[];
};

/** By partition: the first offset at or after the time, -1 when there is none. */
async function list(nodes: Nodes, topic: string, partitions: number[], timeMs: number): Promise<number[]> {
  const offsets: number[] = [];
  const leaders = await Promise.all(partitions.map((partition) => nodes.leaderOf({ topic, partition })));
  try {
    await Promise.all(
      [...Map.groupBy(partitions, (_, i) => leaders[i]!)].map(async ([leader, led]) => {
        const listed = await askFor(nodes, leader, {
          tps: led.map((partition) => ({ topic, partition })),
          timeMs,
        });
        for (const { partition, errorCode, offset } of listed.flatMap((of) => of.partitions)) {
          refuse(errorCode);
          offsets[partition] = Number(offset);
        }
      }),
    );
  } catch (error) {
    nodes.forgetLeaders(topic);
    throw error;
  }
  return offsets;
}

async function askFor(
  nodes: Nodes,
  leader: number,
  { tps, timeMs }: { tps: readonly TopicPartition[]; timeMs: number },
): Promise<Listed["responses"]> {
  const timestamp = String(timeMs);
  const topics = [...Map.groupBy(tps, (tp) => tp.topic)].map(([topic, of]) => ({
    topic,
    partitions: of.map(({ partition }) => ({ partition, timestamp })),
  }));
  const args = { replicaId: -1, isolationLevel: readCommitted, topics };
  return (await nodes.at<Listed>(leader, "ListOffsets", args)).responses;
}

export async function boundsOf(nodes: Nodes, topic: string, partitions: number[]): Promise<LogBounds[]> {
  const [starts, ends] = await Promise.all([
    list(nodes, topic, partitions, earliest),
    list(nodes, topic, partitions, latest),
  ]);
  return partitions.map((p) => ({ start: starts[p]!, end: ends[p]! }));
}

/**
 * The log ends of the partitions of several topics, with one question to each broker. A topic of which one cannot be
 * looked up is left out. Never rejects.
 */
export async function endsOf(nodes: Nodes, topics: readonly string[]): Promise<Map<string, number[]>> {
  const ends = new Map(topics.map((topic) => [topic, [] as number[]]));
  const fail = (topic: string) => {
    ends.delete(topic);
    nodes.forgetLeaders(topic);
  };
  const led: (TopicPartition & { leader: number })[] = [];
  await Promise.all(topics.map(async (topic) => {
    try {
      const count = await nodes.partitionCount(topic);
      for (let partition = 0; partition < count; partition++) {
        led.push({ topic, partition, leader: await nodes.leaderOf({ topic, partition }) });
      }
    } catch {
      fail(topic);
    }
  }));
  await Promise.all(
    [...Map.groupBy(led, ({ leader }) => leader)].map(async ([leader, tps]) => {
      try {
        for (const { topic, partitions } of await askFor(nodes, leader, { tps, timeMs: latest })) {
          if (partitions.some(({ errorCode }) => errorCode !== code.none)) fail(topic);
          for (const { partition, offset } of partitions) {
            const of = ends.get(topic);
            if (of !== undefined) of[partition] = Number(offset);
          }
        }
      } catch {
        for (const { topic } of tps) fail(topic);
      }
    }),
  );
  return ends;
}

export async function offsetAt(nodes: Nodes, tp: TopicPartition, timeMs: number): Promise<number> {
  const { topic, partition } = tp;
  const [found] = (await list(nodes, topic, [partition], timeMs)).slice(partition) as [number];
  return found >= 0 ? found : (await list(nodes, topic, [partition], latest))[partition]!;
}

type OffsetFetched = {
  errorCode: number;
  responses: { partitions: { partition: number; offset: string; metadata: string; errorCode: number }[] }[];
};

export async function committedOf(
  nodes: Nodes,
  group: string,
  { topic, partitions }: { topic: string; partitions: number },
): Promise<(Committed | null)[]> {
  const asked = Array.from({ length: partitions }, (_, partition) => ({ partition }));
  const args = { groupId: group, topics: [{ topic, partitions: asked }] };
  const coordinator = await nodes.coordinatorOf(group);
  let found: OffsetFetched;
  try {
    found = await nodes.at<OffsetFetched>(coordinator, "OffsetFetch", args);
    if (isCoordinatorCode(found.errorCode)) nodes.forgetCoordinator(group);
    refuse(found.errorCode);
  } catch (error) {
    nodes.forgetCoordinator(group);
    throw error;
  }
  const committed: (Committed | null)[] = asked.map(() => null);
  for (const { partition, offset, metadata, errorCode } of found.responses.flatMap((r) => r.partitions)) {
    refuse(errorCode);
    if (Number(offset) >= 0) committed[partition] = { offset: Number(offset), metadata: metadata ?? "" };
  }
  return committed;
}

export type Generation = { group: string; memberId: string; generation: number };

type OffsetCommitted = { responses: { partitions: { errorCode: number }[] }[] };

/** The worst error code of the commit: 0 when all was stored. */
export async function storeCommits(
  nodes: Nodes,
  { group, memberId, generation }: Generation,
  commits: readonly (TopicPartition & Committed)[],
): Promise<number> {
  const topics = [...Map.groupBy(commits, (c) => c.topic)].map(([topic, of]) => ({
    topic,
    partitions: of.map(({ partition, offset, metadata }) => ({
      partition,
      offset: String(offset),
      metadata,
    })),
  }));
  const args = { groupId: group, groupGenerationId: generation, memberId, retentionTime: -1, topics };
  const coordinator = await nodes.coordinatorOf(group);
  try {
    const { responses } = await nodes.at<OffsetCommitted>(coordinator, "OffsetCommit", args);
    const errorCode = responses.flatMap((r) => r.partitions).find((p) => p.errorCode !== code.none);
    if (errorCode !== undefined && isCoordinatorCode(errorCode.errorCode)) nodes.forgetCoordinator(group);
    return errorCode?.errorCode ?? code.none;
  } catch (error) {
    nodes.forgetCoordinator(group);
    throw error;
  }
}
