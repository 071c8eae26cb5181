/**
 * Who gets which partition in one round of a group's rebalancing: pure, run by the member that leads the group.
 *
 * Kafka's classic protocol takes everything from everybody at each rebalance. Here each member says, when it joins,
 * what it holds, and nobody is told to take over what another one still holds: that partition is left out for a
 * round, its holder gives it back in order (publish, snapshot, commit) and joins again, and then it is handed on.
 * (The same idea as Kafka's CooperativeStickyAssignor, KIP-429.)
 *
 *   join: "I hold 0 1 2 3"   join: "I hold nothing"   ─►  round 1:  0 1   –      2 3 are held, wanted elsewhere
 *   join: "I hold 0 1"       join: "I hold nothing"   ─►  round 2:  0 1   2 3
 *
 * A round that leaves something out is open, and every member is told so with its assignment: should the holder end in
 * the middle of giving back, and come back under its instance id, there would be no round in which it was missed.
 *
 * The invariant: a partition is handed to a member only when no other member of the round claims it.
 */
import { Buffer } from "node:buffer";
import { WaymarkError } from "../../errors.ts";
import { assignPartitions, partitionName } from "../assignment.ts";
import type { TopicPartition } from "../port.ts";
import { MemberAssignment, MemberMetadata } from "./library.ts";
import { assignmentIn, subscriptionIn } from "./member_bytes.ts";

/** Members with another protocol are not let into the group by the broker. */
export const protocolName = "waymark-cooperative-1";

export type JoinedMember = {
  memberId: string;
  topics: string[];
  /** What it holds, or was told to take and has not given back. */
  holds: TopicPartition[];
  /** It gives back what it has and takes nothing more. */
  isLeaving: boolean;
  /** Where its process answers. */
  address: string | null;
};

/** `assigned`: by member id, for every member. `isOpen`: what somebody is to have is still held by others. */
export type RoundPlan = { assigned: Map<string, TopicPartition[]>; isOpen: boolean };

export function planRound(
  members: readonly JoinedMember[],
  partitions: readonly TopicPartition[],
): RoundPlan {
  const claims = new Map<string, string[]>();
  for (const { memberId, holds } of members) {
    for (const tp of holds) {
      const name = partitionName(tp);
      claims.set(name, [...claims.get(name) ?? [], memberId]);
    }
  }
  const owned = new Map([...claims].map(([name, claimants]) => [name, claimants[0]!]));
  // In the order of their ids: the same round gives the same plan, whoever leads it.
  const subscriptions = members.map((m) => ({ memberId: m.memberId, topics: m.isLeaving ? [] : m.topics }))
    .sort((a, b) => a.memberId < b.memberId ? -1 : 1);
  const wanted = assignPartitions(partitions, { members: subscriptions, owned });
  const assigned = new Map(members.map((m) => [m.memberId, [] as TopicPartition[]]));
  let isOpen = false;
  for (const tp of partitions) {
    const owner = wanted.get(partitionName(tp));
    const claimants = claims.get(partitionName(tp)) ?? [];
    if (owner === undefined) continue;
    if (claimants.length === 0 || claimants.includes(owner)) assigned.get(owner)?.push(tp);
    else isOpen = true;
  }
  return { assigned, isOpen };
}

export function encodeMember({ topics, holds, isLeaving, address }: Omit<JoinedMember, "memberId">): Buffer {
  const userData = Buffer.from(JSON.stringify({ holds: byTopic(holds), leaving: isLeaving, address }));
  // Version 0 of the subscription: later ones have fields that kafkajs does not write.
  return MemberMetadata.encode({ version: 0, topics, userData });
}

/** Throws for bytes that no member of this protocol writes. */
export function decodeMember(memberId: string, bytes: Buffer): JoinedMember {
  const { topics, userData } = subscriptionIn(bytes);
  const { holds, leaving, address } = JSON.parse(userData?.toString("utf8") || "{}") as {
    holds?: unknown;
    leaving?: unknown;
    address?: unknown;
  };
  return {
    memberId,
    topics,
    holds: flat(held(holds ?? {})),
    isLeaving: leaving === true,
    address: typeof address === "string" ? address : null,
  };
}

function held(holds: unknown): Record<string, number[]> {
  const isList = (list: unknown) => Array.isArray(list) && list.every((n) => Number.isInteger(n) && n >= 0);
  if (typeof holds === "object" && holds !== null && Object.values(holds).every(isList)) {
    return holds as Record<string, number[]>;
  }
  throw new WaymarkError("log_unavailable", "a member of the group says in another form what it holds");
}

/** What a member is given in a round. */
export type Assigned = { partitions: TopicPartition[]; isOpen: boolean };

const openMark = Buffer.from("open");

export const encodeAssigned = ({ partitions, isOpen }: Assigned): Buffer =>
  MemberAssignment.encode({
    version: 0,
    assignment: byTopic(partitions),
    userData: isOpen ? openMark : Buffer.alloc(0),
  });

/** Nothing for a member that was given nothing. */
export function decodeAssigned(bytes: Buffer | null): Assigned {
  if (bytes === null || bytes.length === 0) return { partitions: [], isOpen: false };
  const { topics, userData } = assignmentIn(bytes);
  return {
    partitions: topics.flatMap(({ topic, partitions }) =>
      partitions.map((partition) => ({ topic, partition }))
    ),
    isOpen: userData !== null && openMark.equals(userData),
  };
}

function byTopic(partitions: readonly TopicPartition[]): Record<string, number[]> {
  const topics = Map.groupBy(partitions, (tp) => tp.topic);
  return Object.fromEntries([...topics].map(([topic, of]) => [topic, of.map((tp) => tp.partition)]));
}

function flat(topics: Record<string, number[]>): TopicPartition[] {
  return Object.entries(topics).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition }))
  );
}
