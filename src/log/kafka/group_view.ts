/**
 * A group as its coordinator describes it: who is in it, where they answer, what they were given.
 *
 * What a member holds is read from the assignment and not from what it said when it joined: the assignment is the
 * later word, and between two rounds, while a slow member is waited for, it is told and the other is not. So addresses
 * are remembered by member id, of which each belongs to one process for good.
 */
import type { Buffer } from "node:buffer";
import type { GroupMemberView } from "../port.ts";
import { code, refuse } from "./failures.ts";
import type { Nodes } from "./nodes.ts";
import { decodeAssigned, decodeMember, protocolName } from "./rebalance.ts";

type Described = {
  groups: {
    errorCode: number;
    protocol: string;
    members: { memberId: string; memberMetadata: Buffer | null; memberAssignment: Buffer | null }[];
  }[];
};

export type GroupViews = {
  /** Empty for a group that nobody is in, or that there never was. */
  membersOf(group: string): Promise<GroupMemberView[]>;
};

export function groupViews(nodes: Nodes): GroupViews {
  /** By group and member id, of the members last seen. */
  const addresses = new Map<string, Map<string, string | null>>();

  async function describe(group: string): Promise<Described["groups"][number] | null> {
    const coordinator = await nodes.coordinatorOf(group);
    try {
      const args = { groupIds: [group] };
      const { groups: [found] } = await nodes.at<Described>(coordinator, "DescribeGroups", args);
      if (found === undefined || found.errorCode === code.groupIdNotFound) return null;
      refuse(found.errorCode);
      return found;
    } catch (error) {
      nodes.forgetCoordinator(group);
      throw error;
    }
  }

  return {
    async membersOf(group) {
      const { protocol, members } = await describe(group) ?? { protocol: "", members: [] };
      const known = addresses.get(group);
      const told = (memberId: string, metadata: Buffer | null) =>
        metadata === null || metadata.length === 0 || protocol !== protocolName
          ? known?.get(memberId) ?? null
          : decodeMember(memberId, metadata).address;
      const views = members.map(({ memberId, memberMetadata, memberAssignment }) => ({
        memberId,
        address: told(memberId, memberMetadata),
        holds: decodeAssigned(memberAssignment).partitions,
      }));
      if (views.length === 0) addresses.delete(group);
      else addresses.set(group, new Map(views.map(({ memberId, address }) => [memberId, address])));
      return views;
    },
  };
}
