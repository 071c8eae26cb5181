/**
 * Being a member of a Kafka group: join, sync, heartbeat, join again when told to.
 *
 *   handshake (a member id) ─► join ─► sync ─► assigned ─► heartbeat, heartbeat … ─► rebalance, or something given back
 *                               ▲────────────────────────────────────────────────────────┘
 *   unknown member ─► lost (everything) ─► a new member id ─► join
 *
 * With an instance id there is no handshake: who joins under it takes the place, the assignment too, of the process
 * that had it, without a rebalance and without waiting for that one's session to end. Two live processes with one
 * instance id would take it from each other for ever; the one that finds itself fenced goes on without.
 *
 * The heartbeat has a loop and a connection of its own, so a handler may work as long as it likes, and a fetch may be
 * held by the broker, without the member being taken for dead. A broker that cannot be reached is tried again for
 * ever: what is held stays held until the group says otherwise, since what a zombie does is harmless (DESIGN
 * section 1) and giving up early would cost a restore of every partition.
 */
import type { Buffer } from "node:buffer";
import { messageOf } from "../../errors.ts";
import type { Clock } from "../../time.ts";
import type { TopicPartition } from "../port.ts";
import { code, isCoordinatorCode, isWorthTelling, pauseMs, refuse } from "./failures.ts";
import type { Nodes } from "./nodes.ts";
import type { KafkaTiming } from "./options.ts";
import {
  decodeAssigned,
  decodeMember,
  encodeAssigned,
  encodeMember,
  type JoinedMember,
  planRound,
  protocolName,
} from "./rebalance.ts";

export type MembershipLoop = {
  /** Empty before an instance's first join. */
  memberId(): string;
  instanceId(): string | null;
  generation(): number;
  /** Resolves when the member is in a generation that it may commit in. */
  joined(): Promise<void>;
  /** Resolves when the group, asked after the call, has answered; what it answered has been followed by then. */
  confirmed(): Promise<void>;
  /** What is held has changed: join again to have it handed on. */
  joinAgain(): void;
  /** Ends without leaving the group. */
  end(): void;
};

export type MembershipLoopOptions = {
  group: string;
  /** Connections of this member alone: a join is held by the broker until all members have joined. */
  nodes: Nodes;
  clock: Clock;
  timing: KafkaTiming;
  instanceId: string | null;
  /** What the member says of itself when it joins, now. */
  self(): Omit<JoinedMember, "memberId">;
  /** All partitions of the topics. */
  partitions(topics: readonly string[]): Promise<TopicPartition[]>;
  assigned(tps: TopicPartition[]): void;
  onTrouble(message: string): void;
  /** The group goes on without us: everything held is lost. */
  lost(): void;
};

type Joined = {
  errorCode: number;
  generationId: number;
  leaderId: string;
  memberId: string;
  members: { memberId: string; memberMetadata: Buffer }[];
};
type Synced = { errorCode: number; memberAssignment: Buffer | null };

/** Begins when the group has given a member id. Throws what the broker refuses the member for. */
export async function startMembership(options: MembershipLoopOptions): Promise<MembershipLoop> {
  const { group, nodes, clock, timing } = options;
  const over = new AbortController();
  let memberId = "";
  let instanceId = options.instanceId;
  let generation = -1;
  let isJoinDue = true;
  /** When the round is asked for again, by the monotonic clock: one that left something out, and nothing followed. */
  let openUntilMs = Infinity;
  let rouse = () => {};
  const unconfirmed: (() => void)[] = [];
  let settled = Promise.withResolvers<void>();
  let isSettled = false;

  async function ask<T extends { errorCode: number }>(
    api: "JoinGroup" | "SyncGroup" | "Heartbeat",
    args: object,
    waitMs = 0,
  ): Promise<T> {
    const coordinator = await nodes.coordinatorOf(group);
    try {
      const answer = await nodes.at<T>(coordinator, api, {
        groupId: group,
        memberId,
        groupInstanceId: instanceId,
        ...args,
      }, waitMs);
      if (isCoordinatorCode(answer.errorCode)) refuse(answer.errorCode);
      return answer;
    } catch (error) {
      nodes.forgetCoordinator(group);
      throw error;
    }
  }

  function joinGroup(as: string): Promise<Joined> {
    const groupProtocols = [{ name: protocolName, metadata: encodeMember(options.self()) }];
    const { sessionMs: sessionTimeout, rebalanceMs: rebalanceTimeout } = timing;
    const args = { memberId: as, sessionTimeout, rebalanceTimeout, protocolType: "consumer", groupProtocols };
    return ask<Joined>("JoinGroup", args, rebalanceTimeout);
  }

  async function handshake(): Promise<string> {
    const { errorCode, memberId } = await joinGroup("");
    if (errorCode !== code.memberIdRequired) refuse(errorCode);
    return memberId;
  }

  async function run(): Promise<void> {
    for (let failures = 0; !over.signal.aborted;) {
      try {
        if (isJoinDue) await join();
        else await heartbeat();
        failures = 0;
      } catch (error) {
        // What happens here passes, or an operator has to end it; meanwhile what is held stays held.
        if (isWorthTelling(failures)) options.onTrouble(`group ${group}: ${messageOf(error)}`);
        await clock.sleep(pauseMs(failures++), over.signal);
      }
    }
  }

  async function join(): Promise<void> {
    isJoinDue = false;
    unsettle();
    try {
      if (memberId === "" && instanceId === null) memberId = await handshake();
      const round = await joinGroup(memberId);
      if (round.errorCode === code.none) memberId = round.memberId;
      if (over.signal.aborted || !await isCurrent(round.errorCode)) return;
      const groupAssignment = round.leaderId === memberId ? await plan(round) : [];
      const args = { generationId: round.generationId, groupAssignment };
      const { errorCode, memberAssignment } = await ask<Synced>("SyncGroup", args, timing.rebalanceMs);
      if (over.signal.aborted || !await isCurrent(errorCode)) return;
      generation = round.generationId;
      const { partitions, isOpen } = decodeAssigned(memberAssignment);
      openUntilMs = isOpen ? clock.monotonicMs() + timing.openRoundMs : Infinity;
      options.assigned(partitions);
      settle();
    } catch (error) {
      isJoinDue = true;
      throw error;
    }
  }

  async function plan({ members }: Joined): Promise<{ memberId: string; memberAssignment: Buffer }[]> {
    const joined = members.map((m) => decodeMember(m.memberId, m.memberMetadata));
    const partitions = await options.partitions([...new Set(joined.flatMap((m) => m.topics))]);
    const { assigned, isOpen } = planRound(joined, partitions);
    return [...assigned].map(([memberId, partitions]) => ({
      memberId,
      memberAssignment: encodeAssigned({ partitions, isOpen }),
    }));
  }

  async function heartbeat(): Promise<void> {
    const woken = new AbortController();
    rouse = () => woken.abort();
    over.signal.addEventListener("abort", rouse, { once: true });
    await clock.sleep(timing.heartbeatMs, woken.signal);
    over.signal.removeEventListener("abort", rouse);
    if (clock.monotonicMs() >= openUntilMs) isJoinDue = true;
    if (isJoinDue || over.signal.aborted) return;
    const asking = unconfirmed.length;
    const args = { groupGenerationId: generation };
    const { errorCode } = await ask<{ errorCode: number }>("Heartbeat", args);
    await isCurrent(errorCode);
    for (const confirm of unconfirmed.splice(0, asking)) confirm();
  }

  /** Whether the group counts us in; else what follows from it is done, and joining again is due. */
  async function isCurrent(errorCode: number): Promise<boolean> {
    if (errorCode === code.none) return true;
    isJoinDue = true;
    if (errorCode === code.rebalanceInProgress || errorCode === code.illegalGeneration) return false;
    if (errorCode === code.fencedInstanceId) {
      options.onTrouble(
        `group ${group}: another process has the instance ${instanceId}; going on without one`,
      );
      instanceId = null;
    } else if (errorCode !== code.unknownMemberId) refuse(errorCode);
    memberId = "";
    generation = -1;
    unsettle();
    options.lost();
    return false;
  }

  /** Whoever waits already goes on waiting for the same promise. */
  function unsettle(): void {
    if (isSettled) settled = Promise.withResolvers();
    isSettled = false;
  }

  function settle(): void {
    isSettled = true;
    settled.resolve();
  }

  // Whoever may not be in the group is told so here; an instance's join may be held by the broker for a while.
  if (instanceId === null) memberId = await handshake();
  else await nodes.coordinatorOf(group);
  void run();
  return {
    memberId: () => memberId,
    instanceId: () => instanceId,
    generation: () => generation,
    joined: () => settled.promise,
    confirmed: () =>
      new Promise((resolve) => {
        unconfirmed.push(resolve);
        rouse();
      }),
    joinAgain() {
      isJoinDue = true;
      rouse();
    },
    end() {
      over.abort();
      settle();
    },
  };
}
