/**
 * What a door may ask of the other processes of the consumer groups. Built by src/node/fleet.ts.
 *
 * Who holds what is a hint: the groups tell it late. What an answer rests on is what the nodes say they searched.
 */
import type { CityWatermarks, LedgerAnswer, PartitionsAnswer } from "../../schemas/http.ts";

export type StageName = "rides" | "locations" | "cities";

/** One partition of one stage, whoever holds it. */
export type Seat = {
  stage: StageName;
  /** As the log names it. */
  topic: string;
  /** Without prefix and generation: what sources are called. */
  source: string;
  partition: number;
};

/** Another process. */
export type OtherNode = {
  /** An http(s) origin; null when it does not say one. */
  address: string | null;
  /** Names of the partitions that its groups last gave it. */
  holds: ReadonlySet<string>;
};

export type Others = {
  nodes: readonly OtherNode[];
  /**
   * Whether the group, looked up just now, counts this process in. One that was given up as dead holds nothing,
   * whatever it believes.
   */
  listed: boolean;
};

/** An answer as it came; `searched` null when it is not one of a node that was asked as such. */
export type NodeAnswer = {
  status: number;
  contentType: string;
  body: Uint8Array<ArrayBuffer>;
  searched: readonly number[] | null;
};

export type Asking = {
  path: string;
  authorization: string | null;
  requestId: string;
  /** How long the answer may take; by default as long as one actor takes. */
  withinMs?: number;
};

/** `answer` is null when the node did not give one in time. */
export type Reported<T> = { node: OtherNode; answer: T | null };

export type FleetSeen = {
  reports: readonly Reported<PartitionsAnswer>[];
  watermarks: CityWatermarks;
};

export type Fleet = {
  /** Where the others reach this process. */
  address: string;
  seats: readonly Seat[];
  /** `again`: what was said before has just proved wrong. */
  others(stage: StageName, again?: boolean): Promise<Others>;
  /** Once, to its end or the deadline. Null: no whole answer. */
  ask(node: OtherNode, asking: Asking): Promise<NodeAnswer | null>;
  /** Asks all nodes for their partitions unless what was seen last is at most that old. Never rejects. */
  refresh(ageMsMax: number): Promise<void>;
  /** The same for who shows cities: where this process folds all of them, nobody else's answer is waited for. */
  refreshCities(ageMsMax: number): Promise<void>;
  /** What was seen last; null before the first time, and when that is too long ago to be shown. */
  seen(): FleetSeen | null;
  ledgers(): Promise<Reported<LedgerAnswer>[]>;
};
