/**
 * One member of a Kafka group: what the group assigns becomes readers, and what readers give back goes to the group.
 *
 *   assigned ─► partitions not held yet begin; held ones that are not assigned any more are released
 *   released ─► assigned again meanwhile? begin anew : join again, so that it is handed on
 *
 * The invariant: what a member claims when it joins (src/log/kafka/rebalance.ts) is everything it holds, until
 * `revoked` has returned.
 */
import { deadline } from "@std/async";
import { WaymarkError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import { partitionName } from "../assignment.ts";
import type { Commit, JoinOptions, LogBounds, Membership, TopicPartition } from "../port.ts";
import { code, type Patience, patiently, refuse } from "./failures.ts";
import { startFetcher } from "./fetcher.ts";
import { startMembership } from "./membership_loop.ts";
import type { Nodes } from "./nodes.ts";
import { storeCommits } from "./offsets.ts";
import type { KafkaTiming } from "./options.ts";
import { type KafkaReader, startKafkaReader } from "./partition_reader.ts";

const tellMs = 2_000;

export type GroupMember = Membership & {
  /** Every partition still held is lost; the group is told, if it listens. */
  close(): Promise<void>;
};

export type GroupMemberOptions = Patience & {
  join: JoinOptions;
  /** Connections of this member alone. */
  nodes: Nodes;
  /** Connections on which nothing is ever held by the broker: for commits and leaving. */
  shared: Nodes;
  timing: KafkaTiming;
  address: string | null;
  instanceId: string | null;
  logClockMs(): number;
  recordedTimes: boolean;
  onTrouble(message: string): void;
  bounds(tp: TopicPartition): Promise<LogBounds>;
  partitions(topics: readonly string[]): Promise<TopicPartition[]>;
  turn(): Promise<void>;
  left(member: GroupMember): void;
};

export async function joinGroup(options: GroupMemberOptions): Promise<GroupMember> {
  const { nodes, shared, clock, timing } = options;
  const { group, topics, handlers, batchRecordsMax = limits.fetchRecordsMax } = options.join;
  const readers = new Map<string, KafkaReader>();
  let assigned = new Map<string, TopicPartition>();
  let hasJoined = false;
  let isLeaving = false;

  const fetcher = startFetcher({
    nodes,
    clock,
    logClockMs: options.logClockMs,
    recordedTimes: options.recordedTimes,
    fetchWaitMs: timing.fetchWaitMs,
    onTrouble: options.onTrouble,
    readers: () => readers.values(),
  });

  const loop = await patiently(`cannot join group ${group}`, options, () =>
    startMembership({
      group,
      nodes,
      clock,
      timing,
      instanceId: options.instanceId,
      self: () => ({ topics, holds: holds(), isLeaving, address: options.address }),
      partitions: options.partitions,
      assigned: reconcile,
      lost: loseAll,
      onTrouble: options.onTrouble,
    })).catch((error) => {
      fetcher.close();
      throw error;
    });

  function holds(): TopicPartition[] {
    const all = new Map([...readers].map(([name, reader]) => [name, reader.tp]));
    if (!isLeaving) { for (const [name, tp] of assigned) all.set(name, tp); }
    return [...all.values()];
  }

  function reconcile(tps: TopicPartition[]): void {
    hasJoined = true;
    assigned = new Map(tps.map((tp) => [partitionName(tp), tp]));
    for (const [name, reader] of readers) if (!assigned.has(name)) reader.release();
    for (const [name, tp] of assigned) if (!readers.has(name)) begin(name, tp);
  }

  function begin(name: string, tp: TopicPartition): void {
    if (isLeaving) return;
    const reader = startKafkaReader({
      tp,
      handlers,
      batchRecordsMax,
      clock,
      bounds: options.bounds,
      confirmed: () => loop.confirmed(),
      onTrouble: options.onTrouble,
      wake: fetcher.wake,
      turn: options.turn,
    });
    readers.set(name, reader);
    void reader.released.then(() => {
      if (readers.get(name) !== reader) return;
      readers.delete(name);
      const again = assigned.get(name);
      if (again !== undefined) begin(name, again);
      else if (!isLeaving) loop.joinAgain();
    });
  }

  function loseAll(): void {
    hasJoined = false;
    assigned = new Map();
    const held = [...readers.values()];
    readers.clear();
    for (const reader of held) reader.lose();
  }

  const holding = (tp: TopicPartition): KafkaReader | undefined => {
    const reader = readers.get(partitionName(tp));
    return reader?.owns() ? reader : undefined;
  };

  function refusal({ topic, partition, offset }: Commit): WaymarkError {
    return new WaymarkError(
      "log_unavailable",
      `${loop.memberId()} cannot commit offset ${offset} of ${topic}/${partition}: the partition is not assigned to it`,
    );
  }

  async function commit(commits: Commit[]): Promise<void> {
    if (commits.length === 0) return;
    const owners = commits.map(holding);
    await patiently(`cannot commit in group ${group}`, options, async () => {
      // By reader, not by partition: one that was lost and came back begins at another position.
      const foreign = commits.find((tp, i) => owners[i] === undefined || holding(tp) !== owners[i]);
      if (foreign !== undefined) throw refusal(foreign);
      const as = { group, memberId: loop.memberId(), generation: loop.generation() };
      const errorCode = await storeCommits(shared, as, commits);
      // Between two generations: the next one takes it, if the partition is still ours then.
      if (errorCode === code.illegalGeneration || errorCode === code.rebalanceInProgress) {
        await loop.joined();
        throw new Error("the group is rebalancing");
      }
      refuse(errorCode);
    });
  }

  async function tellGroup(): Promise<void> {
    const args = { groupId: group, memberId: loop.memberId(), groupInstanceId: loop.instanceId() };
    if (args.memberId === "") return;
    const telling = shared.coordinatorOf(group).then((node) => shared.at(node, "LeaveGroup", args));
    // Not to be told costs the others the length of the session, nothing else.
    await deadline(telling, tellMs).catch(() => {});
  }

  async function end(): Promise<void> {
    loop.end();
    fetcher.close();
    await tellGroup();
    await nodes.close();
    options.left(member);
  }

  const member: GroupMember = {
    get memberId() {
      return loop.memberId();
    },
    hasJoined: () => hasJoined,
    assignment: () => [...readers.values()].filter((r) => r.owns()).map((r) => ({ ...r.tp })),
    commit,
    pause: (tp) => holding(tp)?.pause(),
    resume: (tp) => holding(tp)?.resume(),
    async leave() {
      if (isLeaving) return;
      isLeaving = true;
      assigned = new Map();
      const held = [...readers.values()];
      for (const reader of held) reader.release();
      await Promise.all(held.map((reader) => reader.released));
      await end();
    },
    async close() {
      isLeaving = true;
      loseAll();
      await end();
    },
  };
  return member;
}
