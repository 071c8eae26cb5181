/**
 * The other processes of the consumer groups, as the doors may ask them.
 *
 *   others  ◄── fleet_members.ts ◄── the groups' members        who, where, holding what (a hint)
 *   ask     ──► fleet_ask.ts ──► the node's own doors           one question, one answer or none
 *   refresh ──► every node's own /v1/partitions ──► seen        when somebody looks, never by itself
 *
 * Reports carry this process's own read key: whoever looks has shown one already.
 */
import type { z } from "zod";
import {
  type CityWatermarks,
  ledgerAnswer,
  type PartitionsAnswer,
  partitionsAnswer,
} from "../../schemas/http.ts";
import type { Fleet, FleetSeen, OtherNode, Reported, Seat, StageName } from "../http/fleet_handle.ts";
import { haveCities, wholeWatermarks } from "../http/fleet_view.ts";
import { fromUtf8 } from "../ids.ts";
import type { Log } from "../log/port.ts";
import { type Clock, secondMs } from "../time.ts";
import { askNode } from "./fleet_ask.ts";
import { fleetMembers } from "./fleet_members.ts";

export type FleetOptions = {
  log: Pick<Log, "members">;
  clock: Clock;
  node: string;
  address: string;
  /** The group of each stage, and the ids of this process's members in it. */
  groups: Readonly<Record<StageName, { name: string; memberIds(): readonly string[] }>>;
  seats: readonly Seat[];
  own(): Pick<PartitionsAnswer, "partitions" | "watermarks">;
  /** With which the other nodes are asked for their reports; null where reading is open. */
  readKey: string | null;
};

/** How long one node may take to say what it knows of one actor, and of all its partitions. */
const actorMsMax = 1_500;
const reportMsMax = secondMs;
/** A ride with all the events it may have is a tenth of it. */
const actorBytesMax = 1024 * 1024;
/** A ledger may list ten thousand missed panes per city partition. */
const reportBytesMax = 16 * 1024 * 1024;
/** Questions under way at once; a further one gets no answer. */
const asksMax = 512;
/** What was seen longer ago is not shown any more. */
const seenMsMax = 10 * secondMs;
/** While pages look, the others are asked this often; in between they show what was seen last. */
const renewMs = secondMs;

export function createFleet(options: FleetOptions): Fleet {
  const { clock, node, address, groups, seats } = options;
  const groupNames = Object.values(groups).map(({ name }) => name);
  const memberIds = new Map(Object.values(groups).map(({ name, memberIds }) => [name, memberIds]));
  const members = fleetMembers({
    log: options.log,
    clock,
    self: { address, memberIds: (group) => memberIds.get(group)?.() ?? [] },
  });
  const authorization = options.readKey === null ? null : `Bearer ${options.readKey}`;
  let asks = 0;
  let reportsAsked = 0;
  let seen: (FleetSeen & { atMs: number }) | null = null;
  let refreshing: Promise<void> | null = null;
  let watermarks: CityWatermarks = { rides: null, all: null, held_by: null };

  async function bounded<T>(work: () => Promise<T>): Promise<T | null> {
    if (asks >= asksMax) return null;
    asks++;
    try {
      return await work();
    } finally {
      asks--;
    }
  }

  /** What every other node reports at a path; null where it is none, or not of that shape. */
  async function reports<T>(path: string, shape: z.ZodType<T>): Promise<Reported<T>[]> {
    const others = await members.everyone(groupNames);
    return await Promise.all(
      others.map(async (other) => ({ node: other, answer: await report(other, path, shape) })),
    );
  }

  async function report<T>(other: OtherNode, path: string, shape: z.ZodType<T>): Promise<T | null> {
    if (other.address === null) return null;
    const { address } = other;
    const asking = { path, authorization, requestId: `report-${++reportsAsked}` };
    const bounds = { node, clock, withinMs: reportMsMax, bytesMax: reportBytesMax };
    const answer = await bounded(() => askNode(address, asking, bounds));
    if (answer?.status !== 200) return null;
    try {
      return shape.safeParse(JSON.parse(fromUtf8(answer.body))).data ?? null;
    } catch {
      return null;
    }
  }

  async function renew(): Promise<void> {
    try {
      const found = await reports("/v1/partitions", partitionsAnswer);
      const heard = [options.own(), ...found.flatMap(({ answer }) => answer ?? [])];
      watermarks = wholeWatermarks(seats, heard, watermarks);
      seen = { reports: found, watermarks, atMs: clock.monotonicMs() };
    } finally {
      refreshing = null;
    }
  }

  const ageMs = (): number => seen === null ? Infinity : clock.monotonicMs() - seen.atMs;

  async function refresh(ageMsMax: number): Promise<void> {
    const age = ageMs();
    if (age < Math.min(renewMs, ageMsMax)) return;
    refreshing ??= renew();
    if (age > ageMsMax) await refreshing;
  }

  return {
    address,
    seats,
    others: (stage, again) => members.others(groups[stage].name, again),
    async ask(other, asking) {
      if (other.address === null) return null;
      const { address } = other;
      const bounds = { node, clock, withinMs: asking.withinMs ?? actorMsMax, bytesMax: actorBytesMax };
      return await bounded(() => askNode(address, asking, bounds));
    },
    refresh,
    async refreshCities(ageMsMax) {
      const refreshed = refresh(ageMsMax);
      if (ageMs() <= ageMsMax) return;
      const own = options.own();
      if (!haveCities(seats, [own])) return await refreshed;
      watermarks = own.watermarks;
      if (seen !== null) seen = { ...seen, watermarks };
    },
    seen: () => ageMs() > seenMsMax ? null : seen,
    ledgers: () => reports("/v1/ledger", ledgerAnswer),
  };
}
