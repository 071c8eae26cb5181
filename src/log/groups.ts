/**
 * Consumer groups inside one process: the members of a group share its partitions.
 *
 * For every partition there is a wanted owner, decided by src/log/assignment.ts, and a holder, who is reading it
 * (src/log/partition_reader.ts). A partition goes over by itself: the holder is asked to release it, and only when it
 * has, the wanted owner begins. So a partition has one holder at any time, and slow restores hold up no other one.
 *
 *   join, leave, expel ──► wanted owners ──► per partition: holder releases (revoked) ──► wanted owner assigned
 *
 * An expelled member is the one exception: it is told `lost` and not waited for, as a broker does with a member
 * that stopped answering. What it still does it does as a zombie, and its commits are refused.
 */
import { WaymarkError } from "../errors.ts";
import { limits } from "../limits.ts";
import { breathe } from "../time.ts";
import { assignPartitions, partitionName } from "./assignment.ts";
import { emptyPolls } from "./empty_polls.ts";
import { type PartitionReader, type ReaderSource, startReader } from "./partition_reader.ts";
import type {
  Commit,
  GroupHandlers,
  GroupMemberView,
  JoinOptions,
  Membership,
  TopicPartition,
} from "./port.ts";
import { topicMissing } from "./refusals.ts";
import { eventLoopTurns } from "../turns.ts";

export type GroupSource = ReaderSource & {
  partitionCount(topic: string): number | null;
  storeCommits(group: string, commits: Commit[]): Promise<void>;
};

export type Groups = {
  join(options: JoinOptions): Membership;
  members(group: string): GroupMemberView[];
  /** Takes everything from a member without asking it. */
  expel(memberId: string): void;
  /** Wakes the readers of a partition that was appended to. */
  wake(tp: TopicPartition): void;
  /** Every partition still held is lost. */
  close(): void;
};

type Member = {
  memberId: string;
  topics: string[];
  handlers: GroupHandlers;
  batchRecordsMax: number;
  hasJoined: boolean;
};

type Slot = {
  tp: TopicPartition;
  wanted: Member | null;
  holder: { member: Member; reader: PartitionReader } | null;
  moving: boolean;
};

type Group = { name: string; members: Member[]; slots: Map<string, Slot>; dueToAssign: boolean };

export function consumerGroups(source: GroupSource): Groups {
  const groups = new Map<string, Group>();
  const turn = eventLoopTurns(source.clock);
  const polls = emptyPolls(source.clock);
  let joined = 0;

  function join({ group: name, topics, handlers, batchRecordsMax = limits.fetchRecordsMax }: JoinOptions) {
    const group: Group = groups.get(name) ?? { name, members: [], slots: new Map(), dueToAssign: false };
    for (const topic of topics) addSlots(group, topic);
    groups.set(name, group);
    const member: Member = {
      memberId: `${name}-${++joined}`,
      topics: [...topics],
      handlers,
      batchRecordsMax,
      hasJoined: false,
    };
    group.members.push(member);
    assignSoon(group);
    return membership(group, member);
  }

  function addSlots(group: Group, topic: string): void {
    const count = source.partitionCount(topic);
    if (count === null) throw topicMissing(topic);
    for (let partition = 0; partition < count; partition++) {
      const tp = { topic, partition };
      const name = partitionName(tp);
      if (!group.slots.has(name)) group.slots.set(name, { tp, wanted: null, holder: null, moving: false });
    }
  }

  // A turn later: the caller has its membership before its first callback, and members that join together share at once.
  function assignSoon(group: Group): void {
    if (group.dueToAssign) return;
    group.dueToAssign = true;
    void breathe().then(() => {
      group.dueToAssign = false;
      assign(group);
    });
  }

  function assign(group: Group): void {
    const slots = [...group.slots.values()];
    const owned = new Map(
      slots.flatMap((s) => s.wanted ? [[partitionName(s.tp), s.wanted.memberId] as const] : []),
    );
    const owners = assignPartitions(slots.map((s) => s.tp), { members: group.members, owned });
    for (const slot of slots) {
      const owner = owners.get(partitionName(slot.tp));
      slot.wanted = group.members.find((m) => m.memberId === owner) ?? null;
      void handOver(slot);
    }
    for (const member of group.members) member.hasJoined = true;
  }

  async function handOver(slot: Slot): Promise<void> {
    if (slot.moving) return;
    slot.moving = true;
    while ((slot.holder?.member ?? null) !== slot.wanted) {
      if (slot.holder !== null) {
        slot.holder.reader.release();
        await slot.holder.reader.released;
        slot.holder = null;
      } else if (slot.wanted !== null) {
        slot.holder = { member: slot.wanted, reader: start(slot.wanted, slot.tp) };
      }
    }
    slot.moving = false;
  }

  function start({ handlers, batchRecordsMax }: Member, tp: TopicPartition): PartitionReader {
    return startReader({ tp, handlers, batchRecordsMax, source, turn, polls });
  }

  function membership(group: Group, member: Member): Membership {
    const holding = (tp: TopicPartition) => readerAt(group.slots.get(partitionName(tp)), member);
    return {
      memberId: member.memberId,
      assignment: () => heldBy(group, member),
      hasJoined: () => member.hasJoined,
      async commit(commits) {
        for (const commit of commits) {
          if (holding(commit) === undefined) throw notOwner(member, commit);
        }
        await source.storeCommits(group.name, commits);
      },
      pause: (tp) => holding(tp)?.pause(),
      resume: (tp) => holding(tp)?.resume(),
      async leave() {
        remove(group, member);
        await Promise.all(held(group, member).map((reader) => reader.released));
      },
    };
  }

  function remove(group: Group, member: Member): void {
    if (!group.members.includes(member)) return;
    group.members = group.members.filter((m) => m !== member);
    member.hasJoined = false;
    assign(group);
  }

  return {
    join,
    members: (name) =>
      (groups.get(name)?.members ?? []).map((member) => ({
        memberId: member.memberId,
        // Members of one process have no addresses: who asks is that process.
        address: null,
        holds: heldBy(groups.get(name)!, member),
      })),
    expel(memberId) {
      for (const group of groups.values()) {
        // By holder, not by member: one that is leaving and hangs in `revoked` can be expelled too.
        for (const { holder } of group.slots.values()) {
          if (holder?.member.memberId === memberId) holder.reader.lose();
        }
        const member = group.members.find((m) => m.memberId === memberId);
        if (member !== undefined) remove(group, member);
      }
    },
    wake(tp) {
      const name = partitionName(tp);
      for (const group of groups.values()) group.slots.get(name)?.holder?.reader.wake();
    },
    close() {
      for (const group of groups.values()) {
        group.members = [];
        for (const slot of group.slots.values()) {
          slot.wanted = null;
          slot.holder?.reader.lose();
        }
      }
    },
  };
}

function held(group: Group, member: Member): PartitionReader[] {
  return [...group.slots.values()].flatMap((s) => s.holder?.member === member ? [s.holder.reader] : []);
}

/** The partition's reader, if it reads for this member. */
function readerAt(slot: Slot | undefined, member: Member): PartitionReader | undefined {
  return slot?.holder?.member === member && slot.holder.reader.owns() ? slot.holder.reader : undefined;
}

const heldBy = (group: Group, member: Member): TopicPartition[] =>
  [...group.slots.values()].filter((slot) => readerAt(slot, member)).map(({ tp }) => ({ ...tp }));

function notOwner({ memberId }: Member, { topic, partition, offset }: Commit): WaymarkError {
  return new WaymarkError(
    "log_unavailable",
    `${memberId} cannot commit offset ${offset} of ${topic}/${partition}: the partition is not assigned to it`,
  );
}
