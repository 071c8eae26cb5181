/**
 * Consumer groups at the broker: who is a member, who is wanted where, who holds what.
 *
 * A partition goes to its next owner when its holder has given it back, or has been silent for a session: then it is
 * expelled and finds out at its next heartbeat, until when it is a zombie.
 */
import { assignPartitions, partitionName } from "../../src/log/assignment.ts";
import type { TopicPartition } from "../../src/log/port.ts";
import type { Broker } from "./broker.ts";

export type Beat = { known: false } | { known: true; held: TopicPartition[]; giveBack: TopicPartition[] };

export type Coordinator = {
  join(group: string, topics: readonly string[], who: string): string;
  /** `released`: what the member has given back since the last heartbeat that was answered. */
  beat(group: string, memberId: string, released: readonly TopicPartition[]): Beat;
  leave(group: string, memberId: string): void;
  holds(group: string, memberId: string, tp: TopicPartition): boolean;
  members(group: string): { memberId: string; holds: TopicPartition[] }[];
  /** Expels who has been silent; to be called now and then. */
  sweep(): void;
};

type Member = { memberId: string; topics: readonly string[]; heardMs: number };
type Group = { members: Member[]; wanted: Map<string, string>; holders: Map<string, string> };

export type CoordinatorOptions = {
  broker: Broker;
  nowMs(): number;
  sessionMs: number;
  expelled(group: string, memberId: string): void;
  handedOver(group: string, tp: TopicPartition, to: string): void;
};

export function createCoordinator(options: CoordinatorOptions): Coordinator {
  const { broker, nowMs, sessionMs } = options;
  const groups = new Map<string, Group>();
  let joined = 0;

  function groupOf(name: string): Group {
    let group = groups.get(name);
    if (group === undefined) {
      groups.set(name, group = { members: [], wanted: new Map(), holders: new Map() });
    }
    return group;
  }

  function partitionsOf({ members }: Group): TopicPartition[] {
    const topics = new Set(members.flatMap((m) => m.topics));
    return [...topics].flatMap((topic) =>
      broker.partitions(topic).map(({ partition }) => ({ topic, partition }))
    );
  }

  function assign(group: Group): void {
    group.wanted = assignPartitions(partitionsOf(group), { members: group.members, owned: group.wanted });
  }

  function remove(name: string, memberId: string): void {
    const group = groupOf(name);
    group.members = group.members.filter((m) => m.memberId !== memberId);
    for (const [tp, holder] of group.holders) if (holder === memberId) group.holders.delete(tp);
    assign(group);
  }

  return {
    join(name, topics, who) {
      const group = groupOf(name);
      const memberId = `${name}-${who}-${++joined}`;
      group.members.push({ memberId, topics, heardMs: nowMs() });
      assign(group);
      return memberId;
    },
    beat(name, memberId, released) {
      const group = groupOf(name);
      const member = group.members.find((m) => m.memberId === memberId);
      if (member === undefined) return { known: false };
      member.heardMs = nowMs();
      for (const tp of released) {
        if (group.holders.get(partitionName(tp)) === memberId) group.holders.delete(partitionName(tp));
      }
      const held: TopicPartition[] = [];
      const giveBack: TopicPartition[] = [];
      for (const tp of partitionsOf(group)) {
        const key = partitionName(tp);
        const isWanted = group.wanted.get(key) === memberId;
        if (isWanted && !group.holders.has(key)) {
          group.holders.set(key, memberId);
          options.handedOver(name, tp, memberId);
        }
        if (group.holders.get(key) !== memberId) continue;
        (isWanted ? held : giveBack).push(tp);
      }
      return { known: true, held, giveBack };
    },
    leave: remove,
    holds: (name, memberId, tp) => groupOf(name).holders.get(partitionName(tp)) === memberId,
    members: (name) => {
      const group = groupOf(name);
      return group.members.map(({ memberId }) => ({
        memberId,
        holds: partitionsOf(group).filter((tp) => group.holders.get(partitionName(tp)) === memberId),
      }));
    },
    sweep() {
      for (const [name, group] of groups) {
        for (const { memberId, heardMs } of [...group.members]) {
          if (nowMs() - heardMs <= sessionMs) continue;
          remove(name, memberId);
          options.expelled(name, memberId);
        }
      }
    },
  };
}
