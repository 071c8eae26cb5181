/**
 * Who owns which partition of a group: a pure function of the members and of who owned it before.
 *
 * Moving a partition costs its owner a snapshot and the next one a restore, so nobody loses a partition unless
 * that evens the load out; even means that the members' counts differ by one at most, counted over the members
 * that may take the partition at all.
 */
import type { TopicPartition } from "./port.ts";

export type Subscription = { memberId: string; topics: readonly string[] };

/** A partition's name inside a group. */
export const partitionName = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;

/** Member id per partition name. Partitions of a topic that nobody reads are left out. */
export function assignPartitions(
  partitions: readonly TopicPartition[],
  { members, owned }: { members: readonly Subscription[]; owned: ReadonlyMap<string, string> },
): Map<string, string> {
  const shares = members.map((member) => ({ ...member, partitions: [] as TopicPartition[] }));
  const homeless = partitions.filter((tp) => {
    const owner = shares.find((s) => s.memberId === owned.get(partitionName(tp)) && reads(s, tp));
    owner?.partitions.push(tp);
    return owner === undefined;
  });
  for (const tp of homeless) leastLoaded(shares, tp)?.partitions.push(tp);
  while (moveOne(shares)) { /* until no move evens anything out */ }
  return new Map(shares.flatMap((s) => s.partitions.map((tp) => [partitionName(tp), s.memberId] as const)));
}

type Share = Subscription & { partitions: TopicPartition[] };

const reads = (share: Share, { topic }: TopicPartition) => share.topics.includes(topic);

const countOf = (share: Share, topic: string) => share.partitions.filter((tp) => tp.topic === topic).length;

/** Fewest partitions, then fewest of this topic, then the one that has been there longest. */
function leastLoaded(shares: readonly Share[], tp: TopicPartition): Share | undefined {
  return shares.filter((s) => reads(s, tp)).sort((a, b) =>
    a.partitions.length - b.partitions.length || countOf(a, tp.topic) - countOf(b, tp.topic)
  )[0];
}

/** Moves one partition from a member to another with at least two fewer. */
function moveOne(shares: Share[]): boolean {
  const byLoad = shares.toSorted((a, b) => b.partitions.length - a.partitions.length);
  for (const from of byLoad) {
    for (const to of byLoad.toReversed()) {
      if (from.partitions.length - to.partitions.length < 2) break;
      const given = givenAway(from, to);
      if (given === undefined) continue;
      from.partitions = from.partitions.filter((tp) => tp !== given);
      to.partitions.push(given);
      return true;
    }
  }
  return false;
}

/** Of the topic in which the two differ most, the last partition: keeps every topic spread out. */
function givenAway(from: Share, to: Share): TopicPartition | undefined {
  const surplus = (tp: TopicPartition) => countOf(from, tp.topic) - countOf(to, tp.topic);
  return from.partitions.filter((tp) => reads(to, tp)).reduce<TopicPartition | undefined>(
    (best, tp) => best === undefined || surplus(tp) >= surplus(best) ? tp : best,
    undefined,
  );
}
