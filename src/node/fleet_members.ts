/**
 * Who else is in the consumer groups, looked up when somebody wants to know and at most so often.
 *
 * Between two rounds of a group its coordinator tells member ids only, and while brokers are away nothing at all. So
 * the address of a member is kept as long as it is listed, and the last list is used when no newer one can be had;
 * `listed` is said only of a list that was looked up just now.
 */
import type { OtherNode, Others } from "../http/fleet_handle.ts";
import type { GroupMemberView, Log } from "../log/port.ts";
import { type Clock, secondMs } from "../time.ts";

export type FleetMembers = {
  others(group: string, again?: boolean): Promise<Others>;
  /** Of several groups together. */
  everyone(groups: readonly string[]): Promise<OtherNode[]>;
};

export type FleetMembersOptions = {
  log: Pick<Log, "members">;
  clock: Clock;
  /** Where this process answers, and its members' ids in a group. */
  self: { address: string; memberIds(group: string): readonly string[] };
};

/** How old a list may be that nothing speaks against, and one that has just proved wrong. */
const ageMsMax = 2 * secondMs;
const againMsMax = 250;
/** How long a question may wait for the log to say who is there. */
const lookMsMax = 2 * secondMs;

type Listed = { atMs: number; members: GroupMemberView[]; looking: Promise<boolean> | null };

export function fleetMembers({ log, clock, self }: FleetMembersOptions): FleetMembers {
  const lists = new Map<string, Listed>();

  async function look(group: string, listed: Listed): Promise<boolean> {
    try {
      const members = await log.members(group);
      const known = new Map(listed.members.map((member) => [member.memberId, member.address]));
      listed.members = members.map((member) => ({
        ...member,
        address: originOf(member.address) ?? known.get(member.memberId) ?? null,
      }));
      listed.atMs = clock.monotonicMs();
      return true;
    } catch {
      return false;
    } finally {
      listed.looking = null;
    }
  }

  /** Whether the list is of now. */
  async function lookUp(group: string, ageMs: number): Promise<boolean> {
    const listed = lists.get(group) ?? { atMs: -Infinity, members: [], looking: null };
    lists.set(group, listed);
    if (clock.monotonicMs() - listed.atMs <= ageMs) return true;
    listed.looking ??= look(group, listed);
    const looked = new AbortController();
    const late = clock.sleep(lookMsMax, looked.signal).then(() => false);
    try {
      return await Promise.race([listed.looking, late]);
    } finally {
      looked.abort();
    }
  }

  async function others(group: string, again = false): Promise<Others> {
    const isNow = await lookUp(group, again ? againMsMax : ageMsMax);
    const members = lists.get(group)!.members;
    const ours = new Set(self.memberIds(group));
    const isOurs = ({ memberId, address }: GroupMemberView) => ours.has(memberId) || address === self.address;
    return {
      nodes: byAddress(members.filter((member) => !isOurs(member))),
      listed: isNow && members.some(({ memberId }) => ours.has(memberId)),
    };
  }

  return {
    others,
    async everyone(groups) {
      const found = await Promise.all(groups.map((group) => others(group)));
      return merged(found.flatMap(({ nodes }) => nodes));
    },
  };
}

/** A process has a member in every group, or several; one without an address stands for itself. */
function byAddress(members: readonly GroupMemberView[]): OtherNode[] {
  return merged(members.map(({ address, holds }) => ({
    address,
    holds: new Set(holds.map(({ topic, partition }) => `${topic}/${partition}`)),
  })));
}

function merged(nodes: readonly OtherNode[]): OtherNode[] {
  const reachable = new Map<string, OtherNode>();
  for (const { address, holds } of nodes) {
    if (address === null) continue;
    const known = reachable.get(address)?.holds ?? [];
    reachable.set(address, { address, holds: new Set([...known, ...holds]) });
  }
  return [...reachable.values(), ...nodes.filter(({ address }) => address === null)];
}

/** Only what is plainly where a process answers: no credentials, path or query. Null otherwise. */
export function originOf(address: string | null): string | null {
  if (address === null || !URL.canParse(address)) return null;
  const { protocol, username, password, pathname, search, hash, origin } = new URL(address);
  const isWeb = protocol === "http:" || protocol === "https:";
  return isWeb && username + password + search + hash === "" && pathname === "/" ? origin : null;
}
